#include "image/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"
#include "codec/json.h"

#define SHOWN_MAX 96

static const char *const image_types[] = {KIST_MEDIA_OCI_MANIFEST, KIST_MEDIA_DOCKER_MANIFEST};
static const char *const index_types[] = {KIST_MEDIA_OCI_INDEX, KIST_MEDIA_DOCKER_LIST};
static const char *const schema1_types[] = {
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
};
static const char *const config_types[] = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
};
/* Nondistributable and foreign layers are fetched as any other: a registry without them says so. */
static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

static bool one_of(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; text && i < count; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define ONE_OF(text, names) one_of(text, names, KIST_COUNT(names))

static int take_descriptor(struct kist_descriptor *d, const cJSON *json, const char *what,
                           struct kist_error *err)
{
    const char *media_type = kist_json_string(json, "mediaType"), *digest = kist_json_string(json, "digest");
    const cJSON *platform = kist_json_object(json, "platform");

    if (!media_type || !kist_str_copy(d->media_type, sizeof(d->media_type), media_type)) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: %s has no media type", what);
    }
    if (!digest) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: %s has no digest", what);
    }
    if (kist_digest_parse(&d->digest, digest, err) < 0) {
        return kist_error_wrap(err, "corrupt manifest: %s", what);
    }
    if (!kist_json_u64(json, "size", &d->size)) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: %s has no valid size", what);
    }
    if (platform) {
        kist_platform_set(&d->platform, kist_json_string(platform, "os"),
                          kist_json_string(platform, "architecture"), kist_json_string(platform, "variant"));
    }
    return 0;
}

/* The array's descriptors into m->entries; an absent or null array is an empty one. */
static int take_entries(struct kist_manifest *m, const cJSON *array, size_t max, const char *what,
                        struct kist_error *err)
{
    const cJSON *item;
    size_t count = 0;

    cJSON_ArrayForEach(item, array)
    {
        count++;
    }
    if (count > max) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "the manifest has %zu %ss, more than the %zu there may be", count, what, max);
    }
    m->entries = calloc(count ? count : 1, sizeof(*m->entries));
    if (!m->entries) {
        return kist_error_nomem(err);
    }
    cJSON_ArrayForEach(item, array)
    {
        int rc = take_descriptor(&m->entries[m->entry_count], item, what, err);

        if (rc < 0) {
            return rc;
        }
        m->entry_count++;
    }
    return 0;
}

static int take_image(struct kist_manifest *m, const cJSON *root, struct kist_error *err)
{
    char shown[SHOWN_MAX];
    int rc = take_descriptor(&m->config, kist_json_object(root, "config"), "the config", err);

    if (rc < 0) {
        return rc;
    }
    if (!ONE_OF(m->config.media_type, config_types)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "it is not a container image: its config is of type '%s'",
                              kist_str_printable(shown, sizeof(shown), m->config.media_type));
    }
    if (m->config.size > KIST_MAX_CONFIG) {
        return kist_error_set(err, KIST_E_CORRUPT,
                              "corrupt manifest: a config of %" PRIu64 " bytes, more than %u", m->config.size,
                              KIST_MAX_CONFIG);
    }
    rc = take_entries(m, kist_json_array(root, "layers"), KIST_MAX_LAYERS, "layer", err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < m->entry_count; i++) {
        if (!ONE_OF(m->entries[i].media_type, layer_types)) {
            return kist_error_set(err, KIST_E_UNSUPPORTED,
                                  "layer %zu is of type '%s', which is not supported", i + 1,
                                  kist_str_printable(shown, sizeof(shown), m->entries[i].media_type));
        }
    }
    return 0;
}

static int check_schema(const cJSON *root, const char *media_type, const char *content_type,
                        struct kist_error *err)
{
    uint64_t schema;
    bool known = kist_json_u64(root, "schemaVersion", &schema);

    if (ONE_OF(media_type, schema1_types) || (known && schema == 1) ||
        (!media_type && ONE_OF(content_type, schema1_types))) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "schema 1 manifests are not supported, push the image again with a current tool");
    }
    if (!known || schema != 2) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: it has no schemaVersion 2");
    }
    return 0;
}

/*
 * Kind and media type. A document that could be read as an image and as an index is refused: two readers of
 * the same digest must not see different things (CVE-2021-41190).
 */
static int take_kind(struct kist_manifest *m, const cJSON *root, const char *content_type,
                     struct kist_error *err)
{
    const char *media_type = kist_json_string(root, "mediaType");
    bool image =
        cJSON_GetObjectItemCaseSensitive(root, "config") || cJSON_GetObjectItemCaseSensitive(root, "layers");
    bool index = cJSON_GetObjectItemCaseSensitive(root, "manifests") != NULL;
    char shown[SHOWN_MAX];
    int rc = check_schema(root, media_type, content_type, err);

