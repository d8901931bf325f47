/* One layer on its way: registry -> sha256 -> decode -> sha256 -> layer writer -> partial file -> commit. */
#ifndef KIST_TRANSFER_LAYER_PULL_H
#define KIST_TRANSFER_LAYER_PULL_H

#include "transfer/pull.h"

struct kist_layer_pull {
    struct kist_store *store;
    struct kist_registry *registry;
    const struct kist_layer_options *options;
    uint64_t checkpoint; /* as in struct kist_pull_options */
    const struct kist_pull_layer *layer;
    uint64_t expected;            /* bytes of the layer file, about */
    struct kist_store_room *room; /* what the pull holds for its layers; NULL: nothing */
    bool replaces;                /* a damaged layer that is kept */
    /* Told each time compressed bytes arrived: how many. */
    void (*arrived)(void *arg, size_t len);
    void *arg;
    uint64_t received; /* out: body bytes over the network, repeated ones too */
    uint64_t kept;     /* out: bytes of the layer file; 0 when another process kept it meanwhile */
};

/*
 * Goes on with what an earlier one left of the layer. Both digests are checked before it is committed; on an error nothing of it
 * stays, unless it is worth going on (kist_pull_resumable). KIST_E_CORRUPT for wrong data, what the registry and the store
 * give otherwise.
 */
int kist_layer_pull(struct kist_layer_pull *p, struct kist_error *err) KIST_CHECKED;

/* Whether after this error the same pull may come further. */
bool kist_pull_resumable(int rc);

#endif
