#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/image_view.h"

struct options {
    bool all, quiet, digests, json, no_trunc;
    const char *format;
};

static const struct kist_column plain[] = {
    {"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {"SHARED", "SharedSize"},
};

static const struct kist_column with_digests[] = {
    {"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"DIGEST", "Digest"},     {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {"SHARED", "SharedSize"},
};

/* What is asked for: REPOSITORY[:TAG|@DIGEST] as in Docker, without a tag all of them. */
struct filter {
    bool given, tagged;
    struct kist_reference want;
};

static int filter_parse(struct filter *f, const char *operand, struct kist_error *err)
{
    const char *slash = operand ? strrchr(operand, '/') : NULL;

    *f = (struct filter){.given = operand != NULL};
    if (!operand) {
        return 0;
    }
    f->tagged = strchr(slash ? slash : operand, ':') != NULL; /* parsing puts in a tag where there is none */
    return kist_reference_parse(&f->want, operand, err);
}

static bool filter_takes(const struct filter *f, const struct kist_image *image)
{
    struct kist_reference have;

    if (!f->given) {
        return true;
    }
    if (!image->name || kist_reference_parse(&have, image->name, NULL) < 0 || strcmp(f->want.host, have.host) != 0 ||
        strcmp(f->want.path, have.path) != 0) {
        return false;
    }
    if (f->want.has_digest) {
        return kist_digest_equal(&f->want.digest, &image->source) ||
               kist_digest_equal(&f->want.digest, &image->manifest.digest);
    }
    return !f->tagged || strcmp(f->want.tag, have.tag) == 0;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    struct kist_store *store;
    struct filter filter;
    int rc = rows ? filter_parse(&filter, count > 0 ? operands[0] : NULL, err) : kist_error_nomem(err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_app_store(app, false, &store, err);
    if (rc == 0) {
        rc = kist_store_images(store, &list, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: no images */
    }
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        cJSON *row = NULL;

        if (filter_takes(&filter, &list.v[i])) {
            rc = kist_image_row(&list.v[i], o->no_trunc, &row, err);
            if (rc == 0) {
                rc = kist_json_append(rows, row, err);
            }
        }
    }
    if (rc < 0) {
        return rc;
    }
    return o->digests ? kist_rows_print(&rows_options, with_digests, KIST_COUNT(with_digests), rows, err)
                      : kist_rows_print(&rows_options, plain, KIST_COUNT(plain), rows, err);
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Taken for Docker's sake: all are listed always"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only image IDs"),
    KIST_OPT("digests", 0, FLAG, struct options, digests, NULL, "Print digests too"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole image IDs"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each image by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_images = {
    .name = "images",
    .operands = "[REPOSITORY[:TAG|@DIGEST]]",
    .summary = "List the images kept",
    .options = options,
    .options_size = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
