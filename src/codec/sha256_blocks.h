/* The compression function of SHA-256 in its several makes; private to the hash and its tests. */
#ifndef KIST_CODEC_SHA256_BLOCKS_H
#define KIST_CODEC_SHA256_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* Hashes count blocks of 64 bytes at data into state. */
typedef void kist_sha256_blocks_fn(uint32_t state[8], const unsigned char *data, size_t count);

kist_sha256_blocks_fn kist_sha256_blocks_portable;

/* Only where the compiler can make it, and to be called only where port_cpu_has_sha256(). */
#if defined(__x86_64__) || defined(__i386__)
#define KIST_SHA256_NATIVE 1
#elif defined(__ARM_FEATURE_SHA2) || (defined(__GNUC__) && !defined(__clang__) && defined(__aarch64__))
#define KIST_SHA256_NATIVE 1
#elif defined(__GNUC__) && !defined(__clang__) && defined(__arm__) && defined(__ARM_FP) &&                   \
    !defined(__SOFTFP__) && __ARM_ARCH >= 7
#define KIST_SHA256_NATIVE 1
#else
#define KIST_SHA256_NATIVE 0
#endif

#if KIST_SHA256_NATIVE
kist_sha256_blocks_fn kist_sha256_blocks_native;
#endif

/* The 64 round constants (FIPS 180-4, 4.2.2). */
extern const uint32_t kist_sha256_constants[64];

#endif
