#include "test.h"

#include <zlib.h>
#include <zstd.h>

#include "codec/collect.h"
#include "codec/decode.h"
#include "codec/encode.h"
#include "codec/sha256.h"

#define CHUNK ((size_t)1 << 20)
#define MAX_OUT ((size_t)32 << 20)

/* Words that come again, so that there is something to find in the window. */
static unsigned char *make_text(size_t len)
{
    unsigned char *text = malloc(len + 1);
    uint64_t state = 88172645463325252U;

    for (size_t at = 0; at < len;) {
        unsigned word, letters;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word = (unsigned)(state >> 33) % 4096;
        letters = 2 + word % 9;
        for (unsigned i = 0; i < letters && at < len; i++) {
            text[at++] = (unsigned char)('a' + (word * 31 + i * i * 7) % 26);
        }
        if (at < len) {
            text[at++] = state % 50 == 0 ? '\n' : ' ';
        }
    }
    return text;
}

static int encode(const void *data, size_t len, enum kist_encoding encoding, unsigned workers, size_t piece,
                  struct kist_buf *out, struct kist_error *err)
{
    struct kist_collect end;
    struct kist_encoder *e;
    int rc;

    kist_buf_init(out, MAX_OUT);
    kist_collect_init(&end, out);
    rc = kist_encoder_new(&e, encoding, workers, &end.sink, err);
    if (rc < 0)
        return rc;
    for (size_t at = 0; rc == 0 && at < len;) {
        size_t take = KIST_MIN(piece, len - at);

        rc = kist_sink_write(kist_encoder_sink(e), (const char *)data + at, take, err);
        at += take;
    }
    if (rc == 0)
        rc = kist_sink_finish(kist_encoder_sink(e), err);
    kist_encoder_free(e);
    return rc;
}

