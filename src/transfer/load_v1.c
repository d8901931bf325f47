/*
 * Archives of docker save before 1.10 (Docker image spec 1.0): "repositories" names the topmost layer's directory, the "json" in each
 * names the one below. There is no config with diff IDs: it is made once these are known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec/json.h"
#include "transfer/load_parts.h"

static int read_json(struct kist_load *l, const char *id, cJSON **json, struct kist_load_image *image, struct kist_error *err)
{
    char name[KIST_LOAD_NAME_MAX];
    const char *text;
    size_t len;
    int rc;

    if (strlen(id) + sizeof("/layer.tar") > sizeof(name) || strchr(id, '/') || id[0] == '.' || id[0] == '\0') {
        return kist_error_set(err, KIST_E_CORRUPT, "the archive names a layer '%.80s'", id);
    }
    (void)!kist_str_format(name, sizeof(name), "%s/json", id);
    rc = kist_load_text(l, name, &text, &len, err);
    if (rc == 0 && !image->config) {
        image->config = text;
        image->config_len = len;
    }
    return rc == 0 ? kist_json_parse(json, text, len, name, err) : rc;
}

/* The layers from id, the topmost, down; the base becomes the first. */
int kist_load_v1_fill(struct kist_load *l, struct kist_load_image *image, const char *top, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv ids = {.v = NULL};
    char name[KIST_LOAD_NAME_MAX];
    int rc = kist_strv_add(&ids, top, err);

    for (size_t i = 0; rc == 0 && i < ids.n; i++) {
        KIST_AUTO(json) cJSON *json = NULL;
        const char *parent;

        rc = read_json(l, ids.v[i], &json, image, err);
        parent = rc == 0 ? kist_json_string(json, "parent") : NULL;
        if (parent && parent[0] != '\0' && ids.n == KIST_MAX_LAYERS) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "the image has more than %d layers", KIST_MAX_LAYERS);
        }
        rc = parent && parent[0] != '\0' ? kist_strv_add(&ids, parent, err) : rc;
    }
    if (rc < 0 || !(image->layers = calloc(ids.n, sizeof(*image->layers)))) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    image->v1 = true;
    for (; image->layer_count < ids.n && rc == 0; image->layer_count++) {
        (void)!kist_str_format(name, sizeof(name), "%s/layer.tar", ids.v[ids.n - 1 - image->layer_count]);
        image->layers[image->layer_count].name = strdup(name);
        rc = image->layers[image->layer_count].name ? 0 : kist_error_nomem(err);
    }
    return rc;
}

int kist_load_v1_config(const struct kist_load_image *image, struct kist_buf *out, struct kist_error *err)
{
    static const char *const gone[] = {"id", "parent", "Size", "parent_id", "layer_id", "throwaway", "rootfs"};
    KIST_AUTO(json) cJSON *json = NULL;
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *rootfs, *ids;
    int rc = kist_json_parse(&json, image->config, image->config_len, "json", err);

    if (rc < 0 || !cJSON_IsObject(json)) {
        return rc < 0 ? rc : kist_error_set(err, KIST_E_CORRUPT, "the image's 'json' is no object");
    }
    for (size_t i = 0; i < KIST_COUNT(gone); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, gone[i]);
    }
    if (!kist_json_string(json, "architecture") && (rc = kist_json_put_string(json, "architecture", "amd64", err)) < 0) {
        return rc; /* there was no other */
    }
    rootfs = cJSON_AddObjectToObject(json, "rootfs");
    ids = rootfs && kist_json_put_string(rootfs, "type", "layers", NULL) == 0 ? cJSON_AddArrayToObject(rootfs, "diff_ids") : NULL;
    rc = ids ? 0 : kist_error_nomem(err);
    for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
        rc = kist_json_append(ids, cJSON_CreateString(kist_digest_text(text, &image->layers[i].diff_id)), err);
    }
    return rc == 0 ? kist_json_print(json, false, out, err) : rc;
}
