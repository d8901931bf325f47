/* Images as a tree of their layers: what has the same layers below shares them. */
#ifndef KIST_CMD_TREE_H
#define KIST_CMD_TREE_H

#include "store/store.h"

/* On standard output, a line a layer: its ID, what it takes, by how many images, and those it is the top of. json: an object a line. */
int kist_tree_print(struct kist_store *store, const struct kist_image *const *images, size_t count, bool json, struct kist_error *err)
    KIST_CHECKED;

#endif
