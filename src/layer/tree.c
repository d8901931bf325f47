#include "layer/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct kist_tree_inode kist_tree_implied(void)
{
    return (struct kist_tree_inode){
        .type = KIST_SQUASHFS_DIRECTORY,
        .flags = KIST_TREE_IMPLIED,
        .mode = 0755,
        .xattrs = KIST_SQUASHFS_NO_XATTR,
    };
}

int kist_tree_init(struct kist_tree *t, struct kist_budget *budget, struct kist_error *err)
{
    struct kist_tree_inode root = kist_tree_implied();
    uint32_t inode, name;
    int rc;

    *t = (struct kist_tree){.budget = budget, .text = KIST_BUF_INIT(UINT32_MAX / 2)};
    /* Foreign names must not choose their buckets; an address of ours is hard enough to guess for that. */
    t->seed = (uint32_t)((uintptr_t)t >> 4) ^ (uint32_t)(uintptr_t)&root;
    rc = kist_tree_inode(t, &root, &inode, err);
    return rc < 0 ? rc : kist_tree_add(t, KIST_TREE_NONE, "", 0, inode, &name, err);
}

void kist_tree_release(struct kist_tree *t)
{
    kist_buf_release(&t->text);
    free(t->names);
    free(t->inodes);
    free(t->buckets);
}

int kist_tree_keep(struct kist_tree *t, const char *text, size_t len, uint32_t *at, struct kist_error *err)
{
    int rc = kist_budget_take(t->budget, len, err);

    *at = (uint32_t)t->text.len;
    return rc < 0 ? rc : kist_buf_add(&t->text, text, len, err);
}

int kist_tree_inode(struct kist_tree *t, const struct kist_tree_inode *inode, uint32_t *index,
                    struct kist_error *err)
{
    int rc = kist_budget_count(t->budget, t->inode_count, err);

    if (rc == 0) {
        rc = kist_array_grow(&t->inodes, &t->inode_size, t->inode_count + 1, sizeof(*t->inodes), err);
    }
    if (rc < 0) {
        return rc;
    }
    *index = (uint32_t)t->inode_count;
    t->inodes[t->inode_count++] = *inode;
    return 0;
}

static uint32_t *bucket_of(const struct kist_tree *t, uint32_t parent, const char *name, size_t len)
{
    uint32_t h = t->seed ^ parent * 0x9e3779b1U;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)name[i]) * 0x01000193U;
        h ^= h >> 15;
    }
    h = (h ^ h >> 16) * 0x85ebca6bU;
    return &t->buckets[(h ^ h >> 13) & (t->bucket_count - 1)];
}

static void bucket_enter(struct kist_tree *t, uint32_t index)
{
    struct kist_tree_name *n = &t->names[index];
    uint32_t *bucket = bucket_of(t, n->parent, kist_tree_text(t, n->text), n->len);

    n->next = *bucket;
    *bucket = index;
}

static int buckets_grow(struct kist_tree *t, struct kist_error *err)
{
    uint32_t count = t->bucket_count ? t->bucket_count * 2 : 256;
    uint32_t *buckets = malloc((size_t)count * sizeof(*buckets));

    if (!buckets) {
        return kist_error_nomem(err);
    }
    memset(buckets, 0xff, (size_t)count * sizeof(*buckets));
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
    for (uint32_t i = 0; i < t->name_count; i++) {
        if (!(t->names[i].flags & KIST_TREE_DEAD)) {
            bucket_enter(t, i);
        }
    }
    return 0;
}

uint32_t kist_tree_find(const struct kist_tree *t, uint32_t parent, const char *name, size_t len)
{
    uint32_t i = *bucket_of(t, parent, name, len);

    while (i != KIST_TREE_NONE) {
        const struct kist_tree_name *n = &t->names[i];

        if (n->parent == parent && n->len == len && memcmp(kist_tree_text(t, n->text), name, len) == 0 &&
            !(n->flags & KIST_TREE_DEAD)) {
            break;
        }
        i = n->next;
    }
    return i;
}

int kist_tree_add(struct kist_tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
                  uint32_t *index, struct kist_error *err)
{
    uint32_t text;
    int rc = kist_budget_count(t->budget, t->name_count, err);

    if (rc == 0 && t->name_count >= t->bucket_count) {
        rc = buckets_grow(t, err);
    }
    if (rc == 0) {
        rc = kist_array_grow(&t->names, &t->name_size, t->name_count + 1, sizeof(*t->names), err);
    }
    if (rc == 0) {
        rc = kist_tree_keep(t, name, len, &text, err);
    }
    if (rc < 0) {
        return rc;
    }
    *index = (uint32_t)t->name_count++;
    t->names[*index] =
        (struct kist_tree_name){.parent = parent, .text = text, .inode = inode, .len = (uint16_t)len};
    bucket_enter(t, *index);
    return 0;
}

int kist_tree_put(struct kist_tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
                  struct kist_error *err)
{
    uint32_t old = kist_tree_find(t, parent, name, len);
    uint8_t whited;
    uint32_t index;
    int rc;

    if (old == KIST_TREE_NONE) {
        return kist_tree_add(t, parent, name, len, inode, &index, err);
    }
    if (kist_tree_inode_of(t, old)->type != KIST_SQUASHFS_DIRECTORY) {
        t->names[old].inode = inode;
        return 0;
    }
    /* A directory's children point to its name: with that they die, all the way down. */
    whited = t->names[old].flags & KIST_TREE_WHITED;
    t->names[old].flags |= KIST_TREE_DEAD;
    rc = kist_tree_add(t, parent, name, len, inode, &index, err);
    if (rc == 0) {
        t->names[index].flags |= whited;
    }
    return rc;
}

int kist_tree_path(const struct kist_tree *t, uint32_t name, struct kist_buf *dst, struct kist_error *err)
{
    char path[KIST_MAX_PATH];
    size_t at = sizeof(path);

    for (uint32_t i = name; i != KIST_TREE_ROOT; i = t->names[i].parent) {
        const struct kist_tree_name *n = &t->names[i];
        size_t slash = i != name;

        if (n->len + slash > at) {
            return kist_error_set(err, KIST_E_CORRUPT, "a path is longer than %d bytes", KIST_MAX_PATH);
        }
        if (slash) {
            path[--at] = '/';
        }
        at -= n->len;
        memcpy(path + at, kist_tree_text(t, n->text), n->len);
    }
    kist_buf_clear(dst);
    return kist_buf_add(dst, path + at, sizeof(path) - at, err);
}
