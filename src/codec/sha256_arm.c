/* SHA-256 by the ARMv8 cryptographic extension (Arm ARM: SHA256H, SHA256H2, SHA256SU0, SHA256SU1), A64 and
 * A32. */
#include "codec/sha256_blocks.h"

#if KIST_SHA256_NATIVE && (defined(__aarch64__) || defined(__arm__))

#ifndef __ARM_FEATURE_SHA2
#ifdef __aarch64__
#pragma GCC target("+crypto")
#else
#pragma GCC target("arch=armv8-a,fpu=crypto-neon-fp-armv8")
#endif
#endif

#include <arm_neon.h>

static inline void rounds4(uint32x4_t *abcd, uint32x4_t *efgh, uint32x4_t words, const uint32_t *k)
{
    uint32x4_t sum = vaddq_u32(words, vld1q_u32(k)), before = *abcd;

    *abcd = vsha256hq_u32(before, *efgh, sum);
    *efgh = vsha256h2q_u32(*efgh, before, sum);
}

/* The four words after w3, from the sixteen w0 ... w3. */
static inline uint32x4_t next_words(uint32x4_t w0, uint32x4_t w1, uint32x4_t w2, uint32x4_t w3)
{
    return vsha256su1q_u32(vsha256su0q_u32(w0, w1), w2, w3);
}

static inline uint32x4_t load_words(const unsigned char *data)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data)));
}

void kist_sha256_blocks_native(uint32_t state[8], const unsigned char *data, size_t count)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);

    for (; count > 0; count--, data += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        const uint32_t *k = kist_sha256_constants;
        uint32x4_t w0 = load_words(data), w1 = load_words(data + 16);
        uint32x4_t w2 = load_words(data + 32), w3 = load_words(data + 48);

        for (;;) {
            rounds4(&abcd, &efgh, w0, k);
            rounds4(&abcd, &efgh, w1, k + 4);
            rounds4(&abcd, &efgh, w2, k + 8);
            rounds4(&abcd, &efgh, w3, k + 12);
            k += 16;
            if (k == kist_sha256_constants + 64) {
                break;
            }
            w0 = next_words(w0, w1, w2, w3);
            w1 = next_words(w1, w2, w3, w0);
            w2 = next_words(w2, w3, w0, w1);
            w3 = next_words(w3, w0, w1, w2);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

#endif
