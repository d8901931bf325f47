#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/build_input.h"
#include "cmd/build_output.h"
#include "cmd/build_tell.h"
#include "cmd/image_view.h"
#include "cmd/pulling.h"
#include "cmd/remote.h"
#include "container/env.h"
#include "image/compose.h"
#include "port/system.h"

#define PLATFORMS_MAX 16

struct options {
    struct kist_strv tags, args, labels, secrets, allow;
    const char *file, *target, *platform, *network, *progress, *iidfile, *metadata, *output;
    bool no_cache, pull, quiet, dry_run;
    struct kist_run_options run;
};

/* One run of the command. */
struct building {
    struct kist_app *app;
    const struct options *o;
    struct kist_build_tell tell;
    struct kist_build_input input;
    struct kist_build_output output;
    struct kist_registry_options net;
    struct kist_layer_options layer;
    struct kist_engine engine;
    struct kist_strv names, args; /* whole references; arguments that have a value */
    struct kist_platform platforms[PLATFORMS_MAX], machine;
    size_t platform_count;
    int64_t epoch;
    struct kist_build_options wanted[PLATFORMS_MAX];
    struct kist_build *builds[PLATFORMS_MAX];
    struct kist_digest ids[PLATFORMS_MAX];
    struct kist_descriptor manifests[PLATFORMS_MAX], top; /* top: the index of several, or the one manifest */
};

/* ---- what is asked for ---- */

static int read_names(struct building *b, struct kist_error *err)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;
    int rc = 0;

    for (size_t i = 0; i < b->o->tags.n && rc == 0; i++) {
        rc = kist_reference_parse(&ref, b->o->tags.v[i], err);
        if (rc == 0 && ref.has_digest) {
            rc = kist_error_set(err, KIST_E_USAGE, "'%s' has a digest, which an image cannot be given", b->o->tags.v[i]);
        }
        rc = rc < 0 ? rc : kist_strv_add(&b->names, kist_reference_text(text, &ref), err);
    }
    return rc;
}

/* "NAME" takes the value kist has, if any. SOURCE_DATE_EPOCH may come either way. */
static int read_args(struct building *b, struct kist_error *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds;
    int rc = 0;

    for (size_t i = 0; i < b->o->args.n && rc == 0; i++) {
        if (b->o->args.v[i][0] == '=' || b->o->args.v[i][0] == '\0') {
            return kist_error_set(err, KIST_E_USAGE, "invalid build-arg '%s': NAME=VALUE is wanted", b->o->args.v[i]);
        }
        rc = kist_env_add_option(&b->args, b->o->args.v[i], err);
    }
    for (size_t i = 0; i < b->args.n; i++) {
        epoch = kist_str_starts(b->args.v[i], "SOURCE_DATE_EPOCH=") ? b->args.v[i] + strlen("SOURCE_DATE_EPOCH=") : epoch;
    }
    b->epoch = -1;
    if (rc == 0 && epoch && epoch[0] != '\0') {
        if (!kist_str_u64(epoch, INT32_MAX, &seconds)) {
            return kist_error_set(err, KIST_E_USAGE, "SOURCE_DATE_EPOCH is '%s', no number of seconds since 1970", epoch);
        }
        b->epoch = (int64_t)seconds;
    }
    return rc;
}

static int read_platforms(struct building *b, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = b->o->platform ? strdup(b->o->platform) : NULL;
    struct port_system system;
    char *rest = copy, *text;
    bool aarch32;
    int rc = port_system_get(&system, err);

    rc = rc < 0 ? rc : kist_platform_parse(&b->machine, system.machine, err);
    if (rc < 0 || !copy) {
        b->platform_count = 1;
        return rc < 0 ? rc : kist_pulling_platform(b->app, NULL, &b->platforms[0], &aarch32, err);
    }
    while (rc == 0 && (text = strsep(&rest, ",")) != NULL) {
        if (b->platform_count == PLATFORMS_MAX) {
            return kist_error_set(err, KIST_E_USAGE, "more than %d platforms", PLATFORMS_MAX);
        }
        rc = kist_platform_parse(&b->platforms[b->platform_count++], text, err);
    }
    if (rc == 0 && b->platform_count > 1 && kist_build_output_is_files(&b->output)) {
        return kist_error_set(err, KIST_E_USAGE, "output: files of one platform only");
    }
    return rc;
}

