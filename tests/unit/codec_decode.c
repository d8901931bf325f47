#include "test.h"

#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "codec/decode.h"

#define MAX_OUT ((size_t)32 << 20)

struct keeping_sink {
    struct kist_sink sink;
    struct kist_buf kept;
    int finished;
};

static int keeping_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct keeping_sink *s = KIST_CONTAINER_OF(sink, struct keeping_sink, sink);

    return kist_buf_add(&s->kept, data, len, err);
}

static int keeping_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)err;
    KIST_CONTAINER_OF(sink, struct keeping_sink, sink)->finished++;
    return 0;
}

/* Decodes in in pieces of at most piece bytes. */
static int decode(const struct kist_buf *in, size_t piece, uint64_t limit, struct keeping_sink *out,
                  enum kist_encoding *encoding, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {keeping_write, keeping_finish};
    struct kist_decoder *d;
    int rc;

    *out = (struct keeping_sink){.sink = {&ops}, .kept = KIST_BUF_INIT(MAX_OUT)};
    rc = kist_decoder_new(&d, &out->sink, limit, err);
    for (size_t at = 0; rc == 0 && at < in->len;) {
        size_t take = KIST_MIN(piece, in->len - at);

        rc = kist_sink_write(kist_decoder_sink(d), in->data + at, take, err);
        at += take;
    }
    if (rc == 0)
        rc = kist_sink_finish(kist_decoder_sink(d), err);
    *encoding = kist_decoder_encoding(d);
    kist_decoder_free(d);
    return rc;
}

static void check_decodes(const struct kist_buf *in, const void *want, size_t len,
                          enum kist_encoding encoding)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 3, 4, 5, 1000, 16384};

    for (size_t i = 0; i < KIST_COUNT(pieces); i++) {
        struct kist_error err = {0};
        struct keeping_sink out;
        enum kist_encoding found;

        if (in->len / pieces[i] > 100000)
            continue;
        CHECK_OK(decode(in, pieces[i], len, &out, &found, &err), err);
        CHECK_INT(out.kept.len, len);
        if (out.kept.len == len && len > 0)
            CHECK_MEM(out.kept.data, want, len);
        CHECK_INT(out.finished, 1);
        CHECK_INT(found, encoding);
        kist_buf_release(&out.kept);
    }
}

static void check_fails(const struct kist_buf *in, uint64_t limit, int code, const char *message)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 16384};

    for (size_t i = 0; i < KIST_COUNT(pieces); i++) {
        struct kist_error err = {0};
        struct keeping_sink out;
        enum kist_encoding found;

        if (in->len / pieces[i] > 100000)
            continue;
        CHECK_INT(decode(in, pieces[i], limit, &out, &found, &err), code);
        if (strncmp(err.message, message, strlen(message)) != 0)
            CHECK_STR(err.message, message);
        CHECK(out.kept.len <= limit);
        CHECK_INT(out.finished, 0);
        kist_buf_release(&out.kept);
    }
}

static void add(struct kist_buf *out, const void *data, size_t len)
{
    if (kist_buf_add(out, data, len, NULL) < 0)
        abort();
}

/* A gzip member with every optional field, its header's checksum wrong: nobody asks. */
static void add_gzip(struct kist_buf *out, const void *data, size_t len, int level)
{
    static const unsigned char full[] = {
        0x1f, 0x8b, 8,   0x1e, 1,   2,   3, 4,   0, 3, /* FHCRC FEXTRA FNAME FCOMMENT */
        3,    0,    'e', 'x',  't', 'n', 0, 'c', 0, 0xff, 0xff};
    size_t room;
    z_stream z = {0};

    if (deflateInit2(&z, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        kist_buf_reserve(out, sizeof(full) + deflateBound(&z, (uLong)len) + 8, NULL) < 0)
        abort();
    add(out, full, sizeof(full));
    room = out->size - out->len;
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    out->len += room - z.avail_out;
    deflateEnd(&z);
    add(out, "CRC!LEN!", 8); /* not verified, see decode.h */
}

static void add_zstd(struct kist_buf *out, const void *data, size_t len, int window_log)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(len) + 64;
    ZSTD_inBuffer in = {data, len, 0};
    ZSTD_outBuffer to;

    if (!c || kist_buf_reserve(out, bound, NULL) < 0)
        abort();
    to = (ZSTD_outBuffer){out->data + out->len, bound, 0};
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    /* two calls, so that the size is not known and the window is as large as asked for */
    if (ZSTD_compressStream2(c, &to, &in, ZSTD_e_flush) != 0 ||
        ZSTD_compressStream2(c, &to, &in, ZSTD_e_end) != 0)
        abort();
    out->len += to.pos;
    ZSTD_freeCCtx(c);
}

