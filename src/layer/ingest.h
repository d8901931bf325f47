/* What a tar says, entered into the tree, the contents and the recipe of a layer. */
#ifndef KIST_LAYER_INGEST_H
#define KIST_LAYER_INGEST_H

#include "codec/tar.h"
#include "layer/contents.h"
#include "layer/ids.h"
#include "layer/recipe.h"
#include "layer/tree.h"
#include "layer/xattrs.h"

struct kist_ingest {
    struct kist_tree *tree;
    struct kist_ids *ids;
    struct kist_xattrs *xattrs;
    struct kist_contents *contents;
    struct kist_recipe *recipe;
    uint64_t tar_bytes;
    bool warned; /* of foreign devices */
    /* the member at hand */
    bool keeps;    /* its data becomes a run */
    uint64_t left; /* of the run */
    uint64_t at;   /* in the run */
    struct kist_tar_extent *extents;
    size_t extent_count, extent_size, extent;
    uint64_t in_extent;
    bool sparse;
};

void kist_ingest_release(struct kist_ingest *in);

/* The handler's functions but finish; arg is the struct kist_ingest. */
int kist_ingest_raw(void *arg, const void *data, size_t len, struct kist_error *err);
int kist_ingest_entry(void *arg, const struct kist_tar_entry *entry, struct kist_error *err);
int kist_ingest_data(void *arg, const void *data, size_t len, struct kist_error *err);
int kist_ingest_end(void *arg, struct kist_error *err);

#endif
