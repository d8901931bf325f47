/*
 * Blocks on their way into the file: filled by the caller, compressed by workers or the caller itself,
 * appended in the order in which they were submitted, so that the file does not depend on who compressed
 * what.
 *
 * Memory: 3 blocks that the caller may hold at once and 2 more for each worker, of 128 KiB each, and as much
 * again for what they become; a compressor for the caller and each worker (zstd level 3: about 0.7 MiB).
 */
#ifndef KIST_LAYER_BLOCKS_H
#define KIST_LAYER_BLOCKS_H

#include <stdbool.h>

#include "base/buf.h"
#include "layer/compress.h"
#include "layer/format.h"
#include "layer/out.h"

struct kist_block;

/* A block is in the file; word is its squashfs size word. Called in the caller's thread. */
typedef void kist_block_done_fn(void *owner, const struct kist_block *b, uint64_t position, uint32_t word);

struct kist_block {
    unsigned char *data; /* KIST_LAYER_BLOCK_SIZE bytes, the caller's to fill */
    size_t len;
    kist_block_done_fn *done;
    void *owner;
    uint32_t number; /* both for the owner */
    uint32_t place;
    bool chunk; /* of a stream of ours, no part of a file */
    /* the pipeline's own */
    unsigned char *packed;
    size_t packed_len; /* 0: did not shrink */
    int rc;
    uint32_t holes; /* between the block before and this one */
};

struct kist_blocks;

/* At most workers threads; fewer where the system has none left. out must outlive it. */
int kist_blocks_new(struct kist_blocks **blocks, struct kist_out *out, enum kist_squashfs_compressor id,
                    int level, unsigned workers, struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. Stops the workers; what is under way is given up. */
void kist_blocks_free(struct kist_blocks *b);

/* An empty block; the caller may hold three. */
int kist_blocks_take(struct kist_blocks *b, struct kist_block **block, struct kist_error *err) KIST_CHECKED;
/* Gives one back unused. */
void kist_blocks_return(struct kist_blocks *b, struct kist_block *block);
/* A filled block, len > 0, with done and owner set. */
int kist_blocks_submit(struct kist_blocks *b, struct kist_block *block, struct kist_error *err) KIST_CHECKED;
/* All submitted ones are in the file. */
int kist_blocks_drain(struct kist_blocks *b, struct kist_error *err) KIST_CHECKED;

/* Whether a block of file data is all zeros, so that it need not be submitted. */
bool kist_blocks_hole(struct kist_blocks *b, const struct kist_block *block);

/*
 * The log says what became of the blocks, in their order: u32 words, the size word of a block, with
 * KIST_BLOCKS_CHUNK where it is a chunk of ours, or KIST_BLOCKS_HOLES and how many. With it at hand the same
 * blocks are submitted again without their bytes, and nothing is compressed or written.
 */
#define KIST_BLOCKS_CHUNK (1U << 31)
#define KIST_BLOCKS_HOLES (1U << 30) /* with a number below it */

/* From now on the log is kept. */
void kist_blocks_log_start(struct kist_blocks *b);
/* All submitted ones are in the file; the log since the last call, in b's memory until the next, is *log. */
int kist_blocks_log_take(struct kist_blocks *b, const struct kist_buf **log,
                         struct kist_error *err) KIST_CHECKED;
/* What is submitted up to kist_blocks_replayed is what this log, len bytes, tells of. */
void kist_blocks_replay(struct kist_blocks *b, const void *log, size_t len);
/* false: the log told of more. */
bool kist_blocks_replayed(struct kist_blocks *b);

/* The caller's compressor, for metadata blocks. */
struct kist_compressor *kist_blocks_compressor(struct kist_blocks *b);

#endif
