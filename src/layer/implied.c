#include "layer/implied.h"

#include "base/limits.h"

static int write_path(struct kist_tree *t, uint32_t name, struct kist_chunks *chunks, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH);
    int rc = kist_tree_path(t, name, &path, err);

    if (rc == 0) {
        rc = kist_budget_take(t->budget, path.len, err); /* a few names can make many long paths */
    }
    if (rc == 0) {
        rc = kist_chunks_reserve(chunks, KIST_LAYER_VARINT_MAX, err);
    }
    if (rc < 0) {
        return rc;
    }
    kist_chunks_varint(chunks, path.len);
    return kist_chunks_add(chunks, path.data, path.len, err);
}

/* The directory after name in the order of listing; KIST_TREE_NONE after the last. */
static uint32_t next_directory(struct kist_tree *t, const struct kist_order *o, uint32_t name)
{
    for (;; name = t->names[name].parent) {
        struct kist_tree_inode *inode = kist_tree_inode_of(t, name);

        while (inode->u.directory.count > 0) {
            uint32_t child = o->names[inode->u.directory.first++];

            inode->u.directory.count--;
            if (kist_tree_inode_of(t, child)->type == KIST_SQUASHFS_DIRECTORY) {
                return child;
            }
        }
        if (name == KIST_TREE_ROOT) {
            return KIST_TREE_NONE;
        }
    }
}

int kist_implied_write(struct kist_tree *t, const struct kist_order *o, struct kist_chunks *chunks,
                       uint32_t *count, struct kist_error *err)
{
    int rc = 0;

    *count = 0;
    for (uint32_t name = KIST_TREE_ROOT; name != KIST_TREE_NONE && rc == 0;
         name = next_directory(t, o, name)) {
        if (kist_tree_inode_of(t, name)->flags & KIST_TREE_IMPLIED) {
            rc = write_path(t, name, chunks, err);
            ++*count;
        }
    }
    return rc;
}
