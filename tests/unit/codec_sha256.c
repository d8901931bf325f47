/* rooms: codec dep_mbedtls */
#include "test.h"

#include <mbedtls/sha256.h>

#include "base/str.h"
#include "codec/sha256.h"
#include "codec/sha256_blocks.h"
#include "port/cpu.h"

static void hash_text(char hex[2 * KIST_SHA256_SIZE + 1], const void *data, size_t len)
{
    unsigned char digest[KIST_SHA256_SIZE];
    struct kist_sha256 h;

    kist_sha256_init(&h);
    kist_sha256_update(&h, data, len);
    kist_sha256_final(&h, digest);
    kist_str_hex(hex, digest, sizeof(digest));
}

/* The same bytes on every run. */
static void fill(unsigned char *data, size_t len)
{
    uint32_t state = 2463534242U;

    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        data[i] = (unsigned char)state;
    }
}

TEST(gives_the_digests_of_the_standard)
{
    static const struct {
        const char *text, *digest;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
         "mnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[2 * KIST_SHA256_SIZE + 1];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        hash_text(hex, rows[i].text, strlen(rows[i].text));
        CHECK_STR(hex, rows[i].digest);
    }
}

TEST(agrees_with_mbedtls_at_every_length)
{
    unsigned char data[300], want[32], got[32];

    fill(data, sizeof(data));
    for (size_t len = 0; len <= sizeof(data); len++) {
        struct kist_sha256 h;

        CHECK_INT(mbedtls_sha256(data, len, want, 0), 0);
        kist_sha256_init(&h);
        kist_sha256_update(&h, data, len);
        kist_sha256_final(&h, got);
        CHECK_MEM(got, want, sizeof(want));
    }
}

TEST(does_not_mind_how_the_data_is_split)
{
    static unsigned char data[20000];
    unsigned char want[32], got[32];
    uint32_t state = 1;

    fill(data, sizeof(data));
    CHECK_INT(mbedtls_sha256(data, sizeof(data), want, 0), 0);
    for (int round = 0; round < 50; round++) {
        struct kist_sha256 h, copy;

        kist_sha256_init(&h);
        for (size_t at = 0; at < sizeof(data);) {
            size_t len = (state = state * 1103515245 + 12345) >> 16 & (round % 2 ? 0xff : 0x7ff);

            len = KIST_MIN(len, sizeof(data) - at);
            kist_sha256_update(&h, data + at, len);
            at += len;
            copy = h; /* a saved state goes on as if nothing had been */
            memset(&h, 0xee, sizeof(h));
            h = copy;
        }
        CHECK_INT(h.length, sizeof(data));
        kist_sha256_final(&h, got);
        CHECK_MEM(got, want, sizeof(want));
    }
}

TEST(computes_the_same_with_and_without_the_cpus_instructions)
{
#if KIST_SHA256_NATIVE
    static unsigned char data[64 * 100 + 1];
    uint32_t portable[8], native[8];

    if (!port_cpu_has_sha256())
        TEST_SKIP("this CPU has no SHA-256 instructions");
    fill(data, sizeof(data));
    memcpy(portable, data, sizeof(portable));
    memcpy(native, data, sizeof(native));
    for (size_t count = 0; count <= 100; count += 7) {
        kist_sha256_blocks_portable(portable, data + count % 2, count);
        kist_sha256_blocks_native(native, data + count % 2, count);
        CHECK_MEM(native, portable, sizeof(native));
    }
#else
    TEST_SKIP("not built with SHA-256 instructions");
#endif
}

TEST(portable_code_gives_the_standards_digest)
{
    /* "abc", padded by hand */
    unsigned char block[64] = {'a', 'b', 'c', 0x80, [63] = 24};
    struct kist_sha256 h;

    kist_sha256_init(&h);
    kist_sha256_blocks_portable(h.state, block, 1);
    CHECK_INT(h.state[0], 0xba7816bf);
    CHECK_INT(h.state[7], 0xf20015ad);
}

struct counting_sink {
    struct kist_sink sink;
    size_t bytes;
    int finished;
};

static int counting_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct counting_sink *s = KIST_CONTAINER_OF(sink, struct counting_sink, sink);

    (void)data;
    (void)err;
    s->bytes += len;
    return 0;
}

static int counting_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)err;
    KIST_CONTAINER_OF(sink, struct counting_sink, sink)->finished++;
    return 0;
}

TEST(sink_hashes_counts_and_stops_at_its_limit)
{
    static const struct kist_sink_ops ops = {counting_write, counting_finish};
    struct counting_sink end = {.sink = {&ops}};
    struct kist_error err = {0};
    struct kist_sha256_sink s;
    unsigned char digest[KIST_SHA256_SIZE];
    char hex[2 * KIST_SHA256_SIZE + 1];

    kist_sha256_sink_init(&s, &end.sink, 3, "layer 'x'");
    CHECK_OK(kist_sink_write(&s.sink, "a", 1, &err), err);
    CHECK_OK(kist_sink_write(&s.sink, "bc", 2, &err), err);
    CHECK_INT(s.bytes, 3);
    CHECK_INT(kist_sink_write(&s.sink, "d", 1, &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "layer 'x' is longer than 3 bytes");
    CHECK_INT(end.bytes, 3);
    CHECK_OK(kist_sink_finish(&s.sink, &err), err);
    CHECK_INT(end.finished, 1);
    kist_sha256_final(&s.hash, digest);
    kist_str_hex(hex, digest, sizeof(digest));
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(sink_needs_no_next_one)
{
    struct kist_error err = {0};
    struct kist_sha256_sink s;

    kist_sha256_sink_init(&s, NULL, UINT64_MAX, "x");
    CHECK_OK(kist_sink_write(&s.sink, "abc", 3, &err), err);
    CHECK_OK(kist_sink_finish(&s.sink, &err), err);
    CHECK_INT(s.bytes, 3);
}
