#include "codec/decode.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/le.h"
#include "base/limits.h"

#define OUTPUT_SIZE ((size_t)64 << 10)
#define MAGIC_SIZE 4U
/* zlib's data_type: bits 0 to 2 are how many of the last byte's are not used yet */
#define BLOCK_UNUSED 7
#define BLOCK_LAST 64
#define BLOCK_BEGINS 128

enum decode_state {
    STATE_UNKNOWN, /* collecting the first bytes */
    STATE_PLAIN,
    STATE_MEMBER,  /* within a gzip member or zstd frame */
    STATE_BETWEEN, /* after one: another may follow */
    STATE_PADDING, /* zeros after the last */
};

struct kist_decoder {
    struct kist_sink sink;
    struct kist_sink *next;
    uint64_t limit, produced;
    enum kist_encoding encoding;
    enum decode_state state;
    unsigned char magic[MAGIC_SIZE];
    size_t magic_len;
    z_stream gzip;
    bool gzip_made;
    ZSTD_DCtx *zstd;
    const struct kist_decoder_watch *watch; /* or NULL */
    bool due;                               /* a mark is */
    uint64_t consumed;                      /* bytes of input decoded */
    unsigned char last;                     /* the last of them */
    size_t held;                            /* bytes in output */
    unsigned char output[OUTPUT_SIZE];
};

static const char *encoding_name(const struct kist_decoder *d)
{
    return d->encoding == KIST_ENCODING_GZIP ? "gzip" : "zstd";
}

static int pass_on(struct kist_decoder *d, const void *data, size_t len, struct kist_error *err)
{
    if (len > d->limit - d->produced) {
        return kist_error_set(err, KIST_E_CORRUPT, "unpacks to more than %" PRIu64 " bytes", d->limit);
    }
    d->produced += len;
    return len > 0 ? kist_sink_write(d->next, data, len, err) : 0;
}

static int flush(struct kist_decoder *d, struct kist_error *err)
{
    size_t len = d->held;
    int rc;

    d->held = 0;
    rc = pass_on(d, d->output, len, err);
    if (rc == 0 && d->watch && !d->due) {
        d->due = d->watch->due(d->watch->arg);
    }
    return rc;
}

/* A place to go on from is reached. */
static int mark(struct kist_decoder *d, struct kist_error *err)
{
    int rc = flush(d, err);

    if (rc == 0) {
        rc = d->watch->mark(d->watch->arg, err);
        d->due = rc > 0;
    }
    return KIST_MIN(rc, 0);
}

static void consumed(struct kist_decoder *d, const unsigned char *end, size_t len)
{
    d->consumed += len;
    if (len > 0) {
        d->last = end[-1];
    }
}

/* These two decode from *data on until the input, the output's room or the member ends. */

static int decode_gzip(struct kist_decoder *d, const unsigned char **data, const unsigned char *end,
                       struct kist_error *err)
{
    z_stream *z = &d->gzip;
    size_t take = KIST_MIN((size_t)(end - *data), (size_t)1 << 30);
    int rc;

    z->next_in = *data;
    z->avail_in = (uInt)take;
    z->next_out = d->output + d->held;
    z->avail_out = (uInt)(OUTPUT_SIZE - d->held);
    rc = inflate(z, d->due ? Z_BLOCK : Z_NO_FLUSH);
    *data += take - z->avail_in;
    consumed(d, *data, take - z->avail_in);
    d->held = OUTPUT_SIZE - z->avail_out;
    if (rc == Z_OK && d->due && (z->data_type & BLOCK_BEGINS) && !(z->data_type & BLOCK_LAST)) {
        return mark(d, err);
    }
    switch (rc) {
    case Z_STREAM_END:
        d->state = STATE_BETWEEN;
        return 0;
    case Z_OK:
    case Z_BUF_ERROR: /* no progress this time, which more input mends */
        return 0;
    case Z_MEM_ERROR:
        return kist_error_nomem(err);
    default:
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt gzip data: %s",
                              z->msg ? z->msg : "needs a dictionary");
    }
}

