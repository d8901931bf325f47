/* SHA-256 (FIPS 180-4), with SHA-NI and ARMv8 where the CPU has them; the state can be saved and copied. */
#ifndef KIST_CODEC_SHA256_H
#define KIST_CODEC_SHA256_H

#include "codec/stream.h"

#define KIST_SHA256_SIZE 32

struct kist_sha256 {
    uint32_t state[8];
    uint64_t length;         /* bytes hashed so far */
    unsigned char block[64]; /* the length % 64 bytes not yet hashed */
};

void kist_sha256_init(struct kist_sha256 *h);
void kist_sha256_update(struct kist_sha256 *h, const void *data, size_t len);
/* h is used up. */
void kist_sha256_final(struct kist_sha256 *h, unsigned char digest[KIST_SHA256_SIZE]);

/* The state as KIST_SHA256_STATE bytes, and back: what is hashed from there on may be hashed by another process. */
#define KIST_SHA256_STATE 104
void kist_sha256_save(const struct kist_sha256 *h, unsigned char out[KIST_SHA256_STATE]);
void kist_sha256_load(struct kist_sha256 *h, const unsigned char in[KIST_SHA256_STATE]);

/* A stage that hashes and counts what passes through to next (which may be NULL), and stops at limit. */
struct kist_sha256_sink {
    struct kist_sink sink;
    struct kist_sink *next;
    struct kist_sha256 hash;
    uint64_t bytes;   /* passed so far */
    uint64_t limit;   /* KIST_E_CORRUPT at the first byte past it */
    const char *what; /* names the stream in messages; the caller's memory */
};

void kist_sha256_sink_init(struct kist_sha256_sink *s, struct kist_sink *next, uint64_t limit,
                           const char *what);

#endif
