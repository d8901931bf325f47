#include "build/build.h"

#include <stdlib.h>
#include <string.h>

#include "build/stage.h"
#include "image/change.h"
#include "transfer/made.h"

void kist_build_tell(const struct kist_build *b, enum kist_build_event_kind kind, const char *text)
{
    const struct kist_build_event event = {
        .kind = kind, .step = b->step, .total = b->total, .text = text, .len = text ? strlen(text) : 0};

    b->options->event(b->options->arg, &event);
}

int kist_build_new(struct kist_build **out, const struct kist_build_options *options, struct kist_error *err)
{
    struct kist_build *b = calloc(1, sizeof(*b));

    *out = b;
    if (!b) {
        return kist_error_nomem(err);
    }
    b->options = options;
    b->store = options->engine->store;
    kist_buf_init(&b->config, KIST_MAX_CONFIG);
    kist_buf_init(&b->manifest, KIST_MAX_MANIFEST);
    return kist_build_plan(b, err);
}

/* Those of the file before its first FROM have been read with the plan. */
static void tell_first(struct kist_build *b)
{
    const struct kist_dockerfile *file = b->options->file;

    for (size_t i = 0; i < file->warnings.n; i++) {
        kist_build_tell(b, KIST_BUILD_WARNING, file->warnings.v[i]);
    }
    for (size_t i = 0; i < file->n && file->v[i].keyword == KIST_KEYWORD_ARG; i++) {
        b->step++;
        kist_build_tell(b, KIST_BUILD_STEP, file->v[i].text);
    }
}

static int put_labels(const struct kist_build *b, struct kist_error *err)
{
    const struct kist_strv *labels = b->options->labels;
    int rc = 0;

    for (size_t i = 0; i < labels->n && rc == 0; i++) {
        const size_t len = strcspn(labels->v[i], "=");
        KIST_AUTO(free) char *name = strndup(labels->v[i], len);

        rc = name ? kist_change_pair(kist_stage_run(b->target), "Labels", name, labels->v[i][len] ? labels->v[i] + len + 1 : "", err)
                  : kist_error_nomem(err);
    }
    return rc;
}

static int compose(struct kist_build *b, struct kist_error *err)
{
    const int64_t epoch = b->options->epoch, time = epoch >= 0 ? epoch : b->target->created;
    char created[KIST_STR_TIME_MAX];
    struct kist_made made = {.config = b->target->config,
                             .diff_ids = b->target->diff_ids,
                             .diff_id_count = b->target->count,
                             .platform = &b->target->platform};
    int rc = 0;

    cJSON_DeleteItemFromObjectCaseSensitive(b->target->config, "created");
    if (epoch >= 0 || time > 0) {
        rc = kist_json_put_string(b->target->config, "created", kist_str_rfc3339(created, time), err);
    }
    rc = rc < 0 ? rc : put_labels(b, err);
    rc = rc < 0 ? rc : kist_made_compose(b->store, &made, &b->config, &b->manifest, &b->manifest_desc, err);
    if (rc == 0) {
        kist_digest_of(&b->id, b->config.data, b->config.len);
    }
    return rc;
}

int kist_build_make(struct kist_build *b, struct kist_error *err)
{
    int rc = b->options->dry_run ? 0 : kist_store_lease_begin(b->store, NULL, 0, &b->lease, err);

    if (rc < 0) {
        return rc;
    }
    if (!b->options->no_cache && b->options->run_dir) {
        b->known = kist_known_open(b->options->run_dir);
    }
    tell_first(b);
    for (size_t i = 0; i < b->file_stages && rc == 0; i++) {
        if (b->stages[i]->needed && !b->stages[i]->built) {
            rc = kist_stage_build(b, b->stages[i], err);
        }
    }
    rc = rc < 0 ? rc : kist_build_unused(b, err);
    return rc < 0 || b->options->dry_run ? rc : compose(b, err);
}

void kist_build_image(const struct kist_build *b, struct kist_digest *id, struct kist_descriptor *manifest)
{
    *id = b->id;
    *manifest = b->manifest_desc;
}

int kist_build_layers(struct kist_build *b, struct kist_view *view, struct kist_error *err)
{
    return kist_stage_view(b, b->target, view, err);
}

int kist_build_commit(struct kist_build *b, const struct kist_strv *names, const struct kist_digest *source,
                      struct kist_error *err)
{
    struct kist_image_new new = {NULL, &b->manifest, &b->manifest_desc, &b->config, source};
    enum kist_store_change change;
    int rc = names->n == 0 ? kist_store_image_add(b->store, &new, &change, err) : 0;

    for (size_t i = 0; i < names->n && rc == 0; i++) {
        new.name = names->v[i];
        rc = kist_store_image_add(b->store, &new, &change, err);
    }
    return rc;
}

void kist_build_free(struct kist_build *b)
{
    if (b) {
        for (size_t i = 0; i < b->stage_count; i++) {
            kist_stage_free(b->stages[i]);
        }
        free(b->stages);
        kist_store_lease_end(b->lease);
        kist_known_close(b->known, !b->options->dry_run);
        kist_strv_release(&b->args);
        kist_strv_release(&b->used);
        kist_buf_release(&b->config);
        kist_buf_release(&b->manifest);
        free(b);
    }
}
