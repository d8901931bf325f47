/* Kept images in another shape: layers packed in another way, many layers made one. */
#ifndef KIST_STORE_RESHAPE_H
#define KIST_STORE_RESHAPE_H

#include "layer/layer.h"
#include "store/store.h"

/* What became of layer files. */
struct kist_reshaped {
    size_t layers, changed; /* looked at; written anew */
    uint64_t before, after; /* bytes of all that were looked at */
};

/*
 * Writes each layer file of the images that texts name (count 0: of all) anew, with the compressor and level of options: its diff ID and
 * contents stay. One that is packed by that compressor already is left alone, unless anew: then it is tried, and kept where it
 * became smaller. Layers of stores below are passed over. What has been done when something goes wrong stays done. Whoever has a layer mounted keeps the file it has.
 * KIST_E_CORRUPT: a layer file is damaged; KIST_E_NO_SPACE: the new one does not fit beside the old one. Asks what kist_store_stop_on set.
 */
int kist_store_recompress(struct kist_store *s, char *const *texts, size_t count, const struct kist_layer_options *options,
                          bool anew, struct kist_reshaped *result, struct kist_error *err) KIST_CHECKED;

/*
 * Makes an image of one layer that has the files of image's layers as a container sees them, and its config; *id is its ID. name:
 * full reference text that it gets, or NULL. An image of one layer is what it is, and only gets the name. The same image always
 * gives the same. Asks what kist_store_stop_on set.
 */
int kist_store_image_flatten(struct kist_store *s, const struct kist_image *image, const char *name,
                             const struct kist_layer_options *options, struct kist_digest *id,
                             struct kist_reshaped *result, struct kist_error *err) KIST_CHECKED;

#endif
