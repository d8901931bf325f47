#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "codec/decode.h"
#include "transfer/load_parts.h"

#define CHUNK ((size_t)64 << 10)
#define TAR_MAGIC 257 /* where a tar's first header says "ustar" */

enum state {
    STATE_SKIP,  /* of no interest, or known to be bad */
    STATE_FIRST, /* what it is its first bytes tell */
    STATE_TEXT,
    STATE_LAYER,
};

/* The archive on its way, and the member at hand. */
struct reading {
    struct kist_load *load;
    bool scan;
    struct kist_intake_measure outer; /* of the archive's own compression */
    struct kist_sink unpacked;        /* behind the decoder */
    struct kist_tar *tar;
    enum state state;
    char name[KIST_LOAD_NAME_MAX];
    uint64_t size;
    struct kist_buf text;
    struct kist_intake *intake;
    const struct kist_digest *wanted; /* what the layer has to be, where that is known */
};

static int bad(struct reading *r, const char *why, struct kist_error *err)
{
    struct kist_load_member *m;
    char *copy;

    r->state = STATE_SKIP;
    if (kist_load_find(r->load, r->name)) { /* seen when the archive was read the first time */
        return 0;
    }
    copy = strdup(why);
    return copy ? kist_load_add(r->load, r->name, KIST_LOAD_BAD, copy, 0, &m, err) : kist_error_nomem(err);
}

/* A layer that is no good matters where an image needs it, and only then. */
static int forgive(struct reading *r, int rc, struct kist_error *err)
{
    if (rc != KIST_E_CORRUPT && rc != KIST_E_UNSUPPORTED) {
        return rc;
    }
    kist_intake_free(r->intake);
    r->intake = NULL;
    return bad(r, err->message, err);
}

/* ---- a member begins ---- */

/* Whether an image needs the member as a layer, and what that has to be: *wanted, NULL where nobody knows. */
static bool planned(const struct kist_load *l, const char *name, const struct kist_digest **wanted)
{
    for (size_t i = 0; i < l->image_count; i++) {
        for (size_t k = 0; k < l->images[i].layer_count; k++) {
            const struct kist_load_layer *layer = &l->images[i].layers[k];

            if (strcmp(layer->name, name) == 0) {
                *wanted = l->images[i].v1 ? NULL : &layer->diff_id;
                return true;
            }
        }
    }
    return false;
}

static int on_link(struct reading *r, const struct kist_tar_entry *e, struct kist_error *err)
{
    char joined[2 * KIST_MAX_PATH], target[KIST_LOAD_NAME_MAX];
    struct kist_load_member *m;
    char *copy;
    bool good = e->link_name && (e->type == KIST_TAR_HARDLINK || e->link_name[0] != '/');

    if (good && e->type == KIST_TAR_SYMLINK) {
        good = kist_str_format(joined, sizeof(joined), "%s/../%s", r->name, e->link_name) &&
               kist_path_clean(target, sizeof(target), joined);
    } else if (good) {
        good = kist_path_clean(target, sizeof(target), e->link_name);
    }
    if (!good) {
        return bad(r, "it is a link that leads out of the archive", err);
    }
    copy = strdup(target);
    return copy ? kist_load_add(r->load, r->name, KIST_LOAD_LINK, copy, 0, &m, err) : kist_error_nomem(err);
}

static int begin_layer(struct reading *r, struct kist_error *err)
{
    struct kist_load *l = r->load;

    if (r->scan) {
        struct kist_load_member *m;

        r->state = STATE_SKIP;
        return kist_load_add(l, r->name, KIST_LOAD_SEEN, NULL, 0, &m, err);
    }
    r->state = STATE_LAYER;
    return kist_intake_new(&r->intake, l->store, l->lease, &l->options->layer, r->wanted, &l->measure, err);
}

/* With a plan it is clear what a member is for. */
static int begin_planned(struct reading *r, struct kist_error *err)
{
    if (planned(r->load, r->name, &r->wanted)) {
        return kist_load_find(r->load, r->name) ? 0 : begin_layer(r, err);
    }
    /* in a docker-archive it may stand behind a link that is still to come */
    r->state = r->load->links && !kist_load_find(r->load, r->name) ? STATE_FIRST : STATE_SKIP;
    return 0;
}

