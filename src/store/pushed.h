/*
 * What layers became when they were pushed, so that the next push need not compress them to know their digests: a cache
 * (cache/pushed), of which anything may be missing.
 */
#ifndef KIST_STORE_PUSHED_H
#define KIST_STORE_PUSHED_H

#include "store/store.h"

#define KIST_PUSHED_FORM_MAX 32

struct kist_pushed {
    struct kist_digest diff_id;
    char form[KIST_PUSHED_FORM_MAX];         /* what compressed it, one word: kist_encoder_form */
    struct kist_digest digest;               /* of the compressed layer */
    uint64_t size;                           /* its bytes */
    char repository[KIST_REFERENCE_TEXT_MAX]; /* where it went last: "host/path" */
};

/* true: known is what a layer became in this form. */
bool kist_store_pushed_find(struct kist_store *s, const struct kist_digest *diff_id, const char *form,
                            struct kist_pushed *known) KIST_CHECKED;
/* Keeps one more, in place of what was known; what was known of layers that are no longer kept is forgotten. */
int kist_store_pushed_add(struct kist_store *s, const struct kist_pushed *pushed, struct kist_error *err) KIST_CHECKED;

#endif
