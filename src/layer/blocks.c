#include "layer/blocks.h"

#include <stdlib.h>

#include "codec/ordered.h"

#define HELD_MAX 3
#define WORKER_BLOCKS 2

struct kist_blocks {
    struct kist_out *out;
    struct kist_ordered *ordered;
    enum kist_squashfs_compressor compressor;
    int level;
    struct kist_block pool[KIST_ORDERED_ITEMS_MAX];
    unsigned pooled;
    unsigned char *packed; /* without workers, all blocks share one */
};

static int tool_new(void *arg, void **tool, struct kist_error *err)
{
    const struct kist_blocks *b = arg;
    struct kist_compressor *c = NULL;
    int rc = kist_compressor_new(&c, b->compressor, b->level, err);

    *tool = c;
    return rc;
}

static void tool_free(void *tool)
{
    kist_compressor_free(tool);
}

/* Without a struct kist_error for each block: what can go wrong here needs no more than its code. */
static void pack(void *tool, void *item)
{
    struct kist_block *block = item;

    block->rc = kist_compressor_pack(tool, block->data, block->len, block->packed, &block->packed_len, NULL);
}

static int append(void *arg, void *item, struct kist_error *err)
{
    struct kist_blocks *b = arg;
    struct kist_block *block = item;
    bool shrunk = block->packed_len > 0;
    size_t len = shrunk ? block->packed_len : block->len;
    uint64_t position = b->out->position;
    int rc = block->rc;

    if (rc < 0) {
        return rc == KIST_E_NOMEM ? kist_error_nomem(err)
                                  : kist_error_set(err, rc, "a block cannot be compressed");
    }
    rc = kist_out_write(b->out, shrunk ? block->packed : block->data, len, err);
    if (rc < 0) {
        return rc;
    }
    block->done(block->owner, block, position, (uint32_t)len | (shrunk ? 0 : KIST_SQUASHFS_BLOCK_RAW));
    return 0;
}

static const struct kist_ordered_ops ops = {tool_new, tool_free, pack, append};

static int block_open(struct kist_block *block, unsigned char *packed, struct kist_error *err)
{
    block->data = malloc(KIST_LAYER_BLOCK_SIZE);
    block->packed = packed ? packed : malloc(KIST_LAYER_BLOCK_SIZE);
    return block->data && block->packed ? 0 : kist_error_nomem(err);
}

static int pool_open(struct kist_blocks *b, unsigned workers, struct kist_error *err)
{
    void *items[KIST_ORDERED_ITEMS_MAX];
    unsigned count = HELD_MAX + WORKER_BLOCKS * workers;

    if (workers == 0) {
        b->packed = malloc(KIST_LAYER_BLOCK_SIZE);
        if (!b->packed) {
            return kist_error_nomem(err);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        int rc = block_open(&b->pool[b->pooled++], b->packed, err);

        if (rc < 0) {
            return rc;
        }
        items[i] = &b->pool[i];
    }
    return kist_ordered_new(&b->ordered, &ops, b, items, count, workers, err);
}

int kist_blocks_new(struct kist_blocks **blocks, struct kist_out *out, enum kist_squashfs_compressor id,
                    int level, unsigned workers, struct kist_error *err)
{
    struct kist_blocks *b = calloc(1, sizeof(*b));
    int rc;

    if (!b) {
        return kist_error_nomem(err);
    }
    b->out = out;
    b->compressor = id;
    b->level = level;
    rc = pool_open(b, KIST_MIN(workers, KIST_ORDERED_WORKERS_MAX), err);
    if (rc < 0) {
        kist_blocks_free(b);
        return rc;
    }
    *blocks = b;
    return 0;
}

void kist_blocks_free(struct kist_blocks *b)
{
    if (!b) {
        return;
    }
    kist_ordered_free(b->ordered);
    for (unsigned i = 0; i < b->pooled; i++) {
        free(b->pool[i].data);
        if (b->pool[i].packed != b->packed) {
            free(b->pool[i].packed);
        }
    }
    free(b->packed);
    free(b);
}

int kist_blocks_take(struct kist_blocks *b, struct kist_block **block, struct kist_error *err)
{
    void *item;
    int rc = kist_ordered_take(b->ordered, &item, err);

    if (rc == 0) {
        *block = item;
        (*block)->len = 0;
    }
    return rc;
}

void kist_blocks_return(struct kist_blocks *b, struct kist_block *block)
{
    kist_ordered_return(b->ordered, block);
}

int kist_blocks_submit(struct kist_blocks *b, struct kist_block *block, struct kist_error *err)
{
    return kist_ordered_submit(b->ordered, block, err);
}

int kist_blocks_drain(struct kist_blocks *b, struct kist_error *err)
{
    return kist_ordered_drain(b->ordered, err);
}

struct kist_compressor *kist_blocks_compressor(struct kist_blocks *b)
{
    return kist_ordered_tool(b->ordered);
}