static int decode_zstd(struct kist_decoder *d, const unsigned char **data, const unsigned char *end,
                       struct kist_error *err)
{
    ZSTD_inBuffer in = {*data, (size_t)(end - *data), 0};
    ZSTD_outBuffer out = {d->output, OUTPUT_SIZE, d->held};
    size_t rc = ZSTD_decompressStream(d->zstd, &out, &in);

    *data += in.pos;
    consumed(d, *data, in.pos);
    d->held = out.pos;
    if (!ZSTD_isError(rc)) {
        if (rc == 0) {
            d->state = STATE_BETWEEN;
        }
        return 0;
    }
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_memory_allocation:
        return kist_error_nomem(err);
    case ZSTD_error_frameParameter_windowTooLarge:
        return kist_error_set(err, KIST_E_UNSUPPORTED, "zstd data needs a window of more than %u MiB",
                              (1U << KIST_MAX_ZSTD_WINDOW_LOG) >> 20);
    default:
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt zstd data: %s", ZSTD_getErrorName(rc));
    }
}

static int start_gzip(struct kist_decoder *d, struct kist_error *err)
{
    const int gzip_only = 15 + 16;

    if (inflateInit2(&d->gzip, gzip_only) != Z_OK) {
        return kist_error_nomem(err);
    }
    d->gzip_made = true;
    (void)inflateValidate(&d->gzip, 0);
    return 0;
}

static int start_zstd(struct kist_decoder *d, struct kist_error *err)
{
    d->zstd = ZSTD_createDCtx();
    if (!d->zstd ||
        ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, KIST_MAX_ZSTD_WINDOW_LOG))) {
        return kist_error_nomem(err);
    }
    return 0;
}

/* Whether a further member or frame, a skippable one too, can begin with this byte. */
static bool starts_member(const struct kist_decoder *d, unsigned char first)
{
    if (d->encoding == KIST_ENCODING_GZIP) {
        return first == 0x1f;
    }
    return first == 0x28 || (first & 0xf0) == 0x50;
}

static int go_between(struct kist_decoder *d, unsigned char first, struct kist_error *err)
{
    if (first == 0) {
        d->state = STATE_PADDING;
        return 0;
    }
    if (!starts_member(d, first)) {
        return kist_error_set(err, KIST_E_CORRUPT, "garbage after the end of the %s data", encoding_name(d));
    }
    if (d->encoding == KIST_ENCODING_GZIP) {
        (void)inflateReset(&d->gzip);
    }
    d->state = STATE_MEMBER;
    return 0;
}

static int check_padding(const struct kist_decoder *d, const unsigned char *data, const unsigned char *end,
                         struct kist_error *err)
{
    for (; data < end; data++) {
        if (*data != 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "garbage after the end of the %s data",
                                  encoding_name(d));
        }
    }
    return 0;
}

static int decode(struct kist_decoder *d, const unsigned char *data, size_t len, struct kist_error *err)
{
    const unsigned char *end = data + len;
    bool full = false; /* the output was: the decoder may have more without more input */
    int rc = 0;

    while (rc == 0 && (data < end || (full && d->state == STATE_MEMBER))) {
        full = false;
        if (d->state == STATE_PADDING) {
            return check_padding(d, data, end, err);
        }
        if (d->state == STATE_BETWEEN) {
            rc = d->due ? mark(d, err) : 0;
            if (rc == 0) {
                rc = go_between(d, *data, err);
            }
            continue;
        }
        rc = d->encoding == KIST_ENCODING_GZIP ? decode_gzip(d, &data, end, err)
                                               : decode_zstd(d, &data, end, err);
        full = d->held == OUTPUT_SIZE;
        if (rc == 0 && full) {
            rc = flush(d, err);
        }
    }
    return rc;
}

static int detect(struct kist_decoder *d, const unsigned char magic[MAGIC_SIZE], struct kist_error *err)
{
    uint32_t number =
        magic[0] | (uint32_t)magic[1] << 8 | (uint32_t)magic[2] << 16 | (uint32_t)magic[3] << 24;

    if ((number & 0xffffff) == 0x088b1f) {
        d->encoding = KIST_ENCODING_GZIP;
        d->state = STATE_MEMBER;
        return start_gzip(d, err);
    }
    if (number == 0xfd2fb528 || (number & 0xfffffff0) == 0x184d2a50) {
        d->encoding = KIST_ENCODING_ZSTD;
        d->state = STATE_MEMBER;
        return start_zstd(d, err);
    }
    d->state = STATE_PLAIN;
    return 0;
}

