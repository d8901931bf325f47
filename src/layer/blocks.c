#include "layer/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
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
    bool logs, taken;      /* whether there is a log; whether what is in it was taken */
    bool log_failed;       /* no memory for it, found out where no error can be returned */
    uint32_t holes;        /* since the last block submitted */
    struct kist_buf log;
    bool replaying; /* the log from replay to replay_end */
    const unsigned char *replay, *replay_end;
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

static void log_word(struct kist_blocks *b, uint32_t word)
{
    unsigned char bytes[4];

    if (b->logs) {
        if (b->taken) {
            kist_buf_clear(&b->log);
            b->taken = false;
        }
        kist_le32_put(bytes, word);
        b->log_failed |= kist_buf_add(&b->log, bytes, sizeof(bytes), NULL) < 0;
    }
}

static void log_holes(struct kist_blocks *b, uint32_t holes)
{
    if (holes > 0) {
        log_word(b, KIST_BLOCKS_HOLES | holes);
    }
}

static int append(void *arg, void *item, struct kist_error *err)
{
    struct kist_blocks *b = arg;
    struct kist_block *block = item;
    bool shrunk = block->packed_len > 0;
    size_t len = shrunk ? block->packed_len : block->len;
    uint64_t position = b->out->position;
    int rc = block->rc;
    uint32_t word;

    if (rc < 0) {
        return rc == KIST_E_NOMEM ? kist_error_nomem(err)
                                  : kist_error_set(err, rc, "a block cannot be compressed");
    }
    rc = kist_out_write(b->out, shrunk ? block->packed : block->data, len, err);
    if (rc < 0) {
        return rc;
    }
    word = (uint32_t)len | (shrunk ? 0 : KIST_SQUASHFS_BLOCK_RAW);
    log_holes(b, block->holes);
    log_word(b, word | (block->chunk ? KIST_BLOCKS_CHUNK : 0));
    block->done(block->owner, block, position, word);
    return 0;
}

/* In place of append: where the block went is told by the log. */
static int replay(struct kist_blocks *b, struct kist_block *block, struct kist_error *err)
{
    uint64_t position = b->out->position;
    uint32_t word, len;

    if (b->replay == b->replay_end) {
        return kist_error_set(err, KIST_E_CORRUPT, "the log of blocks is too short");
    }
    word = kist_le32_get(b->replay);
    len = word & KIST_SQUASHFS_BLOCK_LENGTH;
    if ((word & KIST_BLOCKS_HOLES) || ((word & KIST_BLOCKS_CHUNK) != 0) != block->chunk || len == 0 ||
        len > block->len) {
        return kist_error_set(err, KIST_E_CORRUPT, "the log of blocks tells of others");
    }
    b->replay += 4;
    b->out->position += len;
    block->done(block->owner, block, position, word & ~KIST_BLOCKS_CHUNK);
    kist_blocks_return(b, block);
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
    kist_buf_init(&b->log, SIZE_MAX / 4);
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
    kist_buf_release(&b->log);
    free(b);
}

int kist_blocks_take(struct kist_blocks *b, struct kist_block **block, struct kist_error *err)
{
    void *item;
    int rc = kist_ordered_take(b->ordered, &item, err);

    if (rc == 0) {
        *block = item;
        (*block)->len = 0;
        (*block)->chunk = false;
    }
    return rc;
}

void kist_blocks_return(struct kist_blocks *b, struct kist_block *block)
{
    kist_ordered_return(b->ordered, block);
}

int kist_blocks_submit(struct kist_blocks *b, struct kist_block *block, struct kist_error *err)
{
    if (b->replaying) {
        return replay(b, block, err);
    }
    block->holes = b->holes;
    b->holes = 0;
    return kist_ordered_submit(b->ordered, block, err);
}

int kist_blocks_drain(struct kist_blocks *b, struct kist_error *err)
{
    return kist_ordered_drain(b->ordered, err);
}

static bool all_zero(const unsigned char *p, size_t len)
{
    return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

bool kist_blocks_hole(struct kist_blocks *b, const struct kist_block *block)
{
    bool hole;

    if (b->replaying) { /* its word is used up hole by hole: holes counts those that are */
        uint32_t word = b->replay < b->replay_end ? kist_le32_get(b->replay) : 0;

        hole = (word & KIST_BLOCKS_HOLES) != 0;
        if (hole && ++b->holes >= (word & ~KIST_BLOCKS_HOLES)) {
            b->replay += 4;
            b->holes = 0;
        }
        return hole;
    }
    hole = all_zero(block->data, block->len);
    b->holes += hole; /* no more than the words that the writer's budget allows */
    return hole;
}

void kist_blocks_log_start(struct kist_blocks *b)
{
    b->logs = true;
}

int kist_blocks_log_take(struct kist_blocks *b, const struct kist_buf **log, struct kist_error *err)
{
    int rc = kist_blocks_drain(b, err);

    if (rc < 0) {
        return rc;
    }
    log_holes(b, b->holes);
    b->holes = 0;
    if (b->taken) { /* nothing since */
        kist_buf_clear(&b->log);
    }
    b->taken = true;
    *log = &b->log;
    return b->log_failed ? kist_error_nomem(err) : 0;
}

void kist_blocks_replay(struct kist_blocks *b, const void *log, size_t len)
{
    b->replaying = true;
    b->replay = log;
    b->replay_end = b->replay + len / 4 * 4;
}

bool kist_blocks_replayed(struct kist_blocks *b)
{
    bool whole = b->replay == b->replay_end && b->holes == 0;

    b->replaying = false;
    b->holes = 0;
    return whole;
}

struct kist_compressor *kist_blocks_compressor(struct kist_blocks *b)
{
    return kist_ordered_tool(b->ordered);
}
