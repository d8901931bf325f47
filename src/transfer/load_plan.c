#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "codec/json.h"
#include "image/config.h"
#include "transfer/load_parts.h"

#define MAX_IMAGES 1024U

/* ---- images ---- */

static void release_image(struct kist_load_image *image)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        free(image->layers[i].name);
    }
    free(image->layers);
    free(image->name);
}

void kist_load_plan_release(struct kist_load *l)
{
    for (size_t i = 0; i < l->image_count; i++) {
        release_image(&l->images[i]);
    }
    free(l->images);
    l->images = NULL;
    l->image_count = l->image_size = 0;
    l->planned = false;
}

/* Takes what image has always. */
static int keep_image(struct kist_load *l, struct kist_load_image *image, struct kist_error *err)
{
    int rc = 0;

    if (l->image_count >= MAX_IMAGES) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "the archive has more than %u images", MAX_IMAGES);
    } else if (l->image_count == l->image_size) {
        size_t size = l->image_size ? 2 * l->image_size : 8;
        struct kist_load_image *more = realloc(l->images, size * sizeof(*more));

        if (more) {
            l->images = more;
            l->image_size = size;
        } else {
            rc = kist_error_nomem(err);
        }
    }
    if (rc < 0) {
        release_image(image);
        return rc;
    }
    l->images[l->image_count++] = *image;
    return 0;
}

static int set_name(struct kist_load_image *image, const char *text, struct kist_error *err)
{
    char whole[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;
    int rc = kist_reference_parse(&ref, text, err);

    if (rc < 0) {
        err->code = KIST_E_CORRUPT; /* what an archive says is no usage */
        return kist_error_wrap(err, "the archive names an image wrongly");
    }
    /* by digest it is to be found at a registry, but not kept */
    image->name = ref.has_digest ? NULL : strdup(kist_reference_text(whole, &ref));
    return ref.has_digest || image->name ? 0 : kist_error_nomem(err);
}

/*
 * The config and what it says of layers; names gives the name of a layer's member. 1: it is for another platform than the one
 * that is wanted.
 */
static int set_config(struct kist_load *l, struct kist_load_image *image, const char *member, size_t layer_count,
                      struct kist_error *err)
{
    KIST_AUTO(config) struct kist_config config = {.created = 0};
    int rc = kist_load_text(l, member, &image->config, &image->config_len, err);

    if (rc == 0) {
        rc = kist_config_parse(&config, image->config, image->config_len, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (config.diff_id_count != layer_count) {
        return kist_error_set(err, KIST_E_CORRUPT, "the image has %zu layers, its config %zu diff IDs", layer_count,
                              config.diff_id_count);
    }
    image->manifest_desc.platform = config.platform;
    image->layers = calloc(layer_count + 1, sizeof(*image->layers));
    if (!image->layers) {
        return kist_error_nomem(err);
    }
    image->layer_count = layer_count;
    for (size_t i = 0; i < layer_count; i++) {
        image->layers[i].diff_id = config.diff_ids[i];
    }
    return l->options->platform_sure &&
           kist_platform_rank(&l->options->platform, &config.platform, l->options->aarch32) < 0;
}

static int set_layer(struct kist_load_layer *layer, const char *name, struct kist_error *err)
{
    char clean[KIST_LOAD_NAME_MAX];

    if (!kist_path_clean(clean, sizeof(clean), name) || clean[0] == '\0') {
        return kist_error_set(err, KIST_E_CORRUPT, "the archive names a layer '%s'", name);
    }
    layer->name = strdup(clean);
    return layer->name ? 0 : kist_error_nomem(err);
}

/* ---- an OCI layout (OCI image spec, image-layout.md) ---- */

static char *blob_name(char name[KIST_LOAD_NAME_MAX], const struct kist_digest *digest)
{
    char hex[KIST_DIGEST_HEX_MAX];

    (void)!kist_str_format(name, KIST_LOAD_NAME_MAX, "blobs/sha256/%s", kist_digest_hex(hex, digest));
    return name;
}

static int read_manifest(struct kist_load *l, const struct kist_descriptor *d, const char **text, size_t *len,
                         struct kist_manifest *m, struct kist_error *err)
{
    char name[KIST_LOAD_NAME_MAX];
    int rc = kist_load_text(l, blob_name(name, &d->digest), text, len, err);

    if (rc == 0 && d->size != *len) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' in the archive has %zu bytes, not %llu", name, *len,
                              (unsigned long long)d->size);
    }
    return rc == 0 ? kist_manifest_parse(m, *text, *len, d->media_type, err) : rc;
}

/* 1: not for us. */
static int fill_oci(struct kist_load *l, struct kist_load_image *image, const struct kist_descriptor *d,
                    struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest m = {.entries = NULL};
    char name[KIST_LOAD_NAME_MAX];
    int rc = read_manifest(l, d, &image->manifest, &image->manifest_len, &m, err);

    if (rc == 0 && m.kind != KIST_MANIFEST_IMAGE) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "an index inside an index is not supported");
    }
    if (rc < 0 || (rc = set_config(l, image, blob_name(name, &m.config.digest), m.entry_count, err)) != 0) {
        return rc;
    }
    image->manifest_desc.digest = d->digest;
    image->manifest_desc.size = d->size;
    memcpy(image->manifest_desc.media_type, m.media_type, sizeof(m.media_type));
    for (size_t i = 0; i < m.entry_count && rc == 0; i++) {
        rc = set_layer(&image->layers[i], blob_name(name, &m.entries[i].digest), err);
    }
    return rc;
}

