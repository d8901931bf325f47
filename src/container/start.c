/* A container from its configuration to its end. Whoever is in here holds the container's lock. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "container/plan.h"
#include "container/supervise.h"
#include "port/channel.h"
#include "port/self.h"
#include "store/quota.h"

/* How long another kist that only looks may have the lock. */
#define LOCK_WAIT_MS 500

#define AMOUNT_MAX 48 /* "--store-reserve=...": bytes or a share */

/* Held by another process: it runs, or that one changes it. */
static int hold_to_run(struct kist_rundir *held, const struct kist_engine *e, const char *id,
                       struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_hold(held, e, id, LOCK_WAIT_MS, err);

    if (rc == KIST_E_CONFLICT && kist_rundir_look(e, id, &running, NULL) >= 0) {
        if (running.process.pid > 0 || running.restarting) {
            (void)kist_error_set(err, rc, "container '%.12s' is running already", id);
        }
        kist_running_release(&running);
    }
    return rc;
}

/* ---- detached ---- */

/* What the process that stays tells the one that started it. */
struct report {
    int32_t rc;
    char message[KIST_ERROR_MESSAGE_MAX];
};

static int hear(int ear, struct kist_error *err)
{
    struct report report;
    int n;

    do {
        (void)port_channel_wait(ear, -1);
        n = port_channel_receive(ear, &report, sizeof(report));
    } while (n < 0);
    if (n != (int)sizeof(report)) {
        return kist_error_set(err, KIST_E_FAIL, "the supervisor ended before the container began");
    }
    report.message[sizeof(report.message) - 1] = '\0';
    return report.rc < 0 ? kist_error_set(err, (enum kist_err)report.rc, "%s", report.message) : 0;
}

static bool put_amount(char dst[AMOUNT_MAX], const char *option, const struct kist_store_amount *amount)
{
    return kist_str_format(dst, AMOUNT_MAX, "%s=%" PRIu64 "%s", option, amount->value, amount->percent ? "%" : "");
}

/* Hands the held directory over, whatever comes of it. */
static int spawn(const struct kist_engine *e, const char *id, struct kist_rundir *held, struct kist_error *err)
{
    const struct kist_store_limits *limits = kist_store_limits(e->store);
    char program[] = "kist", option[] = "--root", run_dir[] = "--run-dir", config[] = "--config", none[] = "/dev/null", command[] = "supervise",
         copy[KIST_CONTAINER_ID_MAX], quota[AMOUNT_MAX], reserve[AMOUNT_MAX];
    char *const argv[] = {program, config, none, option, (char *)(uintptr_t)kist_store_root(e->store), run_dir, (char *)(uintptr_t)kist_rundir_all(e),
                          quota, reserve, command, copy, NULL};
    int ends[2], rc;

    memcpy(copy, id, sizeof(copy));
    rc = put_amount(quota, "--store-quota", &limits->quota) && put_amount(reserve, "--store-reserve", &limits->reserve)
             ? port_channel_pair(ends, err)
             : kist_error_set(err, KIST_E_FAIL, "a limit is too long");
    if (rc < 0) {
        kist_rundir_release(held, e, id, true);
        return rc;
    }
    rc = port_self_spawn(argv, port_file_fd(held->lock), ends[1], err);
    (void)close(ends[1]);
    kist_rundir_release(held, e, id, rc < 0);
    rc = rc < 0 ? rc : hear(ends[0], err);
    (void)close(ends[0]);
    return rc;
}

/* ---- all that a first run reads ---- */

struct kept {
    struct kist_container_ref ref;
    struct kist_container_fixed fixed;
    struct port_dir *dir;
    cJSON *config;
};

static void release_kept(struct kept *k)
{
    kist_container_fixed_release(&k->fixed);
    cJSON_Delete(k->config);
    port_dir_close(k->dir);
}

static int read_kept(struct kept *k, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    int rc = kist_store_container_ref(e->store, id, &k->ref, err);

    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &k->dir, err);
    rc = rc < 0 ? rc : kist_container_read_fixed(k->dir, &k->fixed, err);
    rc = rc < 0 ? rc : kist_container_read_config(k->dir, &k->config, err);
    if (rc < 0) {
        release_kept(k);
    }
    return rc;
}

/* The first run has begun, or could not: whoever waits hears of it, and what only that needed is let go of. */
static void tell(void *arg, int rc, const struct kist_error *err)
{
    struct report report = {.rc = rc};
    struct kept *k = arg;

    if (rc < 0) {
        (void)!kist_str_copy(report.message, sizeof(report.message), err->message);
    }
    (void)port_channel_send(PORT_SELF_REPORT, &report, sizeof(report));
    (void)close(PORT_SELF_REPORT);
    cJSON_Delete(k->config);
    k->config = NULL;
    port_self_settle();
}

