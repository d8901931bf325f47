#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/pulling.h"
#include "cmd/times.h"

struct options {
    const char *platform, *progress;
    bool quiet, json;
};

static void print_image(const struct options *o, const struct kist_pull_plan *p)
{
    char digest[KIST_DIGEST_TEXT_MAX], id[KIST_DIGEST_TEXT_MAX], platform[KIST_PLATFORM_TEXT_MAX];

    if (o->json) {
        (void)printf("{\"name\":\"%s\",\"digest\":\"%s\",\"image\":\"%s\",\"platform\":\"%s\",\"kept\":%" PRIu64 "}\n",
                     p->name, kist_digest_text(digest, &p->source), kist_digest_text(id, &p->config),
                     kist_platform_text(platform, &p->platform), p->kept_bytes);
    } else {
        (void)printf("%s\n", p->name);
    }
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    const char *progress = o->progress ? o->progress : o->quiet ? "none" : o->json ? "json" : "auto";
    struct kist_settings defaults;
    struct kist_store *store;
    int64_t time = 0;
    int rc;

    kist_settings_init(&defaults);
    if (strcmp(app->settings.compression, "auto") == 0) {
        app->settings.compression = KIST_BOARD_COMPRESSOR; /* this machine's kernel has no say */
    }
    if (strcmp(app->settings.root, defaults.root) == 0) {
        rc = kist_error_set(err, KIST_E_USAGE, "a store for another machine is not kept at '%s' (say --root DIR)",
                            defaults.root);
    } else {
        rc = kist_times_build(&time, err);
    }
    kist_settings_release(&defaults);
    if (rc < 0 || (rc = kist_app_store(app, true, &store, err)) < 0) {
        return rc;
    }
    kist_store_fix_time(store, time);
    for (int i = 0; i < count && rc == 0; i++) {
        struct kist_pull_plan plan;

        rc = kist_pulling(app, operands[i], o->platform, progress, false, &plan, err);
        if (rc == 0) {
            print_image(o, &plan);
        }
        kist_pull_plan_release(&plan);
    }
    return rc == 0 ? kist_store_stamp(store, err) : rc;
}

static const struct kist_option options[] = {
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "What the store is for"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only the images' names"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object an image"),
    KIST_OPT("progress", 0, TEXT, struct options, progress, "MODE", "auto, plain, json or none, on standard error"),
    {.name = NULL},
};

const struct kist_command kist_cmd_preload = {
    .name = "preload",
    .operands = "REF [REF...]",
    .summary = "Fill a store for another machine, to be packed into its firmware",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
