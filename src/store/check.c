#include "store/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "layer/layer.h"
#include "private.h"

/* One check at work. */
struct checking {
    struct kist_store *store;
    struct kist_check *check;
    struct kist_buf text; /* of the blob read last */
    bool deep;
};

/* ---- noting damage ---- */

/* A failure that is the thing's own fault, and not this machine's or ours. */
static bool is_damage(int rc)
{
    return rc == KIST_E_NOT_FOUND || rc == KIST_E_CORRUPT || rc == KIST_E_IO || rc == KIST_E_UNSUPPORTED;
}

/* 0, or rc where it is no damage. */
static int note(struct checking *c, enum kist_damage_kind kind, const struct kist_digest *digest, int rc,
                struct kist_error *err)
{
    struct kist_check *check = c->check;
    struct kist_damage *v;

    if (!is_damage(rc)) {
        return rc;
    }
    v = realloc(check->damages, (check->damage_count + 1) * sizeof(*v));
    if (!v) {
        return kist_error_nomem(err);
    }
    check->damages = v;
    v += check->damage_count++;
    *v = (struct kist_damage){.kind = kind, .missing = rc == KIST_E_NOT_FOUND};
    if (digest) {
        v->digest = *digest;
    }
    (void)kist_str_printable(v->why, sizeof(v->why), v->missing ? "missing" : err->message);
    return 0;
}

bool kist_damage_hurts(const struct kist_damage *damage, const struct kist_image *image)
{
    bool hurts = kist_digest_equal(&damage->digest, &image->config);

    if (damage->kind == KIST_DAMAGE_BLOB) {
        hurts = hurts || kist_digest_equal(&damage->digest, &image->manifest.digest);
    }
    for (size_t i = 0; damage->kind == KIST_DAMAGE_LAYER && i < image->layer_count && !hurts; i++) {
        hurts = kist_digest_equal(&damage->digest, &image->diff_ids[i]);
    }
    return hurts;
}

static bool stopped(const struct checking *c, struct kist_error *err)
{
    return c->store->stop && c->store->stop(c->store->stop_arg) &&
           kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") != 0;
}

/* ---- each of a set ---- */

typedef int check_fn(struct checking *c, const struct kist_digest *digest, struct kist_error *err);

static int check_set(struct checking *c, const struct kist_digest_set *set, enum kist_damage_kind kind, check_fn *one,
                     struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < set->n && rc == 0; i++) {
        if (stopped(c, err)) {
            return KIST_E_INTERRUPTED;
        }
        if (i == 0 || !kist_digest_equal(&set->v[i], &set->v[i - 1])) {
            rc = note(c, kind, &set->v[i], one(c, &set->v[i], err), err);
        }
    }
    return rc;
}

/* ---- blobs ---- */

static int check_blob(struct checking *c, const struct kist_digest *digest, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct kist_digest real;
    struct port_dir *dir = kist_store_blob_dir(c->store, kist_digest_hex(hex, digest));
    struct port_file *f;
    int rc = port_file_open(&f, dir, hex, err);

    if (rc == 0) {
        port_file_uncache(f);
        port_file_discard(f);
        rc = kist_store_read(dir, hex, &c->text, err);
    }
    if (rc == 0) {
        c->check->blobs++;
        c->check->bytes += c->text.len;
        kist_digest_of(&real, kist_buf_text(&c->text), c->text.len);
        if (!kist_digest_equal(&real, digest)) {
            rc = kist_error_set(err, KIST_E_CORRUPT, "its contents have another digest");
        }
    }
    return rc;
}

/* ---- entries: what the index says of an image is what manifest and config say ---- */

static int compare_config(struct checking *c, const struct kist_image *image, struct kist_error *err)
{
    KIST_AUTO(config) struct kist_config config = {.created = 0};

    if (kist_store_blob(c->store, &image->config, &c->text, NULL) < 0) {
        return 0; /* told as a damaged blob */
    }
    if (kist_config_parse(&config, kist_buf_text(&c->text), c->text.len, NULL) < 0 ||
        config.diff_id_count != image->layer_count ||
        (image->layer_count > 0 &&
         memcmp(config.diff_ids, image->diff_ids, image->layer_count * sizeof(*image->diff_ids)) != 0)) {
        return kist_error_set(err, KIST_E_CORRUPT, "it names other layers than the image's config does");
    }
    return 0;
}

static int compare_manifest(struct checking *c, const struct kist_image *image, struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest manifest = {.entries = NULL};

    if (kist_store_blob(c->store, &image->manifest.digest, &c->text, NULL) < 0) {
        return 0;
    }
    if (c->text.len != image->manifest.size ||
        kist_manifest_parse(&manifest, kist_buf_text(&c->text), c->text.len, image->manifest.media_type, NULL) < 0 ||
        !kist_digest_equal(&manifest.config.digest, &image->config)) {
        return kist_error_set(err, KIST_E_CORRUPT, "it names another config than the image's manifest does");
    }
    return 0;
}

