#include "layer/read.h"

#include <string.h>

void kist_read_entry_init(struct kist_read_entry *e)
{
    e->entry = (struct kist_layer_entry){.path = ""};
    kist_read_xattrs_init(&e->xattrs);
}

void kist_read_entry_release(struct kist_read_entry *e)
{
    kist_read_xattrs_release(&e->xattrs);
}

static int read_target(struct kist_layer *l, struct kist_read_entry *e, const struct kist_read_inode *inode,
                       struct kist_error *err)
{
    struct kist_read_cursor at = inode->tail;
    int result = kist_read_meta(l, &at, e->target, inode->size, err);

    if (result < 0)
        return result;
    e->target[inode->size] = '\0';
    if (strlen(e->target) != inode->size)
        return KIST_READ_DAMAGED(err, "the target of symlink inode %" PRIu32 " has a NUL in it",
                                 inode->number);
    e->entry.target = e->target;
    return 0;
}

static int entry_type(const struct kist_read_inode *inode, enum kist_layer_type *type, struct kist_error *err)
{
    static const enum kist_layer_type types[] = {
        [KIST_SQUASHFS_DIRECTORY] = KIST_LAYER_DIRECTORY, [KIST_SQUASHFS_FILE] = KIST_LAYER_FILE,
        [KIST_SQUASHFS_SYMLINK] = KIST_LAYER_SYMLINK,     [KIST_SQUASHFS_BLOCK] = KIST_LAYER_BLOCK,
        [KIST_SQUASHFS_CHAR] = KIST_LAYER_CHAR,           [KIST_SQUASHFS_FIFO] = KIST_LAYER_FIFO,
    };

    if (inode->type >= KIST_COUNT(types))
        return KIST_READ_DAMAGED(err, "inode %" PRIu32 " is a socket, which no tar can hold", inode->number);
    *type = types[inode->type];
    if (*type == KIST_LAYER_CHAR && inode->device == 0)
        *type = KIST_LAYER_WHITEOUT;
    return 0;
}

int kist_read_entry_fill(struct kist_layer *l, struct kist_read_entry *e, const struct kist_read_inode *inode,
                         struct kist_error *err)
{
    struct kist_layer_entry *out = &e->entry;
    bool device = inode->type == KIST_SQUASHFS_CHAR || inode->type == KIST_SQUASHFS_BLOCK;
    int result;

    *out = (struct kist_layer_entry){
        .path = out->path,
        .place = inode->place,
        .mode = inode->mode,
        .uid = inode->uid,
        .gid = inode->gid,
        .mtime = inode->mtime,
        .size = inode->type == KIST_SQUASHFS_FILE ? inode->size : 0,
        .major = device ? kist_squashfs_device_major(inode->device) : 0,
        .minor = device ? kist_squashfs_device_minor(inode->device) : 0,
        .inode = inode->number,
        .links = inode->links,
    };
    result = entry_type(inode, &out->type, err);
    if (result >= 0 && out->type == KIST_LAYER_SYMLINK)
        result = read_target(l, e, inode, err);
    if (result >= 0)
        result = kist_read_xattrs(l, &e->xattrs, inode->xattr, &out->opaque, err);
    out->xattrs = e->xattrs.list;
    out->xattr_count = e->xattrs.count;
    return result;
}