static int on_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    struct reading *r = arg;
    char clean[KIST_MAX_PATH + 1], shown[KIST_LOAD_NAME_MAX];

    r->state = STATE_SKIP;
    r->wanted = NULL;
    r->size = e->stored;
    if (!kist_path_clean(clean, sizeof(clean), e->name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' leads out of the archive",
                              kist_str_printable(shown, sizeof(shown), e->name));
    }
    if (!kist_str_copy(r->name, sizeof(r->name), clean) || clean[0] == '\0') {
        return 0; /* nobody has such names for what we need */
    }
    if (e->type == KIST_TAR_SYMLINK || e->type == KIST_TAR_HARDLINK) {
        return kist_load_find(r->load, r->name) ? 0 : on_link(r, e, err);
    }
    if (e->type != KIST_TAR_FILE) {
        return 0;
    }
    if (e->sparse) {
        return bad(r, "it is stored as a sparse file", err);
    }
    if (r->load->planned) {
        return begin_planned(r, err);
    }
    r->state = STATE_FIRST;
    return 0;
}

/* ---- its data ---- */

static bool is_packed(const unsigned char *p, size_t len)
{
    return len >= 4 && ((p[0] == 0x1f && p[1] == 0x8b) || memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
                        ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

/* Tars come in blocks of 512 bytes; what begins as JSON and is no tar is a document. */
static int on_first(struct reading *r, const unsigned char *p, size_t len, struct kist_error *err)
{
    bool tar = len >= TAR_MAGIC + 5 && memcmp(p + TAR_MAGIC, "ustar", 5) == 0;
    bool text = !tar && len > 0 && strchr("{[ \t\r\n", p[0]) && p[0] != '\0';

    if (kist_load_find(r->load, r->name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "the archive has two members '%s'", r->name);
    }
    if (!text) {
        return r->size >= 512 || is_packed(p, len) || (r->size == 0 && kist_str_starts(r->name, "blobs/"))
                   ? begin_layer(r, err)
                   : bad(r, "it is no layer", err);
    }
    if (r->size > KIST_MAX_MANIFEST) {
        return bad(r, "it is too large for a document", err);
    }
    if (r->load->text_bytes + r->size > KIST_MAX_ARCHIVE_TEXT) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the archive's documents have more than %u bytes",
                              KIST_MAX_ARCHIVE_TEXT);
    }
    r->load->text_bytes += r->size;
    kist_buf_clear(&r->text);
    r->state = STATE_TEXT;
    return 0;
}

static int on_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct reading *r = arg;
    int rc = r->state == STATE_FIRST ? on_first(r, data, len, err) : 0;

    if (rc < 0 || r->state == STATE_SKIP) {
        return rc;
    }
    return r->state == STATE_TEXT ? kist_buf_add(&r->text, data, len, err)
                                  : forgive(r, kist_intake_write(r->intake, data, len, err), err);
}

/* ---- and ends ---- */

int kist_load_end_layer(struct kist_load *l, const char *name, struct kist_intake *in, const struct kist_digest *wanted,
                        struct kist_error *err)
{
    char got[KIST_DIGEST_TEXT_MAX];
    struct kist_intake_result result;
    struct kist_load_member *m;
    struct kist_digest named;
    int rc = kist_intake_end(in, &result, err);

    if (rc == 0 && kist_load_name_digest(name, &named) && !kist_digest_equal(&named, &result.digest)) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "its digest is '%s'", kist_digest_text(got, &result.digest));
    }
    if (rc == 0) {
        rc = kist_load_add(l, name, KIST_LOAD_LAYER, NULL, 0, &m, err);
    }
    if (rc < 0) {
        return rc;
    }
    m->diff_id = wanted ? *wanted : result.diff_id;
    if (l->options->layer_done) {
        l->options->layer_done(l->options->arg, &m->diff_id, result.kept);
    }
    return 0;
}

