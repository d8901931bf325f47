/* Squashfs metadata: records cut into 8 KiB blocks, compressed, to the file or to memory. */
#ifndef KIST_LAYER_META_H
#define KIST_LAYER_META_H

#include "base/buf.h"
#include "layer/compress.h"
#include "layer/out.h"

struct kist_meta {
    struct kist_compressor *compressor;
    struct kist_out *out; /* where blocks go, or NULL: to memory */
    struct kist_buf memory;
    struct kist_buf starts; /* u64 of each block, for tables that are looked up */
    bool lookup;            /* whether to note those */
    uint64_t block;         /* position of the block being filled, from the table's start */
    size_t used;
    unsigned char data[KIST_SQUASHFS_META_SIZE];
};

/* out NULL: blocks are kept in memory. lookup: their positions in the file are noted. */
void kist_meta_init(struct kist_meta *m, struct kist_compressor *compressor, struct kist_out *out,
                    bool lookup);
void kist_meta_release(struct kist_meta *m);

int kist_meta_add(struct kist_meta *m, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
/* Where the next record goes. */
static inline uint32_t kist_meta_block(const struct kist_meta *m)
{
    return (uint32_t)m->block;
}
static inline uint16_t kist_meta_offset(const struct kist_meta *m)
{
    return (uint16_t)m->used;
}
/* The last block. */
int kist_meta_end(struct kist_meta *m, struct kist_error *err) KIST_CHECKED;
/* The positions noted, to the file. */
int kist_meta_write_starts(struct kist_meta *m, struct kist_error *err) KIST_CHECKED;

#endif
