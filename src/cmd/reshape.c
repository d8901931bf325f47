/* 'image flatten' and 'image recompress'. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/pulling.h"
#include "store/reshape.h"

/* The store of the images, to be stopped by signals until release. */
static int begin(struct kist_app *app, const char *image, struct kist_store **store, struct kist_error *err)
{
    int rc = kist_app_store(app, false, store, err);

    if (rc == 0) {
        kist_app_catch_signals();
        kist_store_stop_on(*store, kist_app_stopped, NULL);
    }
    return rc == KIST_E_NOT_FOUND && image ? kist_error_set(err, rc, "no such image: '%s'", image) : rc;
}

static void end(struct kist_store *store)
{
    kist_store_stop_on(store, NULL, NULL);
    kist_app_release_signals();
}

/* ---- flatten ---- */

struct flatten_options {
    const char *platform;
    bool json;
};

/* The name that the flat image gets: the one given, else the one it was found by; NULL where that was an ID. */
static int choose_name(const char *given, const char *text, const struct kist_image *image, char *name,
                       const char **chosen, struct kist_error *err)
{
    struct kist_reference ref;
    int rc;

    *chosen = NULL;
    if (!given) {
        bool by_name = kist_reference_parse(&ref, text, NULL) == 0 && !ref.has_digest && image->name &&
                       strcmp(kist_reference_text(name, &ref), image->name) == 0;

        *chosen = by_name ? name : NULL;
        return 0;
    }
    rc = kist_reference_parse(&ref, given, err);
    if (rc == 0 && ref.has_digest) {
        rc = kist_error_set(err, KIST_E_USAGE, "'%s' names a digest, which a new image cannot be given", given);
    }
    *chosen = rc == 0 ? kist_reference_text(name, &ref) : NULL;
    return rc;
}

static int flatten(struct kist_app *app, struct kist_store *store, char **operands, const struct flatten_options *o,
                   struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char name[KIST_REFERENCE_TEXT_MAX], text[KIST_DIGEST_TEXT_MAX];
    struct kist_layer_options options;
    struct kist_platform want;
    const struct kist_image *image;
    struct kist_reshaped result;
    struct kist_digest id;
    const char *chosen;
    int rc = o->platform ? kist_platform_parse(&want, o->platform, err) : 0;

    kist_pulling_layer(&app->settings, &options);
    if (rc < 0 || (rc = kist_store_images(store, &list, err)) < 0 ||
        (rc = kist_image_list_find(&list, operands[0], o->platform ? &want : NULL, &image, err)) < 0 ||
        (rc = choose_name(operands[1], operands[0], image, name, &chosen, err)) < 0) {
        return rc;
    }
    rc = kist_store_image_flatten(store, image, chosen, &options, &id, &result, err);
    if (rc < 0) {
        return kist_error_wrap(err, "cannot flatten '%s'", operands[0]);
    }
    if (o->json) {
        (void)printf("{\"image\":\"%s\",\"layers\":%zu,\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}\n",
                     kist_digest_text(text, &id), result.layers, result.before, result.after);
    } else {
        (void)printf("%s\n", kist_digest_text(text, &id));
    }
    return 0;
}

static int run_flatten(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct kist_store *store;
    int rc = begin(app, operands[0], &store, err);

    (void)count;
    if (rc == 0) {
        rc = flatten(app, store, operands, values, err);
        end(store);
    }
    return rc;
}

static const struct kist_option flatten_options[] = {
    KIST_OPT("platform", 0, TEXT, struct flatten_options, platform, "OS/ARCH[/VARIANT]",
             "Of several that are kept, this one"),
    KIST_OPT("json", 0, FLAG, struct flatten_options, json, NULL, "Print the result as a JSON object"),
    {.name = NULL},
};

const struct kist_command kist_cmd_flatten = {
    .name = "image flatten",
    .operands = "IMAGE [NAME[:TAG]]",
    .summary = "Make one layer of an image's many",
    .options = flatten_options,
    .options_size = sizeof(struct flatten_options),
    .min_operands = 1,
    .max_operands = 2,
    .run = run_flatten,
};

/* ---- recompress ---- */

struct recompress_options {
    const char *compressor;
    uint64_t level;
    bool level_given, all, json;
};

static int set_options(const struct kist_app *app, const struct recompress_options *o, int count,
                       struct kist_layer_options *options, struct kist_error *err)
{
    bool gzip;
    unsigned most;

    kist_pulling_layer(&app->settings, options);
    gzip = o->compressor ? strcmp(o->compressor, "gzip") == 0 : options->compressor == KIST_LAYER_GZIP;
    most = gzip ? 9 : 3;
    if (o->all == (count > 0)) {
        return kist_error_set(err, KIST_E_USAGE, "'kist image recompress' needs IMAGE or --all");
    }
    if (o->compressor && !gzip && strcmp(o->compressor, "zstd") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "compressor must be zstd or gzip, not '%s'", o->compressor);
    }
    if (o->level_given && (o->level < 1 || o->level > most)) {
        return kist_error_set(err, KIST_E_USAGE, "level must be 1 to %u for %s", most, gzip ? "gzip" : "zstd");
    }
    if (o->level_given || o->compressor) {
        options->level = (int)o->level; /* the configured one is that of the configured compressor */
    }
    options->compressor = gzip ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD;
    return 0;
}

static void print_result(const struct kist_reshaped *r, bool json)
{
    char before[KIST_STR_SIZE_MAX], after[KIST_STR_SIZE_MAX];

    if (json) {
        (void)printf("{\"layers\":%zu,\"changed\":%zu,\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}\n", r->layers,
                     r->changed, r->before, r->after);
    } else {
        (void)printf("Recompressed %zu of %zu layers: %s, before %s\n", r->changed, r->layers,
                     kist_str_size(after, r->after), kist_str_size(before, r->before));
    }
}

static int run_recompress(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct recompress_options *o = values;
    struct kist_layer_options options;
    struct kist_reshaped result;
    struct kist_store *store;
    int rc = set_options(app, o, count, &options, err);

    if (rc < 0 || (rc = begin(app, operands[0], &store, err)) < 0) {
        return rc;
    }
    rc = kist_store_recompress(store, operands, (size_t)count, &options, o->level_given, &result, err);
    end(store);
    if (rc == 0) {
        print_result(&result, o->json);
    }
    return rc;
}

static const struct kist_option recompress_options[] = {
    KIST_OPT("all", 'a', FLAG, struct recompress_options, all, NULL, "Of all images"),
    KIST_OPT("compressor", 0, TEXT, struct recompress_options, compressor, "NAME",
             "zstd or gzip (default: layer.compression)"),
    {.name = "level",
     .type = KIST_OPTION_NUMBER,
     .offset = offsetof(struct recompress_options, level),
     .argument = "N",
     .help = "Level; also where the compressor stays, if it helps",
     .given = offsetof(struct recompress_options, level_given)},
    KIST_OPT("json", 0, FLAG, struct recompress_options, json, NULL, "Print the result as a JSON object"),
    {.name = NULL},
};

const struct kist_command kist_cmd_recompress = {
    .name = "image recompress",
    .operands = "[IMAGE...]",
    .summary = "Pack the layers of images in another way",
    .options = recompress_options,
    .options_size = sizeof(struct recompress_options),
    .min_operands = 0,
    .max_operands = -1,
    .run = run_recompress,
};
