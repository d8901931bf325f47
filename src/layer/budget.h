/* What the tables of one layer may take while it is written: a bomb is stopped, not fed. */
#ifndef KIST_LAYER_BUDGET_H
#define KIST_LAYER_BUDGET_H

#include "base/error.h"

struct kist_budget {
    uint32_t max_inodes; /* of names, of inodes, of files' contents: each */
    uint64_t max_bytes;  /* of names, link targets, xattrs and words of blocks: together */
    uint64_t bytes;
};

/* Takes len of max_bytes. KIST_E_NO_SPACE. */
int kist_budget_take(struct kist_budget *b, uint64_t len, struct kist_error *err) KIST_CHECKED;
/* There are count of a kind; may there be one more? KIST_E_NO_SPACE. */
int kist_budget_count(const struct kist_budget *b, size_t count, struct kist_error *err) KIST_CHECKED;

/*
 * pointer_to_array points to a pointer to *size elements: afterwards there are at least need, growing by a
 * half. KIST_E_NOMEM, with nothing changed.
 */
int kist_array_grow(void *pointer_to_array, size_t *size, size_t need, size_t element,
                    struct kist_error *err) KIST_CHECKED;

#endif
