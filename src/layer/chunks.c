#include "layer/chunks.h"

#include <string.h>

void kist_chunks_init(struct kist_chunks *c, struct kist_blocks *blocks)
{
    *c = (struct kist_chunks){
        .blocks = blocks, .stream = KIST_LAYER_OPS, .index = KIST_BUF_INIT(SIZE_MAX / 4)};
}

void kist_chunks_release(struct kist_chunks *c)
{
    kist_buf_release(&c->index);
}

static void chunk_done(void *owner, const struct kist_block *block, uint64_t position, uint32_t word)
{
    struct kist_chunks *c = owner;
    unsigned char entry[KIST_LAYER_INDEX_SIZE];
    uint32_t len = word & KIST_SQUASHFS_BLOCK_LENGTH;

    kist_le64_put(entry, position);
    kist_le32_put(entry + 8, len | (word & KIST_SQUASHFS_BLOCK_RAW ? KIST_LAYER_CHUNK_RAW : 0));
    kist_le32_put(entry + 12, (uint32_t)block->len);
    c->failed |= kist_buf_add(&c->index, entry, sizeof(entry), NULL) < 0;
    c->counts[block->number]++;
    c->stored += len;
}

static int chunk_end(struct kist_chunks *c, struct kist_error *err)
{
    struct kist_block *block = c->block;

    if (!block) {
        return 0;
    }
    c->block = NULL;
    if (block->len == 0) {
        kist_blocks_return(c->blocks, block);
        return 0;
    }
    block->done = chunk_done;
    block->owner = c;
    block->number = c->stream;
    block->chunk = true;
    return kist_blocks_submit(c->blocks, block, err);
}

size_t kist_chunks_room(const struct kist_chunks *c)
{
    return c->block ? KIST_LAYER_CHUNK_SIZE - c->block->len : 0;
}

int kist_chunks_reserve(struct kist_chunks *c, size_t len, struct kist_error *err)
{
    int rc;

    if (kist_chunks_room(c) >= len) {
        return 0;
    }
    rc = chunk_end(c, err);
    return rc < 0 ? rc : kist_blocks_take(c->blocks, &c->block, err);
}

void kist_chunks_byte(struct kist_chunks *c, unsigned char v)
{
    c->block->data[c->block->len++] = v;
}

void kist_chunks_varint(struct kist_chunks *c, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        kist_chunks_byte(c, (unsigned char)(v | 0x80));
    }
    kist_chunks_byte(c, (unsigned char)v);
}

int kist_chunks_add(struct kist_chunks *c, const void *data, size_t len, struct kist_error *err)
{
    const unsigned char *p = data;

    while (len > 0) {
        size_t n;
        int rc = kist_chunks_reserve(c, 1, err);

        if (rc < 0) {
            return rc;
        }
        n = KIST_MIN(len, kist_chunks_room(c));
        memcpy(c->block->data + c->block->len, p, n);
        c->block->len += n;
        p += n;
        len -= n;
    }
    return 0;
}

int kist_chunks_next(struct kist_chunks *c, enum kist_layer_stream stream, struct kist_error *err)
{
    int rc = chunk_end(c, err);

    c->stream = stream;
    return rc;
}

int kist_chunks_finish(struct kist_chunks *c, struct kist_error *err)
{
    int rc = chunk_end(c, err);

    if (rc == 0) {
        rc = kist_blocks_drain(c->blocks, err);
    }
    if (rc == 0 && c->failed) {
        rc = kist_error_nomem(err);
    }
    return rc;
}
