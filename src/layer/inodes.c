#include "layer/inodes.h"

#include <string.h>

#define WORDS_AT_ONCE 256

/* A fixed part being put together; none is larger. */
struct record {
    unsigned char bytes[KIST_SQUASHFS_X_FILE_SIZE];
    size_t len;
};

static void put16(struct record *r, uint16_t v)
{
    kist_le16_put(r->bytes + r->len, v);
    r->len += 2;
}

static void put32(struct record *r, uint32_t v)
{
    kist_le32_put(r->bytes + r->len, v);
    r->len += 4;
}

static void put64(struct record *r, uint64_t v)
{
    kist_le64_put(r->bytes + r->len, v);
    r->len += 8;
}

static void begin(struct record *r, const struct kist_tree_inode *inode, bool extended)
{
    r->len = 0;
    put16(r, (uint16_t)(extended ? KIST_SQUASHFS_X(inode->type) : inode->type));
    put16(r, inode->mode);
    put16(r, inode->uid);
    put16(r, inode->gid);
    put32(r, inode->mtime);
    put32(r, inode->number);
}

static int write_directory(struct kist_inodes *w, const struct kist_tree *t,
                           const struct kist_tree_inode *inode, uint32_t parent, struct kist_error *err)
{
    struct kist_listing *l = &w->listing;
    struct record r;
    uint32_t size;
    bool extended;
    int rc = kist_listing_write(l, w->directories, t, w->order->names + inode->u.directory.first,
                                inode->u.directory.count, err);

    if (rc < 0) {
        return rc;
    }
    size = l->size + KIST_SQUASHFS_DIRECTORY_EMPTY;
    extended = size > UINT16_MAX || l->index_count > 0 || inode->xattrs != KIST_SQUASHFS_NO_XATTR;
    begin(&r, inode, extended);
    if (!extended) {
        put32(&r, l->block);
        put32(&r, inode->links);
        put16(&r, (uint16_t)size);
        put16(&r, l->offset);
        put32(&r, parent);
        return kist_meta_add(w->inodes, r.bytes, r.len, err);
    }
    put32(&r, inode->links);
    put32(&r, size);
    put32(&r, l->block);
    put32(&r, parent);
    put16(&r, l->index_count);
    put16(&r, l->offset);
    put32(&r, inode->xattrs);
    rc = kist_meta_add(w->inodes, r.bytes, r.len, err);
    return rc < 0 ? rc : kist_meta_add(w->inodes, l->index.data, l->index.len, err);
}

static int write_words(struct kist_inodes *w, const struct kist_run *run, struct kist_error *err)
{
    uint64_t left = kist_run_words(run);

    for (size_t at = run->words; left > 0;) {
        unsigned char bytes[4 * WORDS_AT_ONCE];
        size_t n = (size_t)KIST_MIN(left, WORDS_AT_ONCE);
        int rc;

        for (size_t i = 0; i < n; i++) {
            kist_le32_put(bytes + 4 * i, w->contents->words[at + i]);
        }
        rc = kist_meta_add(w->inodes, bytes, 4 * n, err);
        if (rc < 0) {
            return rc;
        }
        at += n;
        left -= n;
    }
    return 0;
}

static int write_file(struct kist_inodes *w, const struct kist_tree_inode *inode, struct kist_error *err)
{
    static const struct kist_run empty = {.fragment = KIST_SQUASHFS_NO_FRAGMENT};
    const struct kist_run *run =
        inode->u.file.run == KIST_CONTENTS_NONE ? &empty : &w->contents->runs[inode->u.file.run];
    uint64_t holes = inode->flags & KIST_TREE_SPARSE ? kist_contents_holes(w->contents, run) : 0;
    struct record r;
    int rc;

    if (inode->links == 1 && run->size <= UINT32_MAX && run->position <= UINT32_MAX && holes == 0 &&
        inode->xattrs == KIST_SQUASHFS_NO_XATTR) {
        begin(&r, inode, false);
        put32(&r, (uint32_t)run->position);
        put32(&r, run->fragment);
        put32(&r, run->offset);
        put32(&r, (uint32_t)run->size);
    } else {
        begin(&r, inode, true);
        put64(&r, run->position);
        put64(&r, run->size);
        put64(&r, holes);
        put32(&r, inode->links);
        put32(&r, run->fragment);
        put32(&r, run->offset);
        put32(&r, inode->xattrs);
    }
    rc = kist_meta_add(w->inodes, r.bytes, r.len, err);
    return rc < 0 ? rc : write_words(w, run, err);
}

/* Symlinks, devices and fifos. */
static int write_other(struct kist_inodes *w, const struct kist_tree *t, const struct kist_tree_inode *inode,
                       struct kist_error *err)
{
    bool extended = inode->xattrs != KIST_SQUASHFS_NO_XATTR;
    struct record r;
    int rc;

    begin(&r, inode, extended);
    put32(&r, inode->links);
    if (inode->type == KIST_SQUASHFS_SYMLINK) {
        put32(&r, inode->u.symlink.len);
        rc = kist_meta_add(w->inodes, r.bytes, r.len, err);
        if (rc == 0) {
            rc =
                kist_meta_add(w->inodes, kist_tree_text(t, inode->u.symlink.text), inode->u.symlink.len, err);
        }
        if (rc < 0) {
            return rc;
        }
        r.len = 0;
    } else if (inode->type != KIST_SQUASHFS_FIFO) {
        put32(&r, inode->u.device.number);
    }
    if (extended) {
        put32(&r, inode->xattrs);
    }
    return kist_meta_add(w->inodes, r.bytes, r.len, err);
}

static int write_inode(void *arg, struct kist_tree *t, uint32_t name, struct kist_error *err)
{
    struct kist_inodes *w = arg;
    struct kist_tree_inode *inode = kist_tree_inode_of(t, name);
    uint32_t parent;

    inode->block = kist_meta_block(w->inodes);
    inode->offset = kist_meta_offset(w->inodes);
    switch (inode->type) {
    case KIST_SQUASHFS_DIRECTORY:
        parent = name == KIST_TREE_ROOT ? w->order->inodes + 1
                                        : kist_tree_inode_of(t, t->names[name].parent)->number;
        return write_directory(w, t, inode, parent, err);
    case KIST_SQUASHFS_FILE:
        return write_file(w, inode, err);
    default:
        return write_other(w, t, inode, err);
    }
}

int kist_inodes_write(struct kist_inodes *w, struct kist_tree *t, struct kist_error *err)
{
    int rc = kist_order_walk(w->order, t, write_inode, w, err);

    kist_listing_release(&w->listing);
    return rc;
}
