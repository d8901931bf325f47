#include "layer/place.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "layer/layer.h"
#include "layer/walk.h"

#define WHITEOUT_LEN 4
#define AUFS ".wh..wh." /* names that mean something to aufs alone, but for the next */

enum name_kind { NAME_PLAIN, NAME_WHITEOUT, NAME_OPAQUE, NAME_IGNORED, NAME_BAD };

static int refuse(const char *name, const char *why, struct kist_error *err)
{
    char safe[128];

    return kist_error_set(err, KIST_E_CORRUPT, "'%s' %s", kist_str_printable(safe, sizeof(safe), name), why);
}

static int clean(char path[KIST_MAX_PATH + 1], const char *name, struct kist_error *err)
{
    if (kist_path_clean(path, KIST_MAX_PATH + 1, name)) {
        return 0;
    }
    return refuse(name, strlen(name) > KIST_MAX_PATH ? "is too long" : "leads out of the layer", err);
}

static enum name_kind kind_of(const char *path)
{
    const char *base = kist_path_base(path);
    bool inside = false; /* something named as a whiteout */

    for (const char *p = path; p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        if (kist_str_starts(p, AUFS) && strcmp(p, KIST_WHITEOUT_OPAQUE) != 0) {
            return NAME_IGNORED;
        }
        inside |= p != base && kist_str_starts(p, KIST_WHITEOUT_PREFIX);
    }
    if (inside) {
        return NAME_BAD;
    }
    if (strcmp(base, KIST_WHITEOUT_OPAQUE) == 0) {
        return NAME_OPAQUE;
    }
    return kist_str_starts(base, KIST_WHITEOUT_PREFIX) ? NAME_WHITEOUT : NAME_PLAIN;
}

