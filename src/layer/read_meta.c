#include "layer/read.h"

#include <string.h>

int kist_read_at(struct kist_layer *l, uint64_t at, void *dst, size_t len, const char *what,
                 struct kist_error *err)
{
    size_t got;
    int result;

    if (at > l->info.file_bytes || len > l->info.file_bytes - at)
        return KIST_READ_DAMAGED(err, "%s at byte %" PRIu64 " would lie beyond the end", what, at);
    result = port_file_read_at(l->file, at, dst, len, &got, err);
    if (result < 0)
        return result;
    if (got < len)
        return KIST_READ_DAMAGED(err, "it ends within %s at byte %" PRIu64, what, at);
    return 0;
}

struct kist_read_cursor kist_read_cursor(uint64_t start, uint64_t end, uint64_t reference, const char *what)
{
    return (struct kist_read_cursor){
        .block = start + (reference >> 16), .end = end, .offset = reference & 0xffff, .what = what};
}

/* Reads and unpacks the block under the cursor into slot. */
static int slot_fill(struct kist_layer *l, struct kist_read_meta *slot, const struct kist_read_cursor *at,
                     struct kist_error *err)
{
    unsigned char raw[2 + KIST_SQUASHFS_META_SIZE], *data = l->meta_data[slot - l->meta];
    size_t have, len;
    unsigned word;
    int result;

    slot->at = 0;
    if (at->block >= at->end || at->end - at->block < 2)
        return KIST_READ_DAMAGED(err, "%s has no block at byte %" PRIu64, at->what, at->block);
    have = KIST_MIN(sizeof(raw), at->end - at->block);
    result = kist_read_at(l, at->block, raw, have, at->what, err);
    if (result < 0)
        return result;
    word = kist_le16_get(raw);
    len = word & (KIST_SQUASHFS_META_RAW - 1);
    if (len == 0 || len > have - 2)
        return KIST_READ_DAMAGED(err, "%s: block at byte %" PRIu64 " has a size of %zu", at->what, at->block,
                                 len);
    if (word & KIST_SQUASHFS_META_RAW) {
        memcpy(data, raw + 2, len);
        slot->len = len;
    } else if (!kist_unpack_run(l->unpack, raw + 2, len, data, KIST_SQUASHFS_META_SIZE, &slot->len)) {
        return KIST_READ_DAMAGED(err, "%s: block at byte %" PRIu64 " does not unpack", at->what, at->block);
    }
    if (slot->len == 0)
        return KIST_READ_DAMAGED(err, "%s: block at byte %" PRIu64 " is empty", at->what, at->block);
    slot->at = at->block;
    slot->next = at->block + 2 + len;
    return 0;
}

/* The block under the cursor, from the slots or, in place of the one unused for longest, from the file. */
static int slot_get(struct kist_layer *l, const struct kist_read_cursor *at, struct kist_read_meta **out,
                    struct kist_error *err)
{
    struct kist_read_meta *oldest = &l->meta[0];
    int result;

    for (size_t i = 0; i < KIST_COUNT(l->meta); i++) {
        struct kist_read_meta *slot = &l->meta[i];

        if (slot->at == at->block && slot->at != 0) {
            slot->used = ++l->tick;
            *out = slot;
            return 0;
        }
        if (slot->used < oldest->used)
            oldest = slot;
    }
    result = slot_fill(l, oldest, at, err);
    if (result < 0)
        return result;
    oldest->used = ++l->tick;
    *out = oldest;
    return 0;
}

int kist_read_meta(struct kist_layer *l, struct kist_read_cursor *at, void *dst, uint64_t len,
                   struct kist_error *err)
{
    unsigned char *to = dst;

    while (len > 0) {
        struct kist_read_meta *slot;
        size_t n;
        int result = slot_get(l, at, &slot, err);

        if (result < 0)
            return result;
        if (at->offset > slot->len)
            return KIST_READ_DAMAGED(err, "%s: block at byte %" PRIu64 " has no byte %u", at->what, at->block,
                                     at->offset);
        n = KIST_MIN(len, slot->len - at->offset);
        if (to) {
            memcpy(to, l->meta_data[slot - l->meta] + at->offset, n);
            to += n;
        }
        len -= n;
        at->offset += (uint32_t)n;
        if (at->offset == slot->len) {
            at->block = slot->next;
            at->offset = 0;
        }
    }
    return 0;
}

int kist_read_row(struct kist_layer *l, uint64_t places, uint32_t index, void *row, size_t size,
                  const char *what, struct kist_error *err)
{
    uint32_t per_block = (uint32_t)(KIST_SQUASHFS_META_SIZE / size);
    struct kist_read_cursor at = {
        .end = places, .offset = (uint32_t)(index % per_block * size), .what = what};
    unsigned char place[8];
    int result = kist_read_at(l, places + (uint64_t)(index / per_block) * sizeof(place), place, sizeof(place),
                              what, err);

    if (result < 0)
        return result;
    /* the blocks lie before the array of their positions */
    at.block = kist_le64_get(place);
    return kist_read_meta(l, &at, row, size, err);
}
