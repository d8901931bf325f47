/* The names in a container's root: which of the layers below, or the writable directory on top, has each. */
#ifndef KIST_CONTAINER_EXPORT_TREE_H
#define KIST_CONTAINER_EXPORT_TREE_H

#include <stdbool.h>

#include "base/error.h"

struct kist_export_node {
    struct kist_export_node **children; /* of a directory, in byte order */
    size_t count, size;
    unsigned source; /* the layer, the base is 0; above them all the writable directory */
    bool directory;
    char name[];
};

/* An empty root; free it by kist_export_free. NULL: out of memory. */
struct kist_export_node *kist_export_root(void);
void kist_export_free(struct kist_export_node *node);

/*
 * source, which lies above all before it, has path (relative, clean). A directory over a directory keeps what is in it unless it is
 * opaque, and looks as before where source only implies it.
 */
int kist_export_put(struct kist_export_node *root, const char *path, unsigned source, bool directory, bool opaque,
                    bool implied, struct kist_error *err) KIST_CHECKED;
/* source hides path. */
void kist_export_hide(struct kist_export_node *root, const char *path);

#endif
