#include "codec/sha256.h"

#include <inttypes.h>
#include <string.h>

#include "base/le.h"
#include "codec/sha256_blocks.h"
#include "port/cpu.h"

#define BLOCK ((size_t)64)

static kist_sha256_blocks_fn *blocks_choose(void)
{
    static kist_sha256_blocks_fn *chosen;
    kist_sha256_blocks_fn *blocks = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

    if (!blocks) {
        blocks = kist_sha256_blocks_portable;
#if KIST_SHA256_NATIVE
        if (port_cpu_has_sha256()) {
            blocks = kist_sha256_blocks_native;
        }
#endif
        __atomic_store_n(&chosen, blocks, __ATOMIC_RELAXED);
    }
    return blocks;
}

void kist_sha256_init(struct kist_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memset(h, 0, sizeof(*h));
    memcpy(h->state, start, sizeof(start));
}

void kist_sha256_update(struct kist_sha256 *h, const void *data, size_t len)
{
    kist_sha256_blocks_fn *blocks = blocks_choose();
    const unsigned char *p = data;
    size_t held = (size_t)(h->length % BLOCK);

    if (len == 0) {
        return;
    }
    h->length += len;
    if (held > 0) {
        size_t take = KIST_MIN(len, BLOCK - held);

        memcpy(h->block + held, p, take);
        if (held + take < BLOCK) {
            return;
        }
        blocks(h->state, h->block, 1);
        p += take;
        len -= take;
    }
    if (len >= BLOCK) {
        blocks(h->state, p, len / BLOCK);
        p += len / BLOCK * BLOCK;
        len %= BLOCK;
    }
    memcpy(h->block, p, len);
}

void kist_sha256_final(struct kist_sha256 *h, unsigned char digest[KIST_SHA256_SIZE])
{
    kist_sha256_blocks_fn *blocks = blocks_choose();
    size_t held = (size_t)(h->length % BLOCK);
    uint64_t bits = h->length * 8;

    h->block[held++] = 0x80;
    if (held > BLOCK - 8) {
        memset(h->block + held, 0, BLOCK - held);
        blocks(h->state, h->block, 1);
        held = 0;
    }
    memset(h->block + held, 0, BLOCK - 8 - held);
    for (size_t i = 0; i < 8; i++) {
        h->block[BLOCK - 1 - i] = (unsigned char)(bits >> (8 * i));
    }
    blocks(h->state, h->block, 1);
    for (size_t i = 0; i < KIST_SHA256_SIZE; i++) {
        digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void kist_sha256_save(const struct kist_sha256 *h, unsigned char out[KIST_SHA256_STATE])
{
    for (size_t i = 0; i < 8; i++) {
        kist_le32_put(out + 4 * i, h->state[i]);
    }
    kist_le64_put(out + 32, h->length);
    memcpy(out + 40, h->block, BLOCK);
}

void kist_sha256_load(struct kist_sha256 *h, const unsigned char in[KIST_SHA256_STATE])
{
    for (size_t i = 0; i < 8; i++) {
        h->state[i] = kist_le32_get(in + 4 * i);
    }
    h->length = kist_le64_get(in + 32);
    memcpy(h->block, in + 40, BLOCK);
}

static int sink_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_sha256_sink *s = KIST_CONTAINER_OF(sink, struct kist_sha256_sink, sink);

    if (len > s->limit - s->bytes) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s is longer than %" PRIu64 " bytes", s->what, s->limit);
    }
    kist_sha256_update(&s->hash, data, len);
    s->bytes += len;
    return s->next ? kist_sink_write(s->next, data, len, err) : 0;
}

static int sink_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_sha256_sink *s = KIST_CONTAINER_OF(sink, struct kist_sha256_sink, sink);

    return s->next ? kist_sink_finish(s->next, err) : 0;
}

void kist_sha256_sink_init(struct kist_sha256_sink *s, struct kist_sink *next, uint64_t limit,
                           const char *what)
{
    static const struct kist_sink_ops ops = {sink_write, sink_finish};

    *s = (struct kist_sha256_sink){.sink = {&ops}, .next = next, .limit = limit, .what = what};
    kist_sha256_init(&s->hash);
}
