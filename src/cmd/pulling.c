#include "cmd/pulling.h"

#include <string.h>

#include "base/log.h"
#include "cmd/progress.h"
#include "cmd/remote.h"
#include "port/probe.h"
#include "port/system.h"

int kist_pulling_platform(const struct kist_app *app, const char *option, struct kist_platform *platform, bool *aarch32,
                          struct kist_error *err)
{
    const char *text = option ? option : app->settings.platform;
    struct port_system system;
    int rc = port_system_get(&system, err);

    if (rc < 0) {
        return rc;
    }
    *aarch32 = system.aarch32;
    return kist_platform_parse(platform, text ? text : system.machine, err);
}

/* zstd, unless the kernel could not mount what it makes: that is tried out once. */
static enum kist_layer_compressor ask(void)
{
    static enum { UNKNOWN, ZSTD, GZIP } known;

    if (known == UNKNOWN) {
        known = port_probe_squashfs(true) == PORT_MISSING && port_probe_squashfs(false) != PORT_MISSING ? GZIP : ZSTD;
        if (known == GZIP) {
            kist_log(KIST_LOG_WARN, "layers are kept as gzip: this kernel's squashfs knows no zstd (CONFIG_SQUASHFS_ZSTD; "
                                    "layer.compression = gzip says so without asking)");
        }
    }
    return known == GZIP ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD;
}

/* Half of the memory allowed goes to names, half to inodes of about 128 bytes. */
void kist_pulling_layer_late(const struct kist_settings *s, struct kist_layer_options *o)
{
    const bool board = strcmp(s->compression, "auto") == 0;
    const bool gzip = strcmp(board ? KIST_BOARD_COMPRESSOR : s->compression, "gzip") == 0;

    *o = (struct kist_layer_options){
        .compressor = gzip ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD,
        .ask = board && !gzip ? ask : NULL,
        .level = (int)s->compression_level,
        .workers = (unsigned)s->workers,
        .max_inodes = (uint32_t)KIST_MIN(s->mem / 256, (uint64_t)UINT32_MAX),
        .max_names = s->mem / 2,
    };
}

void kist_pulling_layer(const struct kist_settings *s, struct kist_layer_options *o)
{
    kist_pulling_layer_late(s, o);
    if (o->ask) {
        o->compressor = o->ask();
        o->ask = NULL;
    }
}

int kist_pulling(struct kist_app *app, const char *reference, const char *platform, const char *progress, bool dry_run,
                 struct kist_pull_plan *plan, struct kist_error *err)
{
    struct kist_pull_options options = {
        .dry_run = dry_run, .jobs = (unsigned)app->settings.jobs, .checkpoint = app->settings.checkpoint};
    struct kist_store *store;
    struct kist_progress bars;
    struct kist_reference ref;
    int rc;

    *plan = (struct kist_pull_plan){.layers = NULL};
    rc = kist_reference_parse(&ref, reference, err);
    if (rc == 0) {
        rc = kist_pulling_platform(app, platform, &options.platform, &options.aarch32, err);
    }
    if (rc == 0) {
        rc = kist_progress_init(&bars, progress, err);
    }
    if (rc < 0) {
        return rc;
    }
    rc = kist_app_store(app, !dry_run, &store, err);
    if (rc < 0 && !(dry_run && rc == KIST_E_NOT_FOUND)) {
        return rc;
    }
    kist_pulling_layer(&app->settings, &options.layer);
    rc = kist_remote_options(app, &options.registry, err);
    rc = rc < 0 ? rc : kist_settings_limits(&app->settings, &options.limits, err);
    if (rc < 0) {
        return rc;
    }
    options.event = kist_progress_event;
    options.event_arg = &bars;
    kist_app_catch_signals();
    rc = kist_pull(store, &ref, &options, plan, err);
    kist_app_release_signals();
    kist_progress_end(&bars);
    return rc;
}
