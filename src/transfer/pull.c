#include "transfer/pull.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "transfer/layer_pull.h"
#include "transfer/plan.h"
#include "transfer/resolve.h"

#define DEFAULT_JOBS 2U
#define MAX_JOBS 16U

/* A pull at work; lock guards plan, next, failed and error once jobs run. */
struct pull {
    struct kist_store *store;
    const struct kist_reference *ref;
    const struct kist_pull_options *options;
    struct kist_registry_options registry_options; /* the caller's, with our stop */
    struct kist_pull_plan *plan;
    struct kist_store_room *room; /* for what is about to be kept */
    pthread_mutex_t lock;
    size_t next; /* the first layer no job has taken */
    bool failed;
    struct kist_error error; /* of the job that failed first */
};

/* A thread that pulls one layer after the other over a connection of its own. */
struct job {
    struct pull *pull;
    struct kist_registry *registry;
    pthread_t thread;
    size_t layer; /* the one at work */
};

static void tell(struct pull *p, int index)
{
    if (p->options->event) {
        p->options->event(p->options->event_arg, p->plan, index);
    }
}

static bool should_stop(void *arg)
{
    struct pull *p = arg;
    bool failed;

    (void)pthread_mutex_lock(&p->lock);
    failed = p->failed;
    (void)pthread_mutex_unlock(&p->lock);
    return failed || (p->options->registry.stop && p->options->registry.stop(p->options->registry.stop_arg));
}

static void arrived(void *arg, size_t len)
{
    struct job *job = arg;
    struct pull *p = job->pull;

    (void)pthread_mutex_lock(&p->lock);
    p->plan->layers[job->layer].received += len;
    tell(p, (int)job->layer);
    (void)pthread_mutex_unlock(&p->lock);
}

/* The next layer to pull becomes the job's; false when there is none, or one failed. */
static bool take_layer(struct job *job)
{
    struct pull *p = job->pull;
    bool taken = false;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->failed && p->next < p->plan->layer_count && !taken) {
        job->layer = p->next++;
        taken = p->plan->layers[job->layer].state == KIST_PULL_WAITING;
    }
    if (taken) {
        p->plan->layers[job->layer].state = KIST_PULL_DOWNLOADING;
        tell(p, (int)job->layer);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return taken;
}

