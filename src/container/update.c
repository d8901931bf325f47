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

int kist_container_update(const struct kist_engine *e, const struct kist_container *c, const struct kist_limit_options *limits,
                          const char *restart, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *config = NULL;
    struct port_limits parsed;
    struct port_dir *dir;
    int rc = kist_store_container_open(e->store, c->id, &dir, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_read_config(dir, &config, err);
    rc = rc < 0 ? rc : change(config, limits, restart, err);
    rc = rc < 0 ? rc : kist_limits_parse(&parsed, kist_json_object(kist_json_object(config, "linux"), "resources"), err);
    if (rc == 0 && c->pid > 0 && c->group) {
        rc = port_cgroup_limit(c->group, &parsed, err);
    }
    rc = rc < 0 ? rc : kist_json_print(config, false, &text, err);
    rc = rc < 0 ? rc : kist_store_write_file(e->store, dir, "config.json", text.data, text.len, err);
    port_dir_close(dir);
    return rc;
}
