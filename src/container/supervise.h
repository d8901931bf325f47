/*
 * Who stays with a container until it ends for good: one loop that passes output on and keeps it, restarts what fails,
 * checks its health, and does what other commands ask by the control channel. The process of `kist run` itself, or a
 * process of its own.
 */
#ifndef KIST_CONTAINER_SUPERVISE_H
#define KIST_CONTAINER_SUPERVISE_H

#include "container/engine.h"
#include "container/event.h"

struct kist_supervised {
    const struct kist_engine *e;
    const char *id;
    const struct kist_container_start *how;
    struct port_dir *dir;     /* containers/<id>/ */
    struct kist_rundir *held; /* let go of, and taken away, at the end */
    struct kist_event_of of;  /* in its events */
    bool transient;
    const cJSON *config;                      /* of the first run, until begun; later ones read it again */
    const struct kist_container_fixed *fixed; /* likewise */
    /* Once, after the first run began or could not: how it went. NULL: nobody wants to know. */
    void (*begun)(void *arg, int rc, const struct kist_error *err);
    void *arg;
};

/* *exit_status: of the last run. Errors: kist_container_start's, of the first. */
int kist_supervise(const struct kist_supervised *in, int *exit_status, struct kist_error *err) KIST_CHECKED;

#endif
