#include "build/commit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build/commit_config.h"
#include "container/changes.h"
#include "container/event.h"
#include "transfer/intake.h"
#include "transfer/made.h"

struct commit {
    const struct kist_engine *engine;
    const struct kist_commit *wanted;
    struct kist_digest *id;
    struct kist_store_lease *lease;
    cJSON *config;
    struct kist_platform platform;
    struct kist_digest diff_ids[KIST_MAX_LAYERS];
    size_t diff_id_count;
};

/* ---- the layer ---- */

struct feed {
    struct kist_sink sink;
    struct kist_intake *intake;
    struct kist_intake_measure measure;
};

static int feed_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct feed *f = KIST_CONTAINER_OF(sink, struct feed, sink);

    f->measure.received += len;
    return kist_intake_write(f->intake, data, len, err);
}

static int feed_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

/* Where nothing has changed there is none. */
static int add_layer(struct commit *c, const struct kist_changes *changes, bool *any, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {feed_write, feed_finish};
    struct feed feed = {.sink = {.ops = &ops}};
    struct kist_intake_result result;
    int rc;

    if (c->diff_id_count == KIST_MAX_LAYERS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the image has %zu layers, as many as there may be (try 'kist image flatten')",
                              c->diff_id_count);
    }
    rc = kist_intake_new(&feed.intake, c->engine->store, c->lease, &c->wanted->layer, NULL, &feed.measure, err);
    rc = rc < 0 ? rc : kist_changes_tar(changes, &feed.sink, any, err);
    if (rc == 0 && *any) {
        rc = kist_intake_end(feed.intake, &result, err);
        c->diff_ids[c->diff_id_count++] = result.diff_id;
    }
    kist_intake_free(feed.intake);
    return rc;
}

/* ---- the image ---- */

static int load_config(struct commit *c, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(config) struct kist_config parsed = {.created = 0};
    int rc = kist_store_blob(c->engine->store, &c->wanted->container->image, &text, err);

    rc = rc < 0 ? rc : kist_config_parse(&parsed, kist_buf_text(&text), text.len, err);
    c->platform = parsed.platform;
    return rc < 0 ? rc : kist_json_parse(&c->config, kist_buf_text(&text), text.len, "image config", err);
}

static int put(cJSON *object, const char *name, const char *text, struct kist_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return text ? kist_json_put_string(object, name, text, err) : 0;
}

static int describe(struct commit *c, const char *created_by, bool empty, struct kist_error *err)
{
    static const char *const others[] = {"id", "parent", "container", "container_config", "docker_version", "comment"};
    const struct kist_commit *w = c->wanted;
    char created[KIST_STR_TIME_MAX];
    int rc = put(c->config, "created", kist_str_rfc3339(created, w->created), err);

    for (size_t i = 0; i < KIST_COUNT(others); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(c->config, others[i]);
    }
    rc = rc == 0 && w->author ? put(c->config, "author", w->author, err) : rc;
    return rc < 0 ? rc : kist_made_history(c->config, created, created_by, w->author, w->message, empty, err);
}

static int make(void *arg, const struct kist_changes *changes, struct kist_error *err)
{
    struct commit *c = arg;
    struct kist_made made = {.diff_ids = c->diff_ids, .platform = &c->platform, .name = c->wanted->name};
    KIST_AUTO(buf) struct kist_buf created_by = KIST_BUF_INIT(KIST_MAX_CONFIG);
    bool any = false;
    int rc = load_config(c, err);

    c->diff_id_count = changes->layers->n;
    if (c->diff_id_count > 0) {
        memcpy(c->diff_ids, changes->diff_ids, c->diff_id_count * sizeof(c->diff_ids[0]));
    }
    rc = rc < 0 ? rc : kist_commit_config(c->config, changes, c->wanted->changes, &created_by, err);
    rc = rc < 0 ? rc : kist_store_lease_begin(c->engine->store, c->diff_ids, c->diff_id_count, &c->lease, err);
    rc = rc < 0 ? rc : add_layer(c, changes, &any, err);
    rc = rc < 0 ? rc : describe(c, kist_buf_text(&created_by), !any, err);
    made.config = c->config;
    made.diff_id_count = c->diff_id_count;
    return rc < 0 ? rc : kist_made_add(c->engine->store, &made, c->id, err);
}

int kist_commit(const struct kist_engine *e, const struct kist_commit *wanted, struct kist_digest *id, struct kist_error *err)
{
    const struct kist_container *container = wanted->container;
    const bool pause = wanted->pause && container->status == KIST_CONTAINER_RUNNING;
    struct commit *c = calloc(1, sizeof(*c));
    int rc = c ? 0 : kist_error_nomem(err);

    if (rc == 0) {
        c->engine = e;
        c->wanted = wanted;
        c->id = id;
        rc = kist_container_changes(e, container->id, pause, make, c, err);
        kist_store_lease_end(c->lease);
        cJSON_Delete(c->config);
        free(c);
    }
    if (rc == 0) {
        kist_event_add(e, &(struct kist_event_of){container->id, container->name, container->image_name}, "commit", "comment",
                       wanted->message ? wanted->message : "");
    }
    return rc;
}
