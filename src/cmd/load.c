#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cmd/input.h"
#include "cmd/pulling.h"
#include "transfer/load.h"

struct options {
    const char *input, *platform;
    bool quiet, json;
};

static void layer_done(void *arg, const struct kist_digest *diff_id, uint64_t kept)
{
    const struct options *o = arg;
    char hex[KIST_DIGEST_HEX_MAX], size[KIST_STR_SIZE_MAX];

    if (!o->quiet && !o->json) {
        (void)fprintf(stderr, "%.12s: %s%s\n", kist_digest_hex(hex, diff_id), kept ? "" : "already kept",
                      kept ? kist_str_size(size, kept) : "");
    }
}

static void image_done(void *arg, const char *name, const struct kist_digest *id, enum kist_store_change change)
{
    static const char *const changes[] = {"unchanged", "loaded", "updated"};
    const struct options *o = arg;
    char text[KIST_REFERENCE_TEXT_MAX], digest[KIST_DIGEST_TEXT_MAX];
    struct kist_reference ref;

    (void)kist_digest_text(digest, id);
    if (o->json) {
        (void)printf("{\"name\":\"%s\",\"image\":\"%s\",\"status\":\"%s\"}\n", name ? name : "", digest, changes[change]);
    } else if (name && kist_reference_parse(&ref, name, NULL) == 0) {
        (void)printf("Loaded image: %s\n", kist_reference_familiar(text, &ref));
    } else {
        (void)printf("Loaded image ID: %s\n", digest);
    }
}

static int rewind_stream(void *arg, struct kist_error *err)
{
    return fseeko(arg, 0, SEEK_SET) == 0 ? 0 : kist_error_sys(err, KIST_E_IO, errno, "cannot read the archive again");
}

/* A plain file is read from its beginning, wherever standard input may stand in it. */
static bool is_plain(FILE *f)
{
    struct stat st;

    return fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && ftello(f) == 0;
}

static int load_stream(struct kist_store *store, FILE *f, const struct kist_load_options *o, struct kist_error *err)
{
    struct kist_load_source source = {.read = kist_input_read, .rewind = is_plain(f) ? rewind_stream : NULL, .arg = f};

    return kist_load(store, &source, o, err);
}

static int load(struct kist_store *store, const char *input, const struct kist_load_options *o, struct kist_error *err)
{
    struct stat st;
    FILE *f;
    int rc;

    if (input && stat(input, &st) == 0 && S_ISDIR(st.st_mode)) {
        return kist_load_directory(store, input, o, err);
    }
    rc = kist_input_open(&f, input, err);
    if (rc < 0) {
        return rc;
    }
    rc = load_stream(store, f, o, err);
    kist_input_close(f);
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_load_options options = {
        .platform_sure = o->platform != NULL,
        .stop = kist_app_stopped,
        .layer_done = layer_done,
        .image_done = image_done,
        .arg = (void *)(uintptr_t)values,
    };
    struct kist_store *store;
    int rc = kist_pulling_platform(app, o->platform, &options.platform, &options.aarch32, err);

    (void)count;
    (void)operands;
    kist_pulling_layer(&app->settings, &options.layer);
    if (rc == 0) {
        rc = kist_app_store(app, true, &store, err);
    }
    if (rc < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = load(store, o->input, &options, err);
    kist_app_release_signals();
    return rc < 0 ? kist_error_wrap(err, "cannot load '%s'", o->input ? o->input : "-") : 0;
}

static const struct kist_option options[] = {
    KIST_OPT("input", 'i', TEXT, struct options, input, "FILE|DIR", "Read it instead of standard input"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Do not tell of layers"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "Load nothing for other platforms"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object an image"),
    {.name = NULL},
};

const struct kist_command kist_cmd_load = {
    .name = "load",
    .operands = "",
    .summary = "Load images from an archive",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
