#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/image_view.h"

struct options {
    bool quiet, digests, json, no_trunc;
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

/* REPOSITORY[:TAG] as in Docker: without a tag, all of them. */
static int wanted(const struct kist_image *image, const char *operand, bool *yes, struct kist_error *err)
{
    struct kist_reference want, have;
    bool any_tag;
    int rc;

    *yes = true;
    if (!operand) {
        return 0;
    }
    *yes = false;
    if (!image->name) {
        return 0;
    }
    rc = kist_reference_parse(&want, operand, err);
    if (rc == 0) {
        rc = kist_reference_parse(&have, image->name, err);
    }
    if (rc == 0) {
        any_tag = !kist_str_ends(operand, want.tag) || want.tag[0] == '\0';
        *yes = strcmp(want.host, have.host) == 0 && strcmp(want.path, have.path) == 0 &&
               (any_tag || strcmp(want.tag, have.tag) == 0);
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    struct kist_store *store;
    int rc = rows ? kist_app_store(app, false, &store, err) : kist_error_nomem(err);

    if (rc == 0) {
        rc = kist_store_images(store, &list, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: no images */
    }
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        cJSON *row = NULL;
        bool yes;

        rc = wanted(&list.v[i], count > 0 ? operands[0] : NULL, &yes, err);
        if (rc == 0 && yes) {
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
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only image IDs"),
    KIST_OPT("digests", 0, FLAG, struct options, digests, NULL, "Print digests too"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole image IDs"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each image by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_images = {
    .name = "images",
    .operands = "[REPOSITORY[:TAG]]",
    .summary = "List the images kept",
    .options = options,
    .options_size = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
