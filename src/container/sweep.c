/* What killed processes left, and the removing of containers. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "container/control.h"
#include "container/event.h"
#include "container/network.h"
#include "container/plan.h"
#include "port/cgroup.h"
#include "port/clock.h"

/* How long a killed container may take to go. */
#define KILL_WAIT_MS 10000
/* How long another kist may be at it that does not run it. */
#define BUSY_WAIT_MS 1000
#define KILL_TRIES 10

/* Nobody watches over it any more: its process goes, and its groups. */
static void bury(const char *id, const struct kist_running *running)
{
    char usual[KIST_CONTAINER_GROUP_MAX];
    const char *group = running->group                                                             ? running->group
                        : kist_str_format(usual, sizeof(usual), KIST_CONTAINER_GROUP "%s", id) ? usual
                                                                                                   : id;
    struct kist_error err;

    if (running->process.pid > 0 && port_process_signal(&running->process, SIGKILL, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", id, err.message);
    }
    port_cgroup_kill(group); /* in a PID namespace of others nobody ends with it */
    if (port_cgroup_remove(group, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", id, err.message);
    }
}

static void forget_log(const struct kist_engine *e, const char *id)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct port_dir *dir;

    if (kist_store_container_open(e->store, id, &dir, NULL) == 0) {
        (void)!kist_container_read_config(dir, &config, NULL);
        port_dir_close(dir);
    }
    kist_plan_forget_log(kist_plan_note(config, "kist.log.dir"), id);
}

/* Its end, which nobody saw, becomes known to the store; a transient container is removed. */
static int settle(const struct kist_engine *e, const char *id, const struct kist_running *running,
                  struct kist_error *err)
{
    struct kist_container_state state;
    struct kist_container_ref ref;
    struct port_dir *dir;
    int rc = kist_store_container_ref(e->store, id, &ref, err);

    if (rc == 0 && ref.ephemeral) {
        forget_log(e, id);
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
        kist_network_forget(e, id, held.dir);
        rc = settle(e, id, &running, err);
    }
    kist_running_release(&running);
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

/* Whoever runs it is asked to end it; who does not answer is killed, and it dies with him. 1: nobody runs it yet, or at all. */
static int end_it(const struct kist_engine *e, const char *id, struct kist_error *err)
{
    const struct kist_packet ask = {.kind = KIST_ASK_SIGNAL, .a = SIGKILL};
    struct kist_running running;
    int fd, rc = kist_control_connect(&fd, e, id, NULL);

    if (rc == 0) {
        const bool closed = kist_packet_send(fd, &ask, 0) && kist_control_await_close(fd, KILL_WAIT_MS);

        (void)close(fd);
        if (closed) {
            return 0;
        }
    }
    rc = kist_rundir_look(e, id, &running, err);
    if (rc == 1) {
        rc = running.process.pid > 0 ? port_process_signal(&running.process, SIGKILL, err) : fd < 0;
        if (rc == 0 && fd >= 0 && running.supervisor.pid > 0) {
            rc = port_process_signal(&running.supervisor, SIGKILL, err);
        }
        kist_running_release(&running);
    }
    return rc;
}

/* Takes the container's lock; force: from whoever runs it, whose process is killed. */
static int hold_to_remove(struct kist_rundir *held, const struct kist_engine *e, const char *id, bool force,
                          struct kist_error *err)
{
    struct kist_running running;
    bool told = false;
    int rc = kist_rundir_hold(held, e, id, 0, err);

    if (rc != KIST_E_CONFLICT) {
        return rc;
    }
    rc = kist_rundir_look(e, id, &running, err);
    if (rc < 0) {
        return rc;
    }
    if (rc == 1 && !force) {
        const bool busy = running.process.pid == 0 && !running.restarting;

        kist_running_release(&running);
        return busy ? kist_rundir_hold(held, e, id, BUSY_WAIT_MS, err)
                    : kist_error_set(err, KIST_E_CONFLICT,
                                     "container '%.12s' is running; stop it first, or use --force", id);
    }
    kist_running_release(&running);
    /* again and again: it may just be starting, and hear of nothing yet; who copies its files is waited for */
    for (int tried = 0; tried < KILL_TRIES;) {
        int idle = end_it(e, id, err);

        rc = idle < 0 ? idle : kist_rundir_hold(held, e, id, BUSY_WAIT_MS, err);
        if (rc != KIST_E_CONFLICT) {
            break;
        }
        if (idle == 1 && !told) {
            kist_log(KIST_LOG_WARN, "waiting: %s", err->message);
            told = true;
        }
        tried += idle == 0;
    }
    return rc;
}

int kist_container_remove(const struct kist_engine *e, const char *id, bool force, struct kist_error *err)
{
    struct kist_event_of of = {.id = id};
    struct kist_rundir held;
    struct kist_container_ref ref;
    int rc = kist_store_container_ref(e->store, id, &ref, err);

    if (rc < 0) {
        return rc;
    }
    of.name = ref.name;
    rc = hold_to_remove(&held, e, id, force, err);
    if (rc == 0) {
        forget_log(e, id);
        rc = kist_store_container_remove(e->store, id, err);
        if (rc == 0) {
            kist_event_add(e, &of, "destroy", NULL, NULL);
        }
        kist_rundir_release(&held, e, id, true);
    }
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* a transient one, which its kist removed */
}
