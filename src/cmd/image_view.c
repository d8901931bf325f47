#include "cmd/image_view.h"

#include <string.h>

#include "base/limits.h"
#include "port/clock.h"

char *kist_image_short_id(char dst[KIST_SHORT_ID_MAX], const struct kist_digest *id)
{
    char hex[KIST_DIGEST_HEX_MAX];

    (void)kist_digest_hex(hex, id);
    memcpy(dst, hex, KIST_SHORT_ID_MAX - 1);
    dst[KIST_SHORT_ID_MAX - 1] = '\0';
    return dst;
}

static int put_size(cJSON *row, const char *name, uint64_t bytes, struct kist_error *err)
{
    char text[KIST_STR_SIZE_MAX];

    return kist_json_put_string(row, name, kist_str_size(text, bytes), err);
}

/* "alpine", "latest"; "<none>" for what there is not. */
static int put_name(cJSON *row, const struct kist_image *image, struct kist_error *err)
{
    char repository[KIST_REFERENCE_TEXT_MAX] = "<none>", tag[KIST_REFERENCE_TAG_MAX] = "<none>";
    struct kist_reference ref;
    int rc = 0;

    if (image->name) {
        rc = kist_reference_parse(&ref, image->name, err);
        if (rc == 0) {
            (void)kist_reference_repository(repository, &ref);
            if (ref.tag[0] != '\0') {
                memcpy(tag, ref.tag, sizeof(tag));
            }
        }
    }
    if (rc == 0) {
        rc = kist_json_put_string(row, "Repository", repository, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(row, "Tag", tag, err);
    }
    return rc == 0 ? kist_json_put_string(row, "Name", image->name ? image->name : "", err) : rc;
}

int kist_image_times(cJSON *row, int64_t created, struct kist_error *err)
{
    char age[KIST_STR_TIME_MAX], since[KIST_STR_TIME_MAX + 4] = "N/A", at[KIST_STR_TIME_MAX] = "N/A";
    int rc;

    if (created > 0) {
        (void)kist_str_rfc3339(at, created);
        if (!kist_str_format(since, sizeof(since), "%s ago",
                             kist_str_age(age, port_clock_now() - created))) {
            since[0] = '\0';
        }
    }
    rc = kist_json_put_string(row, "CreatedSince", since, err);
    return rc == 0 ? kist_json_put_string(row, "CreatedAt", at, err) : rc;
}

static int put_sizes(cJSON *row, const struct kist_image *image, struct kist_error *err)
{
    int rc = put_size(row, "Size", image->bytes, err);

    if (rc == 0) {
        rc = put_size(row, "SharedSize", image->shared, err);
    }
    if (rc == 0) {
        rc = put_size(row, "UniqueSize", image->bytes - image->shared, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(row, "Bytes", image->bytes, err);
    }
    return rc == 0 ? kist_json_put_u64(row, "SharedBytes", image->shared, err) : rc;
}

int kist_image_row(const struct kist_image *image, bool full, cJSON **row, struct kist_error *err)
{
    char id[KIST_DIGEST_TEXT_MAX], digest[KIST_DIGEST_TEXT_MAX], platform[KIST_PLATFORM_TEXT_MAX];
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject();
    int rc = made ? put_name(made, image, err) : kist_error_nomem(err);

    if (full) {
        (void)kist_digest_text(id, &image->config);
    } else {
        (void)kist_image_short_id(id, &image->config);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "ID", id, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Digest", kist_digest_text(digest, &image->source), err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Platform", kist_platform_text(platform, &image->platform), err);
    }
    if (rc == 0) {
        rc = kist_json_put_bool(made, "Pinned", image->pinned, err);
    }
    if (rc == 0 && image->place) {
        rc = kist_json_put_string(made, "Store", image->place, err);
    }
    if (rc == 0) {
        rc = kist_image_times(made, image->created, err);
    }
    if (rc == 0) {
        rc = put_sizes(made, image, err);
    }
    if (rc == 0) {
        *row = made;
        made = NULL;
    }
    return rc;
}

/* "alpine@sha256:..." for a name. */
static int repo_digest(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_image *image, struct kist_error *err)
{
    char repository[KIST_REFERENCE_TEXT_MAX], digest[KIST_DIGEST_TEXT_MAX];
    struct kist_reference ref;
    int rc = kist_reference_parse(&ref, image->name, err);

    if (rc < 0) {
        return rc;
    }
    if (!kist_str_format(dst, KIST_REFERENCE_TEXT_MAX, "%s@%s", kist_reference_repository(repository, &ref),
                         kist_digest_text(digest, &image->source))) {
        return kist_error_set(err, KIST_E_FAIL, "name '%s' is too long", image->name);
    }
    return 0;
}

static bool has_text(const cJSON *list, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list) {
        if (strcmp(item->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

/* RepoTags and RepoDigests: every name of this image ID. */
static int put_names(cJSON *details, const struct kist_image_list *list, const struct kist_image *image,
                     struct kist_error *err)
{
    cJSON *tags = cJSON_AddArrayToObject(details, "RepoTags");
    cJSON *digests = cJSON_AddArrayToObject(details, "RepoDigests");
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;
    int rc = tags && digests ? 0 : kist_error_nomem(err);

    for (size_t i = 0; rc == 0 && i < list->n; i++) {
        const struct kist_image *other = &list->v[i];

        if (!other->name || !kist_digest_equal(&other->config, &image->config)) {
            continue;
        }
        rc = kist_reference_parse(&ref, other->name, err);
        if (rc == 0 && ref.tag[0] != '\0') {
            rc = kist_json_append(tags, cJSON_CreateString(kist_reference_familiar(text, &ref)), err);
        }
        if (rc == 0) {
            rc = repo_digest(text, other, err);
        }
        if (rc == 0 && !has_text(digests, text)) {
            rc = kist_json_append(digests, cJSON_CreateString(text), err);
        }
    }
    return rc;
}

static int put_copy(cJSON *details, const char *as, const cJSON *config, const char *name, struct kist_error *err)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(config, name);

    return kist_json_put(details, as, value ? cJSON_Duplicate(value, 1) : cJSON_CreateNull(), err);
}

static int put_rootfs(cJSON *details, const struct kist_image *image, struct kist_error *err)
{
    cJSON *rootfs = cJSON_AddObjectToObject(details, "RootFS");
    cJSON *layers = rootfs && cJSON_AddStringToObject(rootfs, "Type", "layers")
                        ? cJSON_AddArrayToObject(rootfs, "Layers")
                        : NULL;
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = layers ? 0 : kist_error_nomem(err);

    for (size_t i = 0; rc == 0 && i < image->layer_count; i++) {
        rc = kist_json_append(layers, cJSON_CreateString(kist_digest_text(text, &image->diff_ids[i])), err);
    }
    return rc;
}

/* A member of object, where it is not there yet. */
static int complete(cJSON *object, const char *name, cJSON *value, struct kist_error *err)
{
    if (cJSON_HasObjectItem(object, name)) {
        cJSON_Delete(value);
        return 0;
    }
    return kist_json_put(object, name, value, err);
}

/* The image's "config", with what Docker's always has and templates rely on. */
static int put_run_config(cJSON *details, const cJSON *config, struct kist_error *err)
{
    static const char *const texts[] = {"Hostname", "Domainname", "User", "Image", "WorkingDir", "StopSignal"};
    static const char *const flags[] = {"AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"};
    static const char *const others[] = {"Env",          "Cmd",     "Entrypoint", "Labels", "Volumes",
                                         "ExposedPorts", "OnBuild", "Healthcheck"};
    const cJSON *given = kist_json_object(config, "config");
    cJSON *run = given ? cJSON_Duplicate(given, 1) : cJSON_CreateObject();
    int rc = kist_json_put(details, "Config", run, err);

    for (size_t i = 0; rc == 0 && i < KIST_COUNT(texts); i++) {
        rc = complete(run, texts[i], cJSON_CreateString(""), err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(flags); i++) {
        rc = complete(run, flags[i], cJSON_CreateFalse(), err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(others); i++) {
        rc = complete(run, others[i], cJSON_CreateNull(), err);
    }
    return rc;
}

/* "" where there is none. */
static int put_text(cJSON *details, const char *as, const cJSON *config, const char *name, struct kist_error *err)
{
    const char *text = kist_json_string(config, name);

    return kist_json_put_string(details, as, text ? text : "", err);
}

static int put_config(cJSON *details, const struct kist_image *image, const cJSON *config, struct kist_error *err)
{
    static const struct {
        const char *as, *name;
    } texts[] = {
        {"Comment", "comment"}, {"DockerVersion", "docker_version"}, {"Author", "author"}, {"Architecture", "architecture"}, {"Os", "os"},
    };
    int rc = kist_json_put_string(details, "Parent", "", err);

    rc = rc < 0 ? rc : put_copy(details, "Created", config, "created", err);
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(texts); i++) {
        rc = put_text(details, texts[i].as, config, texts[i].name, err);
    }
    rc = rc < 0 ? rc : put_run_config(details, config, err);
    if (rc == 0 && image->platform.variant[0] != '\0') {
        rc = kist_json_put_string(details, "Variant", image->platform.variant, err);
    }
    return rc;
}

/* How it is kept. */
static int put_driver(cJSON *details, const struct kist_image *image, struct kist_error *err)
{
    cJSON *driver = cJSON_AddObjectToObject(details, "GraphDriver"), *metadata = cJSON_AddObjectToObject(details, "Metadata");
    char pulled[KIST_STR_TIME_MAX];
    int rc = driver && metadata && cJSON_AddNullToObject(driver, "Data") ? 0 : kist_error_nomem(err);

    rc = rc < 0 ? rc : kist_json_put_string(driver, "Name", "squashfs", err);
    return rc < 0 ? rc : kist_json_put_string(metadata, "LastTagTime", kist_str_rfc3339(pulled, image->pulled), err);
}

static int load_config(struct kist_store *store, const struct kist_image *image, cJSON **config, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = kist_store_blob(store, &image->config, &text, err);

    return rc == 0 ? kist_json_parse(config, kist_buf_text(&text), text.len, "config", err) : rc;
}

int kist_image_details(struct kist_store *store, const struct kist_image_list *list, const struct kist_image *image,
                       cJSON **details, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject(), *config = NULL;
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = made ? load_config(store, image, &config, err) : kist_error_nomem(err);

    if (rc == 0) {
        rc = kist_json_put_string(made, "Id", kist_digest_text(text, &image->config), err);
    }
    if (rc == 0) {
        rc = put_names(made, list, image, err);
    }
    if (rc == 0) {
        rc = put_config(made, image, config, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(made, "Size", image->bytes, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(made, "SharedSize", image->shared, err);
    }
    rc = rc < 0 ? rc : put_driver(made, image, err);
    if (rc == 0) {
        rc = put_rootfs(made, image, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "ManifestDigest", kist_digest_text(text, &image->manifest.digest), err);
    }
    if (rc == 0) {
        *details = made;
        made = NULL;
    }
    return rc;
}
