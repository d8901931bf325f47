/* Limits and restart policy of a container that is there: config.json is written anew, and what runs is told. */
#include "base/limits.h"
#include "container/engine.h"
#include "container/limits.h"
#include "container/plan.h"
#include "container/update.h"

static int change(cJSON *config, const struct kist_limit_options *limits, const char *restart, struct kist_error *err)
{
    cJSON *resources = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(config, "linux"), "resources");
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(config, "annotations");
    enum kist_restart policy;
    uint64_t most;
    int rc = kist_limits_generate(resources, limits, err);

    if (rc < 0 || !restart) {
        return rc;
    }
    if (!kist_restart_parse(restart, &policy, &most)) {
        return kist_error_set(err, KIST_E_USAGE, "restart must be no, on-failure[:TIMES], always or unless-stopped, not '%.100s'", restart);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(notes, "kist.restart");
    return kist_json_put_string(notes, "kist.restart", restart, err);
}

/* In <run>/<id>/: config.json was changed after whoever starts it may have read it. */
#define CHANGED "changed"

/* What runs now is told; what does not, or ends meanwhile, finds it in config.json. */
static int apply(const struct kist_engine *e, const char *id, const struct port_limits *limits, struct kist_error *err)
{
    struct kist_running running, after;
    char usual[KIST_CONTAINER_GROUP_MAX];
    int rc = kist_rundir_look(e, id, &running, err);

    if (rc == 1 && running.process.pid > 0 && kist_str_format(usual, sizeof(usual), KIST_CONTAINER_GROUP "%s", id)) {
        rc = port_cgroup_limit(running.group ? running.group : usual, limits, err);
        if (rc < 0 && kist_rundir_look(e, id, &after, NULL) >= 0) {
            rc = after.process.pid == running.process.pid && after.process.start == running.process.start ? rc : 0;
            kist_running_release(&after);
        }
    }
    kist_running_release(&running);
    return rc < 0 ? rc : 0;
}

/* Nobody starts it, or who does looks for this once it is known as running. */
static int mark(const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct port_dir *dir;
    struct port_file *file;
    int rc = kist_rundir_open(&dir, e, id, err);

    if (rc == 0) {
        rc = port_file_create(&file, dir, CHANGED, true, err);
        rc = rc < 0 ? rc : port_file_close(file, err);
        port_dir_close(dir);
    }
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}

static int read_limits(cJSON **config, struct port_limits *limits, struct port_dir *dir, struct kist_error *err)
{
    int rc = kist_container_read_config(dir, config, err);

    return rc < 0 ? rc : kist_limits_parse(limits, kist_json_object(kist_json_object(*config, "linux"), "resources"), err);
}

int kist_container_catch_up(const struct kist_rundir *held, struct port_dir *dir, const char *group, struct kist_error *err)
{
    int rc = 0;

    while (rc == 0 && port_dir_unlink(held->dir, CHANGED, NULL) == 0) {
        KIST_AUTO(json) cJSON *config = NULL;
        struct port_limits limits;

        rc = read_limits(&config, &limits, dir, err);
        rc = rc < 0 ? rc : port_cgroup_limit(group, &limits, err);
    }
    return rc;
}

/* Who has dir's lock. Once the new one is written, either whoever starts it sees the mark, or we see that it runs. */
static int update(const struct kist_engine *e, const char *id, struct port_dir *dir, const struct kist_limit_options *options,
                  const char *restart, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *config = NULL;
    struct port_limits limits;
    int rc = kist_container_read_config(dir, &config, err);

    rc = rc < 0 ? rc : change(config, options, restart, err);
    rc = rc < 0 ? rc : kist_limits_parse(&limits, kist_json_object(kist_json_object(config, "linux"), "resources"), err);
    rc = rc < 0 ? rc : apply(e, id, &limits, err);
    rc = rc < 0 ? rc : kist_json_print(config, false, &text, err);
    rc = rc < 0 ? rc : kist_store_write_file(e->store, dir, "config.json", text.data, text.len, err);
    rc = rc < 0 ? rc : mark(e, id, err);
    return rc < 0 ? rc : apply(e, id, &limits, err);
}

int kist_container_update(const struct kist_engine *e, const char *id, const struct kist_limit_options *limits, const char *restart,
                          struct kist_error *err)
{
    struct port_file *lock = NULL;
    struct port_dir *dir;
    int rc = kist_store_container_open(e->store, id, &dir, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_lock(dir, &lock, err);
    rc = rc < 0 ? rc : update(e, id, dir, limits, restart, err);
    port_file_discard(lock);
    port_dir_close(dir);
    return rc;
}
