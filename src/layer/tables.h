/* The squashfs tables, made when all names and contents are known. */
#ifndef KIST_LAYER_TABLES_H
#define KIST_LAYER_TABLES_H

#include "layer/contents.h"
#include "layer/ids.h"
#include "layer/meta.h"
#include "layer/order.h"

struct kist_tables {
    struct kist_tree *tree;
    const struct kist_order *order;
    const struct kist_contents *contents;
    const struct kist_ids *ids;
    const struct kist_xattrs *xattrs;
    struct kist_compressor *compressor;
    struct kist_out *out;
    struct kist_squashfs_super *super; /* gets all positions and counts but bytes_used */
};

/* Inodes, directories, fragments, ids, xattrs, in this order, from where out is. */
int kist_tables_write(struct kist_tables *t, struct kist_error *err) KIST_CHECKED;

#endif
