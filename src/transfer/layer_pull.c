#include "transfer/layer_pull.h"

#include "base/limits.h"
#include "codec/decode.h"

/* The stages between the registry and the writer. */
struct pipeline {
    struct kist_sink count; /* first: tells how much arrived */
    struct kist_layer_pull *pull;
    struct kist_sha256_sink compressed;
    struct kist_decoder *decoder;
    struct kist_sha256_sink unpacked;
    struct kist_layer_writer *writer;
};

static int count_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct pipeline *p = KIST_CONTAINER_OF(sink, struct pipeline, count);
    int rc = kist_sink_write(&p->compressed.sink, data, len, err);

    if (rc >= 0 && p->pull->arrived) {
        p->pull->arrived(p->pull->arg, len);
    }
    return rc;
}

static int count_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct pipeline *p = KIST_CONTAINER_OF(sink, struct pipeline, count);

    return kist_sink_finish(&p->compressed.sink, err);
}

static const struct kist_sink_ops count_ops = {.write = count_write, .finish = count_finish};

static uint64_t unpack_limit(uint64_t compressed)
{
    if (compressed > (UINT64_MAX - KIST_MAX_UNPACK_SLACK) / KIST_MAX_UNPACK_RATIO) {
        return UINT64_MAX;
    }
    return compressed * KIST_MAX_UNPACK_RATIO + KIST_MAX_UNPACK_SLACK;
}

static int pipeline_open(struct pipeline *p, struct kist_layer_pull *pull, struct kist_store_layer_tx *tx,
                         struct kist_error *err)
{
    uint64_t limit = unpack_limit(pull->layer->blob.size);
    int rc;

    *p = (struct pipeline){.count = {&count_ops}, .pull = pull};
    rc = kist_store_layer_writer(tx, pull->options, pull->expected, pull->room, &p->writer, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_sink_init(&p->unpacked, kist_layer_writer_sink(p->writer), limit, "unpacked layer");
    rc = kist_decoder_new(&p->decoder, &p->unpacked.sink, limit, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_sink_init(&p->compressed, kist_decoder_sink(p->decoder), pull->layer->blob.size, "layer");
    return 0;
}

static void pipeline_close(struct pipeline *p)
{
    kist_decoder_free(p->decoder);
    kist_layer_writer_free(p->writer);
}

static int check_digest(struct kist_sha256_sink *hashed, const struct kist_digest *wanted, const char *what,
                        struct kist_error *err)
{
    char want[KIST_DIGEST_TEXT_MAX], got[KIST_DIGEST_TEXT_MAX];
    struct kist_digest digest;

    kist_sha256_final(&hashed->hash, digest.bytes);
    if (kist_digest_equal(&digest, wanted)) {
        return 0;
    }
    return kist_error_set(err, KIST_E_CORRUPT, "%s is '%s', not '%s' as declared", what,
                          kist_digest_text(got, &digest), kist_digest_text(want, wanted));
}

/* Everything up to a sealed, verified, uncommitted file. */
static int fetch(struct kist_layer_pull *pull, struct pipeline *p, struct kist_layer_info *info, struct kist_error *err)
{
    const struct kist_descriptor *blob = &pull->layer->blob;
    int rc = kist_registry_blob(pull->registry, &blob->digest, blob->size, &p->count, &pull->received, err);

    if (rc < 0) {
        return rc;
    }
    rc = check_digest(&p->compressed, &blob->digest, "the digest of what the registry sent", err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_sink_finish(&p->count, err);
    if (rc < 0) {
        return rc;
    }
    rc = check_digest(&p->unpacked, &pull->layer->diff_id, "the diff ID of the unpacked layer", err);
    if (rc < 0) {
        return rc;
    }
    return kist_layer_writer_seal(p->writer, &pull->layer->diff_id, info, err);
}

int kist_layer_pull(struct kist_layer_pull *pull, struct kist_error *err)
{
    struct kist_layer_info info = {.file_bytes = 0};
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_store_layer_tx *tx = NULL;
    struct pipeline p;
    int rc;

    rc = kist_store_layer_begin(pull->store, &pull->layer->diff_id, &tx, err);
    if (rc == 1) {
        return 0;
    }
    if (rc < 0) {
        goto done;
    }
    rc = pipeline_open(&p, pull, tx, err);
    if (rc == 0) {
        rc = fetch(pull, &p, &info, err);
    }
    pipeline_close(&p);
    if (rc < 0) {
        kist_store_layer_abort(tx);
    } else {
        rc = kist_store_layer_commit(tx, err);
    }
    pull->kept = rc == 0 ? info.file_bytes : 0;
done:
    if (rc < 0) {
        (void)kist_error_wrap(err, rc == KIST_E_NO_SPACE ? "cannot store layer '%s'" : "layer '%s'",
                              kist_digest_text(text, &pull->layer->blob.digest));
    }
    return rc;
}