static int consume(struct kist_decoder *d, const unsigned char *data, size_t len, struct kist_error *err)
{
    int rc;

    if (d->state != STATE_PLAIN) {
        return decode(d, data, len, err);
    }
    rc = pass_on(d, data, len, err);
    consumed(d, data + len, len);
    return rc == 0 && d->watch && d->watch->due(d->watch->arg) ? mark(d, err) : rc;
}

static int decoder_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_decoder *d = KIST_CONTAINER_OF(sink, struct kist_decoder, sink);
    const unsigned char *p = data;
    int rc;

    if (d->state == STATE_UNKNOWN && (d->magic_len > 0 || len < MAGIC_SIZE)) {
        size_t take = KIST_MIN(len, MAGIC_SIZE - d->magic_len);

        if (take > 0) {
            memcpy(d->magic + d->magic_len, p, take);
        }
        d->magic_len += take;
        if (d->magic_len < MAGIC_SIZE) {
            return 0;
        }
        rc = detect(d, d->magic, err);
        if (rc == 0) {
            rc = consume(d, d->magic, MAGIC_SIZE, err);
        }
        return rc == 0 ? consume(d, p + take, len - take, err) : rc;
    }
    rc = d->state == STATE_UNKNOWN ? detect(d, p, err) : 0;
    return rc == 0 ? consume(d, p, len, err) : rc;
}

static int decoder_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_decoder *d = KIST_CONTAINER_OF(sink, struct kist_decoder, sink);
    int rc;

    if (d->state == STATE_MEMBER) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s data is truncated", encoding_name(d));
    }
    if (d->state == STATE_UNKNOWN) {
        rc = pass_on(d, d->magic, d->magic_len, err);
    } else {
        rc = flush(d, err);
    }
    return rc == 0 ? kist_sink_finish(d->next, err) : rc;
}

int kist_decoder_new(struct kist_decoder **out, struct kist_sink *next, uint64_t limit,
                     struct kist_error *err)
{
    static const struct kist_sink_ops ops = {decoder_write, decoder_finish};
    struct kist_decoder *d = calloc(1, sizeof(*d));

    *out = d;
    if (!d) {
        return kist_error_nomem(err);
    }
    d->sink.ops = &ops;
    d->next = next;
    d->limit = limit;
    return 0;
}

void kist_decoder_free(struct kist_decoder *d)
{
    if (!d) {
        return;
    }
    if (d->gzip_made) {
        (void)inflateEnd(&d->gzip);
    }
    (void)ZSTD_freeDCtx(d->zstd);
    free(d);
}

struct kist_sink *kist_decoder_sink(struct kist_decoder *d)
{
    return &d->sink;
}

enum kist_encoding kist_decoder_encoding(const struct kist_decoder *d)
{
    return d->encoding;
}

/* ---- going on elsewhere ---- */

void kist_decoder_watch(struct kist_decoder *d, const struct kist_decoder_watch *watch)
{
    d->watch = watch;
}

uint64_t kist_decoder_consumed(const struct kist_decoder *d)
{
    return d->consumed;
}

/*
 * u64 consumed, u64 produced, u8 encoding, u8 state, u8 unused bits, u8 the byte they are of, u32 length of
 * the window, the window; not the window where the same bytes lie before all this, which WINDOW_BEFORE in its
 * length says
 */
#define SAVED_SIZE 24
#define WINDOW_MAX 32768U
#define WINDOW_BEFORE (1U << 31)

