#include "container/join.h"

#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/plan.h"

#define JOINED "joined" /* in <run>/<id>/ of one whose network another has joined */
#define SHM "/dev/shm"

/* In Docker's words. */
static int refuse(unsigned what, const char *id, const char *why, struct kist_error *err)
{
    const char *name = what == PORT_OWN_NETWORK ? "network"
                       : what == PORT_OWN_IPC   ? "IPC"
                       : what == PORT_OWN_PIDS  ? "PID namespace"
                                                : "UTS namespace";

    return kist_error_set(err, KIST_E_CONFLICT, "can't join %s of container %s: %s", name, id, why);
}

static int not_running(unsigned what, const char *id, struct kist_error *err)
{
    char why[KIST_CONTAINER_ID_MAX + 32];

    return what == PORT_OWN_NETWORK || !kist_str_format(why, sizeof(why), "container %s is not running", id)
               ? kist_error_set(err, KIST_E_CONFLICT, "cannot join network of a non running container: %s", id)
               : refuse(what, id, why, err);
}

/* Its own IPC namespace is to be shared only where it says so. */
static int check_shareable(const struct kist_engine *e, const char *id, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    const char *ipc;
    int rc = kist_container_config(e, id, &config, err);

    if (rc < 0) {
        return rc;
    }
    ipc = kist_plan_note(config, "kist.ipc");
    return ipc && strcmp(ipc, "private") != 0 && strcmp(ipc, "none") != 0
               ? 0
               : refuse(PORT_OWN_IPC, id, "non-shareable IPC (hint: use IpcMode:shareable for the donor container)", err);
}

static int mark(struct port_dir *run, struct kist_error *err)
{
    struct port_file *file;
    int rc = port_file_open_rw(&file, run, JOINED, err);

    if (rc == 0) {
        port_file_discard(file);
    }
    return rc;
}

bool kist_join_was(struct port_dir *run)
{
    return port_dir_unlink(run, JOINED, NULL) == 0;
}

/* The owner's directory, marked before anybody looks whether it still runs: it looks for the mark after it ended. */
static int share_etc(struct kist_spec *spec, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct port_dir *run;
    int rc = kist_rundir_open(&run, e, id, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? not_running(PORT_OWN_NETWORK, id, err) : rc;
    }
    rc = mark(run, err);
    rc = rc < 0 ? rc : kist_strv_add(&spec->texts, port_dir_path(run), err);
    spec->etc = rc < 0 ? NULL : spec->texts.v[spec->texts.n - 1];
    port_dir_close(run);
    return rc;
}

static int find(struct port_process *out, const struct kist_engine *e, unsigned what, const char *id, struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, err);

    if (rc < 0) {
        return rc;
    }
    *out = running.process;
    if (rc == 1 && running.restarting) {
        rc = refuse(what, id, "it is restarting, wait until it runs", err);
    } else {
        rc = rc == 1 && port_process_alive(out) ? 0 : not_running(what, id, err);
    }
    kist_running_release(&running);
    return rc < 0 || what != PORT_OWN_IPC ? rc : check_shareable(e, id, err);
}

static int resolve_join(struct kist_spec *spec, struct port_join *join, const struct kist_engine *e, struct kist_error *err)
{
    const char *id = join->path + strlen(KIST_CONTAINER_SOURCE);
    struct kist_container_ref ref;
    int rc;

    if (strlen(id) != KIST_CONTAINER_ID_MAX - 1 || strchr(id, '/')) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: '%.200s' is no namespace of a container", join->path);
    }
    rc = kist_store_container_ref(e->store, id, &ref, err);
    if (rc == 0 && join->what == PORT_OWN_NETWORK) {
        rc = share_etc(spec, e, id, err);
    }
    rc = rc < 0 ? rc : find(&join->target, e, join->what, id, err);
    join->path = NULL;
    return rc;
}

/* Only what goes with an IPC namespace. */
static int resolve_mount(const struct kist_spec *spec, struct port_mount *m, struct kist_error *err)
{
    const char *place = m->source + strlen(KIST_CONTAINER_SOURCE);

    for (size_t i = 0; i < spec->sandbox.join_count; i++) {
        if (spec->joins[i].what == PORT_OWN_IPC && spec->joins[i].target.pid > 0 && strcmp(place, "shm") == 0) {
            m->kind = PORT_MOUNT_OTHERS;
            m->of = spec->joins[i].target;
            m->source = SHM;
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "config.json: there is no '%.200s' to mount", m->source);
}

int kist_join_resolve(struct kist_spec *spec, const struct kist_engine *e, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->sandbox.join_count; i++) {
        if (spec->joins[i].path[0] != '/') {
            rc = resolve_join(spec, &spec->joins[i], e, err);
        }
    }
    for (size_t i = 0; rc == 0 && i < spec->sandbox.mount_count; i++) {
        struct port_mount *m = &spec->mounts[i];

        if (m->kind == PORT_MOUNT_BIND && kist_str_starts(m->source, KIST_CONTAINER_SOURCE)) {
            rc = resolve_mount(spec, m, err);
        }
    }
    return rc;
}
