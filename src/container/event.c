#include "container/event.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "container/engine.h"
#include "container/ring.h"

#define RING_BYTES (256U << 10)
#define RECORD_MAX 4096

static int describe(struct kist_buf *text, const struct kist_event_of *of, const char *action, const char *attribute,
                    const char *value, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    cJSON *actor = cJSON_CreateObject(), *attributes = cJSON_CreateObject();
    struct timespec now = {0};
    int rc = kist_json_put_string(root, "Type", "container", err);

    (void)clock_gettime(CLOCK_REALTIME, &now);
    rc = rc < 0 ? rc : kist_json_put_string(root, "Action", action, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "status", action, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "id", of->id, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "from", of->image ? of->image : "", err);
    if (kist_json_put(root, "Actor", actor, err) < 0 || rc < 0) {
        cJSON_Delete(attributes);
        return kist_error_nomem(err);
    }
    rc = kist_json_put_string(actor, "ID", of->id, err);
    if (kist_json_put(actor, "Attributes", attributes, err) < 0 || rc < 0) {
        return kist_error_nomem(err);
    }
    rc = kist_json_put_string(attributes, "image", of->image ? of->image : "", err);
    rc = rc < 0 ? rc : kist_json_put_string(attributes, "name", of->name ? of->name : "", err);
    rc = rc < 0 || !attribute ? rc : kist_json_put_string(attributes, attribute, value, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "scope", "local", err);
    rc = rc < 0 ? rc : kist_json_put_u64(root, "time", (uint64_t)now.tv_sec, err);
    rc = rc < 0 ? rc : kist_json_print(root, false, text, err);
    return rc < 0 ? rc : kist_buf_puts(text, "\n", err);
}

void kist_event_add(const struct kist_engine *e, const struct kist_event_of *of, const char *action,
                    const char *attribute, const char *value)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(RECORD_MAX);
    struct kist_ring *ring = NULL;
    struct kist_error err;
    int rc = describe(&text, of, action, attribute, value, &err);

    rc = rc < 0 ? rc : kist_ring_open(&ring, kist_rundir_all(e), "events", RING_BYTES, true, &err);
    rc = rc < 0 ? rc : kist_ring_add(ring, kist_buf_text(&text), text.len, &err);
    kist_ring_close(ring);
    if (rc < 0) {
        kist_log(KIST_LOG_INFO, "event '%s' is not recorded: %s", action, err.message);
    }
}
