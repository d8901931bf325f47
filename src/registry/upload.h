/*
 * What is sent to a registry: blobs and manifests (OCI distribution spec 1.1, "Push"). kist_registry_require with push comes before.
 */
#ifndef KIST_REGISTRY_UPLOAD_H
#define KIST_REGISTRY_UPLOAD_H

#include "registry/registry.h"

/* 1: the repository has the blob; 0: it has not. */
int kist_registry_has_blob(struct kist_registry *reg, const struct kist_digest *digest, struct kist_error *err) KIST_CHECKED;

/* text's bytes become what tag (or "sha256:..." digest) names. KIST_E_CORRUPT where the registry takes them for others. */
int kist_registry_put_manifest(struct kist_registry *reg, const char *tag_or_digest, const char *media_type,
                               const struct kist_buf *text, struct kist_error *err) KIST_CHECKED;

/*
 * A blob on its way to the registry, in segments of 4 MiB (or what the registry wants as its least) that stay in memory until
 * they are there: a dropped connection costs what was in flight. One of at most a segment goes in one piece.
 */
struct kist_upload;

/* what names the blob in messages; the caller's, as reg is. sent, when not NULL, grows by every byte that was taken. */
int kist_upload_new(struct kist_upload **out, struct kist_registry *reg, const char *what, uint64_t *sent,
                    struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. */
void kist_upload_free(struct kist_upload *u);

/*
 * Before anything is written: has the registry take the blob over from another of its repositories (its path, to which
 * kist_registry_require gave the right). 1: done, the upload with it; 0: it would not.
 */
int kist_upload_mount(struct kist_upload *u, const struct kist_digest *digest, const char *from,
                      struct kist_error *err) KIST_CHECKED;

/* The stage that takes the bytes. Its finish does nothing. */
struct kist_sink *kist_upload_sink(struct kist_upload *u);
/* Sends what is left; the blob is there then, under digest. */
int kist_upload_finish(struct kist_upload *u, const struct kist_digest *digest, struct kist_error *err) KIST_CHECKED;
/*
 * After a failure (KIST_E_NETWORK): whether the registry has lost what it had, so that all of it, from the first byte on,
 * may succeed in another upload.
 */
bool kist_upload_lost(const struct kist_upload *u);

#endif