static int read_network(struct building *b, struct kist_run_options *run, struct kist_error *err)
{
    static const char *const names[] = {"none", "host", "bridge"}; /* as in enum kist_network_mode */
    const char *text = b->o->network && strcmp(b->o->network, "default") != 0 ? b->o->network : b->app->settings.network_default;

    *run = b->o->run;
    run->bridge = b->app->settings.network_bridge;
    run->subnet = b->app->settings.network_subnet;
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            run->network = (enum kist_network_mode)i;
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "network must be default, none, host or bridge, not '%s'", text);
}

static int read_options(struct building *b, struct kist_error *err)
{
    int rc = kist_build_tell_init(&b->tell, b->o->progress, b->o->quiet, err);

    for (size_t i = 0; i < b->o->allow.n && rc == 0; i++) {
        rc = strcmp(b->o->allow.v[i], "network.host") == 0
                 ? 0
                 : kist_error_set(err, KIST_E_USAGE, "allow must be network.host, not '%s'", b->o->allow.v[i]);
    }
    rc = rc < 0 ? rc : b->o->output ? kist_build_output_parse(&b->output, b->o->output, err) : 0;
    rc = rc < 0 ? rc : read_names(b, err);
    rc = rc < 0 ? rc : read_args(b, err);
    rc = rc < 0 ? rc : read_platforms(b, err);
    rc = rc < 0 ? rc : kist_remote_options(b->app, &b->net, err);
    return rc < 0 ? rc : kist_build_input_secrets(&b->input, &b->o->secrets, err);
}

/* ---- what the build asks for ---- */

static int fetch(void *arg, const char *name, const struct kist_platform *platform, bool always, struct kist_error *err)
{
    struct building *b = arg;
    char text[KIST_PLATFORM_TEXT_MAX];
    struct kist_pull_plan plan;
    int rc;

    if (!always && b->tell.mode == KIST_BUILD_TELL_PLAIN) {
        (void)fprintf(stderr, "Unable to find image '%s' locally\n", name);
    }
    rc = kist_pulling(b->app, name, kist_platform_text(text, platform), b->tell.progress, false, &plan, err);
    kist_pull_plan_release(&plan);
    kist_app_catch_signals(); /* the pull has let go of them */
    return rc == 0 && kist_app_stopped(NULL) ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") : rc;
}

static void on_event(void *arg, const struct kist_build_event *event)
{
    struct building *b = arg;

    kist_build_tell_event(&b->tell, event);
}

static int make_one(struct building *b, size_t i, const struct kist_run_options *run, struct kist_error *err)
{
    char platform[KIST_PLATFORM_TEXT_MAX];
    int rc;

    b->wanted[i] = (struct kist_build_options){
        .engine = &b->engine,
        .file = &b->input.file,
        .context = b->input.context,
        .target = b->o->target,
        .args = &b->args,
        .labels = &b->o->labels,
        .platform = b->platforms[i],
        .machine = b->machine,
        .no_cache = b->o->no_cache,
        .pull = b->o->pull,
        .dry_run = b->o->dry_run,
        .host_network = b->o->allow.n > 0,
        .run = run,
        .secrets = b->input.secrets,
        .secret_count = b->input.secret_count,
        .run_dir = b->app->settings.run_dir,
        .epoch = b->epoch,
        .layer = &b->layer,
        .net = &b->net,
        .fetch = fetch,
        .event = on_event,
        .arg = b,
    };
    if (b->platform_count > 1 && b->tell.mode == KIST_BUILD_TELL_PLAIN) {
        (void)fprintf(stderr, "Building for %s\n", kist_platform_text(platform, &b->platforms[i]));
    }
    rc = kist_build_new(&b->builds[i], &b->wanted[i], err);
    rc = rc < 0 ? rc : kist_build_make(b->builds[i], err);
    if (rc == 0) {
        kist_build_image(b->builds[i], &b->ids[i], &b->manifests[i]);
    }
    return rc;
}

/* ---- what becomes of it ---- */

