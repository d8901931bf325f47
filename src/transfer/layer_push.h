/* One layer on its way out: layer file -> tar -> sha256 -> compressed -> sha256 -> registry. */
#ifndef KIST_TRANSFER_LAYER_PUSH_H
#define KIST_TRANSFER_LAYER_PUSH_H

#include "transfer/push.h"
#include "transfer/push_sources.h"

struct kist_layer_push {
    struct kist_store *store;
    struct kist_registry *registry;
    const struct kist_reference *ref; /* where to */
    const struct kist_push_options *options;
    const struct kist_push_sources *sources;
    unsigned tries; /* of a layer whose upload the registry loses */
    struct kist_push_layer *layer; /* the caller's own: no other thread looks at it */
    void (*progress)(void *arg, uint64_t done); /* told now and then how much of the tar was read */
    bool (*stop)(void *arg);
    void *arg; /* of both */
};

/*
 * layer gets its blob, and what became of it. Of a dry run: its blob and KIST_PUSH_PRESENT where the registry is known to have it, else
 * nothing. KIST_E_CORRUPT where the file gives another tar than its diff ID names.
 */
int kist_layer_push(struct kist_layer_push *p, struct kist_error *err) KIST_CHECKED;

#endif
