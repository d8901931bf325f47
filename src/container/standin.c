#include "container/standin.h"

#include <string.h>

#include "container/plan.h"
#include "container/process.h"
#include "container/rootfs.h"

#define LOCK_WAIT_MS 2000 /* for another kist that only looks, or copies too */

/* What is kept when it does not run: the host's files and volumes, not what is made for each run. */
static bool is_kept(const cJSON *mount)
{
    const char *type = kist_json_string(mount, "type"), *source = kist_json_string(mount, "source");

    return type && source && strcmp(type, "bind") == 0 && (source[0] == '/' || kist_str_starts(source, "volume"));
}

static void keep_mounts(cJSON *config)
{
    cJSON *mounts = cJSON_GetObjectItemCaseSensitive(config, "mounts"), *next;

    for (cJSON *mount = mounts ? mounts->child : NULL; mount; mount = next) {
        next = mount->next;
        if (!is_kept(mount)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(mounts, mount));
        }
    }
}

static int start(struct kist_standin *s, const struct kist_engine *e, const char *id, struct port_dir *dir, bool transient,
                 struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_container_state state;
    enum kist_rootfs kind;
    struct kist_container_fixed fixed;
    struct kist_process process = {.e = e, .id = id, .dir = dir, .held = &s->held, .transient = transient};
    int rc = kist_container_read_fixed(dir, &fixed, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_read_config(dir, &config, err);
    rc = rc < 0 ? rc : kist_container_read_state(dir, &state, err);
    if (rc == 0 && kist_rootfs_parse(kist_plan_note(config, "kist.rootfs"), &kind) && kind == KIST_ROOTFS_TMPFS) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "it is not running, and its files are in memory only while it is (try 'kist start')");
    }
    process.fresh = rc == 0 && !state.started_once;
    keep_mounts(config);
    rc = rc < 0 ? rc : port_signals_hold(&process.signals, err);
    if (rc == 0) {
        rc = kist_process_files(&s->sandbox, &process, config, &fixed, err);
        port_signals_release(process.signals);
    }
    kist_container_fixed_release(&fixed);
    return rc < 0 ? rc : port_process_get(&s->process, port_sandbox_pid(s->sandbox), err);
}

int kist_standin_open(struct kist_standin *s, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct kist_container_ref ref;
    struct port_dir *dir = NULL;
    int rc = kist_rundir_hold(&s->held, e, id, LOCK_WAIT_MS, err);

    s->sandbox = NULL;
    if (rc < 0) {
        return rc;
    }
    rc = kist_store_container_ref(e->store, id, &ref, err);
    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &dir, err);
    rc = rc < 0 ? rc : start(s, e, id, dir, ref.ephemeral, err);
    port_dir_close(dir);
    if (rc < 0) {
        kist_standin_close(s, e, id);
    }
    return rc;
}

void kist_standin_close(struct kist_standin *s, const struct kist_engine *e, const char *id)
{
    port_sandbox_free(s->sandbox);
    if (s->held.dir) {
        kist_rundir_release(&s->held, e, id, true);
    }
    *s = (struct kist_standin){.sandbox = NULL};
}
