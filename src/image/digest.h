/* A content digest (OCI image spec, descriptor.md, "Digests"); sha256 is the only algorithm kist keeps. */
#ifndef KIST_IMAGE_DIGEST_H
#define KIST_IMAGE_DIGEST_H

#include <stdbool.h>

#include "codec/sha256.h"

#define KIST_DIGEST_TEXT_MAX 72 /* "sha256:", 64 hex digits, NUL */
#define KIST_DIGEST_HEX_MAX 65  /* 64 hex digits, NUL */

struct kist_digest {
    unsigned char bytes[KIST_SHA256_SIZE];
};

/* "sha256:<64 lower-case hex digits>"; KIST_E_CORRUPT otherwise, with what is wrong. */
int kist_digest_parse(struct kist_digest *d, const char *text, struct kist_error *err) KIST_CHECKED;
/* Both return dst. */
char *kist_digest_text(char dst[KIST_DIGEST_TEXT_MAX], const struct kist_digest *d);
char *kist_digest_hex(char dst[KIST_DIGEST_HEX_MAX], const struct kist_digest *d);
bool kist_digest_equal(const struct kist_digest *a, const struct kist_digest *b);
int kist_digest_compare(const struct kist_digest *a, const struct kist_digest *b); /* as memcmp */
void kist_digest_of(struct kist_digest *d, const void *data, size_t len);

#endif
