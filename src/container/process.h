/* One run of a container's process, and commands beside it: config.json carried out. */
#ifndef KIST_CONTAINER_PROCESS_H
#define KIST_CONTAINER_PROCESS_H

#include "container/engine.h"
#include "port/sandbox.h"

struct kist_process {
    const struct kist_engine *e;
    const char *id;
    struct port_dir *dir;     /* containers/<id>/ */
    struct kist_rundir *held; /* its run directory */
    bool transient;           /* nothing of it need survive a power cut */
    bool fresh;               /* it never ran */
    const struct kist_strv *env; /* variables that config.json does not say, over those it does; NULL: none */
    const struct port_network *network; /* its place on a bridge; NULL: none */
    struct port_streams streams;
    struct port_signals *signals;
};

/* Errors: kist_container_start's. */
int kist_process_start(struct port_sandbox **out, const struct kist_process *p, const cJSON *config,
                       const struct kist_container_fixed *fixed, struct kist_error *err) KIST_CHECKED;

/* Only its files: root and mounts, in the world of a process that waits to be killed. streams are not used. */
int kist_process_files(struct port_sandbox **out, const struct kist_process *p, const cJSON *config,
                       const struct kist_container_fixed *fixed, struct kist_error *err) KIST_CHECKED;

/* A command in a container that runs. What is NULL or empty is as the container's own process has it. */
struct kist_exec {
    char *const *argv;           /* ended by NULL */
    const char *user, *workdir;
    const struct kist_strv *env; /* assignments, as kist_env_put takes them */
    bool privileged, terminal, input, survives;
    struct port_streams streams;
};

/* target: the container's process 1. KIST_E_CONFLICT: it has ended, or ends. */
int kist_process_enter(struct port_sandbox **out, const char *id, const struct port_process *target,
                       const cJSON *config, const struct kist_exec *exec, struct port_signals *signals,
                       struct kist_error *err) KIST_CHECKED;

#endif
