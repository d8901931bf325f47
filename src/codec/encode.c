#include "codec/encode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/ordered.h"

#define CHUNK ((size_t)1 << 20)
#define WINDOW ((size_t)32 << 10)
#define PACKED_MAX (CHUNK + (CHUNK >> 6)) /* neither compressor adds more to what it cannot shrink */
#define FRAME_CHUNKS 8
/* Between levels 4 and 5 of zlib: half the time of 6, for 1.5 % more bytes. */
#define GZIP_LEVEL 5
#define GZIP_GOOD 8
#define GZIP_LAZY 8
#define GZIP_NICE 32
#define GZIP_CHAIN 16
#define GZIP_MEMORY 8
#define ZSTD_LEVEL 3

/* One word of ours for how chunks are cut and levels chosen, then what the library may change. */
#define GZIP_FORM "gzip-1-" ZLIB_VERSION
#define ZSTD_FORM "zstd-1-" ZSTD_VERSION_STRING

struct chunk {
    unsigned char data[WINDOW + CHUNK]; /* the window before it, then its own */
    size_t window, len;
    bool last;
    unsigned char packed[PACKED_MAX];
    size_t packed_len;
    int rc;
};

struct kist_encoder {
    struct kist_sink sink;
    struct kist_sink *next;
    enum kist_encoding encoding;
    struct kist_ordered *ordered;
    struct chunk *chunks[KIST_ORDERED_WORKERS_MAX + 2];
    struct chunk *chunk; /* being filled */
    unsigned long crc;
    uint64_t bytes;
    bool begun; /* the gzip header is out */
};

/* ---- what one thread needs ---- */

struct tool {
    z_stream gzip;
    bool gzip_made;
    ZSTD_CCtx *zstd;
    unsigned chunks; /* in the frame */
};

static void tool_free(void *p)
{
    struct tool *tool = p;

    if (tool->gzip_made) {
        (void)deflateEnd(&tool->gzip);
    }
    (void)ZSTD_freeCCtx(tool->zstd);
    free(tool);
}

static int tool_new(void *arg, void **out, struct kist_error *err)
{
    const struct kist_encoder *e = arg;
    struct tool *tool = calloc(1, sizeof(*tool));
    bool made = false;

    if (!tool) {
        return kist_error_nomem(err);
    }
    if (e->encoding == KIST_ENCODING_GZIP) {
        made = tool->gzip_made = deflateInit2(&tool->gzip, GZIP_LEVEL, Z_DEFLATED, -MAX_WBITS, GZIP_MEMORY,
                                              Z_DEFAULT_STRATEGY) == Z_OK;
    } else {
        tool->zstd = ZSTD_createCCtx();
        made = tool->zstd &&
               !ZSTD_isError(ZSTD_CCtx_setParameter(tool->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL));
    }
    if (!made) {
        tool_free(tool);
        return kist_error_nomem(err);
    }
    *out = tool;
    return 0;
}

static int pack_gzip(z_stream *z, struct chunk *c)
{
    const unsigned char *data = c->data + WINDOW;
    int rc;

    if (deflateReset(z) != Z_OK || deflateTune(z, GZIP_GOOD, GZIP_LAZY, GZIP_NICE, GZIP_CHAIN) != Z_OK ||
        (c->window > 0 && deflateSetDictionary(z, data - c->window, (uInt)c->window) != Z_OK)) {
        return KIST_E_FAIL;
    }
    z->next_in = data;
    z->avail_in = (uInt)c->len;
    z->next_out = c->packed;
    z->avail_out = PACKED_MAX;
    rc = deflate(z, c->last ? Z_FINISH : Z_SYNC_FLUSH);
    c->packed_len = PACKED_MAX - z->avail_out;
    return z->avail_in == 0 && z->avail_out > 0 && rc == (c->last ? Z_STREAM_END : Z_OK) ? 0 : KIST_E_FAIL;
}

static int pack_zstd(struct tool *tool, struct chunk *c)
{
    bool end = c->last || ++tool->chunks == FRAME_CHUNKS;
    ZSTD_inBuffer in = {c->data + WINDOW, c->len, 0};
    ZSTD_outBuffer out = {c->packed, PACKED_MAX, 0};
    size_t rc = ZSTD_compressStream2(tool->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_flush);

    c->packed_len = out.pos;
    tool->chunks = end ? 0 : tool->chunks;
    if (ZSTD_isError(rc)) {
        return ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation ? KIST_E_NOMEM : KIST_E_FAIL;
    }
    return rc == 0 && in.pos == in.size ? 0 : KIST_E_FAIL;
}

static void work(void *tool, void *item)
{
    struct tool *t = tool;
    struct chunk *c = item;

    c->rc = t->zstd ? pack_zstd(t, c) : pack_gzip(&t->gzip, c);
}

/* ---- in order ---- */

static int begin_gzip(struct kist_encoder *e, struct kist_error *err)
{
    /* no time, no name, as if from Unix */
    static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

    e->begun = true;
    return kist_sink_write(e->next, header, sizeof(header), err);
}

static int end_gzip(struct kist_encoder *e, struct kist_error *err)
{
    unsigned char trailer[8];

    for (unsigned i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(e->crc >> (8 * i));
        trailer[4 + i] = (unsigned char)(e->bytes >> (8 * i));
    }
    return kist_sink_write(e->next, trailer, sizeof(trailer), err);
}

