/* A container from its configuration to its end. Whoever is in here holds the container's lock. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "container/bundle.h"
#include "port/clock.h"

/* How long another kist that only looks may have the lock. */
#define LOCK_WAIT_MS 500

struct run {
    const struct kist_engine *e;
    const char *id;
    bool transient, sig_proxy;
    struct port_dir *dir;
    struct kist_rundir *held;
    const cJSON *config;
    const struct kist_container_fixed *fixed;
    struct kist_container_state state;
};

/* What the end of it is worth when it cannot be written: a warning, the command has run. */
static void note_state(const struct run *r)
{
    struct kist_error err;

    if (!r->transient && kist_container_write_state(r->e, r->dir, &r->state, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", r->id, err.message);
    }
}

static void note_running(const struct run *r, int pid)
{
    struct kist_running running = {.started = r->state.started};
    struct kist_error err;
    int rc = port_process_get(&running.process, pid, &err);

    running.root = strdup(kist_store_root(r->e->store));
    if (rc == 0) {
        rc = kist_rundir_write(r->held, &running, &err);
    }
    /* gone already: nothing is left to be found */
    if (rc < 0 && rc != KIST_E_NOT_FOUND) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", r->id, err.message);
    }
    free(running.root);
}

static int run_sandbox(struct run *r, const struct port_sandbox_spec *spec, int *exit_status,
                       struct kist_error *err)
{
    struct port_sandbox *sandbox;
    int rc = port_sandbox_start(&sandbox, spec, err);

    if (rc < 0) {
        return rc;
    }
    r->state = (struct kist_container_state){.started_once = true, .started = port_clock_now()};
    note_running(r, port_sandbox_pid(sandbox));
    note_state(r);
    rc = port_sandbox_wait(sandbox, r->sig_proxy, exit_status, err);
    port_sandbox_free(sandbox);
    r->state.finished = port_clock_now();
    r->state.exit_status = rc < 0 ? 255 : *exit_status;
    note_state(r);
    return rc;
}

/* A directory in at, and its path. */
static int make_dir(char *path, struct port_dir *at, const char *name, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, at, name, true, err);

    if (rc < 0) {
        return rc;
    }
    port_dir_close(dir);
    return kist_path_join(path, KIST_MAX_PATH + 1, port_dir_path(at), name)
               ? 0
               : kist_error_set(err, KIST_E_FAIL, "the path '%s/%s' is too long", port_dir_path(at), name);
}

static int run_spec(struct run *r, struct kist_spec *spec, const struct kist_bundle_layers *layers,
                    int *exit_status, struct kist_error *err)
{
    char rw[KIST_MAX_PATH + 1], scratch[KIST_MAX_PATH + 1];
    struct port_sandbox_spec *s = &spec->sandbox;
    int rc = make_dir(rw, r->dir, "rw", err);

    rc = rc < 0 ? rc : make_dir(scratch, r->held->dir, "mnt", err);
    rc = rc < 0 ? rc : kist_bundle_sources(spec, r->dir, r->held->dir, err);
    if (rc < 0) {
        return rc;
    }
    s->root.layers = layers->v;
    s->root.layer_count = layers->n;
    s->root.rw = rw;
    s->root.fresh = !r->state.started_once;
    s->root.transient = r->transient;
    s->cgroup.name = r->id;
    s->scratch = scratch;
    return run_sandbox(r, s, exit_status, err);
}

static int run_held(struct run *r, int *exit_status, struct kist_error *err)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    struct kist_bundle_layers layers;
    int rc = kist_spec_parse(&spec, r->config, err);

    rc = rc < 0 ? rc : kist_bundle_layers_open(&layers, r->e->store, r->fixed, err);
    if (rc == 0) {
        rc = run_spec(r, &spec, &layers, exit_status, err);
        kist_bundle_layers_close(&layers);
    }
    return rc;
}

/* Held by another process: it runs. */
static int hold_to_run(struct kist_rundir *held, const struct kist_engine *e, const char *id,
                       struct kist_error *err)
{
    int rc = kist_rundir_hold(held, e, id, LOCK_WAIT_MS, err);

    return rc == KIST_E_CONFLICT
               ? kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is running already", id)
               : rc;
}

int kist_container_start(const struct kist_engine *e, const char *id, bool sig_proxy, int *exit_status,
                         struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_container_fixed fixed = {.created = 0};
    struct kist_rundir held;
    struct run r = {.e = e, .id = id, .sig_proxy = sig_proxy, .held = &held, .fixed = &fixed};
    int rc = kist_container_sweep(e, err);

    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &r.dir, err);
    if (rc < 0) {
        return rc;
    }
    rc = hold_to_run(&held, e, id, err);
    if (rc == 0) {
        rc = kist_container_read_fixed(r.dir, &fixed, err);
        rc = rc < 0 ? rc : kist_container_read_config(r.dir, &config, err);
        rc = rc < 0 ? rc : kist_container_read_state(r.dir, &r.state, err);
        r.config = config;
        rc = rc < 0 ? rc : run_held(&r, exit_status, err);
        kist_container_fixed_release(&fixed);
        kist_rundir_release(&held, e, id, true);
    }
    port_dir_close(r.dir);
    return rc;
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
    memcpy(fixed->layers, n->diff_ids, n->diff_id_count * sizeof(*fixed->layers));
    return 0;
}

int kist_container_run(const struct kist_engine *e, const struct kist_container_new *n, bool sig_proxy,
                       int *exit_status, struct kist_error *err)
{
    struct kist_container_fixed fixed;
    struct kist_rundir held;
    struct run r = {.e = e,
                    .id = n->id,
                    .transient = n->transient,
                    .sig_proxy = sig_proxy,
                    .held = &held,
                    .config = n->config,
                    .fixed = &fixed};
    int rc = kist_container_sweep(e, err);

    rc = rc < 0 ? rc : fixed_of(&fixed, n, err);
    if (rc < 0) {
        return rc;
    }
    /* held before the store knows of it, or a sweeper would take a transient one for a dead one */
    rc = hold_to_run(&held, e, n->id, err);
    if (rc == 0) {
        rc = kist_container_make(e, n, &r.dir, err);
        if (rc == 0) {
            rc = run_held(&r, exit_status, err);
            port_dir_close(r.dir);
            if (n->transient && kist_store_container_remove(e->store, n->id, rc < 0 ? NULL : err) < 0 &&
                rc == 0) {
                kist_log(KIST_LOG_WARN, "container '%.12s' is left behind", n->id);
            }
        }
        kist_rundir_release(&held, e, n->id, true);
    }
    kist_container_fixed_release(&fixed);
    return rc;
}
