#include "transfer/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "image/compose.h"
#include "layer/layer.h"
#include "registry/upload.h"
#include "transfer/jobs.h"
#include "transfer/layer_push.h"

#define DEFAULT_JOBS 2U
#define DEFAULT_TRIES 5U

/* A push at work. */
struct push {
    struct kist_store *store;
    const struct kist_reference *ref;
    const struct kist_push_options *options;
    struct kist_registry_options registry_options; /* the caller's, with our stop */
    struct kist_push_plan *plan;
    struct kist_image_list list;
    const struct kist_image **images; /* plan->image_count of list's, those to be pushed */
    struct kist_push_sources sources;
    struct kist_registry *registries[KIST_JOBS_MAX]; /* each job's own */
    struct kist_jobs jobs;
    pthread_mutex_t lock; /* guards plan once jobs run */
};

/* ---- what is to be pushed ---- */

static int choose_images(struct push *p, struct kist_error *err)
{
    const struct kist_push_options *o = p->options;
    const struct kist_image *found;
    char name[KIST_REFERENCE_TEXT_MAX];
    int rc = kist_store_images(p->store, &p->list, err);

    (void)kist_reference_text(name, p->ref);
    p->images = rc == 0 ? calloc(p->list.n + 1, sizeof(struct kist_image *)) : NULL;
    if (!p->images) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    /* from the last on: a name's platforms in the order in which they came */
    for (size_t i = p->list.n; i > 0; i--) {
        if (p->list.v[i - 1].name && strcmp(p->list.v[i - 1].name, name) == 0) {
            p->images[p->plan->image_count++] = &p->list.v[i - 1];
        }
    }
    if (p->plan->image_count > 1 && !o->all_platforms) {
        rc = kist_image_list_find(&p->list, name, &o->platform, &found, err);
        p->images[0] = rc == 0 ? found : NULL;
        p->plan->image_count = 1;
    } else if (p->plan->image_count == 0) {
        rc = kist_error_set(err, KIST_E_NOT_FOUND, "no such image: '%s'", kist_reference_familiar(name, p->ref));
    }
    return rc;
}

/* The index's entries come in an order that depends on nothing but the images. */
static int compare_platforms(const void *a, const void *b)
{
    const struct kist_image *const *x = a, *const *y = b;
    char first[KIST_PLATFORM_TEXT_MAX], second[KIST_PLATFORM_TEXT_MAX];

    return strcmp(kist_platform_text(first, &(*x)->platform), kist_platform_text(second, &(*y)->platform));
}

static struct kist_push_layer *find_layer(const struct kist_push_plan *plan, const struct kist_digest *diff_id)
{
    for (size_t i = 0; i < plan->layer_count; i++) {
        if (kist_digest_equal(&plan->layers[i].diff_id, diff_id)) {
            return &plan->layers[i];
        }
    }
    return NULL;
}

static int tar_size(struct kist_store *s, struct kist_push_layer *layer, struct kist_error *err)
{
    struct port_file *file;
    struct kist_layer *l;
    int rc = kist_store_layer_open(s, &layer->diff_id, &file, err);

    if (rc == 0 && (rc = kist_layer_open(&l, file, err)) == 0) {
        layer->tar_bytes = kist_layer_info(l)->tar_bytes;
        kist_layer_close(l);
    }
    return rc;
}

/* Each layer once, and what must not be removed while it is read: digests, of layers and documents. */
static int collect(struct push *p, struct kist_digest **digests, size_t *count, struct kist_error *err)
{
    struct kist_push_plan *plan = p->plan;
    size_t max = 0;
    int rc = 0;

    for (size_t i = 0; i < plan->image_count; i++) {
        max += p->images[i]->layer_count + 2;
    }
    plan->layers = calloc(max, sizeof(*plan->layers));
    *digests = calloc(max, sizeof(**digests));
    if (!plan->layers || !*digests) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < plan->image_count; i++) {
        const struct kist_image *image = p->images[i];

        for (size_t k = 0; k < image->layer_count && rc == 0; k++) {
            if (!find_layer(plan, &image->diff_ids[k])) {
                (*digests)[(*count)++] = image->diff_ids[k];
                plan->layers[plan->layer_count++].diff_id = image->diff_ids[k];
            }
        }
        (*digests)[(*count)++] = image->config;
        (*digests)[(*count)++] = image->manifest.digest;
    }
    return rc;
}

