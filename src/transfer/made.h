/* Images made here: a config and layers that are kept -> an image of the store. */
#ifndef KIST_TRANSFER_MADE_H
#define KIST_TRANSFER_MADE_H

#include "codec/json.h"
#include "store/store.h"

struct kist_made {
    cJSON *config; /* whole but for "rootfs", which is put in anew */
    const struct kist_digest *diff_ids; /* the base first; a lease keeps them */
    size_t diff_id_count;
    const struct kist_platform *platform;
    const char *name; /* full reference text, or NULL for none */
};

/* The commit: config and manifest are written, and the name is the image's. *id: its ID. Errors: kist_store_image_add's. */
int kist_made_add(struct kist_store *s, const struct kist_made *made, struct kist_digest *id, struct kist_error *err) KIST_CHECKED;

/* The documents alone: config and manifest, appended to buffers that are empty, and what describes the manifest. */
int kist_made_compose(struct kist_store *s, const struct kist_made *made, struct kist_buf *config, struct kist_buf *manifest,
                      struct kist_descriptor *desc, struct kist_error *err) KIST_CHECKED;

/* An entry of config's "history"; any text may be NULL. empty: it made no layer. */
int kist_made_history(cJSON *config, const char *created, const char *created_by, const char *author, const char *comment,
                      bool empty, struct kist_error *err) KIST_CHECKED;

#endif
