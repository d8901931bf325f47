#include "layer/read.h"

#define EXTENDED (KIST_SQUASHFS_EXTENDED - 1) /* added to a plain type */

static uint32_t word(const unsigned char *raw, size_t at)
{
    return kist_le32_get(raw + at);
}

static int read_owner(struct kist_layer *l, uint32_t index, uint32_t *id, struct kist_error *err)
{
    unsigned char row[KIST_SQUASHFS_ID_SIZE];
    int result;

    if (index >= l->super.ids)
        return KIST_READ_DAMAGED(err, "there is no id %" PRIu32, index);
    result = kist_read_row(l, l->super.id_table, index, row, sizeof(row), "id table", err);
    *id = kist_le32_get(row);
    return result;
}

static int read_directory(struct kist_layer *l, struct kist_read_inode *i, bool extended,
                          struct kist_error *err)
{
    unsigned char raw[24];
    int result = kist_read_meta(l, &i->tail, raw, extended ? 24 : 16, err);

    if (result < 0)
        return result;
    if (extended) {
        i->links = word(raw, 0);
        i->size = word(raw, 4);
        i->start = (uint64_t)word(raw, 8) << 16 | kist_le16_get(raw + 18);
        i->indexed = kist_le16_get(raw + 16);
        i->xattr = word(raw, 20);
    } else {
        i->start = (uint64_t)word(raw, 0) << 16 | kist_le16_get(raw + 10);
        i->links = word(raw, 4);
        i->size = kist_le16_get(raw + 8);
    }
    if (i->size < KIST_SQUASHFS_DIRECTORY_EMPTY)
        return KIST_READ_DAMAGED(err, "directory inode %" PRIu32 " has a size of %" PRIu64, i->number,
                                 i->size);
    i->size -= KIST_SQUASHFS_DIRECTORY_EMPTY;
    return 0;
}

static int read_plain_file(struct kist_layer *l, struct kist_read_inode *i, bool extended,
                           struct kist_error *err)
{
    unsigned char raw[40];
    int result = kist_read_meta(l, &i->tail, raw, extended ? 40 : 16, err);

    if (result < 0)
        return result;
    if (extended) {
        i->start = kist_le64_get(raw);
        i->size = kist_le64_get(raw + 8);
        i->links = word(raw, 24);
        i->fragment = word(raw, 28);
        i->fragment_offset = word(raw, 32);
        i->xattr = word(raw, 36);
    } else {
        i->start = word(raw, 0);
        i->fragment = word(raw, 4);
        i->fragment_offset = word(raw, 8);
        i->size = word(raw, 12);
        i->links = 1;
    }
    if (i->size > INT64_MAX)
        return KIST_READ_DAMAGED(err, "file inode %" PRIu32 " has a size of %" PRIu64, i->number, i->size);
    return 0;
}

/* The xattr row of an extended inode comes last; after its target in a symlink. */
static int read_rest(struct kist_layer *l, struct kist_read_inode *i, bool extended, struct kist_error *err)
{
    bool symlink = i->type == KIST_SQUASHFS_SYMLINK;
    bool device = i->type == KIST_SQUASHFS_BLOCK || i->type == KIST_SQUASHFS_CHAR;
    unsigned char raw[8];
    struct kist_read_cursor at;
    int result = kist_read_meta(l, &i->tail, raw, symlink || device ? 8 : 4, err);

    if (result < 0)
        return result;
    i->links = word(raw, 0);
    if (device)
        i->device = word(raw, 4);
    if (symlink)
        i->size = word(raw, 4);
    if (symlink && (i->size == 0 || i->size > KIST_MAX_PATH))
        return KIST_READ_DAMAGED(err, "symlink inode %" PRIu32 " has a target of %" PRIu64 " bytes",
                                 i->number, i->size);
    if (!extended)
        return 0;
    at = i->tail;
    result = kist_read_meta(l, &at, NULL, i->size, err);
    if (result >= 0)
        result = kist_read_meta(l, &at, raw, 4, err);
    i->xattr = word(raw, 0);
    return result;
}

int kist_read_inode(struct kist_layer *l, uint64_t reference, struct kist_read_inode *i,
                    struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_INODE_SIZE];
    bool extended;
    int result;

    *i = (struct kist_read_inode){
        .place = reference, .xattr = KIST_SQUASHFS_NO_XATTR, .fragment = KIST_SQUASHFS_NO_FRAGMENT};
    i->tail = kist_read_cursor(l->super.inode_table, l->super.directory_table, reference, "inode table");
    result = kist_read_meta(l, &i->tail, raw, sizeof(raw), err);
    if (result < 0)
        return result;
    i->type = kist_le16_get(raw);
    i->mode = kist_le16_get(raw + 2) & 07777;
    i->mtime = word(raw, 8);
    i->number = word(raw, 12);
    if (i->type == 0 || i->type > 2 * EXTENDED)
        return KIST_READ_DAMAGED(err, "an inode of type %u", i->type);
    if (i->number == 0 || i->number > l->super.inodes)
        return KIST_READ_DAMAGED(err, "inode number %" PRIu32 " of %" PRIu32, i->number, l->super.inodes);
    extended = i->type > EXTENDED;
    if (extended)
        i->type -= EXTENDED;
    if ((result = read_owner(l, kist_le16_get(raw + 4), &i->uid, err)) < 0 ||
        (result = read_owner(l, kist_le16_get(raw + 6), &i->gid, err)) < 0)
        return result;
    if (i->type == KIST_SQUASHFS_DIRECTORY)
        return read_directory(l, i, extended, err);
    if (i->type == KIST_SQUASHFS_FILE)
        return read_plain_file(l, i, extended, err);
    return read_rest(l, i, extended, err);
}
