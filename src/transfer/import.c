#include "transfer/import.h"

#include <stdlib.h>
#include <string.h>

#include "image/change.h"
#include "transfer/intake.h"
#include "transfer/made.h"

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
    return rc == 0 ? kist_made_history(in->config, created, NULL, NULL, o->comment, false, err) : rc;
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
    const struct kist_made made = {in->config, &in->diff_id, 1, &in->options->platform, in->options->name};

    return kist_made_add(in->store, &made, id, err);
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
