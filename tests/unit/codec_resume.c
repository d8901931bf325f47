/* A decoder goes on where another one's mark was. */
#include "test.h"

#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "codec/decode.h"
#include "codec/sha256.h"

#define MAX_OUT ((size_t)32 << 20)
#define PLAIN_SIZE ((size_t)700000)

struct keeping_sink {
    struct kist_sink sink;
    struct kist_buf kept;
};

static int keeping_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(&KIST_CONTAINER_OF(sink, struct keeping_sink, sink)->kept, data, len, err);
}

static int keeping_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static const struct kist_sink_ops keeping_ops = {keeping_write, keeping_finish};

/* Marks as they come, and at each what a second decoder makes of the rest. */
struct run {
    const struct kist_buf *in;
    struct keeping_sink out;
    struct kist_decoder *decoder;
    unsigned marks, passed_over, before;
    bool damage; /* the saved state is shortened */
};

static bool due(void *arg)
{
    struct run *r = arg;

    return r->passed_over++ % 2 == 1; /* not always: both ways of decoding are gone */
}

static int mark(void *arg, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(MAX_OUT);
    struct run *r = arg;
    struct keeping_sink rest = {{&keeping_ops}, KIST_BUF_INIT(MAX_OUT)};
    uint64_t from = kist_decoder_consumed(r->decoder);
    struct kist_decoder *d;
    size_t at;
    int rc;

    r->marks++;
    /* every other state lies behind the bytes that the window holds */
    if (r->marks % 2 && (rc = kist_buf_add(&state, r->out.kept.data, r->out.kept.len, err)) < 0)
        return rc;
    at = state.len;
    if ((rc = kist_decoder_save(r->decoder, &state, err)) < 0 ||
        (rc = kist_decoder_new(&d, &rest.sink, PLAIN_SIZE, err)) < 0)
        return rc;
    r->before += state.len - at < 32768;
    if (r->damage)
        state.len -= (state.len - at) / 2;
    rc = kist_decoder_restore(d, &state, at, err);
    if (r->damage) {
        CHECK_INT(rc, KIST_E_CORRUPT);
    } else {
        CHECK_OK(rc, *err);
        for (size_t i = (size_t)from; i < r->in->len && rc == 0; i += 5000)
            rc = kist_sink_write(kist_decoder_sink(d), r->in->data + i, KIST_MIN(5000, r->in->len - i), err);
        CHECK_OK(rc, *err);
        CHECK_OK(kist_sink_finish(kist_decoder_sink(d), err), *err);
        rc = kist_buf_add(&rest.kept, "", 0, err);
        CHECK_INT(r->out.kept.len + rest.kept.len, PLAIN_SIZE);
        /* the first part is checked when all is there */
        if (rc == 0 && rest.kept.len > 0) {
            struct keeping_sink whole = {{&keeping_ops}, KIST_BUF_INIT(MAX_OUT)};
            struct kist_decoder *again;

            if (kist_decoder_new(&again, &whole.sink, PLAIN_SIZE, err) == 0) {
                CHECK_OK(kist_sink_write(kist_decoder_sink(again), r->in->data, r->in->len, err), *err);
                CHECK_OK(kist_sink_finish(kist_decoder_sink(again), err), *err);
                kist_decoder_free(again);
                CHECK_MEM(rest.kept.data, whole.kept.data + r->out.kept.len, rest.kept.len);
            }
            kist_buf_release(&whole.kept);
        }
    }
    kist_decoder_free(d);
    kist_buf_release(&rest.kept);
    return 0;
}

static void decode(struct run *r, const struct kist_buf *in, size_t piece)
{
    const struct kist_decoder_watch watch = {due, mark, r};
    struct kist_error err = {0};
    int rc;

    r->in = in;
    r->out = (struct keeping_sink){{&keeping_ops}, KIST_BUF_INIT(MAX_OUT)};
    REQUIRE_OK(kist_decoder_new(&r->decoder, &r->out.sink, PLAIN_SIZE, &err), err);
    kist_decoder_watch(r->decoder, &watch);
    rc = 0;
    for (size_t at = 0; at < in->len && rc == 0; at += piece)
        rc = kist_sink_write(kist_decoder_sink(r->decoder), in->data + at, KIST_MIN(piece, in->len - at),
                             &err);
    CHECK_OK(rc, err);
    CHECK_OK(kist_sink_finish(kist_decoder_sink(r->decoder), &err), err);
    kist_decoder_free(r->decoder);
    CHECK_INT(r->out.kept.len, PLAIN_SIZE);
    kist_buf_release(&r->out.kept);
}

static void make_plain(unsigned char *data)
{
    uint32_t state = 7;

    for (size_t i = 0; i < PLAIN_SIZE; i++) {
        state = state * 1103515245 + 12345;
        data[i] = (unsigned char)("abcdefgh"[state >> 28 & 7] + (state >> 20 & 1));
    }
}