static int write_text(const char *path, const char *text, struct kist_error *err)
{
    FILE *f = fopen(path, "wb");
    bool good = f && fputs(text, f) >= 0;

    good = (!f || fclose(f) == 0) && good;
    return good ? 0 : kist_error_sys(err, KIST_E_IO, errno, "cannot write '%s'", path);
}

static int write_metadata(const struct building *b, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf names = KIST_BUF_INIT(KIST_MAX_CONFIG), text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    char digest[KIST_DIGEST_TEXT_MAX];
    int rc = root ? 0 : kist_error_nomem(err);

    for (size_t i = 0; i < b->names.n && rc == 0; i++) {
        rc = kist_buf_printf(&names, err, "%s%s", i > 0 ? "," : "", b->names.v[i]);
    }
    rc = rc < 0 ? rc : kist_json_put_string(root, "containerimage.config.digest", kist_digest_text(digest, &b->ids[0]), err);
    rc = rc < 0 ? rc : kist_json_put(root, "containerimage.descriptor", kist_compose_descriptor(&b->top), err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "containerimage.digest", kist_digest_text(digest, &b->top.digest), err);
    rc = rc == 0 && names.len > 0 ? kist_json_put_string(root, "image.name", kist_buf_text(&names), err) : rc;
    rc = rc < 0 ? rc : kist_json_print(root, true, &text, err);
    rc = rc < 0 ? rc : kist_buf_puts(&text, "\n", err);
    return rc < 0 ? rc : write_text(b->o->metadata, kist_buf_text(&text), err);
}

/* What the names stand for. */
static int find_top(struct building *b, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf index = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    int rc = 0;

    b->top = b->manifests[0];
    if (b->platform_count > 1 && (rc = kist_compose_index(b->manifests, b->platform_count, &index, err)) == 0) {
        kist_compose_describe(&b->top, KIST_MEDIA_OCI_INDEX, &index);
    }
    return rc;
}

static int keep(struct building *b, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv ids = {.v = NULL};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = 0;

    for (size_t i = 0; i < b->platform_count && rc == 0; i++) {
        rc = kist_build_commit(b->builds[i], &b->names, &b->top.digest, err);
        rc = rc < 0 ? rc : kist_strv_add(&ids, kist_digest_text(text, &b->ids[i]), err);
    }
    if (rc == 0 && b->output.type != KIST_BUILD_OUTPUT_STORE && !kist_build_output_is_files(&b->output)) {
        rc = kist_build_output_images(&b->output, b->engine.store, b->names.n > 0 ? &b->names : &ids, err);
    }
    return rc;
}

static void tell_result(const struct building *b)
{
    const bool archive = b->output.dest && strcmp(b->output.dest, "-") == 0; /* has standard output for itself */
    char text[KIST_DIGEST_TEXT_MAX], id[KIST_SHORT_ID_MAX];
    struct kist_reference ref;

    for (size_t i = 0; i < b->platform_count; i++) {
        if (b->tell.mode == KIST_BUILD_TELL_PLAIN) {
            (void)fprintf(stderr, "Successfully built %s\n", kist_image_short_id(id, &b->ids[i]));
        }
        (void)(archive || printf("%s\n", kist_digest_text(text, &b->ids[i])));
    }
    for (size_t i = 0; i < b->names.n && b->tell.mode == KIST_BUILD_TELL_PLAIN; i++) {
        char name[KIST_REFERENCE_TEXT_MAX];

        if (kist_reference_parse(&ref, b->names.v[i], NULL) == 0) {
            (void)fprintf(stderr, "Successfully tagged %s\n", kist_reference_familiar(name, &ref));
        }
    }
}

static int finish(struct building *b, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = find_top(b, err);

    if (rc == 0 && kist_build_output_is_files(&b->output)) {
        rc = kist_build_output_files(&b->output, b->builds[0], &b->layer, err);
    }
    if (rc == 0 && (!kist_build_output_is_files(&b->output) || b->names.n > 0)) {
        rc = keep(b, err);
    }
    rc = rc == 0 && b->o->iidfile ? write_text(b->o->iidfile, kist_digest_text(text, &b->ids[0]), err) : rc;
    rc = rc == 0 && b->o->metadata ? write_metadata(b, err) : rc;
    if (rc == 0) {
        tell_result(b);
    }
    return rc;
}

/* ---- the command ---- */

