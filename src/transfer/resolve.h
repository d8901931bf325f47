/* A reference -> the manifest and config of one platform, verified; nothing is stored yet. */
#ifndef KIST_TRANSFER_RESOLVE_H
#define KIST_TRANSFER_RESOLVE_H

#include "image/config.h"
#include "transfer/pull.h"

struct kist_resolved {
    struct kist_digest source;            /* what the name stands for at the registry */
    struct kist_descriptor manifest_desc;
    struct kist_buf manifest_text, config_text;
    struct kist_manifest manifest;
    struct kist_config config;
};

/*
 * KIST_E_NOT_FOUND: no such name, or not for this platform; KIST_E_CORRUPT: digests, sizes or counts do not fit. A config that
 * store already has is not fetched. received grows by the bytes that came. Release r whatever it returns.
 */
int kist_resolve(struct kist_resolved *r, struct kist_registry *registry, struct kist_store *store,
                 const struct kist_reference *ref, const struct kist_platform *want, bool aarch32, uint64_t *received,
                 struct kist_error *err) KIST_CHECKED;
void kist_resolved_release(struct kist_resolved *r);

#endif
