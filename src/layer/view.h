/* Several layers as the one tree that overlayfs shows of them, read without mounting anything. */
#ifndef KIST_LAYER_VIEW_H
#define KIST_LAYER_VIEW_H

#include "base/resolve.h"
#include "layer/layer.h"

struct kist_view {
    struct kist_layer *const *layers; /* the base first; the caller's */
    size_t count;
};

#define KIST_VIEW_SKIP 1

/*
 * One name of the tree. e->path is whole and without a slash at either end, "" the root; from is the layer that its contents and metadata are
 * of, for kist_layer_read_entry. Whiteouts are not told, no directory is opaque; one that no layer names is implied. Returns 0, or
 * KIST_VIEW_SKIP not to go into a directory; anything else ends the walk and is returned.
 */
typedef int kist_view_each(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err);

/* What is at path, which is clean: no link is followed. KIST_E_NOT_FOUND. */
int kist_view_find(const struct kist_view *v, const char *path, kist_view_each *each, void *arg, struct kist_error *err)
    KIST_CHECKED;
/*
 * The same and all below it, in the order of kist_path_order. Memory grows with the depth and the number of layers, not of files.
 */
int kist_view_list(const struct kist_view *v, const char *path, kist_view_each *each, void *arg, struct kist_error *err)
    KIST_CHECKED;
/* As a kist_path_look; and kist_path_resolve in v. */
int kist_view_look(const struct kist_view *v, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err) KIST_CHECKED;
int kist_view_resolve(const struct kist_view *v, char out[KIST_MAX_PATH + 1], const char *path, bool follow,
                      struct kist_error *err) KIST_CHECKED;
/*
 * The plain file that path leads to, links followed, into sink, with its finish. KIST_E_NOT_FOUND: there is none, or something else
 * than a plain file, or a loop of links.
 */
int kist_view_read(const struct kist_view *v, const char *path, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;
/* The same, appended to out; view is a const struct kist_view. */
int kist_view_read_file(void *view, const char *path, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;

#endif
