#include "codec/ordered.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"

#define WORKER_STACK (256U << 10)

struct worker {
    struct kist_ordered *owner;
    void *tool;
    pthread_t thread;
};

struct slot {
    void *item;
    bool ready;
};

struct kist_ordered {
    const struct kist_ordered_ops *ops;
    void *arg;
    void *tool; /* the caller's */
    void *spare[KIST_ORDERED_ITEMS_MAX];
    unsigned count, spares;
    struct worker workers[KIST_ORDERED_WORKERS_MAX];
    unsigned workers_count;
    /* Under lock: submitted are ring[head ... tail), of which those before next were begun. */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct slot ring[KIST_ORDERED_ITEMS_MAX];
    unsigned head, next, tail; /* grow for ever, modulo count */
    bool stop;
};

static struct slot *slot_at(struct kist_ordered *o, unsigned place)
{
    return &o->ring[place % o->count];
}

/* Works on the oldest item that nobody has begun. Called and returns locked; false when there is none. */
static bool work_on_next(struct kist_ordered *o, void *tool)
{
    struct slot *slot;

    if (o->next == o->tail) {
        return false;
    }
    slot = slot_at(o, o->next++);
    (void)pthread_mutex_unlock(&o->lock);
    o->ops->work(tool, slot->item);
    (void)pthread_mutex_lock(&o->lock);
    slot->ready = true;
    return true;
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct kist_ordered *o = w->owner;

    (void)pthread_mutex_lock(&o->lock);
    while (!o->stop) {
        if (work_on_next(o, w->tool)) {
            (void)pthread_cond_signal(&o->done);
        } else {
            (void)pthread_cond_wait(&o->work, &o->lock);
        }
    }
    (void)pthread_mutex_unlock(&o->lock);
    return NULL;
}

static int worker_start(struct kist_ordered *o, struct kist_error *err)
{
    struct worker *w = &o->workers[o->workers_count];
    pthread_attr_t attr;
    int rc;

    w->owner = o;
    rc = o->ops->tool_new(o->arg, &w->tool, err);
    if (rc < 0) {
        return rc;
    }
    rc = pthread_attr_init(&attr);
    if (rc == 0) {
        (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
        rc = pthread_create(&w->thread, &attr, worker_run, w);
        (void)pthread_attr_destroy(&attr);
    }
    if (rc != 0) {
        o->ops->tool_free(w->tool);
        return kist_error_sys(err, KIST_E_FAIL, rc, "cannot start a thread");
    }
    o->workers_count++;
    return 0;
}

int kist_ordered_new(struct kist_ordered **out, const struct kist_ordered_ops *ops, void *arg, void *const *items,
                     unsigned count, unsigned workers, struct kist_error *err)
{
    struct kist_ordered *o = calloc(1, sizeof(*o));
    int rc;

    if (!o) {
        return kist_error_nomem(err);
    }
    o->ops = ops;
    o->arg = arg;
    o->count = count;
    for (unsigned i = 0; i < count; i++) {
        o->spare[o->spares++] = items[i];
    }
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->work, NULL);
    (void)pthread_cond_init(&o->done, NULL);
    rc = ops->tool_new(arg, &o->tool, err);
    workers = KIST_MIN(workers, KIST_ORDERED_WORKERS_MAX);
    for (unsigned i = 0; i < workers && rc == 0; i++) {
        struct kist_error why = {.code = KIST_OK};

        if (worker_start(o, &why) < 0) {
            kist_log(KIST_LOG_WARN, "%u of %u compression threads: %s", i, workers, why.message);
            break;
        }
    }
    if (rc < 0) {
        kist_ordered_free(o);
        return rc;
    }
    *out = o;
    return 0;
}

void kist_ordered_free(struct kist_ordered *o)
{
    if (!o) {
        return;
    }
    (void)pthread_mutex_lock(&o->lock);
    o->stop = true;
    (void)pthread_cond_broadcast(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->workers_count; i++) {
        (void)pthread_join(o->workers[i].thread, NULL);
        o->ops->tool_free(o->workers[i].tool);
    }
    if (o->tool) {
        o->ops->tool_free(o->tool);
    }
    (void)pthread_cond_destroy(&o->done);
    (void)pthread_cond_destroy(&o->work);
    (void)pthread_mutex_destroy(&o->lock);
    free(o);
}

static int hand_on(struct kist_ordered *o, void *item, struct kist_error *err)
{
    int rc = o->ops->done(o->arg, item, err);

    kist_ordered_return(o, item);
    return rc;
}

/* Hands on what is ready at the head; first waits for the head, when wait and there is one. */
static int harvest(struct kist_ordered *o, bool wait, struct kist_error *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&o->lock);
    while (wait && o->head != o->tail && !slot_at(o, o->head)->ready) {
        if (!work_on_next(o, o->tool)) {
            (void)pthread_cond_wait(&o->done, &o->lock);
        }
    }
    while (rc == 0 && o->head != o->tail && slot_at(o, o->head)->ready) {
        void *item = slot_at(o, o->head++)->item;

        (void)pthread_mutex_unlock(&o->lock);
        rc = hand_on(o, item, err);
        (void)pthread_mutex_lock(&o->lock);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

int kist_ordered_take(struct kist_ordered *o, void **item, struct kist_error *err)
{
    while (o->spares == 0) {
        int rc = harvest(o, true, err);

        if (rc < 0) {
            return rc;
        }
    }
    *item = o->spare[--o->spares];
    return 0;
}

void kist_ordered_return(struct kist_ordered *o, void *item)
{
    o->spare[o->spares++] = item;
}

int kist_ordered_submit(struct kist_ordered *o, void *item, struct kist_error *err)
{
    if (o->workers_count == 0) {
        o->ops->work(o->tool, item);
        return hand_on(o, item, err);
    }
    (void)pthread_mutex_lock(&o->lock);
    *slot_at(o, o->tail++) = (struct slot){.item = item};
    (void)pthread_cond_signal(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    return harvest(o, false, err);
}

int kist_ordered_drain(struct kist_ordered *o, struct kist_error *err)
{
    int rc = 0;

    while (rc == 0 && o->head != o->tail) {
        rc = harvest(o, true, err);
    }
    return rc;
}

void *kist_ordered_tool(struct kist_ordered *o)
{
    return o->tool;
}