static int build(struct building *b, const char *from, struct kist_error *err)
{
    struct kist_run_options run;
    int rc = read_network(b, &run, err);

    rc = rc < 0 ? rc : kist_app_store(b->app, true, &b->engine.store, err);
    if (rc < 0) {
        return rc;
    }
    kist_pulling_layer_late(&b->app->settings, &b->layer);
    kist_app_catch_signals();
    kist_store_stop_on(b->engine.store, kist_app_stopped, NULL);
    rc = kist_build_input_open(&b->input, b->app, from, b->o->file, &b->layer, &b->net, err);
    for (size_t i = 0; i < b->platform_count && rc == 0; i++) {
        rc = make_one(b, i, &run, err);
    }
    if (rc == 0 && !b->o->dry_run) {
        rc = finish(b, err);
    }
    for (size_t i = 0; i < b->platform_count; i++) {
        kist_build_free(b->builds[i]);
    }
    kist_build_input_release(&b->input);
    kist_app_release_signals();
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct building *b = calloc(1, sizeof(*b));
    int rc;

    (void)count;
    if (!b) {
        return kist_error_nomem(err);
    }
    b->app = app;
    b->o = values;
    rc = read_options(b, err);
    if (rc == 0) {
        rc = build(b, operands[0], err);
    } else {
        kist_build_input_release(&b->input);
    }
    kist_build_output_release(&b->output);
    kist_strv_release(&b->names);
    kist_strv_release(&b->args);
    free(b);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("tag", 't', LIST, struct options, tags, "NAME[:TAG]", "Name of the image; may be given several times"),
    KIST_OPT("file", 'f', TEXT, struct options, file, "FILE", "The Dockerfile, - from standard input (default: in the context)"),
    KIST_OPT("target", 0, TEXT, struct options, target, "STAGE", "Build this stage, and what it needs"),
    KIST_OPT("build-arg", 0, LIST, struct options, args, "NAME[=VALUE]", "Value of an ARG"),
    KIST_OPT("label", 0, LIST, struct options, labels, "NAME=VALUE", "Label of the image"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "PLATFORM[,PLATFORM...]", "Build for these"),
    KIST_OPT("no-cache", 0, FLAG, struct options, no_cache, NULL, "Make each step anew"),
    KIST_OPT("pull", 0, FLAG, struct options, pull, NULL, "Fetch base images as they are now"),
    KIST_OPT("network", 0, TEXT, struct options, network, "default|none|host|bridge", "What RUN is connected to"),
    KIST_OPT("allow", 0, LIST, struct options, allow, "network.host", "Let RUN --network=host have the host's network"),
    KIST_OPT("secret", 0, LIST, struct options, secrets, "id=ID[,src=FILE|,env=VAR]", "For RUN --mount=type=secret"),
    KIST_OPT("add-host", 0, LIST, struct options, run.add_hosts, "NAME:ADDRESS", "Line of RUN's /etc/hosts"),
    KIST_OPT("shm-size", 0, BYTES, struct options, run.shm_size, "SIZE", "Of RUN's /dev/shm"),
    KIST_OPT("ulimit", 0, LIST, struct options, run.ulimits, "NAME=SOFT[:HARD]", "Resource limit of RUN"),
    KIST_OPT("memory", 'm', TEXT, struct options, run.limits.memory, "SIZE", "Memory RUN may use"),
    KIST_OPT("output", 'o', TEXT, struct options, output, "type=oci|docker|tar|local,dest=PATH", "Also write the image, or its files"),
    KIST_OPT("iidfile", 0, TEXT, struct options, iidfile, "FILE", "Write the image ID to a file"),
    KIST_OPT("metadata-file", 0, TEXT, struct options, metadata, "FILE", "Write digests to a file, as JSON"),
    KIST_OPT("progress", 0, TEXT, struct options, progress, "auto|plain|json|none", "How progress is told"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Only print the image ID"),
    KIST_OPT("dry-run", 0, FLAG, struct options, dry_run, NULL, "Only print the steps, and which are in the cache"),
    {.name = NULL},
};

const struct kist_command kist_cmd_build = {
    .name = "build",
    .operands = "PATH|URL|-",
    .summary = "Make an image of a Dockerfile",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