static unsigned char *make_plain(size_t len)
{
    unsigned char *data = malloc(len);
    uint32_t state = 7;

    if (!data)
        abort();
    for (size_t i = 0; i < len; i++) {
        state = state * 1103515245 + 12345;
        data[i] = (unsigned char)("abcdefgh"[state >> 28 & 7] + (state >> 20 & 1));
    }
    return data;
}

TEST(passes_plain_data_through)
{
    static const struct {
        const char *label, *bytes;
        size_t len;
    } rows[] = {
        {"empty", "", 0},
        {"one byte", "x", 1},
        {"three bytes of a magic", "\x28\xb5\x2f", 3},
        {"two bytes of a magic", "\x1f\x8b", 2},
        {"text", "hello, world", 12},
        {"nearly gzip", "\x1f\x8b\x07xxx", 6},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);

        TEST_CASE(rows[i].label);
        add(&in, rows[i].bytes, rows[i].len);
        check_decodes(&in, rows[i].bytes, rows[i].len, KIST_ENCODING_NONE);
    }
}

TEST(decodes_gzip)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    size_t len = 300000;
    unsigned char *plain = make_plain(len);

    TEST_CASE("one member");
    add_gzip(&in, plain, len, 6);
    check_decodes(&in, plain, len, KIST_ENCODING_GZIP);
    TEST_CASE("several, one empty, one stored");
    kist_buf_clear(&in);
    add_gzip(&in, plain, 100000, 1);
    add_gzip(&in, plain, 0, 6);
    add_gzip(&in, plain + 100000, 65536, 0);
    add_gzip(&in, plain + 165536, len - 165536, 9);
    check_decodes(&in, plain, len, KIST_ENCODING_GZIP);
    TEST_CASE("zeros after it");
    for (int i = 0; i < 3000; i++)
        add(&in, "", 1);
    check_decodes(&in, plain, len, KIST_ENCODING_GZIP);
    TEST_CASE("nothing inside");
    kist_buf_clear(&in);
    add_gzip(&in, plain, 0, 6);
    check_decodes(&in, plain, 0, KIST_ENCODING_GZIP);
    TEST_CASE("output a multiple of the buffer");
    kist_buf_clear(&in);
    add_gzip(&in, plain, 65536 * 2, 6);
    check_decodes(&in, plain, 65536 * 2, KIST_ENCODING_GZIP);
    free(plain);
}

TEST(decodes_zstd)
{
    static const char skippable[] = "\x53\x2a\x4d\x18\x05\0\0\0skip!";
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    size_t len = 300000;
    unsigned char *plain = make_plain(len);

    TEST_CASE("one frame");
    add_zstd(&in, plain, len, 17);
    check_decodes(&in, plain, len, KIST_ENCODING_ZSTD);
    TEST_CASE("several, one empty, skippable ones between and first");
    kist_buf_clear(&in);
    add(&in, skippable, sizeof(skippable) - 1);
    add_zstd(&in, plain, 100000, 10);
    add(&in, skippable, sizeof(skippable) - 1);
    add_zstd(&in, plain, 0, 17);
    add_zstd(&in, plain + 100000, len - 100000, KIST_MAX_ZSTD_WINDOW_LOG);
    add(&in, skippable, sizeof(skippable) - 1);
    check_decodes(&in, plain, len, KIST_ENCODING_ZSTD);
    TEST_CASE("zeros after it");
    for (int i = 0; i < 3000; i++)
        add(&in, "", 1);
    check_decodes(&in, plain, len, KIST_ENCODING_ZSTD);
    TEST_CASE("output a multiple of the buffer");
    kist_buf_clear(&in);
    add_zstd(&in, plain, 65536 * 2, 17);
    check_decodes(&in, plain, 65536 * 2, KIST_ENCODING_ZSTD);
    TEST_CASE("only a skippable frame");
    kist_buf_clear(&in);
    add(&in, skippable, sizeof(skippable) - 1);
    check_decodes(&in, plain, 0, KIST_ENCODING_ZSTD);
    free(plain);
}

