#include "layer/walk.h"

#include <string.h>

#include "base/str.h"

#define LINKS_MAX 40 /* as the kernel has it */
#define COMPONENT_MAX 255
#define MISSING 1

struct walk {
    struct kist_tree *tree;
    const char *path; /* for messages */
    uint32_t at;      /* the directory reached */
    bool make;
    bool whiteout; /* path is one: it may lead through what is no directory, and then hides nothing */
    unsigned links;
    size_t from;                      /* rest[from...] is the way still to go */
    char rest[2 * KIST_MAX_PATH + 2]; /* filled from its end: targets go before what is left */
};

static int refuse(const struct walk *w, const char *why, struct kist_error *err)
{
    char path[128];

    return kist_error_set(err, KIST_E_CORRUPT, "'%s' %s", kist_str_printable(path, sizeof(path), w->path),
                          why);
}

static int push(struct walk *w, const char *text, size_t len, struct kist_error *err)
{
    if (len + 1 > w->from) {
        return refuse(w, "leads through symlinks to a path that is too long", err);
    }
    w->rest[--w->from] = '/';
    w->from -= len;
    memcpy(w->rest + w->from, text, len);
    return 0;
}

static int follow(struct walk *w, const struct kist_tree_inode *link, struct kist_error *err)
{
    const char *target = kist_tree_text(w->tree, link->u.symlink.text);

    if (++w->links > LINKS_MAX) {
        return refuse(w, "leads through too many symlinks", err);
    }
    if (target[0] == '/') {
        w->at = KIST_TREE_ROOT;
    }
    return push(w, target, link->u.symlink.len, err);
}

static int make_directory(struct walk *w, const char *name, size_t len, struct kist_error *err)
{
    struct kist_tree_inode implied = kist_tree_implied();
    uint32_t inode;
    int rc = kist_tree_inode(w->tree, &implied, &inode, err);

    return rc < 0 ? rc : kist_tree_add(w->tree, w->at, name, len, inode, &w->at, err);
}

static int enter(struct walk *w, const char *name, size_t len, struct kist_error *err)
{
    uint32_t child = kist_tree_find(w->tree, w->at, name, len);
    struct kist_tree_inode *inode;

    if (child == KIST_TREE_NONE) {
        return w->make ? make_directory(w, name, len, err) : MISSING;
    }
    inode = kist_tree_inode_of(w->tree, child);
    if (inode->type == KIST_SQUASHFS_SYMLINK) {
        return follow(w, inode, err);
    }
    if (inode->flags & KIST_TREE_WHITEOUT) {
        if (!w->make) {
            return MISSING;
        }
        *inode = kist_tree_implied();
    }
    if (inode->type != KIST_SQUASHFS_DIRECTORY) {
        return w->make && !w->whiteout ? refuse(w, "leads through a file that is not a directory", err) : MISSING;
    }
    w->at = child;
    return 0;
}

static int step(struct walk *w, const char *name, size_t len, struct kist_error *err)
{
    if (len == 0 || (len == 1 && name[0] == '.')) {
        return 0;
    }
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        w->at = w->at == KIST_TREE_ROOT ? KIST_TREE_ROOT : w->tree->names[w->at].parent;
        return 0;
    }
    if (len > COMPONENT_MAX) {
        return refuse(w, "has a component of more than 255 bytes", err);
    }
    return enter(w, name, len, err);
}

static int walk(struct walk *w, struct kist_place *place, struct kist_error *err)
{
    const char *base = strrchr(w->path, '/');
    size_t directory = base ? (size_t)(base - w->path) : 0;
    int rc;

    base = base ? base + 1 : w->path;
    place->len = strlen(base);
    if (place->len > COMPONENT_MAX) {
        return refuse(w, "has a component of more than 255 bytes", err);
    }
    memcpy(place->name, base, place->len + 1);
    w->at = KIST_TREE_ROOT;
    w->from = sizeof(w->rest);
    rc = push(w, w->path, directory, err);
    while (rc == 0 && w->from < sizeof(w->rest)) {
        char name[COMPONENT_MAX + 1];
        const char *part = w->rest + w->from;
        size_t len = (size_t)((const char *)memchr(part, '/', sizeof(w->rest) - w->from) - part);

        w->from += len + 1;
        memcpy(name, part, KIST_MIN(len, sizeof(name))); /* following a symlink writes over it */
        rc = step(w, name, len, err);
    }
    place->parent = w->at;
    return rc;
}

int kist_walk_make(struct kist_tree *t, const char *path, bool whiteout, struct kist_place *place,
                   struct kist_error *err)
{
    struct walk w = {.tree = t, .path = path, .make = true, .whiteout = whiteout};

    return walk(&w, place, err);
}

int kist_walk_find(struct kist_tree *t, const char *path, struct kist_place *place, struct kist_error *err)
{
    struct walk w = {.tree = t, .path = path};

    return walk(&w, place, err);
}
