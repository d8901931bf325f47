#include "container/layers.h"

#include <stdlib.h>

int kist_layers_open(struct kist_layers *l, struct kist_store *s, const struct kist_digest *diff_ids, size_t count,
                     struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = 0;

    *l = (struct kist_layers){.v = calloc(count + 1, sizeof(struct kist_layer *))};
    if (!l->v) {
        return kist_error_nomem(err);
    }
    while (rc == 0 && l->n < count) {
        struct port_file *file;

        rc = kist_store_layer_open(s, &diff_ids[l->n], &file, err);
        if (rc == 0 && (rc = kist_layer_open(&l->v[l->n], file, err)) < 0) {
            (void)kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &diff_ids[l->n]));
        }
        l->n += rc == 0;
    }
    return rc;
}

void kist_layers_close(struct kist_layers *l)
{
    for (size_t i = 0; i < l->n; i++) {
        kist_layer_close(l->v[i]);
    }
    free(l->v);
    *l = (struct kist_layers){.v = NULL};
}