static uint32_t clamp_time(int64_t t)
{
    return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static int put_whiteout(struct kist_tree *t, const struct kist_place *place, int64_t mtime,
                        struct kist_error *err)
{
    const char *name = place->name + WHITEOUT_LEN;
    size_t len = place->len - WHITEOUT_LEN;
    struct kist_tree_inode whiteout = {
        .type = KIST_SQUASHFS_CHAR,
        .flags = KIST_TREE_WHITEOUT,
        .mtime = clamp_time(mtime),
        .xattrs = KIST_SQUASHFS_NO_XATTR,
    };
    uint32_t inode, at;
    int rc;

    if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return refuse(place->name, "is a whiteout of no name", err);
    }
    at = kist_tree_find(t, place->parent, name, len);
    if (at == KIST_TREE_NONE) {
        rc = kist_tree_inode(t, &whiteout, &inode, err);
        if (rc == 0) {
            rc = kist_tree_add(t, place->parent, name, len, inode, &at, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    t->names[at].flags |= KIST_TREE_WHITED;
    return 0;
}

static int put_link(struct kist_tree *t, const struct kist_place *place, const struct kist_tar_entry *e,
                    struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    struct kist_place to;
    uint32_t target;
    int rc;

    if (!e->link_name || e->link_name[0] == '\0') {
        return refuse(e->name, "is a hard link to nothing", err);
    }
    rc = clean(path, e->link_name, err);
    if (rc == 0) {
        rc = kist_walk_find(t, path, &to, err);
    }
    if (rc < 0) {
        char safe[128];

        (void)kist_error_wrap(err, "hard link '%s'", kist_str_printable(safe, sizeof(safe), e->name));
        return rc;
    }
    target = rc > 0 || to.len == 0 ? KIST_TREE_NONE : kist_tree_find(t, to.parent, to.name, to.len);
    if (target == KIST_TREE_NONE || kist_tree_inode_of(t, target)->flags & KIST_TREE_WHITEOUT) {
        char name[128], link[128];

        return kist_error_set(err, KIST_E_CORRUPT, "'%s' is a hard link to '%s', which is not in this layer",
                              kist_str_printable(name, sizeof(name), e->name),
                              kist_str_printable(link, sizeof(link), e->link_name));
    }
    if (kist_tree_inode_of(t, target)->type == KIST_SQUASHFS_DIRECTORY) {
        return refuse(e->name, "is a hard link to a directory", err);
    }
    if (to.parent == place->parent && strcmp(to.name, place->name) == 0) {
        return 0;
    }
    return kist_tree_put(t, place->parent, place->name, place->len, t->names[target].inode, err);
}

static int symlink_target(struct kist_tree *t, struct kist_tree_inode *inode, const struct kist_tar_entry *e,
                          struct kist_error *err)
{
    size_t len = e->link_name ? strlen(e->link_name) : 0;

    if (len == 0 || len > KIST_MAX_PATH) {
        return refuse(e->name, len ? "is a symlink with too long a target" : "is a symlink to nothing", err);
    }
    inode->mode = 0777; /* the only one Linux knows */
    inode->u.symlink.len = (uint32_t)len;
    return kist_tree_keep(t, e->link_name, len + 1, &inode->u.symlink.text, err);
}

static int device_number(struct kist_ingest *in, struct kist_tree_inode *inode,
                         const struct kist_tar_entry *e, struct kist_error *err)
{
    if (e->major > 0xfff || e->minor > 0xfffff) {
        return refuse(e->name, "is a device with a number that Linux does not have", err);
    }
    inode->u.device.number = kist_squashfs_device(e->major, e->minor);
    if (e->type == KIST_TAR_CHAR && inode->u.device.number == 0) {
        inode->flags |= KIST_TREE_FOREIGN;
        if (!in->warned) {
            kist_log(KIST_LOG_WARN, "the layer has 0/0 character devices; containers will not see them");
            in->warned = true;
        }
    }
    return 0;
}

static int describe(struct kist_ingest *in, struct kist_tree_inode *inode, const struct kist_tar_entry *e,
                    uint32_t run, struct kist_error *err)
{
    static const uint8_t types[] = {
        [KIST_TAR_FILE] = KIST_SQUASHFS_FILE,           [KIST_TAR_SYMLINK] = KIST_SQUASHFS_SYMLINK,
        [KIST_TAR_CHAR] = KIST_SQUASHFS_CHAR,           [KIST_TAR_BLOCK] = KIST_SQUASHFS_BLOCK,
        [KIST_TAR_DIRECTORY] = KIST_SQUASHFS_DIRECTORY, [KIST_TAR_FIFO] = KIST_SQUASHFS_FIFO,
    };
    int rc;

    *inode = (struct kist_tree_inode){
        .type = types[e->type], .mode = (uint16_t)(e->mode & 07777), .mtime = clamp_time(e->mtime)};
    rc = kist_ids_find(in->ids, e->uid, &inode->uid, err);
    if (rc == 0) {
        rc = kist_ids_find(in->ids, e->gid, &inode->gid, err);
    }
    if (rc == 0) {
        rc = kist_xattrs_find(in->xattrs, e->xattrs, e->xattr_count, &inode->xattrs, err);
    }
    if (rc < 0) {
        return rc;
    }
    switch (e->type) {
    case KIST_TAR_FILE:
        inode->u.file.run = run;
        inode->flags |= e->sparse ? KIST_TREE_SPARSE : 0;
        return 0;
    case KIST_TAR_SYMLINK:
        return symlink_target(in->tree, inode, e, err);
    case KIST_TAR_CHAR:
    case KIST_TAR_BLOCK:
        return device_number(in, inode, e, err);
    default:
        return 0;
    }
}

/* A directory that is there already keeps what is in it, and that it is opaque. */
static void describe_again(struct kist_tree_inode *old, const struct kist_tree_inode *inode)
{
    uint8_t flags = old->flags & KIST_TREE_OPAQUE;

    *old = *inode;
    old->flags |= flags;
}

static int put(struct kist_ingest *in, const struct kist_place *place, const struct kist_tar_entry *e,
               uint32_t run, struct kist_error *err)
{
    struct kist_tree *t = in->tree;
    struct kist_tree_inode inode;
    uint32_t old = KIST_TREE_ROOT;
    uint32_t index;
    int rc;

    if (place->len == 0 && e->type != KIST_TAR_DIRECTORY) {
        return refuse(e->name, "would replace the layer's root", err);
    }
    if (e->type == KIST_TAR_HARDLINK) {
        return put_link(t, place, e, err);
    }
    rc = describe(in, &inode, e, run, err);
    if (rc < 0) {
        return rc;
    }
    if (place->len > 0) {
        old = kist_tree_find(t, place->parent, place->name, place->len);
    }
    if (inode.type == KIST_SQUASHFS_DIRECTORY && old != KIST_TREE_NONE &&
        kist_tree_inode_of(t, old)->type == KIST_SQUASHFS_DIRECTORY) {
        describe_again(kist_tree_inode_of(t, old), &inode);
        return 0;
    }
    rc = kist_tree_inode(t, &inode, &index, err);
    return rc < 0 ? rc : kist_tree_put(t, place->parent, place->name, place->len, index, err);
}

int kist_place_entry(struct kist_ingest *in, const struct kist_tar_entry *e, uint32_t run,
                     struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    struct kist_place place;
    enum name_kind kind;
    int rc = clean(path, e->name, err);

    if (rc < 0) {
        return rc;
    }
    kind = kind_of(path);
    if (kind == NAME_IGNORED) {
        return 0;
    }
    if (kind == NAME_BAD) {
        return refuse(e->name, "lies in what is named as a whiteout", err);
    }
    rc = kist_walk_make(in->tree, path, kind != NAME_PLAIN, &place, err);
    if (rc != 0) {
        return KIST_MIN(rc, 0); /* a whiteout below what this layer makes a file: some writers have these */
    }
    switch (kind) {
    case NAME_OPAQUE:
        kist_tree_inode_of(in->tree, place.parent)->flags |= KIST_TREE_OPAQUE;
        return 0;
    case NAME_WHITEOUT:
        return put_whiteout(in->tree, &place, e->mtime, err);
    default:
        return put(in, &place, e, run, err);
    }
}
