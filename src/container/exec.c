/* A command beside a container's own. */
#include "container/event.h"
#include "container/process.h"

/* Process 1 of one that can be entered. */
static int find_target(struct port_process *target, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, err);

    *target = running.process;
    if (rc == 1 && running.paused) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is paused (try 'kist unpause')", id);
    } else if (rc == 1 && running.restarting && target->pid == 0) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is restarting, wait until it runs", id);
    } else if (rc == 0 || (rc == 1 && target->pid == 0)) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", id);
    }
    kist_running_release(&running);
    return rc < 0 ? rc : 0;
}

int kist_container_exec(const struct kist_engine *e, const char *id, const struct kist_container_exec *exec,
                        int *exit_status, struct kist_error *err)
{
    const struct kist_exec process = {
        .argv = exec->argv,
        .user = exec->user,
        .workdir = exec->workdir,
        .env = exec->env,
        .privileged = exec->privileged,
        .terminal = exec->terminal && !exec->detached,
        .input = exec->input && !exec->detached,
        .survives = exec->detached,
        .streams = {.detached = exec->detached},
    };
    KIST_AUTO(json) cJSON *config = NULL;
    struct port_sandbox *sandbox = NULL;
    struct port_signals *signals = NULL;
    struct port_process target;
    int rc;

    if (exec->workdir && exec->workdir[0] != '/') {
        return kist_error_set(err, KIST_E_USAGE,
                              "the working directory '%s' is invalid, it needs to be an absolute path", exec->workdir);
    }
    rc = find_target(&target, e, id, err);
    rc = rc < 0 ? rc : kist_container_config(e, id, &config, err);
    rc = rc < 0 ? rc : port_signals_hold(&signals, err);
    rc = rc < 0 ? rc : kist_process_enter(&sandbox, id, &target, config, &process, signals, err);
    if (rc == 0) {
        *exit_status = 0;
        kist_event_add(e, &(struct kist_event_of){.id = id}, "exec_start", NULL, NULL);
        rc = exec->detached ? 0 : port_sandbox_wait(sandbox, signals, true, exit_status, err);
        port_sandbox_free(sandbox);
    }
    port_signals_release(signals);
    return rc;
}
