#include "layer/order.h"

#include <stdlib.h>
#include <string.h>

struct walker {
    struct kist_tree *tree;
    /* NULL: only numbers them */
    int (*each)(void *arg, struct kist_tree *t, uint32_t name, struct kist_error *err);
    void *arg;
    uint32_t next; /* number of the inode not met yet */
};

static bool is_directory(const struct kist_tree_inode *inode)
{
    return inode->type == KIST_SQUASHFS_DIRECTORY;
}

/* Parents come before children, so one pass brings death down to the leaves. */
static size_t settle_names(struct kist_tree *t)
{
    size_t living = 0;

    for (size_t i = 0; i < t->name_count; i++) {
        struct kist_tree_name *n = &t->names[i];
        struct kist_tree_inode *inode = &t->inodes[n->inode];
        bool root = i == KIST_TREE_ROOT;
        bool foreign = (inode->flags & KIST_TREE_FOREIGN) && !(n->flags & KIST_TREE_WHITED);

        if (foreign || (!root && (t->names[n->parent].flags & KIST_TREE_DEAD))) {
            n->flags |= KIST_TREE_DEAD;
        }
        if (n->flags & KIST_TREE_DEAD) {
            continue;
        }
        living++;
        if (is_directory(inode) && (n->flags & KIST_TREE_WHITED)) {
            inode->flags |= KIST_TREE_OPAQUE;
            /* What was below is gone: there is nothing to take after. */
            inode->flags &= (uint8_t)~KIST_TREE_IMPLIED;
        }
        inode->links += is_directory(inode) ? 2 : 1;
        if (!root) {
            struct kist_tree_inode *parent = kist_tree_inode_of(t, n->parent);

            parent->u.directory.count++;
            parent->links += is_directory(inode);
        }
    }
    return living;
}

static int settle_opaque(struct kist_tree *t, struct kist_xattrs *xattrs, struct kist_error *err)
{
    for (size_t i = 0; i < t->inode_count; i++) {
        struct kist_tree_inode *inode = &t->inodes[i];

        if (is_directory(inode) && (inode->flags & KIST_TREE_OPAQUE) && inode->links > 0) {
            int rc = kist_xattrs_opaque(xattrs, inode->xattrs, &inode->xattrs, err);

            if (rc < 0) {
                return rc;
            }
        }
    }
    return 0;
}

static int compare(const void *a, const void *b, void *tree)
{
    const struct kist_tree *t = tree;
    const struct kist_tree_name *x = &t->names[*(const uint32_t *)a];
    const struct kist_tree_name *y = &t->names[*(const uint32_t *)b];
    int c = memcmp(kist_tree_text(t, x->text), kist_tree_text(t, y->text), KIST_MIN(x->len, y->len));

    return c != 0 ? c : (int)x->len - (int)y->len;
}

static void sort_children(struct kist_order *o, struct kist_tree *t)
{
    uint32_t at = 0;

    for (size_t i = 0; i < t->name_count; i++) {
        struct kist_tree_inode *inode = kist_tree_inode_of(t, (uint32_t)i);

        if (!(t->names[i].flags & KIST_TREE_DEAD) && is_directory(inode)) {
            inode->u.directory.first = at;
            at += inode->u.directory.count;
            inode->u.directory.count = 0;
        }
    }
    for (size_t i = 1; i < t->name_count; i++) {
        if (!(t->names[i].flags & KIST_TREE_DEAD)) {
            struct kist_tree_inode *parent = kist_tree_inode_of(t, t->names[i].parent);

            o->names[parent->u.directory.first + parent->u.directory.count++] = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < t->name_count; i++) {
        struct kist_tree_inode *inode = kist_tree_inode_of(t, (uint32_t)i);

        if (!(t->names[i].flags & KIST_TREE_DEAD) && is_directory(inode) && inode->u.directory.count > 1) {
            qsort_r(o->names + inode->u.directory.first, inode->u.directory.count, sizeof(*o->names), compare,
                    t);
        }
    }
}

/* Numbers are given in the order of the walk, so an inode that is not the next one was met before. */
static int meet(struct walker *w, uint32_t name, struct kist_error *err)
{
    struct kist_tree_inode *inode = kist_tree_inode_of(w->tree, name);

    if (inode->number == 0) {
        inode->number = w->next;
    } else if (inode->number != w->next) {
        return 0;
    }
    w->next++;
    return w->each ? w->each(w->arg, w->tree, name, err) : 0;
}

static int walk(const struct kist_order *o, struct walker *w, struct kist_error *err)
{
    struct kist_tree *t = w->tree;
    int rc = 0;

    for (size_t i = t->name_count; i-- > 0 && rc == 0;) {
        const struct kist_tree_inode *inode = kist_tree_inode_of(t, (uint32_t)i);

        if ((t->names[i].flags & KIST_TREE_DEAD) || !is_directory(inode)) {
            continue;
        }
        for (uint32_t c = 0; c < inode->u.directory.count && rc == 0; c++) {
            uint32_t child = o->names[inode->u.directory.first + c];

            if (!is_directory(kist_tree_inode_of(t, child))) {
                rc = meet(w, child, err);
            }
        }
        if (rc == 0) {
            rc = meet(w, (uint32_t)i, err);
        }
    }
    return rc;
}

int kist_order_walk(const struct kist_order *o, struct kist_tree *t,
                    int (*each)(void *arg, struct kist_tree *t, uint32_t name, struct kist_error *err),
                    void *arg, struct kist_error *err)
{
    struct walker w = {.tree = t, .each = each, .arg = arg, .next = 1};

    return walk(o, &w, err);
}

int kist_order_init(struct kist_order *o, struct kist_tree *t, struct kist_xattrs *xattrs,
                    struct kist_error *err)
{
    struct walker w = {.tree = t, .next = 1};
    size_t living = settle_names(t);
    int rc;

    o->names = malloc(living * sizeof(*o->names));
    if (!o->names) {
        return kist_error_nomem(err);
    }
    rc = settle_opaque(t, xattrs, err);
    if (rc == 0) {
        sort_children(o, t);
        rc = walk(o, &w, err);
    }
    o->inodes = w.next - 1;
    return rc;
}

void kist_order_release(struct kist_order *o)
{
    free(o->names);
}
