#include "image/compose.h"

#include <string.h>

#include "base/str.h"

void kist_compose_describe(struct kist_descriptor *d, const char *media_type, const struct kist_buf *text)
{
    *d = (struct kist_descriptor){.size = text->len};
    (void)!kist_str_copy(d->media_type, sizeof(d->media_type), media_type);
    kist_digest_of(&d->digest, kist_buf_text(text), text->len);
}

static int put_platform(cJSON *json, const struct kist_platform *p)
{
    cJSON *platform = cJSON_AddObjectToObject(json, "platform");

    if (!platform || kist_json_put_string(platform, "architecture", p->arch, NULL) < 0 ||
        kist_json_put_string(platform, "os", p->os, NULL) < 0) {
        return KIST_E_NOMEM;
    }
    return p->variant[0] == '\0' ? 0 : kist_json_put_string(platform, "variant", p->variant, NULL);
}

cJSON *kist_compose_descriptor(const struct kist_descriptor *d)
{
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *json = cJSON_CreateObject();

    if (json && (kist_json_put_string(json, "mediaType", d->media_type, NULL) < 0 ||
                 kist_json_put_u64(json, "size", d->size, NULL) < 0 ||
                 kist_json_put_string(json, "digest", kist_digest_text(text, &d->digest), NULL) < 0 ||
                 (d->platform.os[0] != '\0' && put_platform(json, &d->platform) < 0))) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* The last member of root, an array of the descriptors; then all of it as text. */
static int print_with(cJSON *root, const char *member, const struct kist_descriptor *descriptors, size_t count,
                      struct kist_buf *out, struct kist_error *err)
{
    cJSON *array = cJSON_AddArrayToObject(root, member);
    int rc = array ? 0 : kist_error_nomem(err);

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = kist_json_append(array, kist_compose_descriptor(&descriptors[i]), err);
    }
    return rc == 0 ? kist_json_print(root, false, out, err) : rc;
}

static int begin(cJSON *root, const char *media_type, struct kist_error *err)
{
    int rc = root ? kist_json_put_u64(root, "schemaVersion", 2, err) : kist_error_nomem(err);

    return rc == 0 ? kist_json_put_string(root, "mediaType", media_type, err) : rc;
}

int kist_compose_manifest(const struct kist_descriptor *config, const struct kist_descriptor *layers, size_t count,
                          struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    int rc = begin(root, KIST_MEDIA_OCI_MANIFEST, err);

    if (rc == 0) {
        rc = kist_json_put(root, "config", kist_compose_descriptor(config), err);
    }
    return rc == 0 ? print_with(root, "layers", layers, count, out, err) : rc;
}

int kist_compose_index(const struct kist_descriptor *manifests, size_t count, struct kist_buf *out,
                       struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    int rc = begin(root, KIST_MEDIA_OCI_INDEX, err);

    return rc == 0 ? print_with(root, "manifests", manifests, count, out, err) : rc;
}
