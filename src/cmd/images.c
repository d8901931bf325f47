#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/filter.h"
#include "cmd/image_view.h"
#include "cmd/tree.h"

struct options {
    bool all, quiet, digests, json, no_trunc, tree;
    const char *format;
    struct kist_strv filters;
};

static const struct kist_column plain[] = {
    {"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {"SHARED", "SharedSize"},
};

static const struct kist_column with_digests[] = {
    {"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"DIGEST", "Digest"},     {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {"SHARED", "SharedSize"},
};

/* What is asked for: REPOSITORY[:TAG|@DIGEST] as in Docker, without a tag all of them; or a pattern, as reference= has it. */
struct wanted {
    bool given, tagged;
    struct kist_reference ref;
    struct kist_filters filters;
    struct kist_strv texts; /* of filters */
};

static int wanted_parse(struct wanted *w, const struct options *o, const char *operand, struct kist_error *err)
{
    const char *slash = operand ? strrchr(operand, '/') : NULL;
    bool pattern = operand && strpbrk(operand, "*?[");
    char text[KIST_REFERENCE_TEXT_MAX];
    int rc = 0;

    *w = (struct wanted){.given = operand && !pattern};
    for (size_t i = 0; i < o->filters.n && rc == 0; i++) {
        rc = kist_strv_add(&w->texts, o->filters.v[i], err);
    }
    if (rc == 0 && pattern) {
        rc = kist_str_format(text, sizeof(text), "reference=%s", operand)
                 ? kist_strv_add(&w->texts, text, err)
                 : kist_error_set(err, KIST_E_USAGE, "the pattern '%.40s...' is too long", operand);
    }
    if (rc == 0) {
        rc = kist_filters_parse(&w->filters, &w->texts, "dangling label reference before since until", err);
    }
    if (rc < 0 || !w->given) {
        return rc;
    }
    w->tagged = strchr(slash ? slash : operand, ':') != NULL; /* parsing puts in a tag where there is none */
    return kist_reference_parse(&w->ref, operand, err);
}

static bool is_named(const struct wanted *w, const struct kist_image *image)
{
    struct kist_reference have;

    if (!w->given) {
        return true;
    }
    if (!image->name || kist_reference_parse(&have, image->name, NULL) < 0 || strcmp(w->ref.host, have.host) != 0 ||
        strcmp(w->ref.path, have.path) != 0) {
        return false;
    }
    if (w->ref.has_digest) {
        return kist_digest_equal(&w->ref.digest, &image->source) ||
               kist_digest_equal(&w->ref.digest, &image->manifest.digest);
    }
    return !w->tagged || strcmp(w->ref.tag, have.tag) == 0;
}

static int add_rows(const struct wanted *w, struct kist_store *store, bool full, struct kist_rows *rows, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    int rc = kist_store_images(store, &list, err);

    for (size_t i = 0; rc >= 0 && i < list.n; i++) {
        KIST_AUTO(json) cJSON *row = NULL;

        rc = is_named(w, &list.v[i]) ? kist_filters_image(&w->filters, store, &list, &list.v[i], err) : 0;
        if (rc > 0) {
            rc = kist_image_row(&list.v[i], full, &row, err);
            rc = rc < 0 ? rc : kist_rows_add(rows, row, err);
        }
    }
    return KIST_MIN(rc, 0);
}

/* Those wanted. */
static int print_tree(const struct wanted *w, struct kist_store *store, bool json, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(free) const struct kist_image **images = NULL;
    size_t n = 0;
    int rc = kist_store_images(store, &list, err);

    images = rc < 0 ? NULL : malloc((list.n + 1) * sizeof(struct kist_image *));
    if (!images) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    for (size_t i = 0; rc >= 0 && i < list.n; i++) {
        rc = is_named(w, &list.v[i]) ? kist_filters_image(&w->filters, store, &list, &list.v[i], err) : 0;
        if (rc > 0) {
            images[n++] = &list.v[i];
        }
    }
    return rc < 0 ? rc : kist_tree_print(store, images, n, json, err);
}

static int print_rows(const struct wanted *w, struct kist_store *store, const struct options *o, struct kist_error *err)
{
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    KIST_AUTO(rows) struct kist_rows rows;
    int rc = o->digests ? kist_rows_begin(&rows, &rows_options, with_digests, KIST_COUNT(with_digests), err)
                        : kist_rows_begin(&rows, &rows_options, plain, KIST_COUNT(plain), err);

    rc = rc == 0 && store ? add_rows(w, store, o->no_trunc, &rows, err) : rc;
    if (rc == 0) {
        kist_rows_end(&rows);
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_store *store = NULL;
    struct wanted wanted = {.given = false};
    int rc = o->tree && (o->quiet || o->format || o->digests)
                 ? kist_error_set(err, KIST_E_USAGE, "--tree goes with --json and --filter alone")
                 : wanted_parse(&wanted, o, count > 0 ? operands[0] : NULL, err);

    if (rc == 0) {
        rc = kist_app_store(app, false, &store, err);
        rc = rc == KIST_E_NOT_FOUND ? 0 : rc; /* no store yet: no images */
    }
    if (rc == 0 && !o->tree) {
        rc = print_rows(&wanted, store, o, err);
    } else if (rc == 0 && store) {
        rc = print_tree(&wanted, store, o->json, err);
    }
    kist_strv_release(&wanted.texts);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Taken for Docker's sake: all are listed always"),
    KIST_OPT("filter", 'f', LIST, struct options, filters, "KEY=VALUE",
             "dangling, label, label!, reference, before, since or until"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only image IDs"),
    KIST_OPT("digests", 0, FLAG, struct options, digests, NULL, "Print digests too"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole image IDs"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("tree", 0, FLAG, struct options, tree, NULL, "Print the layers, and which images share them"),
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
