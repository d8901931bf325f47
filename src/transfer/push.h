/*
 * Push: image -> for each layer: file -> tar -> compressed -> registry, side by side -> config -> manifest. What the registry
 * has already is not sent. The compressed form, and with it every digest, depends on the image alone.
 */
#ifndef KIST_TRANSFER_PUSH_H
#define KIST_TRANSFER_PUSH_H

#include "codec/encoding.h"
#include "registry/registry.h"
#include "store/store.h"

enum kist_push_state {
    KIST_PUSH_WAITING,
    KIST_PUSH_SENDING,
    KIST_PUSH_SENT,
    KIST_PUSH_PRESENT, /* the repository had it */
    KIST_PUSH_MOUNTED, /* the registry took it from another of its repositories */
};

struct kist_push_layer {
    struct kist_digest diff_id;
    struct kist_descriptor blob; /* as the manifest names it; media type "" as long as that is not known */
    enum kist_push_state state;
    uint64_t tar_bytes, done;            /* of its tar: all of it, and what was read so far */
    uint64_t sent;                       /* compressed bytes that the registry took */
    char from[KIST_REFERENCE_PATH_MAX];  /* the repository it was mounted from */
};

/* What a push will do, and has done; given to each event call. */
struct kist_push_plan {
    char name[KIST_REFERENCE_TEXT_MAX]; /* full reference */
    size_t image_count;                 /* platforms */
    struct kist_push_layer *layers;     /* each once */
    size_t layer_count;
    struct kist_descriptor pushed; /* what the name is at the registry from now on: manifest or index */
    uint64_t sent_bytes;           /* of layers and configs */
};

/* Calls are serialised; index is the layer that changed, or -1: the plan is made. */
typedef void kist_push_event_fn(void *arg, const struct kist_push_plan *plan, int index);

struct kist_push_options {
    struct kist_registry_options registry;
    enum kist_encoding encoding;    /* gzip or zstd */
    struct kist_platform platform;  /* of several that are kept under the name */
    bool all_platforms;             /* all of them, and an index */
    bool reuse;   /* what the registry holds under the digest recorded at the pull is used as it is */
    bool dry_run; /* asks the registry what it has, and sends nothing */
    unsigned jobs;    /* layers side by side; 0: 2 */
    unsigned workers; /* threads that compress beside each job's own */
    kist_push_event_fn *event; /* may be NULL */
    void *event_arg;
};

/*
 * Pushes what is kept under ref, which has a tag. plan is filled as far as it went, also on failure; release it. KIST_E_NOT_FOUND:
 * nothing is; KIST_E_CORRUPT: a layer file is damaged.
 */
int kist_push(struct kist_store *store, const struct kist_reference *ref, const struct kist_push_options *options,
              struct kist_push_plan *plan, struct kist_error *err) KIST_CHECKED;
void kist_push_plan_release(struct kist_push_plan *plan);

#endif
