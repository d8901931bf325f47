/* 'volume create', 'ls', 'inspect', 'rm' and 'prune'. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/columns.h"
#include "cmd/pruning.h"
#include "port/system.h"

#define MAX_LABELS (1U << 20)

struct options {
    bool all, force, quiet, json;
    const char *format, *driver;
    struct kist_strv labels, filters;
};

/* ---- create ---- */

static int run_create(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    unsigned char random[32];
    char made[2 * sizeof(random) + 1];
    struct kist_store *store;
    int rc = 0;

    if (o->driver && strcmp(o->driver, "local") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "there is no volume driver '%s', only 'local'", o->driver);
    }
    if (count == 0 && (rc = port_system_random(random, sizeof(random), err)) == 0) {
        kist_str_hex(made, random, sizeof(random));
    }
    if (rc == 0) {
        rc = kist_app_store(app, true, &store, err);
    }
    if (rc == 0) {
        rc = kist_store_volume_create(store, count > 0 ? operands[0] : made, &o->labels, err);
    }
    if (rc >= 0) {
        (void)printf("%s\n", count > 0 ? operands[0] : made);
    }
    return KIST_MIN(rc, 0);
}

static const struct kist_option create_options[] = {
    KIST_OPT("driver", 'd', TEXT, struct options, driver, "NAME", "Only 'local' is there"),
    KIST_OPT("label", 0, LIST, struct options, labels, "KEY[=VALUE]", "Note something about it"),
    {.name = NULL},
};

const struct kist_command kist_cmd_volume_create = {
    .name = "volume create",
    .operands = "[NAME]",
    .summary = "Make a volume",
    .options = create_options,
    .options_size = sizeof(struct options),
    .max_operands = 1,
    .run = run_create,
};

/* ---- ls and inspect ---- */

static int load(struct kist_app *app, struct kist_store **store, struct kist_store_volume_list *list,
                struct kist_error *err)
{
    int rc = kist_app_store(app, false, store, err);

    *list = (struct kist_store_volume_list){.v = NULL};
    if (rc == KIST_E_NOT_FOUND) {
        return 0; /* no store yet: no volumes */
    }
    return rc < 0 ? rc : kist_store_volumes(*store, list, err);
}

static int put_common(cJSON *row, const struct kist_store *store, const struct kist_store_volume *v, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    int rc;

    if (!kist_store_volume_path(store, v->name, path, sizeof(path))) {
        path[0] = '\0';
    }
    if ((rc = kist_json_put_string(row, "Driver", "local", err)) < 0 ||
        (rc = kist_json_put_string(row, "Mountpoint", path, err)) < 0 ||
        (rc = kist_json_put_string(row, "Name", v->name, err)) < 0) {
        return rc;
    }
    return kist_json_put_string(row, "Scope", "local", err);
}

static int make_row(const struct kist_store *store, const struct kist_store_volume *v, cJSON **row, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject();
    KIST_AUTO(buf) struct kist_buf labels = KIST_BUF_INIT(MAX_LABELS);
    int rc = made ? put_common(made, store, v, err) : kist_error_nomem(err);

    for (size_t i = 0; i < v->labels.n && rc == 0; i++) {
        rc = kist_buf_printf(&labels, err, "%s%s", i > 0 ? "," : "", v->labels.v[i]);
    }
    if (rc == 0 && (rc = kist_json_put_string(made, "Labels", kist_buf_text(&labels), err)) == 0) {
        *row = made;
        made = NULL;
    }
    return rc;
}

static int put_labels(cJSON *details, const struct kist_store_volume *v, struct kist_error *err)
{
    cJSON *object = cJSON_CreateObject();
    int rc = kist_json_put(details, "Labels", object, err);

    for (size_t i = 0; i < v->labels.n && rc == 0; i++) {
        char *equals = strchr(v->labels.v[i], '=');

        *equals = '\0';
        rc = kist_json_put_string(object, v->labels.v[i], equals + 1, err);
        *equals = '=';
    }
    return rc;
}

static int make_details(const struct kist_store *store, const struct kist_store_volume *v, cJSON **details,
                        struct kist_error *err)
{
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject();
    char time[KIST_STR_TIME_MAX];
    int rc = made ? kist_json_put_string(made, "CreatedAt", v->created ? kist_str_rfc3339(time, v->created) : "", err)
                  : kist_error_nomem(err);

    if (rc < 0 || (rc = put_common(made, store, v, err)) < 0 || (rc = put_labels(made, v, err)) < 0 ||
        (rc = kist_json_put(made, "Options", cJSON_CreateNull(), err)) < 0) {
        return rc;
    }
    *details = made;
    made = NULL;
    return 0;
}

static bool takes(const struct kist_filters *f, const struct kist_store_volume *v)
{
    return (!f->has_dangling || (v->users.n == 0) == f->dangling) && kist_filters_text(f, "name", v->name, false) &&
           kist_filters_text(f, "driver", "local", false) && kist_filters_labels(f, &v->labels);
}

static int run_ls(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    static const struct kist_column columns[] = {{"DRIVER", "Driver"}, {"VOLUME NAME", "Name"}};
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "Name"};
    struct kist_filters filters;
    struct kist_store *store;
    int rc = rows ? kist_filters_parse(&filters, &o->filters, "dangling driver label name", err) : kist_error_nomem(err);

    (void)count;
    (void)operands;
    if (rc == 0) {
        rc = load(app, &store, &list, err);
    }
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        cJSON *row = NULL;

        if (takes(&filters, &list.v[i]) && (rc = make_row(store, &list.v[i], &row, err)) == 0) {
            rc = kist_json_append(rows, row, err);
        }
    }
    return rc < 0 ? rc : kist_rows_print(&rows_options, columns, KIST_COUNT(columns), rows, err);
}

