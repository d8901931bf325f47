/* The inode table, and with it the directory table: a directory's listing goes out before its inode. */
#ifndef KIST_LAYER_INODES_H
#define KIST_LAYER_INODES_H

#include "layer/contents.h"
#include "layer/listing.h"
#include "layer/order.h"

struct kist_inodes {
    const struct kist_order *order;
    const struct kist_contents *contents;
    struct kist_meta *inodes;
    struct kist_meta *directories;
    struct kist_listing listing;
};

/* Writes all of the tree's inodes and listings; where they lie is noted in the tree. */
int kist_inodes_write(struct kist_inodes *w, struct kist_tree *t, struct kist_error *err) KIST_CHECKED;

#endif
