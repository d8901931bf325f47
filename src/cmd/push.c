#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/image_view.h"
#include "cmd/progress.h"
#include "cmd/pulling.h"
#include "cmd/remote.h"
#include "port/system.h"
#include "transfer/push.h"

#define MAX_WORKERS 3 /* beside each job's own, unless the configuration says so: 2.3 MiB each */

struct options {
    const char *platform, *compress, *progress;
    bool all_platforms, all_tags, reuse, quiet, dry_run, json;
};

/* ---- while it works ---- */

struct teller {
    struct kist_progress progress;
    enum kist_push_state *told; /* of each layer */
};

static const char *state_name(enum kist_push_state state)
{
    static const char *const names[] = {"waiting", "pushing", "pushed", "present", "mounted"};

    return names[state];
}

static void print_state(const struct kist_push_layer *layer)
{
    char id[KIST_SHORT_ID_MAX], size[KIST_STR_SIZE_MAX];

    (void)kist_image_short_id(id, &layer->diff_id);
    switch (layer->state) {
    case KIST_PUSH_WAITING:
        break;
    case KIST_PUSH_SENDING:
        (void)fprintf(stderr, "%s: Pushing %s\n", id, kist_str_size(size, layer->tar_bytes));
        break;
    case KIST_PUSH_SENT:
        (void)fprintf(stderr, "%s: Pushed, %s sent\n", id, kist_str_size(size, layer->sent));
        break;
    case KIST_PUSH_PRESENT:
        (void)fprintf(stderr, "%s: Layer already exists\n", id);
        break;
    case KIST_PUSH_MOUNTED:
        (void)fprintf(stderr, "%s: Mounted from %s\n", id, layer->from);
        break;
    }
}

static void print_json(const struct kist_push_layer *layer)
{
    char diff_id[KIST_DIGEST_TEXT_MAX], digest[KIST_DIGEST_TEXT_MAX];
    bool known = layer->blob.media_type[0] != '\0';

    (void)fprintf(stderr,
                  "{\"diffId\":\"%s\",\"state\":\"%s\",\"read\":%" PRIu64 ",\"size\":%" PRIu64 ",\"sent\":%" PRIu64
                  "%s%s%s}\n",
                  kist_digest_text(diff_id, &layer->diff_id), state_name(layer->state), layer->done, layer->tar_bytes,
                  layer->sent, known ? ",\"layer\":\"" : "", known ? kist_digest_text(digest, &layer->blob.digest) : "",
                  known ? "\"" : "");
}

static void draw(struct teller *t, const struct kist_push_plan *plan, const struct kist_push_layer *layer, bool changed)
{
    char id[KIST_SHORT_ID_MAX];

    if (!kist_progress_due(&t->progress, changed)) {
        return;
    }
    kist_progress_erase(&t->progress);
    if (changed && layer->state > KIST_PUSH_SENDING) {
        print_state(layer);
    }
    for (size_t i = 0; i < plan->layer_count; i++) {
        if (plan->layers[i].state == KIST_PUSH_SENDING) {
            kist_progress_bar(&t->progress, kist_image_short_id(id, &plan->layers[i].diff_id), plan->layers[i].done,
                              plan->layers[i].tar_bytes);
        }
    }
    (void)fflush(stderr);
}

static void event(void *arg, const struct kist_push_plan *plan, int index)
{
    struct teller *t = arg;
    const struct kist_push_layer *layer;
    bool changed;

    if (index < 0) {
        t->told = calloc(plan->layer_count + 1, sizeof(*t->told));
    }
    if (index < 0 || !t->told) {
        return;
    }
    layer = &plan->layers[index];
    changed = layer->state != t->told[index];
    t->told[index] = layer->state;
    if (t->progress.mode == KIST_PROGRESS_TERMINAL) {
        draw(t, plan, layer, changed);
    } else if (changed && t->progress.mode == KIST_PROGRESS_PLAIN) {
        print_state(layer);
    } else if (changed && t->progress.mode == KIST_PROGRESS_JSON) {
        print_json(layer);
    }
}

/* ---- what came of it ---- */

static size_t count_state(const struct kist_push_plan *p, enum kist_push_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < p->layer_count; i++) {
        n += p->layers[i].state == state;
    }
    return n;
}

