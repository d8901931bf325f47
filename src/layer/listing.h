/* A directory's listing in its table, and the index by which the kernel finds a name in a long one. */
#ifndef KIST_LAYER_LISTING_H
#define KIST_LAYER_LISTING_H

#include "layer/meta.h"
#include "layer/tree.h"

struct kist_listing {
    uint32_t block; /* where it begins */
    uint16_t offset;
    uint32_t size;         /* bytes */
    struct kist_buf index; /* as an extended directory inode has it */
    uint16_t index_count;
};

/* Of count children in byte order whose inodes are written. One l serves many listings. */
int kist_listing_write(struct kist_listing *l, struct kist_meta *m, const struct kist_tree *t,
                       const uint32_t *children, uint32_t count, struct kist_error *err) KIST_CHECKED;
void kist_listing_release(struct kist_listing *l);

#endif
