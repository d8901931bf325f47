#include "transfer/layer_pull.h"

#include "codec/decode.h"
#include "store/check.h"
#include "transfer/intake.h"

#define CHECKPOINT_LEAST (1U << 20) /* bytes of a layer file between two, where nothing else is wanted */
#define CHECKPOINT_SHARE 100        /* the layer file has in the end so many times the bytes of its journal */
#define SYNC_LEAST (12U << 20)      /* bytes of a layer file between two syncs, but for the first checkpoint's */
#define HASHES_SIZE ((size_t)2 * KIST_SHA256_STATE)

/* The stages between the registry and the writer. */
struct pipeline {
    struct kist_sink count; /* first: tells how much arrived */
    struct kist_layer_pull *pull;
    struct kist_sha256_sink compressed;
    struct kist_decoder *decoder;
    struct kist_sha256_sink unpacked;
    struct kist_layer_writer *writer;
    struct kist_store_layer_tx *tx;
    /* what arrives now, and the state of compressed before it */
    const unsigned char *chunk;
    uint64_t chunk_at;
    struct kist_sha256 before;
    /* checkpoints */
    struct kist_decoder_watch watch;
    uint64_t from;              /* byte of the blob to go on at */
    uint64_t marked, synced;    /* bytes of the layer file at the last one, at the last that was synced */
    uint64_t journal;           /* bytes of the journal */
};

static int count_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct pipeline *p = KIST_CONTAINER_OF(sink, struct pipeline, count);
    int rc;

    p->chunk = data;
    p->chunk_at = p->compressed.bytes;
    p->before = p->compressed.hash;
    rc = kist_sink_write(&p->compressed.sink, data, len, err);

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

/* ---- checkpoints ---- */

static bool checkpoint_due(void *arg)
{
    struct pipeline *p = arg;
    uint64_t least = p->pull->checkpoint ? p->pull->checkpoint : CHECKPOINT_LEAST;

    return kist_layer_writer_bytes(p->writer, &p->journal) - p->marked >= least;
}

/* Whether the journal may grow by what it takes now; later it may be less. Half of its share is there from the beginning. */
static bool is_affordable(const struct pipeline *p, uint64_t written)
{
    uint64_t share = (written + KIST_MAX(written, p->pull->expected)) / 2 / CHECKPOINT_SHARE;

    return p->pull->checkpoint > 0 || p->journal + kist_layer_writer_mark_cost(p->writer) <= share;
}

/* All of the state: the writer's, the decoder's right behind it, the two hashes' at the place the decoder has come to. */
static int add_state(struct pipeline *p, struct kist_buf *state, struct kist_error *err)
{
    unsigned char hashes[HASHES_SIZE];
    struct kist_sha256 compressed = p->before;
    int rc;

    kist_sha256_update(&compressed, p->chunk, (size_t)(kist_decoder_consumed(p->decoder) - p->chunk_at));
    kist_sha256_save(&compressed, hashes);
    kist_sha256_save(&p->unpacked.hash, hashes + KIST_SHA256_STATE);
    if ((rc = kist_layer_writer_state(p->writer, state, err)) < 0 || (rc = kist_decoder_save(p->decoder, state, err)) < 0) {
        return rc;
    }
    return kist_buf_add(state, hashes, sizeof(hashes), err);
}

static int checkpoint(void *arg, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct pipeline *p = arg;
    uint64_t written = kist_layer_writer_bytes(p->writer, &p->journal);
    bool sync = p->synced == 0 || written - p->synced >= KIST_MAX(SYNC_LEAST, p->pull->checkpoint);
    int rc;

    if (kist_decoder_consumed(p->decoder) < p->chunk_at || !is_affordable(p, written)) {
        return 1; /* within the first bytes, which the decoder collects; or too dear */
    }
    if ((rc = add_state(p, &state, err)) < 0) {
        return rc;
    }
    rc = kist_store_layer_journal_room(p->tx, p->journal + 2 * state.len, err);
    if (rc < 0 && rc != KIST_E_NO_SPACE) {
        return rc;
    }
    if (rc == 0 && (rc = kist_layer_writer_mark(p->writer, &state, sync, err)) < 0) {
        return rc;
    }
    /* no room costs only time, should there be need of it */
    p->marked = kist_layer_writer_bytes(p->writer, &p->journal);
    if (rc < 0 || !sync) {
        return 0;
    }
    p->synced = p->marked;
    return kist_store_layer_lasts(p->tx, err);
}

