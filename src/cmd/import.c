#include <stdio.h>
#include <string.h>

#include "cmd/input.h"
#include "cmd/pulling.h"
#include "cmd/remote.h"
#include "cmd/times.h"
#include "registry/download.h"
#include "transfer/import.h"

struct options {
    struct kist_strv changes;
    const char *message, *platform;
};

static int read_url(struct kist_app *app, const char *url, struct kist_sink *sink, struct kist_error *err)
{
    struct kist_registry_options options;
    int rc = kist_remote_options(app, &options, err);

    if (rc == 0) {
        rc = kist_download(url, &options, sink, NULL, err);
    }
    return rc == 0 ? kist_sink_finish(sink, err) : rc;
}

static int read_file(const char *path, struct kist_sink *sink, struct kist_error *err)
{
    FILE *f;
    int rc = kist_input_open(&f, path, err);

    if (rc == 0) {
        rc = kist_input_copy(f, sink, err);
        kist_input_close(f);
    }
    return rc;
}

static int import(struct kist_app *app, const char *source, const struct kist_import_options *o, struct kist_error *err)
{
    bool url = kist_str_starts(source, "http://") || kist_str_starts(source, "https://");
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_import *in = NULL;
    struct kist_store *store;
    struct kist_digest id;
    int rc = kist_app_store(app, true, &store, err);

    if (rc < 0 || (rc = kist_import_new(&in, store, o, err)) < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = url ? read_url(app, source, kist_import_sink(in), err) : read_file(source, kist_import_sink(in), err);
    if (rc == 0) {
        rc = kist_import_commit(in, &id, err);
    }
    kist_app_release_signals();
    kist_import_free(in);
    if (rc == 0) {
        (void)printf("%s\n", kist_digest_text(text, &id));
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    char name[KIST_REFERENCE_TEXT_MAX], comment[256];
    struct kist_import_options options = {.comment = o->message, .changes = &o->changes};
    struct kist_reference ref;
    bool aarch32;
    int rc = kist_pulling_platform(app, o->platform, &options.platform, &aarch32, err);

    if (rc == 0 && count > 1 && (rc = kist_reference_parse(&ref, operands[1], err)) == 0) {
        options.name = kist_reference_text(name, &ref);
        if (ref.has_digest) {
            rc = kist_error_set(err, KIST_E_USAGE, "'%s' has a digest, which an image cannot be given", operands[1]);
        }
    }
    if (rc == 0) {
        rc = kist_times_build(&options.created, err);
    }
    if (!options.comment) {
        (void)snprintf(comment, sizeof(comment), "Imported from %.200s", operands[0]);
        options.comment = comment;
    }
    kist_pulling_layer(&app->settings, &options.layer);
    rc = rc == 0 ? import(app, operands[0], &options, err) : rc;
    return rc < 0 ? kist_error_wrap(err, "cannot import '%s'", operands[0]) : 0;
}

static const struct kist_option options[] = {
    KIST_OPT("change", 'c', LIST, struct options, changes, "INSTRUCTION", "Apply a Dockerfile instruction, as CMD or ENV"),
    KIST_OPT("message", 'm', TEXT, struct options, message, "TEXT", "Comment in the image's history"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "What the image is for"),
    {.name = NULL},
};

const struct kist_command kist_cmd_import = {
    .name = "import",
    .operands = "FILE|URL|- [REPOSITORY[:TAG]]",
    .summary = "Make an image of a tar of its files",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
