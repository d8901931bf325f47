#include "transfer/intake.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/decode.h"
#include "store/quota.h"

struct kist_intake {
    struct kist_store *store;
    struct kist_store_lease *lease;
    struct kist_store_layer_tx *tx; /* NULL: the layer is kept, only its digest is wanted */
    bool known;
    struct kist_digest wanted; /* where known */
    struct kist_sha256_sink raw;
    struct kist_decoder *decoder;
    struct kist_sink measured; /* between decoder and unpacked */
    struct kist_intake_measure *measure;
    struct kist_sha256_sink unpacked;
    struct kist_layer_writer *writer;
};

uint64_t kist_intake_limit(uint64_t packed)
{
    return packed > (UINT64_MAX - KIST_MAX_UNPACK_SLACK) / KIST_MAX_UNPACK_RATIO
               ? UINT64_MAX
               : packed * KIST_MAX_UNPACK_RATIO + KIST_MAX_UNPACK_SLACK;
}

int kist_intake_measure(struct kist_intake_measure *m, uint64_t len, struct kist_error *err)
{
    m->unpacked += len;
    return m->unpacked <= kist_intake_limit(m->received)
               ? 0
               : kist_error_set(err, KIST_E_CORRUPT, "it unpacks to more than %u times its size", KIST_MAX_UNPACK_RATIO);
}

static int measured_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_intake *in = KIST_CONTAINER_OF(sink, struct kist_intake, measured);
    int rc = kist_intake_measure(in->measure, len, err);

    return rc < 0 ? rc : kist_sink_write(&in->unpacked.sink, data, len, err);
}

static int measured_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(&KIST_CONTAINER_OF(sink, struct kist_intake, measured)->unpacked.sink, err);
}

static int open_pipeline(struct kist_intake *in, const struct kist_layer_options *options, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {measured_write, measured_finish};
    int rc = kist_store_layer_writer(in->tx, options, 0, NULL, &in->writer, err);

    if (rc < 0) {
        return rc;
    }
    in->measured.ops = &ops;
    kist_sha256_sink_init(&in->unpacked, kist_layer_writer_sink(in->writer), UINT64_MAX, "unpacked layer");
    rc = kist_decoder_new(&in->decoder, &in->measured, UINT64_MAX, err);
    if (rc == 0) {
        kist_sha256_sink_init(&in->raw, kist_decoder_sink(in->decoder), UINT64_MAX, "layer");
    }
    return rc;
}

int kist_intake_new(struct kist_intake **out, struct kist_store *s, struct kist_store_lease *lease,
                    const struct kist_layer_options *options, const struct kist_digest *diff_id,
                    struct kist_intake_measure *measure, struct kist_error *err)
{
    struct kist_intake *in = calloc(1, sizeof(*in));
    int rc;

    *out = NULL;
    if (!in) {
        return kist_error_nomem(err);
    }
    in->store = s;
    in->lease = lease;
    in->measure = measure;
    in->known = diff_id != NULL;
    if (diff_id) {
        in->wanted = *diff_id;
        rc = kist_store_layer_begin(s, diff_id, &in->tx, err);
    } else {
        rc = kist_store_layer_begin_unnamed(s, &in->tx, err);
    }
    if (rc == 1) {
        kist_sha256_sink_init(&in->raw, NULL, UINT64_MAX, "layer");
        rc = 0;
    } else if (rc == 0) {
        rc = open_pipeline(in, options, err);
    }
    if (rc < 0) {
        kist_intake_free(in);
        return rc;
    }
    *out = in;
    return 0;
}

int kist_intake_write(struct kist_intake *in, const void *data, size_t len, struct kist_error *err)
{
    return kist_sink_write(&in->raw.sink, data, len, err);
}

static int check_diff_id(const struct kist_intake *in, const struct kist_digest *got, struct kist_error *err)
{
    char want_text[KIST_DIGEST_TEXT_MAX], got_text[KIST_DIGEST_TEXT_MAX];

    return !in->known || kist_digest_equal(got, &in->wanted)
               ? 0
               : kist_error_set(err, KIST_E_CORRUPT, "its diff ID is '%s', not '%s' as the image's config says",
                                kist_digest_text(got_text, got), kist_digest_text(want_text, &in->wanted));
}

static int commit(struct kist_intake *in, const struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_store_layer_tx *tx = in->tx;
    int rc = in->known ? 0 : kist_store_lease_add(in->lease, diff_id, 1, err);

    if (rc < 0) {
        return rc;
    }
    kist_layer_writer_free(in->writer); /* it writes to the file that goes now */
    in->writer = NULL;
    in->tx = NULL;
    return in->known ? kist_store_layer_commit(tx, err) : kist_store_layer_commit_as(tx, diff_id, err);
}

int kist_intake_end(struct kist_intake *in, struct kist_intake_result *result, struct kist_error *err)
{
    struct kist_layer_info info;
    int rc = 0;

    *result = (struct kist_intake_result){.kept = 0};
    if (in->tx) {
        rc = kist_sink_finish(&in->raw.sink, err);
    }
    kist_sha256_final(&in->raw.hash, result->digest.bytes);
    if (rc < 0 || !in->tx) {
        return rc;
    }
    kist_sha256_final(&in->unpacked.hash, result->diff_id.bytes);
    if ((rc = check_diff_id(in, &result->diff_id, err)) < 0 ||
        (rc = kist_layer_writer_seal(in->writer, &result->diff_id, &info, err)) < 0 ||
        (rc = commit(in, &result->diff_id, err)) < 0) {
        return rc;
    }
    result->kept = rc == 1 ? 0 : info.file_bytes;
    return 0;
}

void kist_intake_free(struct kist_intake *in)
{
    if (in) {
        kist_decoder_free(in->decoder);
        kist_layer_writer_free(in->writer);
        kist_store_layer_abort(in->tx);
        free(in);
    }
}

int kist_intake_tar_bytes(struct kist_store *s, const struct kist_digest *diff_id, uint64_t *bytes,
                          struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    struct port_file *file;
    int rc = kist_store_layer_open(s, diff_id, &file, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_layer_tar_bytes(file, bytes, err);
    port_file_discard(file);
    return rc < 0 ? kist_error_wrap(err, "layer '%s'", kist_digest_text(text, diff_id)) : 0;
}
