/* The layers of an image, open to be read. */
#ifndef KIST_CONTAINER_LAYERS_H
#define KIST_CONTAINER_LAYERS_H

#include "layer/layer.h"
#include "store/store.h"

struct kist_layers {
    struct kist_layer **v; /* the base first */
    size_t n;
};

/* Close l whatever comes back. KIST_E_NOT_FOUND: one is not kept. */
int kist_layers_open(struct kist_layers *l, struct kist_store *s, const struct kist_digest *diff_ids, size_t count,
                     struct kist_error *err) KIST_CHECKED;
void kist_layers_close(struct kist_layers *l);

#endif
