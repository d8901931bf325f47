/* The writer's parts, for the files that it is made of. */
#ifndef KIST_LAYER_WRITER_H
#define KIST_LAYER_WRITER_H

#include "layer/ingest.h"
#include "layer/journal.h"
#include "layer/layer.h"
#include "layer/order.h"

struct kist_layer_writer {
    struct kist_tar *tar;
    struct kist_out out;
    struct kist_budget budget;
    struct kist_blocks *blocks;
    struct kist_chunks chunks;
    struct kist_recipe recipe;
    struct kist_contents contents;
    struct kist_tree tree;
    struct kist_ids ids;
    struct kist_xattrs xattrs;
    struct kist_order order;
    struct kist_ingest ingest;
    struct kist_squashfs_super super;
    unsigned char super_bytes[KIST_SQUASHFS_SUPER_SIZE];
    struct kist_layer_trailer trailer;
    struct kist_journal journal; /* file NULL: there is none */
};

/* kist_layer_writer_new; resumed: the file has its first bytes already, and out stands behind them. */
int kist_layer_writer_open(struct kist_layer_writer **out, struct port_file *file,
                           const struct kist_layer_options *options, bool resumed,
                           struct kist_error *err) KIST_CHECKED;

#endif