static void hash(char text[65], const void *data, size_t len)
{
    unsigned char bytes[KIST_SHA256_SIZE];
    struct kist_sha256 h;

    kist_sha256_init(&h);
    kist_sha256_update(&h, data, len);
    kist_sha256_final(&h, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Unpacked again by the library, which also checks gzip's own sums; pieces: members or frames. */
static void check_unpacks(const struct kist_buf *in, enum kist_encoding encoding, const void *want, size_t len)
{
    unsigned char *got = malloc(len + 1);
    size_t n = 0;

    if (encoding == KIST_ENCODING_GZIP) {
        z_stream z = {.next_in = (Bytef *)in->data, .avail_in = (uInt)in->len};

        z.next_out = got;
        z.avail_out = (uInt)len + 1;
        CHECK_INT(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
        CHECK_INT(inflate(&z, Z_FINISH), Z_STREAM_END);
        CHECK_INT(z.avail_in, 0);
        n = z.total_out;
        inflateEnd(&z);
    } else {
        struct kist_error err = {0};
        struct kist_buf out = KIST_BUF_INIT(MAX_OUT);
        struct kist_collect end;
        struct kist_decoder *d;

        kist_collect_init(&end, &out);
        REQUIRE_OK(kist_decoder_new(&d, &end.sink, MAX_OUT, &err), err);
        CHECK_OK(kist_sink_write(kist_decoder_sink(d), in->data, in->len, &err), err);
        CHECK_OK(kist_sink_finish(kist_decoder_sink(d), &err), err);
        kist_decoder_free(d);
        n = out.len;
        if (n == len && n > 0)
            memcpy(got, out.data, n);
        kist_buf_release(&out);
    }
    CHECK_INT(n, len);
    if (n == len && n > 0)
        CHECK_MEM(got, want, len);
    free(got);
}

TEST(the_output_depends_on_the_input_alone)
{
    static const size_t lengths[] = {0, 1, 40000, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK / 2, 9 * CHUNK + 77};
    unsigned char *text = make_text(9 * CHUNK + 77);

    for (size_t i = 0; i < KIST_COUNT(lengths); i++) {
        for (int encoding = KIST_ENCODING_GZIP; encoding <= KIST_ENCODING_ZSTD; encoding++) {
            struct kist_error err = {0};
            struct kist_buf first, other;
            char row[64];

            snprintf(row, sizeof(row), "%zu bytes, form %d", lengths[i], encoding);
            TEST_CASE(row);
            REQUIRE_OK(encode(text, lengths[i], (enum kist_encoding)encoding, 0, SIZE_MAX, &first, &err), err);
            check_unpacks(&first, (enum kist_encoding)encoding, text, lengths[i]);
            for (unsigned workers = 1; workers <= 2; workers++) {
                REQUIRE_OK(encode(text, lengths[i], (enum kist_encoding)encoding, workers, 65537 * workers, &other, &err),
                           err);
                CHECK_INT(other.len, first.len);
                if (other.len == first.len)
                    CHECK_MEM(other.data, first.data, first.len);
                kist_buf_release(&other);
            }
            kist_buf_release(&first);
        }
    }
    free(text);
}

/* What other machines push, today and with the next version of kist. */
TEST(the_output_is_the_same_everywhere)
{
    static const struct {
        enum kist_encoding encoding;
        const char *library, *digest;
    } rows[] = {
        {KIST_ENCODING_GZIP, "gzip-1-1.3.1", "d9ed74d34360d4c827d3438745842b0c7c0d104cb98aec2052381f9104033729"},
        {KIST_ENCODING_ZSTD, "zstd-1-1.5.7", "b61290f7f5d5c4cc4805779be781285b45dec7587edf024c59f0677b6a0d6fcb"},
    };
    unsigned char *text = make_text(5 * CHUNK / 2);

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct kist_buf out;
        char digest[65];

        TEST_CASE(rows[i].library);
        if (strcmp(kist_encoder_form(rows[i].encoding), rows[i].library) != 0)
            continue; /* the system's library has its own */
        REQUIRE_OK(encode(text, 5 * CHUNK / 2, rows[i].encoding, 2, 100000, &out, &err), err);
        hash(digest, out.data, out.len);
        CHECK_STR(digest, rows[i].digest);
        kist_buf_release(&out);
    }
    free(text);
}

TEST(is_nearly_as_small_as_gzip)
{
    unsigned char *text = make_text(4 * CHUNK);
    struct kist_error err = {0};
    struct kist_buf ours, none;
    unsigned char *whole = malloc(4 * CHUNK);
    z_stream z = {.next_in = text, .avail_in = 4 * CHUNK, .next_out = whole, .avail_out = 4 * CHUNK};

    REQUIRE_OK(encode(text, 4 * CHUNK, KIST_ENCODING_GZIP, 0, SIZE_MAX, &ours, &err), err);
    CHECK_INT(deflateInit(&z, 6), Z_OK);
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    CHECK(ours.len < z.total_out + z.total_out / 10);
    (void)deflateEnd(&z);
    REQUIRE_OK(encode(text, 4 * CHUNK, KIST_ENCODING_NONE, 0, 99999, &none, &err), err);
    CHECK_INT(none.len, 4 * CHUNK);
    CHECK_MEM(none.data, text, none.len);
    kist_buf_release(&ours);
    kist_buf_release(&none);
    free(whole);
    free(text);
}

static int refusing_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    (void)sink, (void)data, (void)len;
    return kist_error_set(err, KIST_E_NETWORK, "no more");
}

static int refusing_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    return kist_error_set(err, KIST_E_FAIL, "finished after an error");
}

TEST(an_error_of_the_next_stage_comes_back)
{
    static const struct kist_sink_ops ops = {refusing_write, refusing_finish};
    unsigned char *text = make_text(4 * CHUNK);

    for (unsigned workers = 0; workers < 3; workers++) {
        struct kist_sink refusing = {&ops};
        struct kist_error err = {0};
        struct kist_encoder *e;
        int rc;

        REQUIRE_OK(kist_encoder_new(&e, KIST_ENCODING_GZIP, workers, &refusing, &err), err);
        rc = kist_sink_write(kist_encoder_sink(e), text, 4 * CHUNK, &err);
        if (rc == 0)
            rc = kist_sink_finish(kist_encoder_sink(e), &err);
        CHECK_INT(rc, KIST_E_NETWORK);
        CHECK_STR(err.message, "no more");
        kist_encoder_free(e);
    }
    free(text);
}
