/* The list of the directories that the tar never named, in the order in which a layer's entries are listed.
 */
#ifndef KIST_LAYER_IMPLIED_H
#define KIST_LAYER_IMPLIED_H

#include "layer/chunks.h"
#include "layer/tree.h"

/* To chunks, on its IMPLIED stream; *count is how many there are. The tree's order is settled (order.h). */
int kist_implied_write(const struct kist_tree *t, struct kist_chunks *chunks, uint32_t *count,
                       struct kist_error *err) KIST_CHECKED;

#endif
