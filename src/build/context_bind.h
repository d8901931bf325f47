/* What a mount shows of a build context that it cannot show itself: one that came as a tar, or of which something is ignored. */
#ifndef KIST_BUILD_CONTEXT_BIND_H
#define KIST_BUILD_CONTEXT_BIND_H

#include "build/copy.h"

#define KIST_CONTEXT_BIND_PLACE "bind" /* where the files, or the file, are in it: the plan's destination is to be "/bind" */

/*
 * The files of copy, whose digest is known, become a layer file under s's limits, which is there until *out is closed, at path.
 * Errors: kist_copy_write's, KIST_E_NO_SPACE.
 */
int kist_context_bind(struct kist_context **out, struct kist_copy_plan *copy, struct kist_store *s, const struct kist_layer_options *limits,
                      char path[KIST_MAX_PATH + 1], struct kist_error *err) KIST_CHECKED;

#endif
