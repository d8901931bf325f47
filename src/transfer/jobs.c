#include "transfer/jobs.h"

struct thread {
    struct kist_jobs *jobs;
    unsigned number;
    pthread_t thread;
};

void kist_jobs_init(struct kist_jobs *j)
{
    (void)pthread_mutex_init(&j->lock, NULL);
    j->next = j->count = 0;
    j->failed = false;
}

bool kist_jobs_stopped(void *jobs)
{
    struct kist_jobs *j = jobs;
    bool failed;

    (void)pthread_mutex_lock(&j->lock);
    failed = j->failed;
    (void)pthread_mutex_unlock(&j->lock);
    return failed || (j->stop && j->stop(j->stop_arg));
}

static bool take(struct kist_jobs *j, size_t *index)
{
    bool taken;

    (void)pthread_mutex_lock(&j->lock);
    taken = !j->failed && j->next < j->count;
    *index = taken ? j->next++ : 0;
    (void)pthread_mutex_unlock(&j->lock);
    return taken;
}

static void *run(void *arg)
{
    struct thread *t = arg;
    struct kist_jobs *j = t->jobs;
    struct kist_error err = {.code = KIST_OK};
    size_t index;

    while (take(j, &index)) {
        int rc = j->task(j->arg, t->number, index, &err);

        if (rc < 0) {
            (void)pthread_mutex_lock(&j->lock);
            if (!j->failed) {
                j->failed = true;
                j->error = err;
                j->error.code = (enum kist_err)rc; /* whatever err says: it did not succeed */
            }
            (void)pthread_mutex_unlock(&j->lock);
        }
    }
    return NULL;
}

int kist_jobs_run(struct kist_jobs *j, unsigned side_by_side, size_t count, struct kist_error *err)
{
    struct thread threads[KIST_JOBS_MAX] = {{.jobs = j}};
    unsigned started = 1, wanted = KIST_MIN(side_by_side, (unsigned)KIST_JOBS_MAX);

    j->count = count;
    while (started < wanted && started < count) {
        threads[started] = (struct thread){.jobs = j, .number = started};
        if (pthread_create(&threads[started].thread, NULL, run, &threads[started]) != 0) {
            break; /* fewer side by side is slower, not wrong */
        }
        started++;
    }
    (void)run(&threads[0]);
    for (unsigned i = 1; i < started; i++) {
        (void)pthread_join(threads[i].thread, NULL);
    }
    if (j->failed) {
        *err = j->error;
        return j->error.code;
    }
    return 0;
}
