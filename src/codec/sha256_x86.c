/* SHA-256 by the SHA extensions (Intel SDM, volume 2: SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
#include "codec/sha256_blocks.h"

#if KIST_SHA256_NATIVE && (defined(__x86_64__) || defined(__i386__))

#include <immintrin.h>

#define NATIVE __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds; each instruction makes two and leaves ABEF where CDGH was, so two of them bring the names
 * back. */
NATIVE static inline void rounds4(__m128i *abef, __m128i *cdgh, __m128i words, const uint32_t *k)
{
    __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(const void *)k));

    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

/* The four words after w3, from the sixteen w0 ... w3. */
NATIVE static inline __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));

    return _mm_sha256msg2_epu32(sum, w3);
}

NATIVE static inline __m128i load_words(const unsigned char *data)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)data), swap);
}

/* A name such as abef gives the four lanes from the highest down. */
NATIVE void kist_sha256_blocks_native(uint32_t state[8], const unsigned char *data, size_t count)
{
    __m128i *stored = (__m128i *)(void *)state;
    __m128i dcba = _mm_loadu_si128(stored), hgfe = _mm_loadu_si128(stored + 1);
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    __m128i feba, dchg;

    for (; count > 0; count--, data += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        const uint32_t *k = kist_sha256_constants;
        __m128i w0 = load_words(data), w1 = load_words(data + 16);
        __m128i w2 = load_words(data + 32), w3 = load_words(data + 48);

        for (;;) {
            rounds4(&abef, &cdgh, w0, k);
            rounds4(&abef, &cdgh, w1, k + 4);
            rounds4(&abef, &cdgh, w2, k + 8);
            rounds4(&abef, &cdgh, w3, k + 12);
            k += 16;
            if (k == kist_sha256_constants + 64) {
                break;
            }
            w0 = next_words(w0, w1, w2, w3);
            w1 = next_words(w1, w2, w3, w0);
            w2 = next_words(w2, w3, w0, w1);
            w3 = next_words(w3, w0, w1, w2);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    feba = _mm_shuffle_epi32(abef, 0x1b);
    dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(stored, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(stored + 1, _mm_alignr_epi8(dchg, feba, 8));
}

#endif
