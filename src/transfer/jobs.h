/* Tasks side by side in a few threads, of which the first failure ends all. */
#ifndef KIST_TRANSFER_JOBS_H
#define KIST_TRANSFER_JOBS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

#define KIST_JOBS_MAX 16

struct kist_jobs {
    /* Does task index; job, from 0 on, says in which thread: two calls with the same job never overlap. */
    int (*task)(void *arg, unsigned job, size_t index, struct kist_error *err);
    void *arg;
    bool (*stop)(void *arg); /* the caller's own wish to stop; may be NULL */
    void *stop_arg;
    /* kist_jobs_run's own: */
    pthread_mutex_t lock;
    size_t next, count;
    bool failed;
    struct kist_error error;
};

/* The first four members filled in by the caller. */
void kist_jobs_init(struct kist_jobs *j);
/* side_by_side: at most so many threads, the caller's among them; fewer where the system has none left. */
int kist_jobs_run(struct kist_jobs *j, unsigned side_by_side, size_t count, struct kist_error *err) KIST_CHECKED;
/* A task failed or the caller wants to stop; jobs is the struct, so that it fits as a stop callback. */
bool kist_jobs_stopped(void *jobs);

#endif