static void print_result_json(const struct kist_push_plan *p, bool dry_run)
{
    char digest[KIST_DIGEST_TEXT_MAX];

    (void)printf("{\"name\":\"%s\",\"status\":\"%s\",\"platforms\":%zu,\"layers\":%zu,\"present\":%zu,", p->name,
                 dry_run ? "planned" : "pushed", p->image_count, p->layer_count, count_state(p, KIST_PUSH_PRESENT));
    if (dry_run) {
        (void)printf("\"layersToPush\":%zu}\n", count_state(p, KIST_PUSH_WAITING));
    } else {
        (void)printf("\"mounted\":%zu,\"sent\":%" PRIu64 ",\"digest\":\"%s\",\"size\":%" PRIu64 ",\"mediaType\":\"%s\"}\n",
                     count_state(p, KIST_PUSH_MOUNTED), p->sent_bytes, kist_digest_text(digest, &p->pushed.digest),
                     p->pushed.size, p->pushed.media_type);
    }
}

static void print_plan(const struct kist_push_plan *p)
{
    char size[KIST_STR_SIZE_MAX], diff_id[KIST_DIGEST_TEXT_MAX];
    uint64_t bytes = 0;

    for (size_t i = 0; i < p->layer_count; i++) {
        bool present = p->layers[i].state == KIST_PUSH_PRESENT;

        bytes += present ? 0 : p->layers[i].tar_bytes;
        (void)printf("%s  %-8s %s\n", kist_digest_text(diff_id, &p->layers[i].diff_id), present ? "present" : "to push",
                     kist_str_size(size, p->layers[i].tar_bytes));
    }
    (void)printf("Would push %zu of %zu layers, %s before compression\n", count_state(p, KIST_PUSH_WAITING),
                 p->layer_count, kist_str_size(size, bytes));
}

static int push(struct kist_store *store, const struct kist_reference *ref,
                struct kist_push_options *options, const struct options *o, struct kist_error *err)
{
    const char *progress = o->quiet || o->dry_run ? "none" : o->json ? "json" : "auto";
    char digest[KIST_DIGEST_TEXT_MAX];
    struct kist_push_plan plan;
    struct teller teller = {.told = NULL};
    int rc = kist_progress_init(&teller.progress, o->progress ? o->progress : progress, err);

    if (rc < 0) {
        return rc;
    }
    options->event = event;
    options->event_arg = &teller;
    rc = kist_push(store, ref, options, &plan, err);
    kist_progress_end(&teller.progress);
    free(teller.told);
    if (rc == 0) {
        if (o->json) {
            print_result_json(&plan, o->dry_run);
        } else if (o->dry_run) {
            print_plan(&plan);
        } else if (o->quiet) {
            (void)printf("%s\n", plan.name);
        } else {
            (void)printf("%s: digest: %s size: %" PRIu64 "\n", ref->tag, kist_digest_text(digest, &plan.pushed.digest),
                         plan.pushed.size);
        }
        (void)fflush(stdout);
    }
    kist_push_plan_release(&plan);
    return rc;
}

/* ---- what is pushed ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All kept names of ref's repository that have a tag. */
static int find_tags(struct kist_store *store, const struct kist_reference *ref, struct kist_strv *names,
                     struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference other;
    int rc = kist_store_images(store, &list, err);

    for (size_t i = 0; i < list.n && rc == 0; i++) {
        if (list.v[i].name && kist_reference_parse(&other, list.v[i].name, NULL) == 0 && !other.has_digest &&
            strcmp(other.host, ref->host) == 0 && strcmp(other.path, ref->path) == 0) {
            rc = kist_strv_add(names, list.v[i].name, err);
        }
    }
    if (rc == 0 && names->n == 0) {
        rc = kist_error_set(err, KIST_E_NOT_FOUND, "no image of repository '%s' is kept",
                            kist_reference_repository(text, ref));
    }
    if (rc == 0) {
        qsort(names->v, names->n, sizeof(*names->v), compare_names);
    }
    return rc;
}

