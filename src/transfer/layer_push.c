#include "transfer/layer_push.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "codec/encode.h"
#include "image/compose.h"
#include "layer/layer.h"
#include "registry/upload.h"
#include "store/pushed.h"

#define OCI_GZIP KIST_MEDIA_OCI_LAYER "+gzip"
#define OCI_ZSTD KIST_MEDIA_OCI_LAYER "+zstd"

static const char *media_type(enum kist_encoding encoding)
{
    return encoding == KIST_ENCODING_ZSTD ? OCI_ZSTD : OCI_GZIP;
}

static void set_blob(struct kist_push_layer *layer, const char *type, const struct kist_digest *digest, uint64_t size)
{
    layer->blob = (struct kist_descriptor){.digest = *digest, .size = size};
    (void)!kist_str_copy(layer->blob.media_type, sizeof(layer->blob.media_type), type);
}

/* ---- what the registry has already ---- */

/* 1: a repository of this registry gave the blob to ours. */
static int mount(struct kist_layer_push *p, struct kist_upload *upload, const struct kist_digest *digest,
                 const char *path, struct kist_error *err)
{
    int rc;

    if (strcmp(path, p->ref->path) == 0) {
        return 0; /* it was asked, and has not got it */
    }
    rc = kist_registry_require(p->registry, true, path, err);
    if (rc == 0) {
        rc = kist_upload_mount(upload, digest, path, err);
    }
    if (rc == 1) {
        p->layer->state = KIST_PUSH_MOUNTED;
        (void)!kist_str_copy(p->layer->from, sizeof(p->layer->from), path);
    }
    if (rc == KIST_E_AUTH || rc == KIST_E_NOT_FOUND) { /* not ours to take from */
        rc = kist_registry_require(p->registry, true, NULL, err);
    }
    return rc;
}

/* The path of a "host/path" on our registry, or NULL. */
static const char *path_here(const struct kist_layer_push *p, const char *repository)
{
    size_t len = strlen(p->ref->host);

    return strncmp(repository, p->ref->host, len) == 0 && repository[len] == '/' ? repository + len + 1 : NULL;
}

/*
 * 1: the repository has the blob, or got it from another one: those that sources name, and last, where it was pushed before.
 * 0: it has to be sent.
 */
static int find_or_mount(struct kist_layer_push *p, struct kist_upload *upload, const struct kist_digest *digest,
                         const char *last, struct kist_error *err)
{
    int rc = kist_registry_has_blob(p->registry, digest, err);

    if (rc == 1) {
        p->layer->state = KIST_PUSH_PRESENT;
    }
    if (rc == 0 && !p->options->dry_run && last) {
        rc = mount(p, upload, digest, last, err);
    }
    for (size_t i = 0; i < p->sources->n && rc == 0 && !p->options->dry_run; i++) {
        const struct kist_push_source *source = &p->sources->v[i];

        if (source->path && kist_digest_equal(&source->blob.digest, digest) && !(last && strcmp(source->path, last) == 0)) {
            rc = mount(p, upload, digest, source->path, err);
        }
    }
    return rc;
}

/* A layer that others packed, under the type an OCI manifest has for it; NULL: it is in none of the forms for that. */
static const char *type_of(const struct kist_descriptor *blob)
{
    if (strstr(blob->media_type, "foreign") || strstr(blob->media_type, "nondistributable")) {
        return NULL;
    }
    return kist_str_ends(blob->media_type, "gzip")   ? OCI_GZIP
           : kist_str_ends(blob->media_type, "zstd") ? OCI_ZSTD
                                                     : KIST_MEDIA_OCI_LAYER;
}

/* 1: the registry has the layer as it was when it was pulled. */
static int reuse(struct kist_layer_push *p, struct kist_upload *upload, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < p->sources->n && rc == 0; i++) {
        const struct kist_push_source *source = &p->sources->v[i];
        const char *type = type_of(&source->blob);

        if (type && kist_digest_equal(source->diff_id, &p->layer->diff_id)) {
            rc = find_or_mount(p, upload, &source->blob.digest, NULL, err);
            if (rc == 1) {
                set_blob(p->layer, type, &source->blob.digest, source->blob.size);
            }
        }
    }
    return rc;
}

/* ---- packing ---- */

#define TOLD_EVERY (256U << 10)

struct pipeline {
    struct kist_sink watch; /* first: tells how much was read, and stops */
    uint64_t read, told;
    struct kist_layer_push *push;
    struct kist_sha256_sink tar, packed;
    struct kist_encoder *encoder;
};

static int watch_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct pipeline *p = KIST_CONTAINER_OF(sink, struct pipeline, watch);
    int rc = kist_sink_write(&p->tar.sink, data, len, err);

    p->read += len;
    if (rc < 0 || p->read - p->told < TOLD_EVERY) {
        return rc;
    }
    p->told = p->read;
    p->push->progress(p->push->arg, p->read);
    return p->push->stop(p->push->arg) ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") : 0;
}

static int watch_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(&KIST_CONTAINER_OF(sink, struct pipeline, watch)->tar.sink, err);
}

static const struct kist_sink_ops watch_ops = {.write = watch_write, .finish = watch_finish};

