#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "image/compose.h"
#include "layer/merge.h"
#include "private.h"
#include "store/reshape.h"
#include "store/rewriter.h"

struct flatten {
    struct kist_store *store;
    const struct kist_image *image;
    const char *name;
    const struct kist_layer_options *options;
    struct kist_reshaped *result;
    struct kist_store_lease *lease;
    struct kist_layer *layers[KIST_MAX_LAYERS];
    size_t open;
};

/* ---- the layer ---- */

static int open_layers(struct flatten *f, struct kist_error *err)
{
    for (size_t i = 0; i < f->image->layer_count; i++) {
        char text[KIST_DIGEST_TEXT_MAX];
        struct port_file *file;
        int rc = kist_store_layer_open(f->store, &f->image->diff_ids[i], &file, err);

        if (rc < 0) {
            return rc;
        }
        rc = kist_layer_open(&f->layers[i], file, err);
        f->open += rc == 0;
        if (rc == 0) {
            rc = kist_layer_verify(f->layers[i], err); /* what flash has changed would get a name of its own */
        }
        if (rc < 0) {
            return kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &f->image->diff_ids[i]));
        }
        f->result->before += kist_layer_info(f->layers[i])->file_bytes;
    }
    f->result->layers = f->open;
    return 0;
}

static int commit(struct flatten *f, struct kist_rewriter *r, const struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_store_layer_tx *tx = r->tx;
    int rc = kist_store_lease_add(f->lease, diff_id, 1, err);

    if (rc < 0) {
        return rc;
    }
    r->tx = NULL;
    rc = kist_store_layer_commit_as(tx, diff_id, err);
    f->result->changed = rc == 0; /* else another process had made it too */
    return KIST_MIN(rc, 0);
}

static int make_layer(struct flatten *f, struct kist_descriptor *layer, struct kist_error *err)
{
    struct kist_store_layer_tx *tx;
    struct kist_layer_info info;
    struct kist_rewriter r;
    int rc = kist_store_layer_begin_unnamed(f->store, &tx, err);

    if (rc < 0) {
        return rc;
    }
    *layer = (struct kist_descriptor){.media_type = KIST_MEDIA_OCI_LAYER};
    if ((rc = kist_rewriter_begin(&r, f->store, tx, f->options, 0, err)) == 0 &&
        (rc = kist_layer_merge(f->layers, f->open, f->options, &r.sink, err)) == 0 &&
        (rc = kist_sink_finish(&r.sink, err)) == 0 && (rc = kist_rewriter_seal(&r, &layer->digest, &info, err)) == 0) {
        layer->size = info.tar_bytes;
        f->result->after = info.file_bytes;
        rc = commit(f, &r, &layer->digest, err);
    }
    kist_rewriter_end(&r);
    return rc;
}

/* ---- its documents ---- */

/* The history of one layer, in place of that of all of them. */
static int put_history(cJSON *config, const struct flatten *f, struct kist_error *err)
{
    char id[KIST_DIGEST_TEXT_MAX], text[KIST_DIGEST_TEXT_MAX + 64];
    const char *created = kist_json_string(config, "created");
    cJSON *array, *item;
    int rc;

    cJSON_DeleteItemFromObjectCaseSensitive(config, "history");
    array = cJSON_AddArrayToObject(config, "history");
    if (!array) {
        return kist_error_nomem(err);
    }
    item = cJSON_CreateObject();
    if ((rc = kist_json_append(array, item, err)) < 0 ||
        (created && (rc = kist_json_put_string(item, "created", created, err)) < 0) ||
        (rc = kist_json_put_string(item, "created_by", "kist image flatten", err)) < 0) {
        return rc;
    }
    (void)!kist_str_format(text, sizeof(text), "%zu layers of %s", f->image->layer_count,
                           kist_digest_text(id, &f->image->config));
    return kist_json_put_string(item, "comment", text, err);
}

static int make_config(struct flatten *f, const struct kist_digest *diff_id, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf was = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *config = NULL;
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *rootfs, *ids;
    int rc;

    if ((rc = kist_store_blob(f->store, &f->image->config, &was, err)) < 0 ||
        (rc = kist_json_parse(&config, kist_buf_text(&was), was.len, "config", err)) < 0) {
        return rc;
    }
    rootfs = cJSON_GetObjectItemCaseSensitive(config, "rootfs");
    cJSON_DeleteItemFromObjectCaseSensitive(rootfs, "diff_ids");
    ids = cJSON_AddArrayToObject(rootfs, "diff_ids");
    if (!ids) {
        return kist_error_nomem(err);
    }
    rc = kist_json_append(ids, cJSON_CreateString(kist_digest_text(text, diff_id)), err);
    if (rc == 0) {
        rc = put_history(config, f, err);
    }
    return rc == 0 ? kist_json_print(config, false, out, err) : rc;
}

static int make_image(struct flatten *f, struct kist_digest *id, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG), manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    struct kist_descriptor layer, config_desc, desc;
    struct kist_image_new new = {f->name, &manifest, &desc, &config, &desc.digest};
    enum kist_store_change change;
    int rc;

    if ((rc = make_layer(f, &layer, err)) < 0 || (rc = make_config(f, &layer.digest, &config, err)) < 0) {
        return rc;
    }
    kist_compose_describe(&config_desc, KIST_MEDIA_OCI_CONFIG, &config);
    rc = kist_compose_manifest(&config_desc, &layer, 1, &manifest, err);
    if (rc < 0) {
        return rc;
    }
    kist_compose_describe(&desc, KIST_MEDIA_OCI_MANIFEST, &manifest);
    desc.platform = f->image->platform;
    *id = config_desc.digest;
    return kist_store_image_add(f->store, &new, &change, err);
}

static int take_lease(struct flatten *f, struct kist_error *err)
{
    size_t count = f->image->layer_count;
    KIST_AUTO(free) struct kist_digest *digests = calloc(count + 2, sizeof(*digests));

    if (!digests) {
        return kist_error_nomem(err);
    }
    if (count > 0) {
        memcpy(digests, f->image->diff_ids, count * sizeof(*digests));
    }
    digests[count] = f->image->config;
    digests[count + 1] = f->image->manifest.digest;
    return kist_store_lease_begin(f->store, digests, count + 2, &f->lease, err);
}

int kist_store_image_flatten(struct kist_store *s, const struct kist_image *image, const char *name,
                             const struct kist_layer_options *options, struct kist_digest *id,
                             struct kist_reshaped *result, struct kist_error *err)
{
    struct flatten f = {.store = s, .image = image, .name = name, .options = options, .result = result};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc;

    *result = (struct kist_reshaped){.layers = 0};
    *id = image->config;
    if (image->layer_count < 2) {
        result->layers = image->layer_count;
        return name ? kist_store_image_tag(s, kist_digest_text(text, id), name, err) : 0;
    }
    rc = take_lease(&f, err);
    if (rc == 0 && (rc = open_layers(&f, err)) == 0) {
        rc = make_image(&f, id, err);
    }
    while (f.open > 0) {
        kist_layer_close(f.layers[--f.open]);
    }
    kist_store_lease_end(f.lease);
    return rc;
}