int kist_decoder_save(struct kist_decoder *d, struct kist_buf *out, struct kist_error *err)
{
    bool inside = d->encoding == KIST_ENCODING_GZIP && d->state == STATE_MEMBER;
    unsigned char saved[SAVED_SIZE] = {0};
    uInt len = 0;
    size_t at = out->len;
    int rc = kist_buf_reserve(out, SAVED_SIZE + WINDOW_MAX, err);
    bool before;

    if (rc < 0) {
        return rc;
    }
    if (inside) {
        (void)inflateGetDictionary(&d->gzip, (Bytef *)out->data + at + SAVED_SIZE, &len);
        saved[18] = (unsigned char)(d->gzip.data_type & BLOCK_UNUSED);
    }
    before = len > 0 && at >= len && memcmp(out->data + at - len, out->data + at + SAVED_SIZE, len) == 0;
    kist_le64_put(saved, d->consumed);
    kist_le64_put(saved + 8, d->produced);
    saved[16] = (unsigned char)d->encoding;
    saved[17] = (unsigned char)d->state;
    saved[19] = d->last;
    kist_le32_put(saved + 20, len | (before ? WINDOW_BEFORE : 0));
    memcpy(out->data + at, saved, sizeof(saved));
    out->len += SAVED_SIZE + (before ? 0 : len);
    return 0;
}

static int bad_save(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_CORRUPT, "a decoder's saved state is damaged");
}

/* A gzip header and the window as a stored block bring a new decoder to where the old one was; then the bits
 * it had left. */
static int restore_member(struct kist_decoder *d, const unsigned char *window, size_t len, unsigned bits,
                          struct kist_error *err)
{
    unsigned char head[15] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0};
    z_stream *z = &d->gzip;
    size_t parts[2] = {len > 0 ? sizeof(head) : 10, len};

    head[11] = (unsigned char)len;
    head[12] = (unsigned char)(len >> 8);
    head[13] = (unsigned char)~len;
    head[14] = (unsigned char)(~len >> 8);
    for (size_t i = 0; i < 2; i++) {
        z->next_in = i == 0 ? head : window;
        z->avail_in = (uInt)parts[i];
        z->next_out = d->output;
        z->avail_out = OUTPUT_SIZE;
        if (parts[i] > 0 && (inflate(z, Z_NO_FLUSH) != Z_OK || z->avail_in > 0)) {
            return bad_save(err);
        }
    }
    if (bits > 0 && inflatePrime(z, (int)bits, d->last >> (8 - bits)) != Z_OK) {
        return bad_save(err);
    }
    return 0;
}

int kist_decoder_restore(struct kist_decoder *d, const struct kist_buf *in, size_t at, struct kist_error *err)
{
    const unsigned char *saved = (const unsigned char *)in->data + at, *window = saved + SAVED_SIZE;
    uint32_t len;
    int rc = 0;

    if (at > in->len || in->len - at < SAVED_SIZE) {
        return bad_save(err);
    }
    len = kist_le32_get(saved + 20) & ~WINDOW_BEFORE;
    if (kist_le32_get(saved + 20) & WINDOW_BEFORE) {
        if (len > at) {
            return bad_save(err);
        }
        window = saved - len;
    } else if (len > in->len - at - SAVED_SIZE) {
        return bad_save(err);
    }
    d->consumed = kist_le64_get(saved);
    d->produced = kist_le64_get(saved + 8);
    d->encoding = (enum kist_encoding)saved[16];
    d->state = (enum decode_state)saved[17];
    d->last = saved[19];
    if (len > WINDOW_MAX || saved[18] > BLOCK_UNUSED || d->produced > d->limit ||
        saved[16] > KIST_ENCODING_ZSTD ||
        (saved[16] == KIST_ENCODING_NONE
             ? d->state != STATE_PLAIN
             : d->state != STATE_BETWEEN && (d->state != STATE_MEMBER || saved[16] == KIST_ENCODING_ZSTD))) {
        return bad_save(err);
    }
    if (d->encoding == KIST_ENCODING_GZIP) {
        rc = start_gzip(d, err);
        if (rc == 0 && d->state == STATE_MEMBER) {
            rc = restore_member(d, window, len, saved[18], err);
        }
    } else if (d->encoding == KIST_ENCODING_ZSTD) {
        rc = start_zstd(d, err);
    }
    return rc;
}