    if (rc < 0) {
        return rc;
    }
    if (media_type && !ONE_OF(media_type, image_types) && !ONE_OF(media_type, index_types)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "manifests of type '%s' are not supported",
                              kist_str_printable(shown, sizeof(shown), media_type));
    }
    if (image == index) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: it is %s",
                              image ? "an image and an index at once" : "neither an image nor an index");
    }
    if (!media_type && (index ? ONE_OF(content_type, index_types) : ONE_OF(content_type, image_types))) {
        media_type = content_type;
    }
    if (!media_type) {
        media_type = index ? KIST_MEDIA_OCI_INDEX : KIST_MEDIA_OCI_MANIFEST;
    }
    if (index != ONE_OF(media_type, index_types)) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: its type '%s' is not what it holds",
                              kist_str_printable(shown, sizeof(shown), media_type));
    }
    m->kind = index ? KIST_MANIFEST_INDEX : KIST_MANIFEST_IMAGE;
    if (!kist_str_copy(m->media_type, sizeof(m->media_type), media_type)) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: over-long media type");
    }
    return 0;
}

int kist_manifest_parse(struct kist_manifest *m, const char *text, size_t len, const char *content_type,
                        struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    int rc;

    memset(m, 0, sizeof(*m));
    if (len > KIST_MAX_MANIFEST) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: %zu bytes, more than %u", len,
                              KIST_MAX_MANIFEST);
    }
    rc = kist_json_parse(&root, text, len, "manifest", err);
    if (rc < 0) {
        return rc;
    }
    if (!cJSON_IsObject(root)) {
        return kist_error_set(err, KIST_E_CORRUPT, "corrupt manifest: not a JSON object");
    }
    rc = take_kind(m, root, content_type, err);
    if (rc == 0) {
        rc = m->kind == KIST_MANIFEST_INDEX
                 ? take_entries(m, kist_json_array(root, "manifests"), KIST_MAX_INDEX, "manifest", err)
                 : take_image(m, root, err);
    }
    if (rc < 0) {
        kist_manifest_release(m);
    }
    return rc;
}

void kist_manifest_release(struct kist_manifest *m)
{
    free(m->entries);
    memset(m, 0, sizeof(*m));
}

void kist_manifest_auto(struct kist_manifest *m)
{
    kist_manifest_release(m);
}

/* As kist_platform_rank; an entry that names no platform may be anything, so it is the last resort. */
static int rank_entry(const struct kist_descriptor *d, const struct kist_platform *want, bool aarch32)
{
    enum { LAST_RESORT = 1 << 20 };

    if (!ONE_OF(d->media_type, image_types)) {
        return -1;
    }
    return d->platform.os[0] == '\0' ? LAST_RESORT : kist_platform_rank(want, &d->platform, aarch32);
}

static int nothing_fits(const struct kist_manifest *index, const struct kist_platform *want,
                        struct kist_error *err)
{
    char list[KIST_ERROR_MESSAGE_MAX / 2] = "", wanted[KIST_PLATFORM_TEXT_MAX];
    bool nested = false;
    size_t used = 0;

    for (size_t i = 0; i < index->entry_count; i++) {
        char text[KIST_PLATFORM_TEXT_MAX], shown[KIST_PLATFORM_TEXT_MAX];
        const struct kist_descriptor *d = &index->entries[i];

        if (ONE_OF(d->media_type, index_types)) {
            nested = true;
        }
        if (!ONE_OF(d->media_type, image_types) || strcmp(d->platform.os, "unknown") == 0) {
            continue;
        }
        (void)kist_str_printable(shown, sizeof(shown), kist_platform_text(text, &d->platform));
        if (!kist_str_format(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", shown)) {
            break; /* enough of them */
        }
        used += strlen(list + used);
    }
    if (used == 0 && nested) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "an index inside an index is not supported");
    }
    return kist_error_set(err, KIST_E_NOT_FOUND, "no image for platform '%s'%s%s",
                          kist_platform_text(wanted, want), used ? ", there are: " : "", list);
}

const struct kist_descriptor *kist_manifest_choose(const struct kist_manifest *index,
                                                   const struct kist_platform *want, bool aarch32,
                                                   struct kist_error *err)
{
    const struct kist_descriptor *best = NULL;
    int best_rank = 0;

    for (size_t i = 0; i < index->entry_count; i++) {
        int rank = rank_entry(&index->entries[i], want, aarch32);

        if (rank >= 0 && (!best || rank < best_rank)) {
            best = &index->entries[i];
            best_rank = rank;
        }
    }
    if (!best) {
        (void)nothing_fits(index, want, err);
    }
    return best;
}