static int done(void *arg, void *item, struct kist_error *err)
{
    struct kist_encoder *e = arg;
    struct chunk *c = item;
    bool gzip = e->encoding == KIST_ENCODING_GZIP;
    int rc = c->rc;

    if (rc < 0) {
        return rc == KIST_E_NOMEM ? kist_error_nomem(err) : kist_error_set(err, rc, "a layer cannot be compressed");
    }
    if (gzip && !e->begun) {
        rc = begin_gzip(e, err);
    }
    if (rc == 0) {
        rc = kist_sink_write(e->next, c->packed, c->packed_len, err);
    }
    if (gzip && rc == 0) {
        /* not combined out of the chunks' own: whether zlib's offsets are as wide here as where it was built is not to be told */
        e->crc = crc32(e->crc, c->data + WINDOW, (uInt)c->len);
        e->bytes += c->len;
        rc = c->last ? end_gzip(e, err) : 0;
    }
    return rc;
}

static const struct kist_ordered_ops ops = {tool_new, tool_free, work, done};

/* ---- the stage ---- */

static int next_chunk(struct kist_encoder *e, struct kist_error *err)
{
    struct chunk *full = e->chunk, *fresh;
    void *item;
    int rc = 0;

    /* with one chunk there is, it is done and free as soon as it is submitted: what it holds stays until it is filled */
    if (full && (rc = kist_ordered_submit(e->ordered, full, err)) < 0) {
        return rc;
    }
    e->chunk = NULL;
    rc = kist_ordered_take(e->ordered, &item, err);
    if (rc < 0) {
        return rc;
    }
    fresh = item;
    fresh->window = full ? WINDOW : 0;
    if (full) {
        memcpy(fresh->data, full->data + CHUNK, WINDOW);
    }
    fresh->len = 0;
    fresh->last = false;
    e->chunk = fresh;
    return 0;
}

static int encode_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_encoder *e = KIST_CONTAINER_OF(sink, struct kist_encoder, sink);
    const unsigned char *from = data;

    if (e->encoding == KIST_ENCODING_NONE) {
        return kist_sink_write(e->next, data, len, err);
    }
    while (len > 0) {
        size_t take;

        if (!e->chunk || e->chunk->len == CHUNK) {
            int rc = next_chunk(e, err);

            if (rc < 0) {
                return rc;
            }
        }
        take = KIST_MIN(len, CHUNK - e->chunk->len);
        memcpy(e->chunk->data + WINDOW + e->chunk->len, from, take);
        e->chunk->len += take;
        from += take;
        len -= take;
    }
    return 0;
}

static int encode_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_encoder *e = KIST_CONTAINER_OF(sink, struct kist_encoder, sink);
    int rc = 0;

    if (e->encoding != KIST_ENCODING_NONE) {
        if (!e->chunk) {
            rc = next_chunk(e, err);
        }
        if (rc == 0) {
            struct chunk *last = e->chunk;

            e->chunk = NULL;
            last->last = true;
            rc = kist_ordered_submit(e->ordered, last, err);
        }
        if (rc == 0) {
            rc = kist_ordered_drain(e->ordered, err);
        }
    }
    return rc < 0 ? rc : kist_sink_finish(e->next, err);
}

static const struct kist_sink_ops encode_ops = {.write = encode_write, .finish = encode_finish};

static int open_chunks(struct kist_encoder *e, unsigned workers, struct kist_error *err)
{
    void *items[KIST_COUNT(e->chunks)];
    unsigned count;

    if (e->encoding == KIST_ENCODING_ZSTD) {
        workers = 0; /* its frames are one after the other's continuation */
    }
    workers = KIST_MIN(workers, KIST_ORDERED_WORKERS_MAX);
    count = workers > 0 ? workers + 2 : 1;
    for (unsigned i = 0; i < count; i++) {
        items[i] = e->chunks[i] = malloc(sizeof(*e->chunks[i]));
        if (!items[i]) {
            return kist_error_nomem(err);
        }
    }
    return kist_ordered_new(&e->ordered, &ops, e, items, count, workers, err);
}

int kist_encoder_new(struct kist_encoder **out, enum kist_encoding encoding, unsigned workers, struct kist_sink *next,
                     struct kist_error *err)
{
    struct kist_encoder *e = calloc(1, sizeof(*e));
    int rc = 0;

    if (!e) {
        return kist_error_nomem(err);
    }
    e->sink.ops = &encode_ops;
    e->next = next;
    e->encoding = encoding;
    if (encoding != KIST_ENCODING_NONE) {
        rc = open_chunks(e, workers, err);
    }
    if (rc < 0) {
        kist_encoder_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

void kist_encoder_free(struct kist_encoder *e)
{
    if (e) {
        kist_ordered_free(e->ordered);
        for (size_t i = 0; i < KIST_COUNT(e->chunks); i++) {
            free(e->chunks[i]);
        }
        free(e);
    }
}

struct kist_sink *kist_encoder_sink(struct kist_encoder *e)
{
    return &e->sink;
}

const char *kist_encoder_form(enum kist_encoding encoding)
{
    static const char *const forms[] = {"none", GZIP_FORM, ZSTD_FORM};

    return forms[encoding];
}
