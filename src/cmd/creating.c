#include "cmd/creating.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/joining.h"
#include "cmd/pulling.h"
#include "cmd/rootless.h"
#include "container/layers.h"
#include "container/rootfs.h"
#include "layer/view.h"
#include "port/probe.h"

/* The image chosen, with all that making a container reads of it. */
struct chosen {
    struct kist_store *store;
    struct kist_image_list list;
    const struct kist_image *image; /* in list */
    struct kist_config config;
    struct kist_layers layers;
};

static void release_chosen(struct chosen *c)
{
    kist_layers_close(&c->layers);
    kist_config_release(&c->config);
    kist_image_list_release(&c->list);
}

static int find_kept(struct kist_app *app, const struct kist_creating_options *o, const char *name, struct chosen *c,
                     struct kist_error *err)
{
    struct kist_platform want;
    bool aarch32;
    int rc = kist_pulling_platform(app, o->platform, &want, &aarch32, err);

    kist_image_list_release(&c->list);
    if (rc == 0) {
        rc = kist_app_store(app, true, &c->store, err);
    }
    if (rc == 0) {
        rc = kist_store_images(c->store, &c->list, err);
    }
    return rc == 0 ? kist_image_list_find(&c->list, name, &want, &c->image, err) : rc;
}

static int pull(struct kist_app *app, const struct kist_creating_options *o, const char *name, struct kist_error *err)
{
    struct kist_pull_plan plan;
    int rc = kist_pulling(app, name, o->platform, o->quiet ? "none" : o->progress, false, &plan, err);

    kist_pull_plan_release(&plan);
    if (rc == 0 && kist_app_stopped(NULL)) { /* too late for the pull, not for the container */
        return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
    }
    return rc;
}

static int choose(struct kist_app *app, const struct kist_creating_options *o, const char *name, struct chosen *c,
                  struct kist_error *err)
{
    const char *policy = o->pull ? o->pull : "missing";
    bool always = strcmp(policy, "always") == 0, never = strcmp(policy, "never") == 0;
    int rc;

    if (!always && !never && strcmp(policy, "missing") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "pull must be always, missing or never, not '%s'", policy);
    }
    rc = always ? pull(app, o, name, err) : 0;
    if (rc == 0) {
        rc = find_kept(app, o, name, c, err);
    }
    if (rc == KIST_E_NOT_FOUND && !always && !never) {
        (void)(o->quiet || fprintf(stderr, "Unable to find image '%s' locally\n", name));
        rc = pull(app, o, name, err);
        if (rc == 0) {
            rc = find_kept(app, o, name, c, err);
        }
    }
    return rc;
}

static int open_chosen(struct chosen *c, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = kist_store_blob(c->store, &c->image->config, &text, err);

    if (rc == 0) {
        rc = kist_config_parse(&c->config, kist_buf_text(&text), text.len, err);
    }
    if (rc < 0) {
        return rc;
    }
    return kist_layers_open(&c->layers, c->store, c->image->diff_ids, c->image->layer_count, err);
}

static int network_of(const struct kist_app *app, const char *text, struct kist_run_options *spec, struct kist_error *err)
{
    static const char *const names[] = {"none", "host", "bridge"}; /* as in enum kist_network_mode */

    spec->bridge = app->settings.network_bridge;
    spec->subnet = app->settings.network_subnet;
    text = text ? text : app->settings.network_default;
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            spec->network = (enum kist_network_mode)i;
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "network must be bridge, none, host or container:NAME, not '%s'", text);
}

/* As asked for, or what this machine can. */
static int rootfs_of(const struct kist_app *app, struct kist_run_options *spec, struct kist_error *err)
{
    struct port_probe lacking;
    enum kist_rootfs kind;

    spec->rootfs = spec->rootfs ? spec->rootfs : app->settings.rootfs_default;
    if (kist_rootless()) {
        if (strcmp(spec->rootfs, "auto") != 0 && strcmp(spec->rootfs, "copy") != 0) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "only root can mount layers: without, --rootfs is copy, not '%s'", spec->rootfs);
        }
        spec->rootfs = "copy";
    }
    if (strcmp(spec->rootfs, "auto") != 0) {
        return kist_rootfs_parse(spec->rootfs, &kind)
                   ? 0
                   : kist_error_set(err, KIST_E_USAGE, "rootfs must be overlay, tmpfs, copy or auto, not '%s'", spec->rootfs);
    }
    spec->rootfs = "overlay";
    if (!port_probe_layers(app->settings.root, &lacking) ||
        (kist_run_options_users(spec) && !port_probe_owners(app->settings.root, &lacking))) {
        spec->rootfs = "copy";
        (void)fprintf(stderr, "kist: this machine lacks '%s' (%s): the image's layers are unpacked for the container, as with --rootfs copy\n",
                      lacking.name, lacking.option);
    }
    return 0;
}

static int log_of(const struct kist_app *app, const struct kist_creating_options *o, struct kist_run_options *spec,
                  struct kist_error *err)
{
    const char *driver = o->log_driver ? o->log_driver : "local";
    const bool none = strcmp(driver, "none") == 0;

