#include "store/set.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    return kist_digest_compare(a, b);
}

int kist_digest_set_add(struct kist_digest_set *set, const struct kist_digest *digest, struct kist_error *err)
{
    if (set->n == set->size) {
        size_t size = set->size ? set->size * 2 : 64;
        struct kist_digest *v = realloc(set->v, size * sizeof(*v));

        if (!v) {
            return kist_error_nomem(err);
        }
        set->v = v;
        set->size = size;
    }
    set->v[set->n++] = *digest;
    return 0;
}

void kist_digest_set_seal(struct kist_digest_set *set)
{
    if (set->n > 0) {
        qsort(set->v, set->n, sizeof(*set->v), compare);
    }
}

size_t kist_digest_set_find(const struct kist_digest_set *set, const struct kist_digest *digest)
{
    const struct kist_digest *found =
        set->n > 0 ? bsearch(digest, set->v, set->n, sizeof(*set->v), compare) : NULL;

    return found ? (size_t)(found - set->v) : SIZE_MAX;
}

bool kist_digest_set_has(const struct kist_digest_set *set, const struct kist_digest *digest)
{
    return kist_digest_set_find(set, digest) != SIZE_MAX;
}

void kist_digest_set_release(struct kist_digest_set *set)
{
    free(set->v);
    *set = (struct kist_digest_set){.v = NULL};
}

void kist_digest_set_auto(struct kist_digest_set *set)
{
    kist_digest_set_release(set);
}