static int check_entries(struct checking *c, struct kist_error *err)
{
    const struct kist_image_list *list = &c->check->images;
    int rc = 0;

    for (size_t i = 0; i < list->n && rc == 0; i++) {
        int wrong = compare_manifest(c, &list->v[i], err);

        wrong = wrong < 0 ? wrong : compare_config(c, &list->v[i], err);
        rc = note(c, KIST_DAMAGE_INDEX, &list->v[i].config, wrong, err);
    }
    return rc;
}

/* ---- layers ---- */

static int rebuild_tar(struct kist_layer *layer, const struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_sha256_sink hashed;
    struct kist_digest real;
    int rc;

    kist_sha256_sink_init(&hashed, NULL, UINT64_MAX, "tar");
    rc = kist_layer_tar(layer, &hashed.sink, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_final(&hashed.hash, real.bytes);
    return kist_digest_equal(&real, diff_id)
               ? 0
               : kist_error_set(err, KIST_E_CORRUPT, "the tar that it gives back has another digest");
}

static int check_layer(struct checking *c, const struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_layer *layer;
    struct port_file *f;
    int rc = kist_store_layer_open(c->store, diff_id, &f, err);

    if (rc < 0) {
        return rc;
    }
    port_file_uncache(f);
    if ((rc = kist_layer_open(&layer, f, err)) < 0) {
        return rc;
    }
    c->check->layers++;
    c->check->bytes += kist_layer_info(layer)->file_bytes;
    rc = kist_digest_equal(&kist_layer_info(layer)->diff_id, diff_id)
             ? kist_layer_verify(layer, err)
             : kist_error_set(err, KIST_E_CORRUPT, "it holds another layer");
    if (rc == 0 && c->deep) {
        rc = rebuild_tar(layer, diff_id, err);
    }
    port_file_uncache(f); /* the layer's until it is closed */
    kist_layer_close(layer);
    return rc;
}

/* ---- all ---- */

static int check_images(struct checking *c, struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set blobs = {.v = NULL}, layers = {.v = NULL};
    const struct kist_image_list *list = &c->check->images;
    int rc = 0;

    for (size_t i = 0; i < list->n && rc == 0; i++) {
        const struct kist_image *image = &list->v[i];

        if ((rc = kist_digest_set_add(&blobs, &image->manifest.digest, err)) == 0) {
            rc = kist_digest_set_add(&blobs, &image->config, err);
        }
        for (size_t k = 0; k < image->layer_count && rc == 0; k++) {
            rc = kist_digest_set_add(&layers, &image->diff_ids[k], err);
        }
    }
    kist_digest_set_seal(&blobs);
    kist_digest_set_seal(&layers);
    if (rc < 0 || (rc = check_entries(c, err)) < 0 || (rc = check_set(c, &blobs, KIST_DAMAGE_BLOB, check_blob, err)) < 0) {
        return rc;
    }
    return check_set(c, &layers, KIST_DAMAGE_LAYER, check_layer, err);
}

/* Images may have been removed while their files were read. */
static int drop_gone(struct checking *c, struct kist_error *err)
{
    struct kist_check *check = c->check;
    struct kist_image_list now;
    size_t kept = 0;
    int rc = kist_store_images(c->store, &now, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < check->damage_count; i++) {
        bool hurts = false;

        for (size_t k = 0; k < now.n && !hurts; k++) {
            hurts = kist_damage_hurts(&check->damages[i], &now.v[k]);
        }
        if (hurts) {
            check->damages[kept++] = check->damages[i];
        }
    }
    check->damage_count = kept;
    kist_image_list_release(&check->images);
    check->images = now;
    return 0;
}

int kist_store_check(struct kist_store *s, bool deep, struct kist_check *check, struct kist_error *err)
{
    struct checking c = {s, check, KIST_BUF_INIT(KIST_MAX(KIST_MAX_MANIFEST, KIST_MAX_CONFIG)), deep};
    struct kist_error own, *e = err ? err : &own; /* its message is what is told of a damaged thing */
    int rc;

    *check = (struct kist_check){.damages = NULL};
    rc = kist_store_images(s, &check->images, e);
    if (rc < 0) {
        rc = note(&c, KIST_DAMAGE_INDEX, NULL, rc, e);
        if (rc == 0) {
            check->damages[0].all = true;
        }
        return rc;
    }
    rc = check_images(&c, e);
    kist_buf_release(&c.text);
    return rc == 0 && check->damage_count > 0 ? drop_gone(&c, e) : rc;
}

void kist_check_release(struct kist_check *check)
{
    kist_image_list_release(&check->images);
    free(check->damages);
    check->damages = NULL;
    check->damage_count = 0;
}
