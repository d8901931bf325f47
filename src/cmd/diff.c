/* 'diff': what a container has changed against its image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/columns.h"
#include "cmd/containers.h"
#include "container/changes.h"

struct options {
    bool json;
};

struct listing {
    cJSON *rows; /* NULL: lines */
};

static int print_one(void *arg, enum kist_change kind, const char *path, struct kist_error *err)
{
    const char letter[2] = {(char)kind, '\0'};
    const struct listing *l = arg;
    cJSON *row;
    int rc;

    if (!l->rows) {
        KIST_AUTO(free) char *shown = strdup(path);

        (void)(shown && printf("%s %s\n", letter, kist_str_disarm(shown)));
        return shown ? 0 : kist_error_nomem(err);
    }
    row = cJSON_CreateObject();
    rc = kist_json_append(l->rows, row, err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "Kind", letter, err);
    return rc < 0 ? rc : kist_json_put_string(row, "Path", path, err);
}

static int list(void *arg, const struct kist_changes *c, struct kist_error *err)
{
    return kist_changes_list(c, print_one, arg, err);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    KIST_AUTO(json) cJSON *rows = NULL;
    const struct options *o = values;
    const struct kist_rows_options as_json = {.json = true};
    struct kist_engine engine = {.run = NULL};
    struct listing l = {.rows = NULL};
    int rc = kist_containers_find(app, &engine, operands[0], &c, err);

    (void)count;
    if (rc == 0 && o->json) {
        rows = l.rows = cJSON_CreateArray();
        rc = rows ? 0 : kist_error_nomem(err);
    }
    rc = rc < 0 ? rc : kist_container_changes(&engine, c.id, false, list, &l, err);
    return rc == 0 && rows ? kist_rows_print(&as_json, NULL, 0, rows, err) : rc;
}

static const struct kist_option options[] = {
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    {.name = NULL},
};

const struct kist_command kist_cmd_diff = {
    .name = "diff",
    .operands = "CONTAINER",
    .summary = "List the files a container has added (A), changed (C) or deleted (D)",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