static int end_text(struct reading *r, struct kist_error *err)
{
    struct kist_load *l = r->load;
    struct kist_load_member *m;
    size_t len = r->text.len;
    int rc = kist_load_add(l, r->name, KIST_LOAD_TEXT, kist_buf_detach(&r->text), len, &m, err);

    kist_buf_init(&r->text, KIST_MAX_MANIFEST);
    if (rc < 0) {
        return rc;
    }
    kist_load_check_text(m);
    if (l->planned || (strcmp(r->name, l->missing) != 0 && strcmp(r->name, "index.json") != 0 &&
                       strcmp(r->name, "manifest.json") != 0 && strcmp(r->name, "repositories") != 0)) {
        return 0;
    }
    /* the sooner it is known what the layers are, the less is written for nothing; what is wrong is told at the end */
    struct kist_error later;

    l->missing[0] = '\0';
    rc = kist_load_plan(l, &later);
    return rc == KIST_E_NOMEM ? kist_error_nomem(err) : 0;
}

static int on_end(void *arg, struct kist_error *err)
{
    struct reading *r = arg;
    int rc = 0;

    if (r->state == STATE_FIRST) { /* it is empty */
        rc = on_first(r, NULL, 0, err);
    }
    if (rc == 0 && r->state == STATE_TEXT) {
        rc = end_text(r, err);
    } else if (rc == 0 && r->state == STATE_LAYER) {
        rc = forgive(r, kist_load_end_layer(r->load, r->name, r->intake, r->wanted, err), err);
    }
    kist_intake_free(r->intake);
    r->intake = NULL;
    r->state = STATE_SKIP;
    return rc;
}

static int on_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    (void)arg;
    (void)data;
    (void)len;
    (void)err;
    return 0;
}

static int on_finish(void *arg, struct kist_error *err)
{
    (void)arg;
    (void)err;
    return 0;
}

/* ---- the archive as a whole ---- */

static int unpacked_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct reading *r = KIST_CONTAINER_OF(sink, struct reading, unpacked);
    int rc = kist_intake_measure(&r->outer, len, err);

    return rc < 0 ? rc : kist_sink_write(kist_tar_sink(r->tar), data, len, err);
}

static int unpacked_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(kist_tar_sink(KIST_CONTAINER_OF(sink, struct reading, unpacked)->tar), err);
}

static int feed(struct reading *r, const struct kist_load_source *source, struct kist_sink *sink, struct kist_error *err)
{
    const struct kist_load_options *o = r->load->options;
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    size_t got = 1;
    int rc = chunk ? 0 : kist_error_nomem(err);

    while (rc == 0 && !(r->scan && r->load->planned)) {
        if (o->stop && o->stop(o->stop_arg)) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
        }
        rc = source->read(source->arg, chunk, CHUNK, &got, err);
        if (rc < 0) {
            return rc;
        }
        if (got == 0) {
            return kist_sink_finish(sink, err);
        }
        r->outer.received += got;
        r->load->measure.received += got;
        rc = kist_sink_write(sink, chunk, got, err);
    }
    return rc;
}

int kist_load_archive(struct kist_load *l, const struct kist_load_source *source, bool scan, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {unpacked_write, unpacked_finish};
    static const struct kist_tar_handler handler = {on_raw, on_entry, on_data, on_end, on_finish};
    struct reading r = {.load = l, .scan = scan, .unpacked = {&ops}, .text = KIST_BUF_INIT(KIST_MAX_MANIFEST)};
    struct kist_decoder *decoder = NULL;
    int rc = kist_tar_new(&r.tar, &handler, &r, err);

    l->measure = (struct kist_intake_measure){.received = 0};
    if (rc == 0) {
        rc = kist_decoder_new(&decoder, &r.unpacked, UINT64_MAX, err);
    }
    if (rc == 0) {
        rc = feed(&r, source, kist_decoder_sink(decoder), err);
    }
    kist_intake_free(r.intake);
    kist_decoder_free(decoder);
    kist_tar_free(r.tar);
    kist_buf_release(&r.text);
    return rc;
}