static int push_tags(struct kist_store *store, const struct kist_reference *repository,
                     struct kist_push_options *options, const struct options *o, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv names = {.v = NULL};
    struct kist_reference ref;
    int rc = find_tags(store, repository, &names, err);

    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if (i > 0 && strcmp(names.v[i], names.v[i - 1]) == 0) {
            continue; /* another of its platforms */
        }
        rc = kist_reference_parse(&ref, names.v[i], err);
        if (rc == 0) {
            rc = push(store, &ref, options, o, err);
        }
    }
    return rc;
}

static int set_options(const struct kist_app *app, const struct options *o, struct kist_push_options *options,
                       struct kist_error *err)
{
    const char *compress = o->compress ? o->compress : "gzip";
    struct port_system system;
    bool aarch32;
    int rc = port_system_get(&system, err);

    *options = (struct kist_push_options){
        .encoding = strcmp(compress, "zstd") == 0 ? KIST_ENCODING_ZSTD : KIST_ENCODING_GZIP,
        .all_platforms = o->all_platforms,
        .reuse = o->reuse,
        .dry_run = o->dry_run,
        .jobs = (unsigned)app->settings.jobs,
        .workers = (unsigned)app->settings.workers,
    };
    if (rc == 0 && options->encoding == KIST_ENCODING_GZIP && strcmp(compress, "gzip") != 0) {
        rc = kist_error_set(err, KIST_E_USAGE, "compress must be gzip or zstd, not '%s'", compress);
    }
    if (rc == 0 && options->workers == 0) {
        options->workers = KIST_MIN(KIST_MAX(system.cpus, 1U) - 1, MAX_WORKERS);
    }
    return rc < 0 ? rc : kist_pulling_platform(app, o->platform, &options->platform, &aarch32, err);
}

/* With -a a repository is named, without a tag: what stands after the last slash has no colon. */
static int check_reference(const struct kist_reference *ref, const char *text, const struct options *o,
                           struct kist_error *err)
{
    const char *last = strrchr(text, '/');

    if (ref->has_digest) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' names a digest: a push needs a tag (try 'kist tag')", text);
    }
    if (o->all_tags && strchr(last ? last : text, ':')) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' has a tag, which --all-tags has no use for", text);
    }
    if (o->platform && o->all_platforms) {
        return kist_error_set(err, KIST_E_USAGE, "--platform and --all-platforms exclude each other");
    }
    return 0;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    char repository[KIST_REFERENCE_TEXT_MAX];
    struct kist_push_options options;
    struct kist_reference ref, whole;
    struct kist_store *store;
    int rc = kist_reference_parse(&ref, operands[0], err);

    (void)count;
    if (rc < 0 || (rc = check_reference(&ref, operands[0], o, err)) < 0 ||
        (rc = set_options(app, o, &options, err)) < 0 ||
        (rc = kist_remote_options(app, &options.registry, err)) < 0) {
        return rc;
    }
    rc = kist_app_store(app, false, &store, err);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? kist_error_set(err, rc, "no such image: '%s'", operands[0]) : rc;
    }
    if (!o->quiet && !o->json && !o->dry_run) {
        whole = ref;
        whole.tag[0] = '\0';
        (void)printf("The push refers to repository [%s]\n", kist_reference_text(repository, &whole));
        (void)fflush(stdout);
    }
    kist_app_catch_signals();
    rc = o->all_tags ? push_tags(store, &ref, &options, o, err) : push(store, &ref, &options, o, err);
    kist_app_release_signals();
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all-platforms", 0, FLAG, struct options, all_platforms, NULL, "All platforms that are kept, and an index"),
    KIST_OPT("all-tags", 'a', FLAG, struct options, all_tags, NULL, "All tags of the repository"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "Of several that are kept, this one"),
    KIST_OPT("compress", 0, TEXT, struct options, compress, "NAME", "gzip (default) or zstd"),
    KIST_OPT("reuse", 0, FLAG, struct options, reuse, NULL,
             "Use layers as they were pulled where the registry has them so"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only the image's name"),
    KIST_OPT("dry-run", 0, FLAG, struct options, dry_run, NULL, "Print what would be sent, and send nothing"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print the result as a JSON object"),
    KIST_OPT("progress", 0, TEXT, struct options, progress, "MODE", "auto, plain, json or none, on standard error"),
    {.name = NULL},
};

const struct kist_command kist_cmd_push = {
    .name = "push",
    .operands = "NAME[:TAG]",
    .summary = "Push an image to a registry",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