/* From what a checkpoint kept; own is where the writer's part of it ends. */
static int restore(struct pipeline *p, const struct kist_buf *state, size_t own, struct kist_error *err)
{
    const unsigned char *hashes = (const unsigned char *)state->data + state->len - HASHES_SIZE;
    int rc;

    if (state->len < own || state->len - own < HASHES_SIZE) {
        return kist_error_set(err, KIST_E_CORRUPT, "a checkpoint is too short");
    }
    rc = kist_decoder_restore(p->decoder, state, own, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_load(&p->compressed.hash, hashes);
    kist_sha256_load(&p->unpacked.hash, hashes + KIST_SHA256_STATE);
    p->from = p->compressed.bytes = kist_decoder_consumed(p->decoder);
    p->unpacked.bytes = p->unpacked.hash.length;
    if (p->compressed.hash.length != p->from || p->from > p->pull->layer->blob.size) {
        return kist_error_set(err, KIST_E_CORRUPT, "a checkpoint does not fit the layer");
    }
    p->marked = kist_layer_writer_bytes(p->writer, &p->journal);
    return 0;
}

/* ---- the pipeline ---- */

/* What a checkpoint is of: this blob as this layer. */
static struct kist_digest subject(const struct kist_pull_layer *layer)
{
    struct kist_digest both[2] = {layer->blob.digest, layer->diff_id}, digest;

    kist_digest_of(&digest, both, sizeof(both));
    return digest;
}

static int stages_open(struct pipeline *p, struct kist_error *err)
{
    uint64_t limit = kist_intake_limit(p->pull->layer->blob.size);
    int rc;

    kist_sha256_sink_init(&p->unpacked, kist_layer_writer_sink(p->writer), limit, "unpacked layer");
    rc = kist_decoder_new(&p->decoder, &p->unpacked.sink, limit, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_sink_init(&p->compressed, kist_decoder_sink(p->decoder), p->pull->layer->blob.size, "layer");
    p->watch = (struct kist_decoder_watch){checkpoint_due, checkpoint, p};
    kist_decoder_watch(p->decoder, &p->watch);
    return 0;
}

static void pipeline_close(struct pipeline *p);

static int pipeline_open(struct pipeline *p, struct kist_layer_pull *pull, struct kist_store_layer_tx *tx,
                         struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct kist_digest of = subject(pull->layer);
    size_t own = 0;
    int rc, resumed;

    *p = (struct pipeline){.count = {&count_ops}, .pull = pull, .tx = tx};
    resumed = kist_store_layer_writer_resume(tx, pull->options, pull->expected, pull->room, &of, &state, &own, &p->writer, err);
    if (resumed < 0) {
        return resumed;
    }
    rc = stages_open(p, err);
    if (rc == 0 && resumed) {
        rc = restore(p, &state, own, err);
    }
    if (rc != KIST_E_CORRUPT) {
        return rc;
    }
    /* damaged, which costs only time: this once there is none to go on from */
    pipeline_close(p);
    rc = kist_store_layer_restart(tx, err);
    return rc < 0 ? rc : pipeline_open(p, pull, tx, err);
}

static void pipeline_close(struct pipeline *p)
{
    kist_decoder_free(p->decoder);
    kist_layer_writer_free(p->writer);
    p->decoder = NULL;
    p->writer = NULL;
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
    int rc;

    if (p->from > 0 && pull->arrived) {
        pull->arrived(pull->arg, p->from);
    }
    rc = kist_registry_blob_from(pull->registry, &blob->digest, blob->size, p->from, &p->count, &pull->received, err);
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

bool kist_pull_resumable(int rc)
{
    return rc == KIST_E_NETWORK || rc == KIST_E_INTERRUPTED || rc == KIST_E_AUTH || rc == KIST_E_TLS;
}

int kist_layer_pull(struct kist_layer_pull *pull, struct kist_error *err)
{
    struct kist_layer_info info = {.file_bytes = 0};
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_store_layer_tx *tx = NULL;
    struct pipeline p;
    int rc;

    rc = pull->replaces ? kist_store_layer_replace(pull->store, &pull->layer->diff_id, &tx, err)
                        : kist_store_layer_resume(pull->store, &pull->layer->diff_id, &tx, err);
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
    if (rc < 0 && kist_pull_resumable(rc) && p.journal > 0) {
        kist_store_layer_leave(tx);
    } else if (rc < 0) {
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