static void add_gzip(struct kist_buf *out, const unsigned char *data, size_t len, int level, int strategy)
{
    z_stream z = {0};

    if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, strategy) != Z_OK ||
        kist_buf_reserve(out, deflateBound(&z, (uLong)len) + 64, NULL) < 0)
        abort();
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)(out->size - out->len);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    out->len += z.total_out;
    deflateEnd(&z);
}

static void check_gzip(int level, int strategy, size_t member, const unsigned char *plain)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    static const size_t pieces[] = {SIZE_MAX / 2, 16384, 997, 1};

    for (size_t at = 0; at < PLAIN_SIZE; at += member)
        add_gzip(&in, plain + at, KIST_MIN(member, PLAIN_SIZE - at), level, strategy);
    for (size_t i = 0; i < KIST_COUNT(pieces); i++) {
        struct run r = {.marks = 0};

        decode(&r, &in, pieces[i]);
        CHECK(r.marks > 1);
        CHECK(r.before > 0);
    }
}

TEST(goes_on_within_gzip)
{
    unsigned char *plain = malloc(PLAIN_SIZE);

    make_plain(plain);
    TEST_CASE("one member");
    check_gzip(6, Z_DEFAULT_STRATEGY, PLAIN_SIZE, plain);
    TEST_CASE("fixed codes");
    check_gzip(1, Z_FIXED, PLAIN_SIZE, plain);
    TEST_CASE("stored");
    check_gzip(0, Z_DEFAULT_STRATEGY, PLAIN_SIZE, plain);
    TEST_CASE("many members");
    check_gzip(9, Z_DEFAULT_STRATEGY, 30000, plain);
    free(plain);
}

TEST(goes_on_between_zstd_frames)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    unsigned char *plain = malloc(PLAIN_SIZE);
    struct run r = {.marks = 0};

    make_plain(plain);
    for (size_t at = 0; at < PLAIN_SIZE; at += 100000) {
        size_t len = KIST_MIN(100000, PLAIN_SIZE - at), bound = ZSTD_compressBound(len), n;

        if (kist_buf_reserve(&in, bound, NULL) < 0)
            abort();
        n = ZSTD_compress(in.data + in.len, bound, plain + at, len, 1);
        REQUIRE(!ZSTD_isError(n));
        in.len += n;
    }
    decode(&r, &in, 4096);
    CHECK(r.marks > 1);
    free(plain);
}

TEST(goes_on_in_what_is_not_compressed)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    unsigned char *plain = malloc(PLAIN_SIZE);
    struct run r = {.marks = 0};

    make_plain(plain);
    if (kist_buf_add(&in, plain, PLAIN_SIZE, NULL) < 0)
        abort();
    decode(&r, &in, 50000);
    CHECK(r.marks > 1);
    free(plain);
}

TEST(refuses_a_state_that_is_cut_off)
{
    KIST_AUTO(buf) struct kist_buf in = KIST_BUF_INIT(MAX_OUT);
    unsigned char *plain = malloc(PLAIN_SIZE);
    struct run r = {.damage = true};

    make_plain(plain);
    add_gzip(&in, plain, PLAIN_SIZE, 6, Z_DEFAULT_STRATEGY);
    decode(&r, &in, 16384);
    CHECK(r.marks > 1);
    free(plain);
}

TEST(takes_any_state)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(MAX_OUT);
    struct kist_sink sink = {&keeping_ops};
    struct kist_error err = {0};
    uint32_t seed = 1;

    if (kist_buf_reserve(&state, 4096, NULL) < 0)
        abort();
    for (unsigned i = 0; i < 20000; i++) {
        struct kist_decoder *d;

        state.len = 0;
        for (size_t n = i % 100; state.len < n;) {
            seed = seed * 1664525U + 1013904223U;
            state.data[state.len] =
                (char)(state.len >= 16 && state.len < 20 && i % 2 ? seed >> 24 & 3 : seed >> 24);
            state.len++;
        }
        REQUIRE_OK(kist_decoder_new(&d, &sink, UINT64_MAX, &err), err);
        (void)!kist_decoder_restore(d, &state, i % 7, &err);
        kist_decoder_free(d);
    }
}

TEST(keeps_the_state_of_a_hash)
{
    unsigned char state[KIST_SHA256_STATE], a[KIST_SHA256_SIZE], b[KIST_SHA256_SIZE];
    const char text[] = "the quick brown fox jumps over the lazy dog, and then over another one, once more";

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct kist_sha256 first, second;

        kist_sha256_init(&first);
        kist_sha256_update(&first, text, cut);
        kist_sha256_save(&first, state);
        memset(&second, 0xff, sizeof(second));
        kist_sha256_load(&second, state);
        kist_sha256_update(&first, text + cut, sizeof(text) - cut);
        kist_sha256_update(&second, text + cut, sizeof(text) - cut);
        kist_sha256_final(&first, a);
        kist_sha256_final(&second, b);
        CHECK_MEM(a, b, sizeof(a));
    }
}
