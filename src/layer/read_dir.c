#include "layer/read.h"

#include <string.h>

int kist_read_dir_open(struct kist_layer *l, struct kist_read_dir *dir, const struct kist_read_inode *inode,
                       struct kist_error *err)
{
    if (inode->type != KIST_SQUASHFS_DIRECTORY)
        return KIST_READ_DAMAGED(err, "inode %" PRIu32 " is no directory", inode->number);
    *dir = (struct kist_read_dir){
        .at = kist_read_cursor(l->super.directory_table, l->directory_end, inode->start, "directory table"),
        .left = (uint32_t)inode->size};
    return 0;
}

/* The next entry of an index: the place of a run in the listing, its block, the run's first name. */
static int index_next(struct kist_layer *l, struct kist_read_cursor *at, uint32_t *place, uint32_t *block,
                      struct kist_read_name *name, struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_DIRECTORY_INDEX_SIZE];
    int result = kist_read_meta(l, at, raw, sizeof(raw), err);

    if (result < 0)
        return result;
    *place = kist_le32_get(raw);
    *block = kist_le32_get(raw + 4);
    if (kist_le32_get(raw + 8) >= KIST_READ_NAME_MAX)
        return KIST_READ_DAMAGED(err, "a name of %" PRIu32 " + 1 bytes in a directory's index",
                                 kist_le32_get(raw + 8));
    name->len = kist_le32_get(raw + 8) + 1;
    return kist_read_meta(l, at, name->text, name->len, err);
}

int kist_read_dir_skip(struct kist_layer *l, struct kist_read_dir *dir, const struct kist_read_inode *inode,
                       const char *name, size_t len, struct kist_error *err)
{
    struct kist_read_cursor at = inode->tail;

    for (uint32_t i = 0; i < inode->indexed; i++) {
        struct kist_read_name first;
        uint32_t place, block;
        int result = index_next(l, &at, &place, &block, &first, err), order;

        if (result < 0)
            return result;
        order = memcmp(first.text, name, KIST_MIN(first.len, len));
        if (order > 0 || (order == 0 && first.len > len))
            break;
        if (place >= inode->size)
            return KIST_READ_DAMAGED(err, "the index of directory inode %" PRIu32 " leads past its end",
                                     inode->number);
        dir->left = (uint32_t)inode->size - place;
        dir->at.block = l->super.directory_table + block;
        /* all but the last block of a table hold 8 KiB */
        dir->at.offset = (uint32_t)((inode->start + place) % KIST_SQUASHFS_META_SIZE);
    }
    return 0;
}

/* The next bytes of the listing, which must not end within them. */
static int dir_read(struct kist_layer *l, struct kist_read_dir *dir, void *dst, size_t len,
                    struct kist_error *err)
{
    if (len > dir->left)
        return KIST_READ_DAMAGED(err, "a directory's listing ends within a name");
    dir->left -= (uint32_t)len;
    return kist_read_meta(l, &dir->at, dst, len, err);
}

static int run_begin(struct kist_layer *l, struct kist_read_dir *dir, struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_LISTING_HEADER_SIZE];
    int result = dir_read(l, dir, raw, sizeof(raw), err);

    if (result < 0)
        return result;
    if (kist_le32_get(raw) >= KIST_SQUASHFS_LISTING_MAX)
        return KIST_READ_DAMAGED(err, "a run of %" PRIu32 " + 1 names in a directory", kist_le32_get(raw));
    dir->count = kist_le32_get(raw) + 1;
    dir->block = kist_le32_get(raw + 4);
    dir->base = kist_le32_get(raw + 8);
    return 0;
}

static bool name_is_good(const struct kist_read_name *name)
{
    return !memchr(name->text, '/', name->len) && !memchr(name->text, 0, name->len) &&
           strcmp(name->text, ".") != 0 && strcmp(name->text, "..") != 0;
}

int kist_read_dir_next(struct kist_layer *l, struct kist_read_dir *dir, struct kist_read_name *name,
                       struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_LISTING_ENTRY_SIZE];
    int result;

    if (dir->count == 0) {
        if (dir->left == 0)
            return 0;
        result = run_begin(l, dir, err);
        if (result < 0)
            return result;
    }
    dir->count--;
    result = dir_read(l, dir, raw, sizeof(raw), err);
    if (result < 0)
        return result;
    name->inode = (uint64_t)dir->block << 16 | kist_le16_get(raw);
    name->number = dir->base + (uint32_t)(int32_t)(int16_t)kist_le16_get(raw + 2);
    name->type = kist_le16_get(raw + 4);
    name->len = (size_t)kist_le16_get(raw + 6) + 1;
    if (name->len > KIST_READ_NAME_MAX)
        return KIST_READ_DAMAGED(err, "a name of %zu bytes in a directory", name->len);
    result = dir_read(l, dir, name->text, name->len, err);
    if (result < 0)
        return result;
    name->text[name->len] = '\0';
    if (!name_is_good(name))
        return KIST_READ_DAMAGED(err, "a name with '/' or NUL, or a '.' or '..', in a directory");
    return 1;
}

int kist_read_dir_inode(struct kist_layer *l, const struct kist_read_name *name,
                        struct kist_read_inode *inode, struct kist_error *err)
{
    int result = kist_read_inode(l, name->inode, inode, err);

    if (result >= 0 && (inode->number != name->number || inode->type != name->type))
        return KIST_READ_DAMAGED(
            err, "a name leads to inode %" PRIu32 " of type %u, but means %" PRIu32 " of type %u",
            inode->number, inode->type, name->number, name->type);
    return result;
}
