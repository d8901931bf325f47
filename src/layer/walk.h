/*
 * From a path as a tar wrote it to a place in the layer's tree. Symlinks on the way are followed within the
 * tree alone: an absolute target begins at its root, and ".." stops there. So no name can leave the layer.
 */
#ifndef KIST_LAYER_WALK_H
#define KIST_LAYER_WALK_H

#include "base/limits.h"
#include "layer/tree.h"

struct kist_place {
    uint32_t parent; /* the directory's name in the tree */
    size_t len;      /* 0: the root itself */
    char name[256];  /* the last component, not looked at */
};

/*
 * path is clean (kist_path_clean). Directories that are missing become implied ones. KIST_E_CORRUPT where the
 * way leads through something else, through too many symlinks, or a component has more than 255 bytes. A whiteout
 * may lead through something else: 1, it hides nothing then.
 */
int kist_walk_make(struct kist_tree *t, const char *path, bool whiteout, struct kist_place *place,
                   struct kist_error *err) KIST_CHECKED;
/* As above, but makes nothing: 1 when the directory is not there. */
int kist_walk_find(struct kist_tree *t, const char *path, struct kist_place *place,
                   struct kist_error *err) KIST_CHECKED;

#endif
