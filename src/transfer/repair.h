/* What is damaged in the store, found, and fetched again from where it came. */
#ifndef KIST_TRANSFER_REPAIR_H
#define KIST_TRANSFER_REPAIR_H

#include "layer/layer.h"
#include "registry/registry.h"
#include "store/check.h"

/*
 * Told of each damaged thing, once, with the images there are. rc 1: repaired; 0: nobody tried; negative: it could not be
 * repaired, and err says why.
 */
typedef void kist_repair_event_fn(void *arg, const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                                  const struct kist_error *err);

struct kist_repair_options {
    bool deep;   /* as kist_store_check */
    bool repair; /* else only tells */
    struct kist_registry_options registry;
    struct kist_layer_options layer;
    kist_repair_event_fn *event;
    void *event_arg;
};

struct kist_repair_result {
    uint64_t images, blobs, layers, bytes; /* checked; an image is one ID */
    uint64_t damaged, repaired;            /* things */
};

/*
 * Checks the store, politely towards whoever else reads from the disk, and repairs it: index.json from what is kept, blobs and layers
 * from the registry an image came from. Only what is damaged is fetched, and what was there is replaced only by what has the right
 * digest. 0 also where damage is found and stays.
 */
int kist_repair(struct kist_store *store, const struct kist_repair_options *options, struct kist_repair_result *result,
                struct kist_error *err) KIST_CHECKED;

#endif
