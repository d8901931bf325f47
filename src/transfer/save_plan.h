/* What a save will write: which images, under which names, which layers. */
#ifndef KIST_TRANSFER_SAVE_PLAN_H
#define KIST_TRANSFER_SAVE_PLAN_H

#include "transfer/save.h"

struct kist_save_layer {
    struct kist_digest diff_id;
    uint64_t size; /* of its tar */
    bool left_out;
};

struct kist_save_image {
    const struct kist_image *image;
    struct kist_strv names; /* whole references with a tag */
    struct kist_descriptor config, manifest_desc;
    struct kist_buf manifest; /* as it goes into the archive: layers are tars */
};

struct kist_save_plan {
    struct kist_image_list list;
    struct kist_save_image *images;
    size_t image_count;
    struct kist_save_layer *layers; /* each once */
    size_t layer_count;
    struct kist_store_lease *lease; /* NULL where the store cannot be written */
};

/* Release it whatever comes back. */
int kist_save_plan(struct kist_save_plan *p, struct kist_store *s, char *const *texts, size_t count,
                   const struct kist_save_options *options, struct kist_error *err) KIST_CHECKED;
void kist_save_plan_release(struct kist_save_plan *p);

#endif
