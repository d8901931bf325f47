#include "transfer/save.h"

#include <string.h>

#include "base/limits.h"
#include "codec/tar_write.h"
#include "image/compose.h"
#include "layer/layer.h"
#include "transfer/save_plan.h"

#define BLOB_NAME_MAX (sizeof("blobs/sha256/") + KIST_DIGEST_HEX_MAX)
#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static char *blob_name(char name[BLOB_NAME_MAX], const struct kist_digest *digest)
{
    memcpy(name, "blobs/sha256/", sizeof("blobs/sha256/"));
    (void)kist_digest_hex(name + strlen(name), digest);
    return name;
}

/* ---- documents ---- */

static cJSON *index_entry(const struct kist_save_image *image, const char *name, struct kist_error *err)
{
    cJSON *json = kist_compose_descriptor(&image->manifest_desc), *notes;
    struct kist_reference ref;

    if (!json || !name) {
        return json;
    }
    notes = cJSON_AddObjectToObject(json, "annotations");
    if (!notes || kist_reference_parse(&ref, name, err) < 0 ||
        kist_json_put_string(notes, "io.containerd.image.name", name, err) < 0 ||
        kist_json_put_string(notes, "org.opencontainers.image.ref.name", ref.tag, err) < 0) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* index.json: a descriptor a name, and one for an image without. */
static int print_index(const struct kist_save_plan *p, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_Parse("{\"schemaVersion\":2,\"mediaType\":\"" KIST_MEDIA_OCI_INDEX "\"}");
    cJSON *array = root ? cJSON_AddArrayToObject(root, "manifests") : NULL;
    int rc = array ? 0 : kist_error_nomem(err);

    for (size_t i = 0; i < p->image_count && rc == 0; i++) {
        const struct kist_save_image *image = &p->images[i];

        if (image->names.n == 0) {
            rc = kist_json_append(array, index_entry(image, NULL, err), err);
        }
        for (size_t k = 0; k < image->names.n && rc == 0; k++) {
            rc = kist_json_append(array, index_entry(image, image->names.v[k], err), err);
        }
    }
    return rc == 0 ? kist_json_print(root, false, out, err) : rc;
}

static int add_docker_image(cJSON *array, const struct kist_save_image *image, struct kist_error *err)
{
    char name[BLOB_NAME_MAX], familiar[KIST_REFERENCE_TEXT_MAX];
    cJSON *item = cJSON_CreateObject(), *layers, *tags;
    struct kist_reference ref;
    int rc = kist_json_append(array, item, err);

    if (rc < 0 || (rc = kist_json_put_string(item, "Config", blob_name(name, &image->config.digest), err)) < 0) {
        return rc;
    }
    tags = image->names.n > 0 ? cJSON_AddArrayToObject(item, "RepoTags") : cJSON_AddNullToObject(item, "RepoTags");
    rc = tags ? 0 : kist_error_nomem(err);
    for (size_t i = 0; i < image->names.n && rc == 0; i++) {
        rc = kist_reference_parse(&ref, image->names.v[i], err);
        rc = rc == 0 ? kist_json_append(tags, cJSON_CreateString(kist_reference_familiar(familiar, &ref)), err) : rc;
    }
    layers = rc == 0 ? cJSON_AddArrayToObject(item, "Layers") : NULL;
    if (rc == 0 && !layers) {
        rc = kist_error_nomem(err);
    }
    for (size_t i = 0; i < image->image->layer_count && rc == 0; i++) {
        rc = kist_json_append(layers, cJSON_CreateString(blob_name(name, &image->image->diff_ids[i])), err);
    }
    return rc;
}

/* manifest.json, which is what dockerd and podman go by. */
static int print_docker(const struct kist_save_plan *p, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *array = cJSON_CreateArray();
    int rc = array ? 0 : kist_error_nomem(err);

    for (size_t i = 0; i < p->image_count && rc == 0; i++) {
        rc = add_docker_image(array, &p->images[i], err);
    }
    return rc == 0 ? kist_json_print(array, false, out, err) : rc;
}

/* ---- the archive; documents come first, so that a loader knows each layer when it comes ---- */

static int put_buf(struct kist_tar_writer *w, const char *name, const struct kist_buf *text, struct kist_error *err)
{
    return kist_tar_writer_file(w, name, 0, kist_buf_text(text), text->len, err);
}

static int put_index(struct kist_tar_writer *w, const struct kist_save_plan *p, bool oci, struct kist_error *err)
{
    static const char *const folders[] = {"blobs", "blobs/sha256"};
    KIST_AUTO(buf) struct kist_buf index = KIST_BUF_INIT(KIST_MAX_MANIFEST), docker = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    int rc = kist_tar_writer_file(w, "oci-layout", 0, OCI_LAYOUT, strlen(OCI_LAYOUT), err);

    if (rc < 0 || (rc = print_index(p, &index, err)) < 0 || (rc = put_buf(w, "index.json", &index, err)) < 0) {
        return rc;
    }
    if (!oci && ((rc = print_docker(p, &docker, err)) < 0 || (rc = put_buf(w, "manifest.json", &docker, err)) < 0)) {
        return rc;
    }
    for (size_t i = 0; i < KIST_COUNT(folders) && rc == 0; i++) {
        struct kist_tar_entry e = {.type = KIST_TAR_DIRECTORY, .name = folders[i], .mode = 0755};

        rc = kist_tar_writer_entry(w, &e, err);
    }
    return rc;
}

static int put_image(struct kist_tar_writer *w, struct kist_store *s, const struct kist_save_image *image,
                     struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG);
    char name[BLOB_NAME_MAX];
    int rc = kist_store_blob(s, &image->config.digest, &config, err);

    if (rc == 0) {
        rc = put_buf(w, blob_name(name, &image->config.digest), &config, err);
    }
    return rc == 0 ? put_buf(w, blob_name(name, &image->manifest_desc.digest), &image->manifest, err) : rc;
}

