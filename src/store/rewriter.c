#include "store/rewriter.h"

#include "private.h"
#include "store/quota.h"

#define ASKED_EVERY (256U << 10)

static int rewriter_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_rewriter *r = KIST_CONTAINER_OF(sink, struct kist_rewriter, sink);

    r->passed += len;
    if (r->passed - r->asked >= ASKED_EVERY) {
        r->asked = r->passed;
        if (r->store->stop && r->store->stop(r->store->stop_arg)) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
        }
    }
    return kist_sink_write(&r->hash.sink, data, len, err);
}

static int rewriter_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(&KIST_CONTAINER_OF(sink, struct kist_rewriter, sink)->hash.sink, err);
}

int kist_rewriter_begin(struct kist_rewriter *r, struct kist_store *s, struct kist_store_layer_tx *tx,
                        const struct kist_layer_options *options, uint64_t expected, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {.write = rewriter_write, .finish = rewriter_finish};
    int rc;

    *r = (struct kist_rewriter){.sink = {&ops}, .store = s, .tx = tx};
    rc = kist_store_layer_writer(tx, options, expected, NULL, &r->writer, err);
    if (rc == 0) {
        kist_sha256_sink_init(&r->hash, kist_layer_writer_sink(r->writer), UINT64_MAX, "layer");
    }
    return rc;
}

int kist_rewriter_seal(struct kist_rewriter *r, struct kist_digest *diff_id, struct kist_layer_info *info,
                       struct kist_error *err)
{
    int rc;

    kist_sha256_final(&r->hash.hash, diff_id->bytes);
    rc = kist_layer_writer_seal(r->writer, diff_id, info, err);
    if (rc == 0) {
        kist_layer_writer_free(r->writer); /* it is done with the file, which goes with tx */
        r->writer = NULL;
    }
    return rc;
}

void kist_rewriter_end(struct kist_rewriter *r)
{
    kist_layer_writer_free(r->writer);
    kist_store_layer_abort(r->tx);
    r->writer = NULL;
    r->tx = NULL;
}
