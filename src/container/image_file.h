/* A file of an image, read from its stack of layers as overlayfs would show it, without mounting anything. */
#ifndef KIST_CONTAINER_IMAGE_FILE_H
#define KIST_CONTAINER_IMAGE_FILE_H

#include "base/buf.h"
#include "layer/layer.h"

struct kist_image_layers {
    struct kist_layer *const *v; /* the base first */
    size_t n;
};

/*
 * Appends the plain file at path to out: the topmost layer that has it wins, whiteouts and opaque directories
 * hide, symlinks are followed inside the image's root. KIST_E_NOT_FOUND: there is none, or something else
 * than a plain file, or a loop of symlinks.
 */
int kist_image_file_read(const struct kist_image_layers *layers, const char *path, struct kist_buf *out,
                         struct kist_error *err) KIST_CHECKED;

/* As a kist_read_file_fn; arg is a const struct kist_image_layers. */
int kist_image_file_reader(void *arg, const char *path, struct kist_buf *out,
                           struct kist_error *err) KIST_CHECKED;

#endif
