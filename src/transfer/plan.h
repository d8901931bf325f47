/* What a pull will do, worked out before a byte of a layer is asked for. */
#ifndef KIST_TRANSFER_PLAN_H
#define KIST_TRANSFER_PLAN_H

#include "transfer/resolve.h"

/* Bytes of the layer file that blob will become, about; and as many as it takes unless it was packed unusually hard. */
uint64_t kist_layer_estimate(const struct kist_descriptor *blob);
uint64_t kist_layer_bound(const struct kist_descriptor *blob);

/* Fills plan from what was resolved and what store has. store may be NULL: nothing. */
int kist_plan_make(struct kist_pull_plan *plan, struct kist_store *store, const struct kist_resolved *r,
                   struct kist_error *err) KIST_CHECKED;

/*
 * Whether there is room for plan, and what would have to go for it; fills plan's left, fits and evicted. With room: takes it, and
 * lets go what has to. Without: only looks, and is 0 also where plan does not fit. KIST_E_NO_SPACE.
 */
int kist_plan_fit(struct kist_pull_plan *plan, struct kist_store *store, const struct kist_pull_options *options,
                  struct kist_store_room **room, struct kist_error *err) KIST_CHECKED;

#endif