TEST(refuses_truncated_data)
{
    static const struct {
        const char *label, *message;
        void (*add)(struct kist_buf *, const void *, size_t, int);
        int how;
    } rows[] = {{"gzip", "gzip data is truncated", add_gzip, 6},
                {"zstd", "zstd data is truncated", add_zstd, 17}};
    unsigned char *plain = make_plain(2000);

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
        size_t whole;

        TEST_CASE(rows[i].label);
        rows[i].add(&in, plain, 2000, rows[i].how);
        whole = in.len;
        for (in.len = 4; in.len < whole; in.len += in.len < whole - 20 ? 7 : 1)
            check_fails(&in, MAX_OUT, KIST_E_CORRUPT, rows[i].message);
        rows[i].add(&in, plain, 2000, rows[i].how);
        in.len = whole + 1;
        check_fails(&in, MAX_OUT, KIST_E_CORRUPT, rows[i].message);
    }
    free(plain);
}

TEST(refuses_corrupt_data)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    unsigned char *plain = make_plain(5000);

    TEST_CASE("deflate block of no type");
    add_gzip(&in, plain, 0, 6);
    in.data[21] = '\xff';
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt gzip data: invalid block type");
    TEST_CASE("reserved gzip flags");
    in.data[3] = '\xe0';
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt gzip data: unknown header flags set");
    TEST_CASE("zstd checksum");
    kist_buf_clear(&in);
    add_zstd(&in, plain, 5000, 17);
    in.data[in.len - 1] ^= 1;
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt zstd data: ");
    TEST_CASE("zstd block");
    kist_buf_clear(&in);
    add_zstd(&in, plain, 5000, 17);
    in.data[6] = '\x7f';
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt zstd data: ");
    free(plain);
}

TEST(refuses_garbage_after_the_end)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);

    TEST_CASE("gzip");
    add_gzip(&in, "data", 4, 6);
    add(&in, "garbage", 7);
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "garbage after the end of the gzip data");
    TEST_CASE("gzip, zeros between");
    in.len -= 7;
    add(&in, "\0\0\x1f\x8b", 4);
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "garbage after the end of the gzip data");
    TEST_CASE("half a magic");
    in.len -= 4;
    add(&in, "\x1f\xff", 2);
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt gzip data: incorrect header check");
    TEST_CASE("zstd");
    kist_buf_clear(&in);
    add_zstd(&in, "data", 4, 17);
    add(&in, "garbage", 7);
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "garbage after the end of the zstd data");
    TEST_CASE("zstd, half a magic");
    in.len -= 7;
    add(&in, "\x28\xb5\x2f\xff\xff\xff", 6);
    check_fails(&in, MAX_OUT, KIST_E_CORRUPT, "corrupt zstd data: ");
}

TEST(refuses_a_bomb)
{
    static const struct {
        const char *label;
        void (*add)(struct kist_buf *, const void *, size_t, int);
        int how;
    } rows[] = {{"gzip", add_gzip, 9}, {"zstd", add_zstd, 20}};
    size_t len = 20 << 20;
    char *zeros = calloc(1, len);

    REQUIRE(zeros != NULL);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);

        TEST_CASE(rows[i].label);
        rows[i].add(&in, zeros, len, rows[i].how);
        CHECK(in.len < 30000);
        check_fails(&in, 1000000, KIST_E_CORRUPT, "unpacks to more than 1000000 bytes");
        check_fails(&in, len - 1, KIST_E_CORRUPT, "unpacks to more than 20971519 bytes");
    }
    free(zeros);
}

TEST(holds_the_limit_on_plain_data)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(100);

    add(&in, "hello", 5);
    check_fails(&in, 4, KIST_E_CORRUPT, "unpacks to more than 4 bytes");
    in.len = 3;
    check_fails(&in, 2, KIST_E_CORRUPT, "unpacks to more than 2 bytes");
    check_fails(&in, 0, KIST_E_CORRUPT, "unpacks to more than 0 bytes");
}

TEST(refuses_a_window_above_the_cap)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);

    add_zstd(&in, "data", 4, KIST_MAX_ZSTD_WINDOW_LOG + 1);
    check_fails(&in, MAX_OUT, KIST_E_UNSUPPORTED, "zstd data needs a window of more than 8 MiB");
}