static int prepare(struct push *p, struct kist_store_lease **lease, struct kist_error *err)
{
    KIST_AUTO(free) struct kist_digest *digests = NULL;
    struct kist_push_plan *plan = p->plan;
    size_t count = 0;
    int rc = choose_images(p, err);

    if (rc < 0) {
        return rc;
    }
    qsort(p->images, plan->image_count, sizeof(*p->images), compare_platforms);
    rc = collect(p, &digests, &count, err);
    /* a store that cannot be written is safe from removals */
    if (rc == 0 && !p->options->dry_run && kist_store_lease_begin(p->store, digests, count, lease, NULL) < 0) {
        *lease = NULL;
    }
    for (size_t i = 0; i < plan->layer_count && rc == 0; i++) {
        rc = tar_size(p->store, &plan->layers[i], err);
    }
    return rc < 0 ? rc
                  : kist_push_sources_find(&p->sources, p->store, &p->list, digests, count, p->ref->host, err);
}

/* ---- layers ---- */

static void tell(struct push *p, int index)
{
    if (p->options->event) {
        p->options->event(p->options->event_arg, p->plan, index);
    }
}

/* One layer at work. */
struct work {
    struct push *push;
    size_t index;
};

static void progress(void *arg, uint64_t done)
{
    struct work *w = arg;
    struct push *p = w->push;

    (void)pthread_mutex_lock(&p->lock);
    p->plan->layers[w->index].done = done;
    tell(p, (int)w->index);
    (void)pthread_mutex_unlock(&p->lock);
}

static bool stopped(void *arg)
{
    return kist_jobs_stopped(&((struct work *)arg)->push->jobs);
}

static void set_layer(struct push *p, size_t index, const struct kist_push_layer *layer)
{
    (void)pthread_mutex_lock(&p->lock);
    p->plan->sent_bytes += layer->sent;
    p->plan->layers[index] = *layer;
    tell(p, (int)index);
    (void)pthread_mutex_unlock(&p->lock);
}

static int open_registry(struct push *p, unsigned job, struct kist_error *err)
{
    int rc = 0;

    if (!p->registries[job]) {
        rc = kist_registry_open(&p->registries[job], p->ref, &p->registry_options, err);
        if (rc == 0) {
            kist_registry_share(p->registries[job], p->options->jobs ? p->options->jobs : DEFAULT_JOBS);
        }
    }
    return rc < 0 ? rc : kist_registry_require(p->registries[job], true, NULL, err);
}

static int push_layer(void *arg, unsigned job, size_t index, struct kist_error *err)
{
    struct push *p = arg;
    struct work work = {p, index};
    struct kist_push_layer layer = p->plan->layers[index];
    struct kist_layer_push one = {
        .store = p->store,
        .ref = p->ref,
        .options = p->options,
        .sources = &p->sources,
        .tries = p->options->registry.tries ? p->options->registry.tries : DEFAULT_TRIES,
        .layer = &layer,
        .progress = progress,
        .stop = stopped,
        .arg = &work,
    };
    int rc = open_registry(p, job, err);

    if (rc < 0) {
        return rc;
    }
    one.registry = p->registries[job];
    if (!p->options->dry_run) {
        layer.state = KIST_PUSH_SENDING;
        set_layer(p, index, &layer);
    }
    rc = kist_layer_push(&one, err);
    if (rc == 0) {
        layer.done = layer.tar_bytes;
        set_layer(p, index, &layer);
    }
    return rc;
}

/* ---- documents ---- */