static const struct kist_option ls_options[] = {
    KIST_OPT("filter", 'f', LIST, struct options, filters, "KEY=VALUE", "dangling, driver, label, label! or name"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only names"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each volume by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_volume_ls = {
    .name = "volume ls",
    .operands = "",
    .summary = "List volumes",
    .options = ls_options,
    .options_size = sizeof(struct options),
    .run = run_ls,
};

static int no_such(const char *name, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "no such volume: '%s'", name);
}

/* What is found is printed; the first that is not is the command's failure. */
static int run_inspect(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *all = cJSON_CreateArray();
    const struct options *o = values;
    struct kist_store *store;
    const char *missing = NULL;
    int rc = all ? load(app, &store, &list, err) : kist_error_nomem(err);

    for (int i = 0; i < count && rc == 0; i++) {
        const struct kist_store_volume *v = kist_store_volume_find(&list, operands[i]);
        cJSON *details = NULL;

        missing = missing || v ? missing : operands[i];
        if (v && (rc = make_details(store, v, &details, err)) == 0) {
            rc = kist_json_append(all, details, err);
        }
    }
    rc = rc < 0 ? rc : kist_details_print(all, o->format, err);
    return rc == 0 && missing ? no_such(missing, err) : rc;
}

static const struct kist_option inspect_options[] = {
    KIST_OPT("format", 'f', TEXT, struct options, format, "TEMPLATE", "Print each volume by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_volume_inspect = {
    .name = "volume inspect",
    .operands = "VOLUME [VOLUME...]",
    .summary = "Print what is known of volumes",
    .options = inspect_options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .run = run_inspect,
};

/* ---- rm and prune ---- */

/* Every operand is tried; the first failure is the command's, with --force not one that finds nothing: as Docker has it. */
static int run_rm(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_store *store;
    int rc = kist_app_store(app, false, &store, err), failed = 0;

    if (rc == KIST_E_NOT_FOUND) {
        return o->force ? 0 : no_such(operands[0], err);
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        struct kist_error one;
        int done = kist_store_volume_remove(store, operands[i], NULL, &one);

        if (done == 0 || (o->force && done == KIST_E_NOT_FOUND)) {
            (void)printf("%s\n", operands[i]);
        } else if (failed == 0) {
            failed = done;
            *err = one;
        } else {
            kist_app_complain(&one);
        }
    }
    return rc < 0 ? rc : failed;
}

static const struct kist_option rm_options[] = {
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "None such is fine"),
    {.name = NULL},
};

const struct kist_command kist_cmd_volume_rm = {
    .name = "volume rm",
    .operands = "VOLUME [VOLUME...]",
    .summary = "Remove volumes and what is in them",
    .options = rm_options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run_rm,
};

int kist_pruning_volumes(struct kist_store *store, bool all, const struct kist_filters *filters, uint64_t *freed,
                         struct kist_error *err)
{
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    KIST_AUTO(strv) struct kist_strv deleted = {.v = NULL};
    int rc = kist_store_volumes(store, &list, err);

    for (size_t i = 0; i < list.n && rc == 0; i++) {
        const struct kist_store_volume *v = &list.v[i];
        uint64_t bytes = 0;

        if (v->users.n > 0 || !(all || v->anonymous) || !takes(filters, v)) {
            continue;
        }
        rc = kist_store_volume_remove(store, v->name, &bytes, err);
        if (rc == 0) {
            *freed += bytes;
            rc = kist_strv_add(&deleted, v->name, err);
        } else if (rc == KIST_E_CONFLICT || rc == KIST_E_NOT_FOUND) {
            rc = 0; /* used or removed while we looked */
        }
    }
    kist_pruning_list("Deleted Volumes:", "", &deleted);
    (void)(deleted.n > 0 && printf("\n"));
    return rc;
}

static int run_prune(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_filters filters;
    struct kist_store *store;
    uint64_t freed = 0;
    int rc = kist_filters_parse(&filters, &o->filters, "label", err);

    (void)count;
    (void)operands;
    if (rc == 0 && !o->force) {
        rc = kist_pruning_confirm("volume prune",
                                  o->all ? "all local volumes not used by at least one container."
                                         : "anonymous local volumes not used by at least one container.", err);
    }
    if (rc == 0 && (rc = kist_app_store(app, false, &store, err)) == 0) {
        rc = kist_pruning_volumes(store, o->all, &filters, &freed, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: nothing to remove */
    }
    if (rc == 0) {
        kist_pruning_total("Total reclaimed space", freed);
    }
    return rc;
}

static const struct kist_option prune_options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also those that have a name of their own"),
    KIST_OPT("filter", 0, LIST, struct options, filters, "KEY=VALUE", "label or label!"),
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "Do not ask"),
    {.name = NULL},
};

const struct kist_command kist_cmd_volume_prune = {
    .name = "volume prune",
    .operands = "",
    .summary = "Remove volumes that no container uses",
    .options = prune_options,
    .options_size = sizeof(struct options),
    .flags = KIST_CMD_CONTAINERS,
    .run = run_prune,
};
