/* Manifests and indexes: OCI image spec manifest.md and image-index.md, and Docker schema 2 of both. */
#ifndef KIST_IMAGE_MANIFEST_H
#define KIST_IMAGE_MANIFEST_H

#include "image/digest.h"
#include "image/platform.h"

#define KIST_MEDIA_TYPE_MAX 128

#define KIST_MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define KIST_MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define KIST_MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define KIST_MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

struct kist_descriptor {
    char media_type[KIST_MEDIA_TYPE_MAX];
    struct kist_digest digest;
    uint64_t size;
    struct kist_platform platform; /* os "" where the descriptor names none */
};

enum kist_manifest_kind { KIST_MANIFEST_IMAGE, KIST_MANIFEST_INDEX };

/* A parsed document: an image (config and layers) or an index (manifests). */
struct kist_manifest {
    enum kist_manifest_kind kind;
    char media_type[KIST_MEDIA_TYPE_MAX];
    struct kist_descriptor config;   /* of an image */
    struct kist_descriptor *entries; /* an image's layers, the base first; an index's manifests */
    size_t entry_count;              /* at most KIST_MAX_LAYERS or KIST_MAX_INDEX */
};

/*
 * content_type is what the server called it, or NULL; the document's own mediaType wins, then its shape.
 * KIST_E_UNSUPPORTED for schema 1, unknown types and artifacts that are no container images; KIST_E_CORRUPT
 * for what is not a manifest. Foreign (nondistributable) layers are layers as any other. After an error there
 * is nothing to release.
 */
int kist_manifest_parse(struct kist_manifest *m, const char *text, size_t len, const char *content_type,
                        struct kist_error *err) KIST_CHECKED;
void kist_manifest_release(struct kist_manifest *m);
void kist_manifest_auto(struct kist_manifest *m);

/*
 * The index entry that serves want best, the first of equals; attestations and entries of unknown media type
 * are passed over. One that names no platform is the last resort: its config tells. NULL with
 * KIST_E_NOT_FOUND in err, naming the platforms there are.
 */
const struct kist_descriptor *kist_manifest_choose(const struct kist_manifest *index,
                                                   const struct kist_platform *want, bool aarch32,
                                                   struct kist_error *err);

#endif
