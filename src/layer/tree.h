/*
 * The names and inodes of a layer while it is written. Everything refers by index, so a file costs 60 bytes,
 * its name, and 4 to 8 bytes of hash table. A parent's index is lower than its children's, always.
 */
#ifndef KIST_LAYER_TREE_H
#define KIST_LAYER_TREE_H

#include "base/buf.h"
#include "layer/budget.h"
#include "layer/squashfs.h"

#define KIST_TREE_ROOT 0 /* index of the root's name, and of its inode */
#define KIST_TREE_NONE UINT32_MAX

enum kist_tree_flags {
    KIST_TREE_DEAD = 1,   /* a name: replaced, or under one that was */
    KIST_TREE_WHITED = 2, /* a name: the layer has a whiteout for it */
    /* inodes */
    KIST_TREE_IMPLIED = 4,   /* a directory the tar has not named */
    KIST_TREE_OPAQUE = 8,    /* a directory that hides the one below */
    KIST_TREE_SPARSE = 16,   /* a file whose holes are real */
    KIST_TREE_WHITEOUT = 32, /* a whiteout, nothing else */
    KIST_TREE_FOREIGN =
        64, /* a 0/0 device that the tar holds as such: the kernel would take it for a whiteout */
};

struct kist_tree_name {
    uint32_t parent;
    uint32_t next; /* of the same hash bucket */
    uint32_t text;
    uint32_t inode;
    uint16_t len;
    uint8_t flags;
};

struct kist_tree_inode {
    uint8_t type; /* enum kist_squashfs_type, a plain one */
    uint8_t flags;
    uint16_t mode, uid, gid; /* 07777; indexes into the id table */
    uint32_t mtime;
    uint32_t xattrs; /* number of the set, or KIST_SQUASHFS_NO_XATTR */
    union {
        struct {
            uint32_t run;
        } file;
        struct {
            uint32_t text, len;
        } symlink;
        struct {
            uint32_t number;
        } device;
        struct {
            uint32_t first, count; /* once the tables are made: its part of the order */
        } directory;
    } u;
    /* once the tables are made */
    uint32_t links, number;
    uint32_t block; /* where it lies in the inode table */
    uint16_t offset;
};

struct kist_tree {
    struct kist_budget *budget;
    struct kist_buf text;
    struct kist_tree_name *names;
    struct kist_tree_inode *inodes;
    uint32_t *buckets;
    size_t name_count, name_size, inode_count, inode_size;
    uint32_t bucket_count;
    uint32_t seed;
};

/* With an implied root. */
int kist_tree_init(struct kist_tree *t, struct kist_budget *budget, struct kist_error *err) KIST_CHECKED;
void kist_tree_release(struct kist_tree *t);

/* Keeps len bytes; *at is their place in text. */
int kist_tree_keep(struct kist_tree *t, const char *text, size_t len, uint32_t *at,
                   struct kist_error *err) KIST_CHECKED;
/* A new inode, copied from *inode. */
int kist_tree_inode(struct kist_tree *t, const struct kist_tree_inode *inode, uint32_t *index,
                    struct kist_error *err) KIST_CHECKED;
/* The inode of a directory nobody named yet. */
struct kist_tree_inode kist_tree_implied(void);

/* The name len bytes long in the directory parent, or KIST_TREE_NONE. */
uint32_t kist_tree_find(const struct kist_tree *t, uint32_t parent, const char *name, size_t len);
/* A new name; there must be none such. */
int kist_tree_add(struct kist_tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
                  uint32_t *index, struct kist_error *err) KIST_CHECKED;
/*
 * What is called so from now on is inode: a name is added or replaced, with all below it. The caller sees to
 * it that no directory is put where one is.
 */
int kist_tree_put(struct kist_tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
                  struct kist_error *err) KIST_CHECKED;

static inline struct kist_tree_inode *kist_tree_inode_of(const struct kist_tree *t, uint32_t name)
{
    return &t->inodes[t->names[name].inode];
}

static inline const char *kist_tree_text(const struct kist_tree *t, uint32_t at)
{
    return t->text.data + at;
}

/* The path of a name, "" the root, into dst. KIST_E_CORRUPT when it is longer than KIST_MAX_PATH. */
int kist_tree_path(const struct kist_tree *t, uint32_t name, struct kist_buf *dst,
                   struct kist_error *err) KIST_CHECKED;

#endif
