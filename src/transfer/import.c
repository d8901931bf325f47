#include "transfer/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "image/change.h"
#include "image/compose.h"
#include "transfer/intake.h"

struct kist_import {
    struct kist_sink sink;
    struct kist_store *store;
    const struct kist_import_options *options;
    struct kist_store_lease *lease;
    struct kist_intake_measure measure;
    struct kist_intake *intake;
    struct kist_digest diff_id; /* once it is finished */
    cJSON *config;
};

/* ---- its config ---- */

static int put_history(struct kist_import *in, const char *created, struct kist_error *err)
{
    cJSON *array = cJSON_AddArrayToObject(in->config, "history"), *item = cJSON_CreateObject();
    int rc = array ? kist_json_append(array, item, err) : kist_error_nomem(err);

    if (!array) {
        cJSON_Delete(item);
    }
    if (rc == 0) {
        rc = kist_json_put_string(item, "created", created, err);
    }
    return rc == 0 && in->options->comment ? kist_json_put_string(item, "comment", in->options->comment, err) : rc;
}

static int make_config(struct kist_import *in, struct kist_error *err)
{
    const struct kist_import_options *o = in->options;
    char created[KIST_STR_TIME_MAX];
    cJSON *run = NULL;
    int rc;

    in->config = cJSON_CreateObject();
    if (!in->config) {
        return kist_error_nomem(err);
    }
    (void)kist_str_rfc3339(created, o->created);
    if ((rc = kist_json_put_string(in->config, "architecture", o->platform.arch, err)) < 0 ||
        (o->platform.variant[0] && (rc = kist_json_put_string(in->config, "variant", o->platform.variant, err)) < 0) ||
        (rc = kist_json_put_string(in->config, "os", o->platform.os, err)) < 0 ||
        (rc = kist_json_put_string(in->config, "created", created, err)) < 0 ||
        (o->comment && (rc = kist_json_put_string(in->config, "comment", o->comment, err)) < 0) ||
        (rc = kist_json_put(in->config, "config", run = cJSON_CreateObject(), err)) < 0) {
        return rc;
    }
    for (size_t i = 0; o->changes && i < o->changes->n && rc == 0; i++) {
        rc = kist_change_apply(run, o->changes->v[i], err);
    }
    return rc == 0 ? put_history(in, created, err) : rc;
}

static int put_layer(struct kist_import *in, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *rootfs = cJSON_AddObjectToObject(in->config, "rootfs"), *ids;
    int rc = rootfs ? kist_json_put_string(rootfs, "type", "layers", err) : kist_error_nomem(err);

    if (rc < 0) {
        return rc;
    }
    ids = cJSON_AddArrayToObject(rootfs, "diff_ids");
    return ids ? kist_json_append(ids, cJSON_CreateString(kist_digest_text(text, &in->diff_id)), err)
               : kist_error_nomem(err);
}

/* ---- its layer ---- */

static int import_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_import *in = KIST_CONTAINER_OF(sink, struct kist_import, sink);

    in->measure.received += len;
    return kist_intake_write(in->intake, data, len, err);
}

static int import_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_import *in = KIST_CONTAINER_OF(sink, struct kist_import, sink);
    struct kist_intake_result result;
    int rc = kist_intake_end(in->intake, &result, err);

    in->diff_id = result.diff_id;
    return rc;
}

int kist_import_new(struct kist_import **out, struct kist_store *s, const struct kist_import_options *options,
                    struct kist_error *err)
{
    static const struct kist_sink_ops ops = {import_write, import_finish};
    struct kist_import *in = calloc(1, sizeof(*in));
    int rc;

    *out = NULL;
    if (!in) {
        return kist_error_nomem(err);
    }
    in->sink.ops = &ops;
    in->store = s;
    in->options = options;
    rc = make_config(in, err);
    if (rc == 0) {
        rc = kist_store_lease_begin(s, NULL, 0, &in->lease, err);
    }
    if (rc == 0) {
        rc = kist_intake_new(&in->intake, s, in->lease, &options->layer, NULL, &in->measure, err);
    }
    if (rc < 0) {
        kist_import_free(in);
        return rc;
    }
    *out = in;
    return 0;
}

struct kist_sink *kist_import_sink(struct kist_import *in)
{
    return &in->sink;
}

int kist_import_commit(struct kist_import *in, struct kist_digest *id, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG), manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    struct kist_descriptor layer = {.media_type = KIST_MEDIA_OCI_LAYER, .digest = in->diff_id}, config_desc, desc;
    struct kist_image_new new = {in->options->name, &manifest, &desc, &config, &desc.digest};
    enum kist_store_change change;
    int rc;

    if ((rc = put_layer(in, err)) < 0 || (rc = kist_json_print(in->config, false, &config, err)) < 0 ||
        (rc = kist_intake_tar_bytes(in->store, &in->diff_id, &layer.size, err)) < 0) {
        return rc;
    }
    kist_compose_describe(&config_desc, KIST_MEDIA_OCI_CONFIG, &config);
    rc = kist_compose_manifest(&config_desc, &layer, 1, &manifest, err);
    if (rc < 0) {
        return rc;
    }
    kist_compose_describe(&desc, KIST_MEDIA_OCI_MANIFEST, &manifest);
    desc.platform = in->options->platform;
    *id = config_desc.digest;
    return kist_store_image_add(in->store, &new, &change, err);
}

void kist_import_free(struct kist_import *in)
{
    if (in) {
        kist_intake_free(in->intake);
        kist_store_lease_end(in->lease);
        cJSON_Delete(in->config);
        free(in);
    }
}
