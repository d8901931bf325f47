/* Where a stage begins: nothing, another stage, or an image. */
#include <string.h>

#include "build/stage.h"
#include "container/env.h"
#include "transfer/made.h"

/* ---- nothing ---- */

static int begin_empty(struct kist_stage *stage, struct kist_error *err)
{
    const struct kist_platform *p = &stage->platform;
    cJSON *run, *env;
    int rc;

    stage->config = cJSON_CreateObject();
    if (!stage->config) {
        return kist_error_nomem(err);
    }
    if ((rc = kist_json_put_string(stage->config, "architecture", p->arch, err)) < 0 ||
        (p->variant[0] && (rc = kist_json_put_string(stage->config, "variant", p->variant, err)) < 0) ||
        (rc = kist_json_put_string(stage->config, "os", p->os, err)) < 0 ||
        (rc = kist_json_put(stage->config, "config", run = cJSON_CreateObject(), err)) < 0 ||
        (rc = kist_json_put(run, "Env", env = cJSON_CreateArray(), err)) < 0) {
        return rc;
    }
    return kist_json_append(env, cJSON_CreateString(KIST_ENV_PATH), err);
}

/* ---- a stage ---- */

static int begin_parent(struct kist_stage *stage, struct kist_error *err)
{
    const struct kist_stage *parent = stage->parent;
    int rc = 0;

    stage->config = cJSON_Duplicate(parent->config, true);
    memcpy(stage->diff_ids, parent->diff_ids, sizeof(stage->diff_ids));
    stage->count = parent->count;
    stage->created = parent->created;
    stage->unknown = parent->unknown;
    stage->platform = parent->platform;
    for (size_t i = 0; i < parent->args.n && rc == 0; i++) { /* its arguments are known here, too */
        rc = kist_strv_add(&stage->args, parent->args.v[i], err);
    }
    return stage->config ? rc : kist_error_nomem(err);
}

/* ---- an image ---- */

/* What builders of old wrote into a config, and what is made anew. */
static const char *const foreign[] = {"id", "parent", "container", "container_config", "docker_version", "comment", "rootfs"};

static int read_config(struct kist_build *b, struct kist_stage *stage, const struct kist_image *image, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    size_t layers = 0;
    const cJSON *item;
    cJSON *run;
    int rc = kist_store_blob(b->store, &image->config, &text, err);

    rc = rc < 0 ? rc : kist_json_parse(&stage->config, kist_buf_text(&text), text.len, "config", err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < KIST_COUNT(foreign); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(stage->config, foreign[i]);
    }
    if (!kist_json_object(stage->config, "config")) {
        cJSON_DeleteItemFromObjectCaseSensitive(stage->config, "config");
        rc = kist_json_put(stage->config, "config", run = cJSON_CreateObject(), err);
    }
    cJSON_ArrayForEach(item, kist_json_array(stage->config, "history"))
    {
        layers += !kist_json_bool(item, "empty_layer", false);
    }
    for (; layers < image->layer_count && rc == 0; layers++) { /* one that says nothing of its layers */
        rc = kist_made_history(stage->config, NULL, "unknown", NULL, NULL, false, err);
    }
    return rc;
}

/* 1: it is leased, and read; 0: it has gone meanwhile. */
static int take_image(struct kist_build *b, struct kist_stage *stage, const struct kist_image *image, struct kist_error *err)
{
    const struct kist_digest documents[] = {image->config, image->manifest.digest};
    int rc = 0;

    if (image->layer_count > KIST_MAX_LAYERS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "image '%s' has more than %d layers", stage->base, KIST_MAX_LAYERS);
    }
    if (b->lease && ((rc = kist_store_lease_add(b->lease, documents, 2, err)) < 0 ||
                     (rc = kist_store_lease_add(b->lease, image->diff_ids, image->layer_count, err)) < 0)) {
        return rc;
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        struct port_file *file;

        if ((rc = kist_store_layer_open(b->store, &image->diff_ids[i], &file, err)) < 0) {
            return rc == KIST_E_NOT_FOUND ? 0 : rc;
        }
        port_file_discard(file);
    }
    rc = read_config(b, stage, image, err);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    if (image->layer_count > 0) {
        memcpy(stage->diff_ids, image->diff_ids, image->layer_count * sizeof(*image->diff_ids));
    }
    stage->count = image->layer_count;
    stage->created = image->created;
    kist_store_image_used(b->store, &image->manifest.digest);
    return 1;
}

/* 1: done; 0: the store has it not. */
static int find_image(struct kist_build *b, struct kist_stage *stage, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    const struct kist_image *image;
    int rc = kist_store_images(b->store, &list, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_image_list_find(&list, stage->base, &stage->platform, &image, err);
    return rc == KIST_E_NOT_FOUND ? 0 : rc < 0 ? rc : take_image(b, stage, image, err);
}

static int begin_image(struct kist_build *b, struct kist_stage *stage, struct kist_error *err)
{
    const struct kist_build_options *o = b->options;
    struct kist_digest id;
    const bool by_id = kist_digest_parse(&id, stage->base, NULL) == 0;
    int rc = 0;

    if (o->pull && !by_id && !o->dry_run && (rc = o->fetch(o->arg, stage->base, &stage->platform, true, err)) < 0) {
        return rc;
    }
    if ((rc = find_image(b, stage, err)) != 0) {
        return KIST_MIN(rc, 0);
    }
    if (by_id) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no such image: '%s'", stage->base);
    }
    if (o->dry_run) {
        kist_build_tell(b, KIST_BUILD_MISSING, NULL);
        stage->unknown = true;
        return begin_empty(stage, err);
    }
    rc = o->fetch(o->arg, stage->base, &stage->platform, false, err);
    rc = rc < 0 ? rc : find_image(b, stage, err);
    return rc == 0 ? kist_error_set(err, KIST_E_NOT_FOUND, "no such image: '%s'", stage->base) : KIST_MIN(rc, 0);
}

int kist_stage_begin(struct kist_build *b, struct kist_stage *stage, struct kist_error *err)
{
    return stage->parent                             ? begin_parent(stage, err)
           : strcmp(stage->base, "scratch") == 0 ? begin_empty(stage, err)
                                                     : begin_image(b, stage, err);
}
