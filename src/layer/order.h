/*
 * Which names of the tree live in the end, and in which order they go into the tables: the children of a
 * directory together, by bytes; directories below before those above, so that a listing knows where its
 * inodes lie.
 */
#ifndef KIST_LAYER_ORDER_H
#define KIST_LAYER_ORDER_H

#include "layer/tree.h"
#include "layer/xattrs.h"

struct kist_order {
    uint32_t *names; /* indexes of living names; a directory's inode says which stretch is its */
    uint32_t inodes; /* how many have a number */
};

/*
 * Settles what was left open: who is dead, which directories are opaque or no longer implied; counts links,
 * and numbers inodes from 1 in the order in which kist_order_walk brings them.
 */
int kist_order_init(struct kist_order *o, struct kist_tree *t, struct kist_xattrs *xattrs,
                    struct kist_error *err) KIST_CHECKED;
void kist_order_release(struct kist_order *o);

/* Calls each for a name of every inode, a directory after what is in it. */
int kist_order_walk(const struct kist_order *o, struct kist_tree *t,
                    int (*each)(void *arg, struct kist_tree *t, uint32_t name, struct kist_error *err),
                    void *arg, struct kist_error *err) KIST_CHECKED;

#endif