    if (!none && strcmp(driver, "local") != 0 && strcmp(driver, "json-file") != 0) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "log-driver '%s' is not supported: local and none are", driver);
    }
    spec->log_dir = none ? NULL : app->settings.log_dir;
    spec->log_size = app->settings.log_size;
    spec->log_keep = app->settings.log_keep;
    for (size_t i = 0; i < o->log_opts.n; i++) {
        const char *text = o->log_opts.v[i];

        /* max-file is what others need to be bounded by; two files are all there are here */
        if (kist_str_starts(text, "max-size=") ? !kist_str_bytes(text + strlen("max-size="), &spec->log_size)
                                               : !kist_str_starts(text, "max-file=")) {
            return kist_error_set(err, KIST_E_USAGE, "invalid log-opt '%s' (max-size=SIZE is one)", text);
        }
    }
    return 0;
}

/* The options as the command line gave them, with the words behind the image. */
static int complete_options(struct kist_app *app, const struct kist_creating_options *o, char **words,
                            struct kist_run_options *spec, struct kist_joining *joining, struct kist_error *err)
{
    int rc;

    *spec = o->spec;
    spec->command = (struct kist_strv){.v = NULL};
    spec->userns_default = app->settings.userns_default;
    spec->userns_map = app->settings.userns_map;
    rc = kist_joining(joining, app, o->network, spec, err);
    rc = rc == 0 ? network_of(app, o->network, spec, err) : KIST_MIN(rc, 0);
    rc = rc < 0 ? rc : kist_rootless_check(spec, err);
    rc = rc < 0 ? rc : rootfs_of(app, spec, err);
    rc = rc < 0 ? rc : log_of(app, o, spec, err);
    for (; rc == 0 && *words; words++) {
        rc = kist_strv_add(&spec->command, *words, err);
    }
    return rc;
}

static int generate(const struct chosen *c, const struct kist_run_options *spec, const char *id, bool transient,
                    cJSON **config, struct kist_error *err)
{
    struct kist_view view = {c->layers.v, c->layers.n};
    struct kist_spec_context context = {.id = id, .transient = transient, .read_file = kist_view_read_file, .read_file_arg = &view};
    struct port_system system;
    int rc = kist_spec_context_here(&context, &system, err);

    rc = rc < 0 ? rc : kist_spec_generate(config, &c->config, spec, &context, err);
    return rc < 0 ? rc : kist_rootless_adapt(*config, err);
}

static int write_id(const char *path, const char *id, struct kist_error *err)
{
    FILE *f = fopen(path, "wbx");
    bool good = f && fputs(id, f) >= 0;

    if (!f && errno == EEXIST) {
        return kist_error_set(err, KIST_E_CONFLICT, "'%s' is there, and may be of a container that runs: remove it, or name another file", path);
    }
    good = (!f || fclose(f) == 0) && good;
    if (!good) {
        const int cause = errno;

        if (f) {
            (void)remove(path); /* or the next try would find it there */
        }
        return kist_error_sys(err, cause == ENOSPC ? KIST_E_NO_SPACE : KIST_E_IO, cause, "cannot write '%s'", path);
    }
    return 0;
}

/* *had: there was an image. */
static int create_once(struct kist_app *app, const struct kist_creating_options *o, char **operands, kist_creating_fn *act,
                       void *arg, bool *had, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    char id[KIST_CONTAINER_ID_MAX];
    struct chosen c = {.store = NULL};
    struct kist_run_options spec;
    struct kist_joining joining;
    int rc = complete_options(app, o, operands + 1, &spec, &joining, err);

    if (rc == 0) {
        rc = choose(app, o, operands[0], &c, err);
    }
    *had = rc == 0;
    if (rc == 0) {
        rc = open_chosen(&c, err);
    }
    if (rc == 0) {
        kist_store_image_used(c.store, &c.image->manifest.digest);
    }
    if (rc == 0) {
        rc = kist_container_id_make(id, err);
    }
    if (rc == 0) {
        rc = generate(&c, &spec, id, o->transient, &config, err);
    }
    kist_layers_close(&c.layers); /* the container may run for years: none of this is needed any more */
    if (rc == 0) {
        struct kist_engine engine = {.store = c.store};
        struct kist_container_new described = {
            .id = id,
            .name = o->name,
            .image = &c.image->config,
            .image_name = operands[0],
            .diff_ids = c.image->diff_ids,
            .diff_id_count = c.image->layer_count,
            .config = config,
            .transient = o->transient,
        };

        rc = o->cidfile ? write_id(o->cidfile, id, err) : 0;
        if (rc == 0) {
            rc = act(arg, &engine, &described, err);
            if (rc < 0 && o->cidfile) {
                (void)remove(o->cidfile);
            }
        }
    }
    kist_strv_release(&spec.command);
    release_chosen(&c);
    return rc;
}

/* Until a container uses it an image may be pruned under us: it is looked for, or pulled, once more. */
int kist_creating(struct kist_app *app, const struct kist_creating_options *o, char **operands, kist_creating_fn *act,
                  void *arg, struct kist_error *err)
{
    struct chosen c = {.store = NULL};
    struct kist_error gone;
    bool had;
    int rc = create_once(app, o, operands, act, arg, &had, err);

    if (rc == KIST_E_NOT_FOUND && had && find_kept(app, o, operands[0], &c, &gone) == KIST_E_NOT_FOUND) {
        rc = create_once(app, o, operands, act, arg, &had, err);
    }
    release_chosen(&c);
    return rc;
}
