#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/container_view.h"

struct options {
    bool all, quiet, json, no_trunc;
    const char *format;
};

static const struct kist_column columns[] = {
    {"CONTAINER ID", "ID"}, {"IMAGE", "Image"}, {"COMMAND", "Command"},
    {"CREATED", "RunningFor"}, {"STATUS", "Status"}, {"NAMES", "Names"},
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    struct kist_engine engine = {.run = NULL};
    int rc = rows ? kist_app_store(app, false, &engine.store, err) : kist_error_nomem(err);

    (void)count;
    (void)operands;
    if (rc == 0) {
        rc = kist_container_list(&engine, &list, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: no containers */
    }
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        cJSON *row = NULL;

        if (o->all || list.v[i].status == KIST_CONTAINER_RUNNING) {
            rc = kist_container_row(&list.v[i], o->no_trunc, &row, err);
            if (rc == 0) {
                rc = kist_json_append(rows, row, err);
            }
        }
    }
    return rc == 0 ? kist_rows_print(&rows_options, columns, KIST_COUNT(columns), rows, err) : rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also those that do not run"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only IDs"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole IDs and commands"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each container by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_ps = {
    .name = "ps",
    .operands = "",
    .summary = "List containers",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