static void settle_layer(struct job *job, const struct kist_layer_pull *done, int rc, const struct kist_error *err)
{
    struct pull *p = job->pull;
    struct kist_pull_layer *layer = &p->plan->layers[job->layer];

    (void)pthread_mutex_lock(&p->lock);
    p->plan->received_bytes += done->received;
    if (rc < 0) {
        if (!p->failed) {
            p->failed = true;
            p->error = *err;
            p->error.code = (enum kist_err)rc; /* whatever err says: no commit without this layer */
        }
    } else {
        layer->state = done->kept > 0 ? KIST_PULL_DONE : KIST_PULL_KEPT;
        layer->kept = done->kept;
        p->plan->kept_bytes += done->kept;
        tell(p, (int)job->layer);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static void *run_job(void *arg)
{
    struct job *job = arg;
    struct pull *p = job->pull;
    struct kist_error err = {.code = KIST_OK};
    int rc = 0;

    while (rc >= 0 && take_layer(job)) {
        struct kist_layer_pull layer = {
            .store = p->store,
            .options = &p->options->layer,
            .layer = &p->plan->layers[job->layer],
            .checkpoint = p->options->checkpoint,
            .expected = kist_layer_estimate(&p->plan->layers[job->layer].blob),
            .room = p->room,
            .arrived = arrived,
            .arg = job,
        };

        layer.registry = job->registry;
        do { /* a mirror that has it wrong is not all there is */
            rc = kist_layer_pull(&layer, &err);
        } while (rc == KIST_E_CORRUPT && kist_registry_pass_over(job->registry));
        settle_layer(job, &layer, rc, &err);
    }
    return NULL;
}

/* Pulls what the plan misses; the first job runs here, over the connection there is. */
static int run_jobs(struct pull *p, struct kist_registry *registry, struct kist_error *err)
{
    struct job jobs[MAX_JOBS] = {{.pull = NULL}};
    unsigned wanted = p->options->jobs ? KIST_MIN(p->options->jobs, MAX_JOBS) : DEFAULT_JOBS, started = 1, opened = 1;
    size_t missing = 0;

    for (size_t i = 0; i < p->plan->layer_count; i++) {
        missing += p->plan->layers[i].state == KIST_PULL_WAITING;
    }
    jobs[0] = (struct job){.pull = p, .registry = registry};
    /* all connections before the first thread: each takes over what the first one knows */
    while (opened < wanted && opened < missing && kist_registry_open_like(&jobs[opened].registry, registry, NULL) == 0) {
        opened++; /* fewer side by side is slower, not wrong */
    }
    for (unsigned i = 0; i < opened; i++) {
        kist_registry_share(jobs[i].registry, opened);
    }
    while (started < opened) {
        jobs[started].pull = p;
        if (pthread_create(&jobs[started].thread, NULL, run_job, &jobs[started]) != 0) {
            break;
        }
        started++;
    }
    (void)run_job(&jobs[0]);
    for (unsigned i = 1; i < started; i++) {
        (void)pthread_join(jobs[i].thread, NULL);
    }
    for (unsigned i = 1; i < opened; i++) {
        kist_registry_close(jobs[i].registry);
    }
    if (p->failed) {
        *err = p->error;
        return p->error.code;
    }
    return 0;
}

/* What the name stands for at present, which an update falls back to: 1 with its manifest's digest, else 0. */
static size_t find_current(struct pull *p, struct kist_digest *digest)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    size_t found = 0;

    if (!p->options->limits.evict || !p->options->limits.keep_previous || kist_store_images(p->store, &list, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < list.n && !found; i++) {
        if (list.v[i].name && strcmp(list.v[i].name, p->plan->name) == 0) {
            *digest = list.v[i].manifest.digest;
            found = 1;
        }
    }
    return found;
}

static int take_lease(struct pull *p, const struct kist_resolved *r, struct kist_store_lease **lease,
                      struct kist_error *err)
{
    size_t count = r->config.diff_id_count;
    struct kist_digest *digests = calloc(count + 3, sizeof(*digests));
    int rc;

    if (!digests) {
        return kist_error_nomem(err);
    }
    if (count > 0) {
        memcpy(digests, r->config.diff_ids, count * sizeof(*digests));
    }
    digests[count] = r->manifest_desc.digest;
    digests[count + 1] = r->manifest.config.digest;
    count += 2;
    count += find_current(p, &digests[count]);
    rc = kist_store_lease_begin(p->store, digests, count, lease, err);
    free(digests);
    return rc;
}

static int commit(struct pull *p, const struct kist_resolved *r, struct kist_error *err)
{
    struct kist_image_new image = {
        .name = p->plan->name,
        .manifest = &r->manifest_text,
        .manifest_desc = &r->manifest_desc,
        .config = &r->config_text,
        .source = &r->source,
    };

    return kist_store_image_add(p->store, &image, &p->plan->change, err);
}

static int pull_with(struct pull *p, struct kist_registry *registry, struct kist_resolved *r,
                     struct kist_store_lease **lease, struct kist_error *err)
{
    const struct kist_pull_options *o = p->options;
    int rc = kist_resolve(r, registry, p->store, p->ref, &o->platform, o->aarch32, &p->plan->received_bytes, err);

    if (rc < 0) {
        return rc;
    }
    if (!o->dry_run) {
        rc = take_lease(p, r, lease, err);
        if (rc < 0) {
            return rc;
        }
    }
    rc = kist_plan_make(p->plan, p->store, r, err);
    rc = rc < 0 ? rc : kist_plan_fit(p->plan, p->store, o, o->dry_run ? NULL : &p->room, err);
    if (rc == 0) {
        tell(p, -1);
    }
    if (rc < 0 || o->dry_run) {
        return rc;
    }
    if (p->plan->download_bytes > 0) {
        rc = kist_store_lease_outlive(*lease, err);
    }
    rc = rc < 0 ? rc : run_jobs(p, registry, err);
    kist_store_room_free(p->room);
    if (rc == 0) {
        rc = commit(p, r, err);
    }
    if (rc == 0) {
        tell(p, -1);
    }
    return rc;
}

int kist_pull(struct kist_store *store, const struct kist_reference *ref, const struct kist_pull_options *options,
              struct kist_pull_plan *plan, struct kist_error *err)
{
    struct pull p = {.store = store, .ref = ref, .options = options, .plan = plan,
                     .lock = PTHREAD_MUTEX_INITIALIZER};
    struct kist_store_lease *lease = NULL;
    struct kist_registry *registry = NULL;
    struct kist_resolved resolved = {.manifest_text = KIST_BUF_INIT(0)};
    struct kist_reference named = *ref;
    char name[KIST_REFERENCE_TEXT_MAX];
    int rc;

    *plan = (struct kist_pull_plan){.layers = NULL};
    if (named.has_digest) {
        named.tag[0] = '\0'; /* only said beside a digest: what is kept under a tag must be what the registry has there */
    }
    (void)kist_reference_text(plan->name, &named);
    p.registry_options = options->registry;
    p.registry_options.stop = should_stop;
    p.registry_options.stop_arg = &p;
    if (store) {
        kist_store_stop_on(store, should_stop, &p);
    }
    rc = kist_registry_open(&registry, ref, &p.registry_options, err);
    if (rc == 0) {
        rc = pull_with(&p, registry, &resolved, &lease, err);
    }
    if (store) {
        kist_store_stop_on(store, NULL, NULL);
    }
    if (rc < 0 && kist_pull_resumable(rc)) {
        kist_store_lease_leave(lease);
    } else {
        kist_store_lease_end(lease);
    }
    kist_registry_close(registry);
    kist_resolved_release(&resolved);
    (void)pthread_mutex_destroy(&p.lock);
    if (rc < 0) {
        return kist_error_wrap(err, "cannot pull '%s'", kist_reference_familiar(name, ref));
    }
    return 0;
}

void kist_pull_plan_release(struct kist_pull_plan *plan)
{
    kist_store_removed_release(&plan->evicted);
    free(plan->layers);
    plan->layers = NULL;
    plan->layer_count = 0;
}
