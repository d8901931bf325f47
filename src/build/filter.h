/* A walk over a tree without what patterns leave out of it. */
#ifndef KIST_BUILD_FILTER_H
#define KIST_BUILD_FILTER_H

#include "build/context.h"

struct kist_filter_held;

/*
 * Stands between a walk in the order of kist_path_order and who is told. A directory that is left out is told late, and only if something in it
 * is not.
 */
struct kist_filter {
    struct kist_ignore *ignore; /* NULL: nothing is left out */
    size_t skip;                /* bytes at the beginning of a path that patterns do not see */
    kist_context_each *each;
    void *arg;
    bool told; /* anything */
    struct kist_filter_held *held;
    size_t count, size;
};

/* A kist_context_each; arg is a struct kist_filter. */
int kist_filter_take(void *arg, const struct kist_layer_entry *e, struct kist_error *err);
void kist_filter_release(struct kist_filter *f);

#endif
