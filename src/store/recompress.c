#include <stdlib.h>

#include "private.h"
#include "store/reshape.h"
#include "store/rewriter.h"

struct recompress {
    struct kist_store *store;
    const struct kist_layer_options *options;
    bool anew;
    struct kist_reshaped *result;
};

/* The layer's tar through the writer; 1: the file in r is to take the old one's place. */
static int rewrite(struct recompress *c, struct kist_layer *old, struct kist_rewriter *r, struct kist_layer_info *made,
                   struct kist_error *err)
{
    const struct kist_layer_info *was = kist_layer_info(old);
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_digest diff_id;
    int rc;

    if ((rc = kist_layer_tar(old, &r->sink, err)) < 0 || (rc = kist_rewriter_seal(r, &diff_id, made, err)) < 0) {
        return rc;
    }
    if (!kist_digest_equal(&diff_id, &was->diff_id)) {
        return kist_error_set(err, KIST_E_CORRUPT, "its file gives '%s': it is damaged", kist_digest_text(text, &diff_id));
    }
    return was->compressor != c->options->compressor || made->file_bytes < was->file_bytes;
}

static int recompress(struct recompress *c, struct kist_layer *old, const struct kist_digest *diff_id,
                      struct kist_error *err)
{
    const struct kist_layer_info *was = kist_layer_info(old);
    struct kist_store_layer_tx *tx;
    struct kist_layer_info made;
    struct kist_rewriter r;
    int rc;

    c->result->layers++;
    c->result->before += was->file_bytes;
    c->result->after += was->file_bytes;
    if (was->compressor == c->options->compressor && !c->anew) {
        return 0;
    }
    rc = kist_store_layer_rewrite(c->store, diff_id, &tx, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_rewriter_begin(&r, c->store, tx, c->options, was->file_bytes, err);
    if (rc == 0) {
        rc = rewrite(c, old, &r, &made, err);
    }
    if (rc == 1) {
        tx = r.tx;
        r.tx = NULL;
        rc = kist_store_layer_commit(tx, err);
        if (rc == 0) {
            c->result->changed++;
            c->result->after += made.file_bytes - was->file_bytes;
        }
    }
    kist_rewriter_end(&r);
    return rc;
}

static int recompress_layer(struct recompress *c, const struct kist_digest *diff_id, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX], hex[KIST_DIGEST_HEX_MAX];
    struct port_file *file;
    struct kist_layer *old;
    int rc;

    if (kist_store_layer_dir(c->store, kist_digest_hex(hex, diff_id)) != c->store->layers) {
        return 0; /* of a store below: a second file of it would help nobody */
    }
    rc = kist_store_layer_open(c->store, diff_id, &file, err);
    if (rc == 0) {
        rc = kist_layer_open(&old, file, err);
    }
    if (rc == 0) {
        rc = recompress(c, old, diff_id, err);
        kist_layer_close(old);
    }
    return rc < 0 ? kist_error_wrap(err, "layer '%s'", kist_digest_text(text, diff_id)) : 0;
}

/* The layers that texts mean, each once. */
static int gather(struct kist_store *s, char *const *texts, size_t count, struct kist_digest_set *set,
                  struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    const struct kist_image *found;
    int rc = kist_store_images(s, &list, err);

    for (size_t i = 0; i < (count > 0 ? count : list.n) && rc == 0; i++) {
        found = &list.v[i];
        if (count > 0) {
            rc = kist_image_list_find(&list, texts[i], NULL, &found, err);
        }
        for (size_t k = 0; rc == 0 && k < found->layer_count; k++) {
            rc = kist_digest_set_add(set, &found->diff_ids[k], err);
        }
    }
    kist_digest_set_seal(set);
    return rc;
}

int kist_store_recompress(struct kist_store *s, char *const *texts, size_t count, const struct kist_layer_options *options,
                          bool anew, struct kist_reshaped *result, struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set set = {.v = NULL};
    struct recompress c = {s, options, anew, result};
    struct kist_store_lease *lease = NULL;
    int rc;

    *result = (struct kist_reshaped){.layers = 0};
    if ((rc = gather(s, texts, count, &set, err)) < 0 ||
        (rc = kist_store_lease_begin(s, set.v, set.n, &lease, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < set.n && rc == 0; i++) {
        if (i == 0 || !kist_digest_equal(&set.v[i], &set.v[i - 1])) {
            rc = recompress_layer(&c, &set.v[i], err);
        }
    }
    kist_store_lease_end(lease);
    return rc;
}