/* The whole layer, packed, into next (NULL: only for its digest and size). */
static int pack(struct kist_layer_push *push, struct kist_layer *file, struct kist_sink *next, struct kist_digest *digest,
                uint64_t *size, struct kist_error *err)
{
    struct pipeline p = {.watch = {&watch_ops}, .push = push};
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_digest diff_id;
    int rc;

    kist_sha256_sink_init(&p.packed, next, UINT64_MAX, "layer");
    rc = kist_encoder_new(&p.encoder, push->options->encoding, push->options->workers, &p.packed.sink, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_sink_init(&p.tar, kist_encoder_sink(p.encoder), UINT64_MAX, "layer");
    rc = kist_layer_tar(file, &p.watch, err);
    kist_encoder_free(p.encoder);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_final(&p.tar.hash, diff_id.bytes);
    if (!kist_digest_equal(&diff_id, &push->layer->diff_id)) {
        return kist_error_set(err, KIST_E_CORRUPT, "its file gives '%s': it is damaged", kist_digest_text(text, &diff_id));
    }
    kist_sha256_final(&p.packed.hash, digest->bytes);
    *size = p.packed.bytes;
    return 0;
}

/* ---- sending ---- */

/* What a layer of this image became when a kist pushed it: then that may be at the registry already. */
static bool may_be_there(const struct kist_layer_push *p)
{
    for (size_t i = 0; i < p->sources->n; i++) {
        if (p->sources->v[i].ours && kist_digest_equal(p->sources->v[i].diff_id, &p->layer->diff_id) &&
            strcmp(p->sources->v[i].blob.media_type, media_type(p->options->encoding)) == 0) {
            return true;
        }
    }
    return false;
}

static int send(struct kist_layer_push *p, struct kist_layer *file, struct kist_upload *upload,
                struct kist_pushed *known, struct kist_error *err)
{
    int rc = pack(p, file, kist_upload_sink(upload), &known->digest, &known->size, err);

    if (rc == 0) {
        rc = kist_upload_finish(upload, &known->digest, err);
    }
    if (rc == 0) {
        p->layer->state = KIST_PUSH_SENT;
    }
    return rc;
}

/* One upload, or none where it is not needed. *known: known holds the packed layer. */
static int attempt(struct kist_layer_push *p, struct kist_layer *file, struct kist_pushed *known, bool *is_known,
                   bool *lost, struct kist_error *err)
{
    char what[KIST_DIGEST_TEXT_MAX + 8], text[KIST_DIGEST_TEXT_MAX];
    struct kist_upload *upload;
    int rc;

    if (!kist_str_format(what, sizeof(what), "layer '%s'", kist_digest_text(text, &p->layer->diff_id))) {
        return KIST_E_FAIL; /* cannot be: it has room for a digest */
    }
    rc = kist_upload_new(&upload, p->registry, what, &p->layer->sent, err);
    if (rc < 0) {
        return rc;
    }
    rc = p->options->reuse ? reuse(p, upload, err) : 0;
    if (rc == 0 && *is_known) {
        rc = find_or_mount(p, upload, &known->digest, path_here(p, known->repository), err);
    }
    if (rc == 0 && !p->options->dry_run) {
        rc = send(p, file, upload, known, err);
        *is_known = rc == 0;
    }
    *lost = rc < 0 && kist_upload_lost(upload);
    kist_upload_free(upload);
    return rc;
}

/* The next push need not do this again. before: what was known, digest and all; form "" where nothing was. */
static void remember(struct kist_layer_push *p, struct kist_pushed *known, const struct kist_pushed *before)
{
    struct kist_error err = {.code = KIST_OK};

    if (!kist_str_format(known->repository, sizeof(known->repository), "%s/%s", p->ref->host, p->ref->path) ||
        (before->form[0] != '\0' && kist_digest_equal(&before->digest, &known->digest) &&
         strcmp(before->repository, known->repository) == 0)) {
        return;
    }
    if (kist_store_pushed_add(p->store, known, &err) < 0) {
        kist_log(KIST_LOG_INFO, "what was pushed is not remembered: %s", err.message);
    }
}

static int push_file(struct kist_layer_push *p, struct kist_layer *file, struct kist_error *err)
{
    struct kist_pushed known = {.diff_id = p->layer->diff_id}, before;
    const char *form = kist_encoder_form(p->options->encoding);
    bool is_known = kist_store_pushed_find(p->store, &p->layer->diff_id, form, &before), lost = false;
    int rc = 0;

    if (is_known) {
        known = before;
    } else if (!kist_str_copy(known.form, sizeof(known.form), form)) {
        return KIST_E_FAIL; /* cannot be: it has room for a form */
    } else {
        before.form[0] = '\0';
    }
    if (!is_known && !p->options->dry_run && may_be_there(p)) {
        rc = pack(p, file, NULL, &known.digest, &known.size, err);
        is_known = rc == 0;
    }
    for (unsigned tries = 1; rc == 0; tries++) {
        rc = attempt(p, file, &known, &is_known, &lost, err);
        if (!lost || tries >= p->tries) {
            break;
        }
        kist_log(KIST_LOG_INFO, "%s; sent again from its start", err->message);
        rc = 0;
    }
    if (rc >= 0 && is_known && p->layer->blob.media_type[0] == '\0') {
        set_blob(p->layer, media_type(p->options->encoding), &known.digest, known.size);
        if (!p->options->dry_run) {
            remember(p, &known, &before);
        }
    }
    return KIST_MIN(rc, 0);
}

int kist_layer_push(struct kist_layer_push *p, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    struct port_file *file;
    struct kist_layer *layer;
    int rc = kist_store_layer_open(p->store, &p->layer->diff_id, &file, err);

    if (rc == 0) {
        rc = kist_layer_open(&layer, file, err);
    }
    if (rc == 0) {
        rc = push_file(p, layer, err);
        kist_layer_close(layer);
    }
    if (rc < 0 && !strstr(err->message, "layer '")) {
        (void)kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &p->layer->diff_id));
    }
    return rc;
}
