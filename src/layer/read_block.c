#include "layer/read.h"

/* Reads and, unless it is kept as it is, unpacks the block into b. */
static int block_fill(struct kist_layer *l, struct kist_read_block *b, uint64_t at, uint32_t word,
                      const char *what, struct kist_error *err)
{
    bool as_is = word & KIST_SQUASHFS_BLOCK_RAW;
    size_t len = word & ~KIST_SQUASHFS_BLOCK_RAW;
    int result;

    b->at = 0;
    if (len == 0 || len > KIST_LAYER_BLOCK_SIZE)
        return KIST_READ_DAMAGED(err, "%s at byte %" PRIu64 " has a size of %zu", what, at, len);
    if (at < KIST_SQUASHFS_SUPER_SIZE || at > l->super.inode_table || len > l->super.inode_table - at)
        return KIST_READ_DAMAGED(err, "%s at byte %" PRIu64 " lies outside the data", what, at);
    result = kist_read_at(l, at, as_is ? b->data : l->packed, len, what, err);
    if (result < 0)
        return result;
    if (as_is)
        b->len = len;
    else if (!kist_unpack_run(l->unpack, l->packed, len, b->data, sizeof(b->data), &b->len))
        return KIST_READ_DAMAGED(err, "%s at byte %" PRIu64 " does not unpack", what, at);
    b->at = at;
    return 0;
}

int kist_read_block(struct kist_layer *l, enum kist_read_kind kind, uint64_t at, uint32_t word,
                    const unsigned char **data, size_t *len, struct kist_error *err)
{
    struct kist_read_block *b = &l->blocks[kind];

    if (b->at != at || at == 0) {
        int result =
            block_fill(l, b, at, word, kind == KIST_READ_DATA ? "data block" : "fragment block", err);

        if (result < 0)
            return result;
    }
    *data = b->data;
    *len = b->len;
    return 0;
}

int kist_read_fragment(struct kist_layer *l, uint32_t index, const unsigned char **data, size_t *len,
                       struct kist_error *err)
{
    unsigned char row[KIST_SQUASHFS_FRAGMENT_SIZE];
    int result;

    if (index >= l->super.fragments)
        return KIST_READ_DAMAGED(err, "there is no fragment block %" PRIu32, index);
    result = kist_read_row(l, l->super.fragment_table, index, row, sizeof(row), "fragment table", err);
    if (result < 0)
        return result;
    return kist_read_block(l, KIST_READ_FRAGMENT, kist_le64_get(row), kist_le32_get(row + 8), data, len, err);
}
