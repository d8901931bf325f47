#include "layer/tables.h"

#include "layer/inodes.h"

static int write_inodes(struct kist_tables *t, struct kist_meta meta[2], struct kist_error *err)
{
    struct kist_inodes w = {
        .order = t->order, .contents = t->contents, .inodes = &meta[0], .directories = &meta[1]};
    struct kist_squashfs_super *s = t->super;
    const struct kist_tree_inode *root;
    int rc;

    s->inode_table = t->out->position;
    rc = kist_inodes_write(&w, t->tree, err);
    if (rc == 0) {
        rc = kist_meta_end(&meta[0], err);
    }
    if (rc == 0) {
        rc = kist_meta_end(&meta[1], err);
    }
    if (rc < 0) {
        return rc;
    }
    root = kist_tree_inode_of(t->tree, KIST_TREE_ROOT);
    s->root = (uint64_t)root->block << 16 | root->offset;
    s->inodes = t->order->inodes;
    s->directory_table = t->out->position;
    return kist_out_write(t->out, meta[1].memory.data, meta[1].memory.len, err);
}

static int write_tree(struct kist_tables *t, struct kist_error *err)
{
    struct kist_meta meta[2];
    int rc;

    kist_meta_init(&meta[0], t->compressor, t->out, false);
    kist_meta_init(&meta[1], t->compressor, NULL, false);
    rc = write_inodes(t, meta, err);
    kist_meta_release(&meta[0]);
    kist_meta_release(&meta[1]);
    return rc;
}

static int write_fragments(struct kist_tables *t, struct kist_meta *m, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < t->contents->fragment_count && rc == 0; i++) {
        unsigned char entry[KIST_SQUASHFS_FRAGMENT_SIZE] = {0};

        kist_le64_put(entry, t->contents->fragments[i].position);
        kist_le32_put(entry + 8, t->contents->fragments[i].word);
        rc = kist_meta_add(m, entry, sizeof(entry), err);
    }
    if (rc == 0) {
        rc = kist_meta_end(m, err);
    }
    t->super->fragments = (uint32_t)t->contents->fragment_count;
    t->super->fragment_table = t->out->position;
    return rc < 0 ? rc : kist_meta_write_starts(m, err);
}

static int write_ids(struct kist_tables *t, struct kist_meta *m, struct kist_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < t->ids->count && rc == 0; i++) {
        unsigned char entry[KIST_SQUASHFS_ID_SIZE];

        kist_le32_put(entry, t->ids->values[i]);
        rc = kist_meta_add(m, entry, sizeof(entry), err);
    }
    if (rc == 0) {
        rc = kist_meta_end(m, err);
    }
    t->super->ids = (uint16_t)t->ids->count;
    t->super->id_table = t->out->position;
    return rc < 0 ? rc : kist_meta_write_starts(m, err);
}

/* The keys and values; sets gets the records that point to them. */
static int write_xattr_keys(struct kist_tables *t, struct kist_meta *m, struct kist_buf *sets,
                            struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < t->xattrs->count && rc == 0; i++) {
        const struct kist_xattr_set *s = &t->xattrs->sets[i];
        unsigned char entry[KIST_SQUASHFS_XATTR_SET_SIZE];

        kist_le64_put(entry, (uint64_t)kist_meta_block(m) << 16 | kist_meta_offset(m));
        kist_le32_put(entry + 8, s->keys);
        kist_le32_put(entry + 12, s->len);
        rc = kist_buf_add(sets, entry, sizeof(entry), err);
        if (rc == 0) {
            rc = kist_meta_add(m, t->xattrs->bytes.data + s->at, s->len, err);
        }
    }
    return rc < 0 ? rc : kist_meta_end(m, err);
}

static int write_xattr_sets(struct kist_tables *t, struct kist_meta *m, uint64_t keys,
                            const struct kist_buf *sets, struct kist_error *err)
{
    unsigned char header[KIST_SQUASHFS_XATTR_HEADER_SIZE] = {0};
    int rc = kist_meta_add(m, sets->data, sets->len, err);

    if (rc == 0) {
        rc = kist_meta_end(m, err);
    }
    kist_le64_put(header, keys);
    kist_le32_put(header + 8, (uint32_t)t->xattrs->count);
    t->super->xattr_table = t->out->position;
    if (rc == 0) {
        rc = kist_out_write(t->out, header, sizeof(header), err);
    }
    return rc < 0 ? rc : kist_meta_write_starts(m, err);
}

static int write_xattrs(struct kist_tables *t, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf sets = KIST_BUF_INIT(UINT32_MAX / 2);
    struct kist_meta m;
    uint64_t keys = t->out->position;
    int rc;

    if (t->xattrs->count == 0) {
        t->super->xattr_table = KIST_SQUASHFS_NO_TABLE;
        t->super->flags |= KIST_SQUASHFS_NO_XATTRS;
        return 0;
    }
    kist_meta_init(&m, t->compressor, t->out, false);
    rc = write_xattr_keys(t, &m, &sets, err);
    kist_meta_release(&m);
    if (rc < 0) {
        return rc;
    }
    kist_meta_init(&m, t->compressor, t->out, true);
    rc = write_xattr_sets(t, &m, keys, &sets, err);
    kist_meta_release(&m);
    return rc;
}

static int write_lookup(struct kist_tables *t,
                        int (*write)(struct kist_tables *t, struct kist_meta *m, struct kist_error *err),
                        struct kist_error *err)
{
    struct kist_meta m;
    int rc;

    kist_meta_init(&m, t->compressor, t->out, true);
    rc = write(t, &m, err);
    kist_meta_release(&m);
    return rc;
}

int kist_tables_write(struct kist_tables *t, struct kist_error *err)
{
    int rc = write_tree(t, err);

    if (rc == 0) {
        rc = write_lookup(t, write_fragments, err);
    }
    if (rc == 0) {
        rc = write_lookup(t, write_ids, err);
    }
    t->super->export_table = KIST_SQUASHFS_NO_TABLE;
    return rc < 0 ? rc : write_xattrs(t, err);
}