static int stay(const struct kist_engine *e, const char *id, struct kist_rundir *held,
                const struct kist_container_start *how, int *exit_status, struct kist_error *err)
{
    struct kept k = {.dir = NULL};
    struct kist_supervised in = {.e = e, .id = id, .how = how, .held = held, .begun = how->detached ? tell : NULL};
    int rc = read_kept(&k, e, id, err);

    if (rc < 0) {
        kist_rundir_release(held, e, id, true);
        if (in.begun) {
            in.begun(&k, rc, err);
        }
        return rc;
    }
    in.arg = &k;
    in.dir = k.dir;
    in.transient = k.ref.ephemeral;
    in.config = k.config;
    in.fixed = &k.fixed;
    in.of = (struct kist_event_of){id, k.ref.name, k.fixed.image_name};
    rc = kist_supervise(&in, exit_status, err);
    release_kept(&k);
    return rc;
}

int kist_container_supervise(const struct kist_engine *e, const char *id, struct kist_error *err)
{
    const struct kist_container_start how = {.detached = true};
    struct kist_rundir held;
    int status, rc = kist_rundir_adopt(&held, e, id, PORT_SELF_LOCK, err);

    return rc < 0 ? rc : stay(e, id, &held, &how, &status, err);
}

int kist_container_start(const struct kist_engine *e, const char *id, const struct kist_container_start *how,
                         int *exit_status, struct kist_error *err)
{
    struct kist_rundir held;
    struct port_dir *dir;
    int rc = kist_container_sweep(e, err);

    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &dir, err);
    if (rc < 0) {
        return rc;
    }
    port_dir_close(dir);
    rc = hold_to_run(&held, e, id, err);
    if (rc < 0) {
        return rc;
    }
    return how->detached ? spawn(e, id, &held, err) : stay(e, id, &held, how, exit_status, err);
}

/* The layers of n as if they had been read; the rest does not matter here. */
static int fixed_of(struct kist_container_fixed *fixed, const struct kist_container_new *n,
                    struct kist_error *err)
{
    *fixed = (struct kist_container_fixed){.layers = calloc(n->diff_id_count + 1, sizeof(*fixed->layers)),
                                           .layer_count = n->diff_id_count};
    if (!fixed->layers) {
        return kist_error_nomem(err);
    }
    if (n->diff_id_count > 0) {
        memcpy(fixed->layers, n->diff_ids, n->diff_id_count * sizeof(*fixed->layers));
    }
    return 0;
}

static int run_here(const struct kist_engine *e, const struct kist_container_new *n, const char *name,
                    const struct kist_container_start *how, struct port_dir *dir, struct kist_rundir *held,
                    int *exit_status, struct kist_error *err)
{
    struct kist_container_fixed fixed;
    const struct kist_supervised in = {
        .e = e,
        .id = n->id,
        .how = how,
        .dir = dir,
        .held = held,
        .of = {n->id, name, n->image_name},
        .transient = n->transient,
        .config = n->config,
        .fixed = &fixed,
    };
    int rc = fixed_of(&fixed, n, err);

    if (rc < 0) {
        kist_rundir_release(held, e, n->id, true);
        return rc;
    }
    rc = kist_supervise(&in, exit_status, err);
    kist_container_fixed_release(&fixed);
    return rc;
}

int kist_container_run(const struct kist_engine *e, const struct kist_container_new *n,
                       const struct kist_container_start *how, int *exit_status, struct kist_error *err)
{
    char name[KIST_CONTAINER_NAME_MAX];
    struct kist_rundir held;
    struct port_dir *dir;
    int rc = kist_container_sweep(e, err);

    /* held before the store knows of it, or a sweeper would take a transient one for a dead one */
    rc = rc < 0 ? rc : hold_to_run(&held, e, n->id, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_container_make(e, n, name, &dir, err);
    if (rc < 0) {
        kist_rundir_release(&held, e, n->id, true);
        return rc;
    }
    rc = how->detached ? spawn(e, n->id, &held, err) : run_here(e, n, name, how, dir, &held, exit_status, err);
    port_dir_close(dir);
    return rc;
}

int kist_container_at_boot(const struct kist_engine *e, const struct kist_container *c, bool *wanted,
                           struct kist_error *err)
{
    struct kist_container_state state;
    struct kist_plan plan;
    struct kept k = {.dir = NULL};
    int rc = read_kept(&k, e, c->id, err);

    *wanted = false;
    if (rc < 0) {
        return rc;
    }
    rc = kist_plan_read(&plan, k.config, err);
    if (rc == 0) {
        rc = kist_container_read_state(k.dir, &state, err);
        kist_plan_release(&plan);
    }
    if (rc == 0 && state.started_once) {
        /* what failed, or was cut off by the power, is to be retried; what ended well is done */
        *wanted = plan.restart == KIST_RESTART_ALWAYS || (plan.restart == KIST_RESTART_UNLESS_STOPPED && !state.stopped) ||
                  (plan.restart == KIST_RESTART_ON_FAILURE && !state.stopped && state.exit_status != 0);
    }
    release_kept(&k);
    return rc;
}
