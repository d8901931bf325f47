/* Several layers as the one tree that a container sees. */
#ifndef KIST_LAYER_MERGE_H
#define KIST_LAYER_MERGE_H

#include "layer/layer.h"

/*
 * The tar of what layers, the base first, come to when they are joined: what is deleted, hidden or replaced is not in it. Directories come
 * first, then files, hard links among them; a directory that no layer names is not named either. Members depend on the layers' contents
 * alone. limits: max_inodes and max_names bound what all layers name. Does not finish sink. KIST_E_NO_SPACE past a limit.
 * Memory: about 40 bytes and the path for each name.
 */
int kist_layer_merge(struct kist_layer *const *layers, size_t count, const struct kist_layer_options *limits,
                     struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;
/*
 * The same without reading contents: calls each for what would be written, but for further names of a file that has several. Non-zero from
 * each ends it and is returned.
 */
int kist_layer_merge_list(struct kist_layer *const *layers, size_t count, const struct kist_layer_options *limits,
                          int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err), void *arg,
                          struct kist_error *err) KIST_CHECKED;

#endif
