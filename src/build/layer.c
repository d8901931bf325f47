/* The layer of a step: known to the cache, or made and written down there. */
#include <string.h>

#include "build/stage.h"
#include "port/clock.h"
#include "store/rewriter.h"
#include "store/steps.h"

#define KEY_VERSION "kist-step-1"

/* ---- the key ---- */

void kist_step_key_add(struct kist_step_key *key, const void *data, size_t len)
{
    unsigned char size[8];

    for (size_t i = 0; i < sizeof(size); i++) {
        size[i] = (unsigned char)((uint64_t)len >> (8 * i));
    }
    kist_sha256_update(&key->hash, size, sizeof(size));
    kist_sha256_update(&key->hash, data, len);
}

void kist_step_key_text(struct kist_step_key *key, const char *text)
{
    kist_step_key_add(key, text ? "1" : "0", 1);
    kist_step_key_add(key, text ? text : "", text ? strlen(text) : 0);
}

void kist_step_key_begin(struct kist_step_key *key, const struct kist_step *step, bool link)
{
    const struct kist_stage *stage = step->stage;
    char epoch[24] = "";

    (void)!kist_str_format(epoch, sizeof(epoch), "%lld", (long long)step->build->options->epoch);
    kist_sha256_init(&key->hash);
    kist_step_key_text(key, KEY_VERSION);
    kist_step_key_text(key, kist_keyword_name(step->in->keyword));
    kist_step_key_text(key, epoch);
    kist_step_key_add(key, link ? NULL : stage->diff_ids, link ? 0 : stage->count * sizeof(stage->diff_ids[0]));
}

/* ---- the layer ---- */

/* Takes the tar; the layer file is begun with its first byte, so that nothing is open, and no thread there, before that. */
struct making {
    struct kist_sink sink;
    struct kist_build *build;
    struct kist_rewriter rewriter;
    bool begun;
};

static int making_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct making *m = KIST_CONTAINER_OF(sink, struct making, sink);
    struct kist_store_layer_tx *tx;
    int rc = 0;

    if (!m->begun) {
        rc = kist_store_layer_begin_unnamed(m->build->store, &tx, err);
        if (rc == 0) {
            m->begun = true;
            rc = kist_rewriter_begin(&m->rewriter, m->build->store, tx, m->build->options->layer, 0, err);
        }
    }
    return rc < 0 ? rc : kist_sink_write(&m->rewriter.sink, data, len, err);
}

static int making_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static int commit_layer(struct making *m, struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_store_layer_tx *tx;
    struct kist_layer_info info;
    int rc = kist_sink_finish(&m->rewriter.sink, err);

    rc = rc < 0 ? rc : kist_rewriter_seal(&m->rewriter, diff_id, &info, err);
    rc = rc < 0 ? rc : kist_store_lease_add(m->build->lease, diff_id, 1, err);
    if (rc < 0) {
        return rc;
    }
    tx = m->rewriter.tx;
    m->rewriter.tx = NULL;
    rc = kist_store_layer_commit_as(tx, diff_id, err);
    return KIST_MIN(rc, 0);
}

static int make(struct kist_step *step, kist_step_fill *fill, void *arg, struct kist_store_step *result, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {.write = making_write, .finish = making_finish};
    struct making m = {.sink = {&ops}, .build = step->build};
    int rc = fill(arg, &m.sink, &result->changed, err);

    result->changed = result->changed && m.begun;
    if (rc == 0 && result->changed) {
        rc = commit_layer(&m, &result->diff_id, err);
    }
    if (m.begun) {
        kist_rewriter_end(&m.rewriter);
    }
    return rc;
}

/* ---- the step ---- */

static int take(struct kist_step *step, const struct kist_store_step *result, enum kist_build_event_kind kind, struct kist_error *err)
{
    struct kist_build_event event = {.kind = kind, .step = step->build->step, .total = step->build->total};
    struct kist_stage *stage = step->stage;

    if (result->changed && stage->count == KIST_MAX_LAYERS) {
        return kist_dockerfile_fail(step->file, step->in, 0, err, KIST_E_UNSUPPORTED,
                                    "the image has %d layers, as many as there may be (try 'kist image flatten' on its base)",
                                    KIST_MAX_LAYERS);
    }
    if (result->changed) {
        stage->diff_ids[stage->count++] = result->diff_id;
        stage->created = result->created;
        event.layer = &result->diff_id;
    }
    step->changed = result->changed;
    step->build->options->event(step->build->options->arg, &event);
    return 0;
}

int kist_step_layer(struct kist_step *step, struct kist_step_key *key, kist_step_fill *fill, void *arg, struct kist_error *err)
{
    const struct kist_build_options *o = step->build->options;
    struct kist_store_step result = {.changed = false};
    struct kist_digest digest;
    int rc;

    kist_sha256_final(&key->hash, digest.bytes);
    if (!o->no_cache && !step->stage->unknown && kist_store_step_find(step->build->store, &digest, step->build->lease, &result)) {
        return take(step, &result, KIST_BUILD_CACHED, err);
    }
    if (o->dry_run) {
        step->stage->unknown = true;
        step->changed = true;
        kist_build_tell(step->build, KIST_BUILD_MISSING, NULL);
        return 0;
    }
    rc = make(step, fill, arg, &result, err);
    if (rc < 0) {
        return rc;
    }
    result.key = digest;
    result.created = o->epoch >= 0 ? o->epoch : port_clock_now();
    (void)kist_str_printable(result.text, sizeof(result.text), step->in->text);
    rc = kist_store_step_add(step->build->store, &result, err);
    if (rc == KIST_E_NO_SPACE) { /* then it is built again the next time */
        rc = 0;
    }
    return rc < 0 ? rc : take(step, &result, KIST_BUILD_LAYER, err);
}
