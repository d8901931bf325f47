#include "transfer/made.h"

#include <stdlib.h>

#include "base/limits.h"
#include "image/compose.h"
#include "transfer/intake.h"

static int put_rootfs(const struct kist_made *made, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *rootfs, *ids;
    int rc;

    cJSON_DeleteItemFromObjectCaseSensitive(made->config, "rootfs");
    rootfs = cJSON_AddObjectToObject(made->config, "rootfs");
    rc = rootfs ? kist_json_put_string(rootfs, "type", "layers", err) : kist_error_nomem(err);
    ids = rc < 0 ? NULL : cJSON_AddArrayToObject(rootfs, "diff_ids");
    rc = rc == 0 && !ids ? kist_error_nomem(err) : rc;
    for (size_t i = 0; rc == 0 && i < made->diff_id_count; i++) {
        rc = kist_json_append(ids, cJSON_CreateString(kist_digest_text(text, &made->diff_ids[i])), err);
    }
    return rc;
}

static int describe_layers(struct kist_store *s, const struct kist_made *made, struct kist_descriptor *layers, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < made->diff_id_count; i++) {
        layers[i] = (struct kist_descriptor){.media_type = KIST_MEDIA_OCI_LAYER, .digest = made->diff_ids[i]};
        rc = kist_intake_tar_bytes(s, &made->diff_ids[i], &layers[i].size, err);
    }
    return rc;
}

int kist_made_compose(struct kist_store *s, const struct kist_made *made, struct kist_buf *config, struct kist_buf *manifest,
                      struct kist_descriptor *desc, struct kist_error *err)
{
    KIST_AUTO(free) struct kist_descriptor *layers = calloc(made->diff_id_count + 1, sizeof(*layers));
    struct kist_descriptor config_desc;
    int rc = layers ? put_rootfs(made, err) : kist_error_nomem(err);

    rc = rc < 0 ? rc : kist_json_print(made->config, false, config, err);
    rc = rc < 0 ? rc : describe_layers(s, made, layers, err);
    if (rc < 0) {
        return rc;
    }
    kist_compose_describe(&config_desc, KIST_MEDIA_OCI_CONFIG, config);
    rc = kist_compose_manifest(&config_desc, layers, made->diff_id_count, manifest, err);
    kist_compose_describe(desc, KIST_MEDIA_OCI_MANIFEST, manifest);
    desc->platform = *made->platform;
    return rc;
}

int kist_made_add(struct kist_store *s, const struct kist_made *made, struct kist_digest *id, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG), manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    struct kist_descriptor desc;
    struct kist_image_new new = {made->name, &manifest, &desc, &config, &desc.digest};
    enum kist_store_change change;
    int rc = kist_made_compose(s, made, &config, &manifest, &desc, err);

    if (rc < 0) {
        return rc;
    }
    kist_digest_of(id, kist_buf_text(&config), config.len);
    return kist_store_image_add(s, &new, &change, err);
}

int kist_made_history(cJSON *config, const char *created, const char *created_by, const char *author, const char *comment, bool empty,
                      struct kist_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"created", created}, {"created_by", created_by}, {"author", author}, {"comment", comment}};
    cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "history"), *item = cJSON_CreateObject();
    int rc = 0;

    if (!cJSON_IsArray(list)) {
        cJSON_DeleteItemFromObjectCaseSensitive(config, "history");
        list = cJSON_AddArrayToObject(config, "history");
    }
    if (!list) {
        cJSON_Delete(item);
        return kist_error_nomem(err);
    }
    rc = kist_json_append(list, item, err);
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(texts); i++) {
        rc = texts[i].text ? kist_json_put_string(item, texts[i].name, texts[i].text, err) : 0;
    }
    return rc == 0 && empty ? kist_json_put_bool(item, "empty_layer", true, err) : rc;
}
