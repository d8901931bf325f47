/* A set of digests: filled, sealed once, then asked. */
#ifndef KIST_STORE_SET_H
#define KIST_STORE_SET_H

#include "image/digest.h"

struct kist_digest_set {
    struct kist_digest *v; /* ascending once sealed */
    size_t n, size;
};

int kist_digest_set_add(struct kist_digest_set *set, const struct kist_digest *digest,
                        struct kist_error *err) KIST_CHECKED;
/* To be called after the last addition and before the first question. */
void kist_digest_set_seal(struct kist_digest_set *set);
/* A place of digest in v, always the same one where it was added more than once; SIZE_MAX where it was not. */
size_t kist_digest_set_find(const struct kist_digest_set *set, const struct kist_digest *digest);
bool kist_digest_set_has(const struct kist_digest_set *set, const struct kist_digest *digest);
void kist_digest_set_release(struct kist_digest_set *set);
void kist_digest_set_auto(struct kist_digest_set *set);

#endif
