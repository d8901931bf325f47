#include "layer/listing.h"

#include <string.h>

#define INDEX_MAX UINT16_MAX

/* How many of the children share a header with the first: one inode block, near numbers, not too many. */
static uint32_t run_length(const struct kist_tree *t, const uint32_t *children, uint32_t count)
{
    const struct kist_tree_inode *first = kist_tree_inode_of(t, children[0]);
    uint32_t n = 1;

    while (n < count && n < KIST_SQUASHFS_LISTING_MAX) {
        const struct kist_tree_inode *inode = kist_tree_inode_of(t, children[n]);
        int64_t delta = (int64_t)inode->number - first->number;

        if (inode->block != first->block || delta < INT16_MIN || delta > INT16_MAX) {
            break;
        }
        n++;
    }
    return n;
}

static int add_index(struct kist_listing *l, const struct kist_meta *m, const struct kist_tree *t,
                     uint32_t child, struct kist_error *err)
{
    const struct kist_tree_name *n = &t->names[child];
    unsigned char entry[KIST_SQUASHFS_DIRECTORY_INDEX_SIZE];
    int rc;

    kist_le32_put(entry, l->size);
    kist_le32_put(entry + 4, kist_meta_block(m));
    kist_le32_put(entry + 8, n->len - 1U);
    rc = kist_buf_add(&l->index, entry, sizeof(entry), err);
    l->index_count++;
    return rc < 0 ? rc : kist_buf_add(&l->index, kist_tree_text(t, n->text), n->len, err);
}

static int add_header(struct kist_listing *l, struct kist_meta *m, const struct kist_tree_inode *first,
                      uint32_t n, struct kist_error *err)
{
    unsigned char header[KIST_SQUASHFS_LISTING_HEADER_SIZE];

    kist_le32_put(header, n - 1);
    kist_le32_put(header + 4, first->block);
    kist_le32_put(header + 8, first->number);
    l->size += sizeof(header);
    return kist_meta_add(m, header, sizeof(header), err);
}

static int add_entry(struct kist_listing *l, struct kist_meta *m, const struct kist_tree *t, uint32_t base,
                     uint32_t child, struct kist_error *err)
{
    const struct kist_tree_name *n = &t->names[child];
    const struct kist_tree_inode *inode = kist_tree_inode_of(t, child);
    unsigned char entry[KIST_SQUASHFS_LISTING_ENTRY_SIZE];
    int rc;

    kist_le16_put(entry, inode->offset);
    kist_le16_put(entry + 2, (uint16_t)(inode->number - base));
    kist_le16_put(entry + 4, inode->type);
    kist_le16_put(entry + 6, (uint16_t)(n->len - 1));
    rc = kist_meta_add(m, entry, sizeof(entry), err);
    l->size += (uint32_t)sizeof(entry) + n->len;
    return rc < 0 ? rc : kist_meta_add(m, kist_tree_text(t, n->text), n->len, err);
}

int kist_listing_write(struct kist_listing *l, struct kist_meta *m, const struct kist_tree *t,
                       const uint32_t *children, uint32_t count, struct kist_error *err)
{
    uint32_t indexed = kist_meta_block(m);

    l->block = kist_meta_block(m);
    l->offset = kist_meta_offset(m);
    l->size = 0;
    l->index_count = 0;
    l->index.max = UINT32_MAX / 2;
    kist_buf_clear(&l->index);
    while (count > 0) {
        const struct kist_tree_inode *first = kist_tree_inode_of(t, children[0]);
        uint32_t n = run_length(t, children, count);
        int rc = 0;

        if (kist_meta_block(m) != indexed && l->index_count < INDEX_MAX) {
            indexed = kist_meta_block(m);
            rc = add_index(l, m, t, children[0], err);
        }
        if (rc == 0) {
            rc = add_header(l, m, first, n, err);
        }
        for (uint32_t i = 0; i < n && rc == 0; i++) {
            rc = add_entry(l, m, t, first->number, children[i], err);
        }
        if (rc < 0) {
            return rc;
        }
        children += n;
        count -= n;
    }
    return 0;
}

void kist_listing_release(struct kist_listing *l)
{
    kist_buf_release(&l->index);
}