static int add_oci(struct kist_load *l, const struct kist_descriptor *d, const char *ref_name, struct kist_error *err)
{
    struct kist_load_image image = {.name = NULL};
    int rc = ref_name ? set_name(&image, ref_name, err) : 0;

    if (rc == 0) {
        rc = fill_oci(l, &image, d, err);
    }
    if (rc != 0) {
        release_image(&image);
        return rc < 0 ? rc : 0;
    }
    return keep_image(l, &image, err);
}

static bool is_index(const struct kist_descriptor *d)
{
    return strcmp(d->media_type, KIST_MEDIA_OCI_INDEX) == 0 || strcmp(d->media_type, KIST_MEDIA_DOCKER_LIST) == 0;
}

/* One entry of index.json. */
static int add_entry(struct kist_load *l, const struct kist_descriptor *d, const char *ref_name, struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest m = {.entries = NULL};
    const struct kist_descriptor *chosen;
    const char *text;
    size_t len;
    int rc;

    if (!is_index(d)) {
        return add_oci(l, d, ref_name, err);
    }
    rc = read_manifest(l, d, &text, &len, &m, err);
    if (rc < 0) {
        return rc;
    }
    chosen = kist_manifest_choose(&m, &l->options->platform, l->options->aarch32, err);
    return chosen ? add_oci(l, chosen, ref_name, err) : (int)err->code;
}

/*
 * The name that an entry of index.json has: whole in containerd's annotation; the layout's own is a name where it looks like one,
 * and often no more than a tag.
 */
static const char *entry_name(const cJSON *entry)
{
    const cJSON *notes = kist_json_object(entry, "annotations");
    const char *name = kist_json_string(notes, "io.containerd.image.name");

    if (!name) {
        name = kist_json_string(notes, "org.opencontainers.image.ref.name");
        name = name && strpbrk(name, ":/") ? name : NULL;
    }
    return name;
}

/* Signatures and attestations lie beside images, and are none. */
static bool is_image_entry(const cJSON *entry, const struct kist_descriptor *d)
{
    return strcmp(d->platform.os, "unknown") != 0 &&
           !kist_json_string(kist_json_object(entry, "annotations"), "vnd.docker.reference.type");
}

static int plan_oci(struct kist_load *l, const char *text, size_t len, struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest index = {.entries = NULL};
    KIST_AUTO(json) cJSON *root = NULL;
    struct kist_error passed = {.code = KIST_OK};
    const cJSON *entry;
    size_t i = 0;
    int rc = kist_manifest_parse(&index, text, len, KIST_MEDIA_OCI_INDEX, err);

    if (rc == 0 && index.kind != KIST_MANIFEST_INDEX) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "it is no index");
    }
    if (rc < 0 || (rc = kist_json_parse(&root, text, len, "index.json", err)) < 0) {
        return kist_error_wrap(err, "index.json");
    }
    cJSON_ArrayForEach(entry, kist_json_array(root, "manifests"))
    {
        const struct kist_descriptor *d = &index.entries[i++];

        rc = is_image_entry(entry, d) ? add_entry(l, d, entry_name(entry), err) : 0;
        if (rc == KIST_E_UNSUPPORTED) { /* an artifact that is no image */
            passed = *err;
        } else if (rc < 0) {
            return rc;
        }
    }
    if (l->image_count == 0 && passed.code != KIST_OK) {
        *err = passed;
        return passed.code;
    }
    return 0;
}

/* ---- a docker-archive ---- */

static int fill_docker(struct kist_load *l, struct kist_load_image *image, const cJSON *item, struct kist_error *err)
{
    const char *config = kist_json_string(item, "Config");
    const cJSON *layers = kist_json_array(item, "Layers"), *layer;
    char member[KIST_LOAD_NAME_MAX];
    size_t i = 0;
    int rc;

    if (!config || !kist_path_clean(member, sizeof(member), config)) {
        return kist_error_set(err, KIST_E_CORRUPT, "manifest.json names no config");
    }
    rc = set_config(l, image, member, (size_t)cJSON_GetArraySize(layers), err);
    cJSON_ArrayForEach(layer, layers)
    {
        if (rc != 0) {
            break;
        }
        rc = cJSON_IsString(layer) ? set_layer(&image->layers[i++], layer->valuestring, err)
                                   : kist_error_set(err, KIST_E_CORRUPT, "manifest.json names a layer wrongly");
    }
    return rc;
}

