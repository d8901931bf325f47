/* What killed processes left, and the removing of containers. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "container/engine.h"
#include "port/cgroup.h"
#include "port/clock.h"

/* How long a killed container may take to go. */
#define KILL_WAIT_MS 10000

/* Nobody watches over it any more: its process goes, and its groups. */
static void bury(const char *id, const struct kist_running *running)
{
    struct kist_error err;

    if (running->process.pid > 0 && port_process_kill(&running->process, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", id, err.message);
    }
    if (port_cgroup_remove(id, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", id, err.message);
    }
}

static int is_transient(const struct kist_engine *e, const char *id, bool *transient, struct kist_error *err)
{
    struct kist_container_refs refs;
    int rc = kist_store_containers(e->store, &refs, err);

    if (rc < 0) {
        return rc;
    }
    *transient = false;
    for (size_t i = 0; i < refs.n; i++) {
        *transient = *transient || (refs.v[i].ephemeral && strcmp(refs.v[i].id, id) == 0);
    }
    kist_container_refs_release(&refs);
    return 0;
}

/* Its end, which nobody saw, becomes known to the store; a transient container is removed. */
static int settle(const struct kist_engine *e, const char *id, const struct kist_running *running,
                  struct kist_error *err)
{
    struct kist_container_state state;
    struct port_dir *dir;
    bool transient;
    int rc = is_transient(e, id, &transient, err);

    if (rc == 0 && transient) {
        return kist_store_container_remove(e->store, id, err);
    }
    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &dir, err);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* another store's, or removed */
    }
    rc = kist_container_read_state(dir, &state, err);
    if (rc == 0 && state.started_once && state.finished == 0) {
        state.finished = KIST_MAX(port_clock_now(), running->started);
        state.exit_status = 128 + 9;
        rc = kist_container_write_state(e, dir, &state, err);
    }
    port_dir_close(dir);
    return rc;
}

int kist_container_sweep_one(const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct kist_running running = {.root = NULL};
    struct kist_rundir held;
    int rc = kist_rundir_hold(&held, e, id, 0, err);

    if (rc < 0) {
        return rc == KIST_E_CONFLICT ? 0 : rc; /* alive */
    }
    rc = kist_rundir_read(&held, &running, err);
    if (rc == 0) {
        bury(id, &running);
        rc = settle(e, id, &running, err);
    }
    free(running.root);
    kist_rundir_release(&held, e, id, rc == 0);
    return rc;
}

static int sweep_and_go_on(void *arg, const char *id, struct kist_error *err)
{
    struct kist_error one;

    (void)err;
    /* what cannot be swept now is no reason not to do what was asked for */
    if (kist_container_sweep_one(arg, id, &one) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s' cannot be swept: %s", id, one.message);
    }
    return 0;
}

int kist_container_sweep(const struct kist_engine *e, struct kist_error *err)
{
    struct kist_engine engine = *e;

    return kist_rundir_each(e, sweep_and_go_on, &engine, err);
}

/* ---- removing ---- */

/* Takes the container's lock; force: from whoever runs it, whose process is killed. */
static int hold_to_remove(struct kist_rundir *held, const struct kist_engine *e, const char *id, bool force,
                          struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_hold(held, e, id, 0, err);

    if (rc != KIST_E_CONFLICT) {
        return rc;
    }
    if (!force) {
        return kist_error_set(err, KIST_E_CONFLICT,
                              "container '%.12s' is running; stop it first, or use --force", id);
    }
    rc = kist_rundir_look(e, id, &running, err);
    if (rc == 1) {
        rc = running.process.pid > 0 ? port_process_kill(&running.process, err) : 0;
        free(running.root);
    }
    return rc < 0 ? rc : kist_rundir_hold(held, e, id, KILL_WAIT_MS, err);
}

int kist_container_remove(const struct kist_engine *e, const char *id, bool force, struct kist_error *err)
{
    struct kist_rundir held;
    struct port_dir *dir;
    int rc = kist_store_container_open(e->store, id, &dir, err);

    if (rc < 0) {
        return rc;
    }
    port_dir_close(dir);
    rc = hold_to_remove(&held, e, id, force, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_store_container_remove(e->store, id, err);
    kist_rundir_release(&held, e, id, true);
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* a transient one, which its kist removed */
}
