/* Documents made here, for images that come without them or whose layers are packed in another way than they came. */
#ifndef KIST_IMAGE_COMPOSE_H
#define KIST_IMAGE_COMPOSE_H

#include "codec/json.h"
#include "image/manifest.h"

#define KIST_MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define KIST_MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"

/* A descriptor as JSON (OCI image spec, descriptor.md), with its platform where it has one; NULL: out of memory. */
cJSON *kist_compose_descriptor(const struct kist_descriptor *d);
/* An OCI image manifest of a config and layers, the base first, appended to out; the same input gives the same bytes. */
int kist_compose_manifest(const struct kist_descriptor *config, const struct kist_descriptor *layers, size_t count,
                          struct kist_buf *out, struct kist_error *err) KIST_CHECKED;
/* An OCI index of manifests, whose descriptors have their platforms; the same. */
int kist_compose_index(const struct kist_descriptor *manifests, size_t count, struct kist_buf *out,
                       struct kist_error *err) KIST_CHECKED;
/* What describes the document text. */
void kist_compose_describe(struct kist_descriptor *d, const char *media_type, const struct kist_buf *text);

#endif