static int add_docker(struct kist_load *l, const cJSON *item, const char *tag, struct kist_error *err)
{
    struct kist_load_image image = {.name = NULL};
    int rc = tag ? set_name(&image, tag, err) : 0;

    if (rc == 0) {
        rc = fill_docker(l, &image, item, err);
    }
    if (rc != 0) {
        release_image(&image);
        return rc < 0 ? rc : 0;
    }
    return keep_image(l, &image, err);
}

static int plan_docker(struct kist_load *l, const char *text, size_t len, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const cJSON *item, *tag;
    int rc = kist_json_parse(&root, text, len, "manifest.json", err);

    if (rc == 0 && !cJSON_IsArray(root)) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "manifest.json is no list of images");
    }
    l->links = true;
    cJSON_ArrayForEach(item, root)
    {
        const cJSON *tags = kist_json_array(item, "RepoTags");

        if (rc == 0 && cJSON_GetArraySize(tags) == 0) {
            rc = add_docker(l, item, NULL, err);
        }
        cJSON_ArrayForEach(tag, tags)
        {
            if (rc == 0) {
                rc = cJSON_IsString(tag) ? add_docker(l, item, tag->valuestring, err)
                                         : kist_error_set(err, KIST_E_CORRUPT, "manifest.json has a name that is none");
            }
        }
    }
    return rc;
}

/* {"repository": {"tag": "the topmost layer"}} */
static int plan_v1(struct kist_load *l, const char *text, size_t len, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const cJSON *repository, *tag;
    int rc = kist_json_parse(&root, text, len, "repositories", err);

    l->links = true;
    cJSON_ArrayForEach(repository, root)
    {
        cJSON_ArrayForEach(tag, repository)
        {
            struct kist_load_image image = {.name = NULL};
            char name[KIST_REFERENCE_TEXT_MAX] = "";

            if (rc < 0 || !cJSON_IsString(tag) || !repository->string || !tag->string ||
                !kist_str_format(name, sizeof(name), "%s:%s", repository->string, tag->string)) {
                return rc < 0 ? rc : kist_error_set(err, KIST_E_CORRUPT, "'repositories' names an image wrongly");
            }
            rc = set_name(&image, name, err);
            rc = rc == 0 ? kist_load_v1_fill(l, &image, tag->valuestring, err) : rc;
            if (rc < 0) {
                release_image(&image);
                return rc;
            }
            rc = keep_image(l, &image, err);
        }
    }
    return rc;
}

/* ---- whichever it is ---- */

static int plan(struct kist_load *l, struct kist_error *err)
{
    static const struct {
        const char *name;
        int (*plan)(struct kist_load *l, const char *text, size_t len, struct kist_error *err);
    } forms[] = {{"index.json", plan_oci}, {"manifest.json", plan_docker}, {"repositories", plan_v1}};
    const char *text;
    size_t len;

    for (size_t i = 0; i < KIST_COUNT(forms); i++) {
        int rc = kist_load_text(l, forms[i].name, &text, &len, err);

        if (rc != KIST_E_NOT_FOUND) {
            return rc < 0 ? rc : forms[i].plan(l, text, len, err);
        }
    }
    return kist_error_set(err, KIST_E_NOT_FOUND,
                          "it is no archive of images: it has no 'index.json', 'manifest.json' or 'repositories'");
}

/* All that the plan needs stays in the store from here on, also what is kept there already. */
static int lease_image(struct kist_load *l, const struct kist_load_image *image, struct kist_error *err)
{
    KIST_AUTO(free) struct kist_digest *diff_ids = calloc(image->layer_count + 1, sizeof(*diff_ids));

    if (image->v1) {
        return 0; /* each is leased as it comes */
    }
    if (!diff_ids) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        diff_ids[i] = image->layers[i].diff_id;
    }
    return kist_store_lease_add(l->lease, diff_ids, image->layer_count, err);
}

int kist_load_plan(struct kist_load *l, struct kist_error *err)
{
    int rc = plan(l, err);

    if (rc == 0 && l->image_count == 0) {
        rc = kist_error_set(err, KIST_E_NOT_FOUND, "the archive has no image%s",
                            l->options->platform_sure ? " for this platform" : "");
    }
    for (size_t i = 0; i < l->image_count && rc == 0; i++) {
        rc = lease_image(l, &l->images[i], err);
    }
    if (rc < 0) {
        kist_load_plan_release(l);
        return rc;
    }
    l->planned = true;
    return 0;
}
