/* Pull: reference -> manifest -> config -> plan -> layers side by side -> commit. Joins registry and store. */
#ifndef KIST_TRANSFER_PULL_H
#define KIST_TRANSFER_PULL_H

#include "layer/layer.h"
#include "registry/registry.h"
#include "store/quota.h"

enum kist_layer_state {
    KIST_PULL_WAITING,
    KIST_PULL_DOWNLOADING, /* and unpacking: it is one stream */
    KIST_PULL_DONE,
    KIST_PULL_KEPT, /* already in the store */
};

/* One layer of the plan. */
struct kist_pull_layer {
    struct kist_digest diff_id;
    struct kist_descriptor blob;
    enum kist_layer_state state;
    uint64_t received; /* compressed bytes so far */
    uint64_t kept;     /* bytes of the layer file once done */
};

/* What a pull will do, and has done; given to each event call. */
struct kist_pull_plan {
    char name[KIST_REFERENCE_TEXT_MAX];   /* full reference */
    struct kist_platform platform;
    struct kist_digest source;   /* what the name resolved to */
    struct kist_descriptor manifest;
    struct kist_digest config;   /* the image ID */
    struct kist_pull_layer *layers;
    size_t layer_count;
    uint64_t download_bytes;     /* compressed bytes of layers not kept yet, manifest and config not counted */
    uint64_t estimate_bytes;     /* what these and the image's documents will take on flash, about */
    uint64_t bound_bytes;        /* and at most, unless the image was packed unusually hard */
    uint64_t peak_bytes;         /* taken while it works, with what goes again; 0: nothing to pull */
    uint64_t left_bytes;         /* of the limit or the disk, before anything goes; UINT64_MAX: unknown */
    uint64_t mount_bytes;        /* kernel memory while the image's layers are mounted */
    bool fits;                   /* peak does, once what is in evicted has gone */
    struct kist_store_removed evicted; /* what has to go for it, as foreseen */
    uint64_t received_bytes;     /* all body bytes that came */
    uint64_t kept_bytes;         /* bytes this pull added to the store */
    enum kist_store_change change;
};

/* Calls are serialised; index is the layer that changed, or -1 for the plan as a whole (just made; finished). */
typedef void kist_pull_event_fn(void *arg, const struct kist_pull_plan *plan, int index);

struct kist_pull_options {
    struct kist_registry_options registry;
    struct kist_layer_options layer;
    struct kist_platform platform;
    bool aarch32;
    bool dry_run;        /* stop after the plan: KIST_E_NO_SPACE where it does not fit */
    struct kist_store_limits limits; /* the store's */
    uint64_t checkpoint; /* bytes of a layer file between two places from which a pull that died is gone on with; 0: as often
                            as costs 1 % of what is written */
    unsigned jobs;       /* layers side by side; 0: 2 */
    kist_pull_event_fn *event; /* may be NULL */
    void *event_arg;
};

/*
 * What is finished when a pull dies, is interrupted or loses its connection stays for the next one, and so do the layers at work, as
 * far as their last checkpoint. plan is filled as far as it went, also on failure; release it. store may be NULL for a dry run where there is none
 * yet.
 */
int kist_pull(struct kist_store *store, const struct kist_reference *ref, const struct kist_pull_options *options,
              struct kist_pull_plan *plan, struct kist_error *err) KIST_CHECKED;
void kist_pull_plan_release(struct kist_pull_plan *plan);

#endif