static int push_config(struct push *p, const struct kist_image *image, struct kist_descriptor *desc,
                       struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    struct kist_upload *upload;
    int rc = kist_store_blob(p->store, &image->config, &text, err);

    if (rc < 0) {
        return rc;
    }
    kist_compose_describe(desc, KIST_MEDIA_OCI_CONFIG, &text);
    rc = kist_registry_has_blob(p->registries[0], &desc->digest, err);
    if (rc != 0) {
        return KIST_MIN(rc, 0);
    }
    rc = kist_upload_new(&upload, p->registries[0], "the image's config", &p->plan->sent_bytes, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_sink_write(kist_upload_sink(upload), text.data, text.len, err);
    if (rc == 0) {
        rc = kist_upload_finish(upload, &desc->digest, err);
    }
    kist_upload_free(upload);
    return rc;
}

static int put(struct push *p, const char *tag, const char *type, const struct kist_buf *text,
               struct kist_descriptor *desc, struct kist_error *err)
{
    char digest[KIST_DIGEST_TEXT_MAX];

    kist_compose_describe(desc, type, text);
    return kist_registry_put_manifest(p->registries[0], tag ? tag : kist_digest_text(digest, &desc->digest), type, text,
                                      err);
}

/* Config and manifest of one image; under tag, or under its digest where tag is NULL. */
static int push_image(struct push *p, const struct kist_image *image, const char *tag, struct kist_descriptor *desc,
                      struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    KIST_AUTO(free) struct kist_descriptor *layers = calloc(image->layer_count + 1, sizeof(*layers));
    struct kist_descriptor config;
    int rc = layers ? push_config(p, image, &config, err) : kist_error_nomem(err);

    for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
        layers[i] = find_layer(p->plan, &image->diff_ids[i])->blob;
    }
    if (rc == 0) {
        rc = kist_compose_manifest(&config, layers, image->layer_count, &text, err);
    }
    if (rc == 0) {
        rc = put(p, tag, KIST_MEDIA_OCI_MANIFEST, &text, desc, err);
    }
    desc->platform = image->platform;
    return rc;
}

static int push_documents(struct push *p, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    KIST_AUTO(free) struct kist_descriptor *manifests = NULL;
    size_t count = p->plan->image_count;
    int rc = open_registry(p, 0, err);

    if (rc < 0 || !p->options->all_platforms) {
        return rc < 0 ? rc : push_image(p, p->images[0], p->ref->tag, &p->plan->pushed, err);
    }
    manifests = calloc(count, sizeof(*manifests));
    rc = manifests ? 0 : kist_error_nomem(err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = push_image(p, p->images[i], NULL, &manifests[i], err);
    }
    if (rc == 0) {
        rc = kist_compose_index(manifests, count, &text, err);
    }
    return rc == 0 ? put(p, p->ref->tag, KIST_MEDIA_OCI_INDEX, &text, &p->plan->pushed, err) : rc;
}

/* ---- all of it ---- */

static void release(struct push *p)
{
    for (size_t i = 0; i < KIST_COUNT(p->registries); i++) {
        kist_registry_close(p->registries[i]);
    }
    kist_push_sources_release(&p->sources);
    kist_image_list_release(&p->list);
    free(p->images);
}

int kist_push(struct kist_store *store, const struct kist_reference *ref, const struct kist_push_options *options,
              struct kist_push_plan *plan, struct kist_error *err)
{
    struct push p = {.store = store,
                     .ref = ref,
                     .options = options,
                     .registry_options = options->registry,
                     .plan = plan,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .jobs = {.task = push_layer, .stop = options->registry.stop, .stop_arg = options->registry.stop_arg}};
    struct kist_store_lease *lease = NULL;
    int rc;

    *plan = (struct kist_push_plan){.layers = NULL};
    (void)kist_reference_text(plan->name, ref);
    p.jobs.arg = &p;
    kist_jobs_init(&p.jobs);
    p.registry_options.stop = kist_jobs_stopped;
    p.registry_options.stop_arg = &p.jobs;
    rc = prepare(&p, &lease, err);
    if (rc == 0) {
        tell(&p, -1);
        rc = kist_jobs_run(&p.jobs, options->jobs ? options->jobs : DEFAULT_JOBS, plan->layer_count, err);
    }
    if (rc == 0 && !options->dry_run) {
        rc = push_documents(&p, err);
    }
    for (size_t i = 0; i < plan->image_count && rc == 0 && !options->dry_run; i++) {
        kist_store_image_used(store, &p.images[i]->manifest.digest);
    }
    release(&p);
    kist_store_lease_end(lease);
    return rc < 0 ? kist_error_wrap(err, "cannot push '%s'", kist_reference_familiar((char[KIST_REFERENCE_TEXT_MAX]){""}, ref))
                  : 0;
}

void kist_push_plan_release(struct kist_push_plan *plan)
{
    free(plan->layers);
    plan->layers = NULL;
}