static int copy_layer(struct kist_layer *layer, const struct kist_save_layer *wanted, struct kist_tar_writer *w,
                      struct kist_error *err)
{
    struct kist_sha256_sink hashed;
    struct kist_digest got;
    int rc;

    kist_sha256_sink_init(&hashed, &w->data, wanted->size, "the layer's tar");
    rc = kist_layer_tar(layer, &hashed.sink, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_final(&hashed.hash, got.bytes);
    return kist_digest_equal(&got, &wanted->diff_id)
               ? 0
               : kist_error_set(err, KIST_E_CORRUPT, "the layer file is damaged: it gives another tar");
}

static int put_layer(struct kist_tar_writer *w, struct kist_store *s, const struct kist_save_layer *wanted,
                     struct kist_error *err)
{
    char name[BLOB_NAME_MAX], text[KIST_DIGEST_TEXT_MAX];
    struct kist_tar_entry e = {.type = KIST_TAR_FILE, .mode = 0644, .stored = wanted->size};
    struct port_file *file;
    struct kist_layer *layer;
    int rc = kist_store_layer_open(s, &wanted->diff_id, &file, err);

    if (rc < 0 || (rc = kist_layer_open(&layer, file, err)) < 0) {
        return kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &wanted->diff_id));
    }
    e.name = blob_name(name, &wanted->diff_id);
    rc = kist_tar_writer_entry(w, &e, err);
    if (rc == 0) {
        rc = copy_layer(layer, wanted, w, err);
    }
    kist_layer_close(layer);
    return rc == KIST_E_CORRUPT ? kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &wanted->diff_id)) : rc;
}

static bool is_first_manifest(const struct kist_save_plan *p, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (kist_digest_equal(&p->images[k].manifest_desc.digest, &p->images[i].manifest_desc.digest)) {
            return false;
        }
    }
    return true;
}

int kist_save(struct kist_store *s, char *const *texts, size_t count, const struct kist_save_options *options,
              struct kist_sink *sink, struct kist_error *err)
{
    struct kist_tar_writer w;
    struct kist_save_plan p;
    int rc = kist_save_plan(&p, s, texts, count, options, err);

    kist_tar_writer_init(&w, sink);
    if (rc == 0) {
        rc = put_index(&w, &p, options->oci, err);
    }
    for (size_t i = 0; i < p.image_count && rc == 0; i++) {
        rc = is_first_manifest(&p, i) ? put_image(&w, s, &p.images[i], err) : 0;
    }
    for (size_t i = 0; i < p.layer_count && rc == 0; i++) {
        rc = p.layers[i].left_out ? 0 : put_layer(&w, s, &p.layers[i], err);
    }
    if (rc == 0 && (rc = kist_tar_writer_end(&w, err)) == 0) {
        rc = kist_sink_finish(sink, err);
    }
    kist_save_plan_release(&p);
    return rc;
}
