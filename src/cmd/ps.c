#include <stdlib.h>
#include <string.h>

#include "cmd/columns.h"
#include "cmd/container_view.h"
#include "cmd/containers.h"

struct options {
    bool all, quiet, json, no_trunc, latest, size;
    uint64_t last;
    struct kist_strv filters;
    const char *format;
};

static const struct kist_column columns[] = {
    {"CONTAINER ID", "ID"}, {"IMAGE", "Image"}, {"COMMAND", "Command"}, {"CREATED", "RunningFor"},
    {"STATUS", "Status"}, {"PORTS", "Ports"}, {"NAMES", "Names"}, {"SIZE", "Size"},
};

/* ---- filters ---- */

static bool has_label(const struct kist_container *c, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    const cJSON *label;

    cJSON_ArrayForEach(label, c->labels)
    {
        const size_t len = strlen(label->string);

        if (equals ? len == (size_t)(equals - wanted) && strncmp(label->string, wanted, len) == 0 && cJSON_IsString(label) &&
                         strcmp(label->valuestring, equals + 1) == 0
                   : strcmp(label->string, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_ancestor(const struct kist_container *c, const char *wanted)
{
    char image[KIST_DIGEST_TEXT_MAX];
    const char *id = kist_digest_text(image, &c->image);

    return (c->image_name && strcmp(c->image_name, wanted) == 0) || kist_str_starts(id, wanted) ||
           kist_str_starts(id + strlen("sha256:"), wanted);
}

/* A mount of it is at that place, or comes from there. */
static bool has_volume(const struct kist_engine *engine, const struct kist_container *c, const char *wanted)
{
    KIST_AUTO(json) cJSON *config = NULL;
    const cJSON *mount;

    if (c->id[0] == '\0' || kist_container_config(engine, c->id, &config, NULL) < 0) {
        return false;
    }
    cJSON_ArrayForEach(mount, kist_json_array(config, "mounts"))
    {
        const char *source = kist_json_string(mount, "source"), *target = kist_json_string(mount, "destination");
        const char *name = source && (kist_str_starts(source, KIST_VOLUME_SOURCE) || kist_str_starts(source, "volumes/"))
                               ? strchr(source, '/') + 1
                               : source;

        if ((name && strcmp(name, wanted) == 0) || (target && strcmp(target, wanted) == 0)) {
            return true;
        }
    }
    return false;
}

/* A part of it; of Docker's regular expressions "^" and "$" are known, and a "/" before the name. */
static bool has_name(const char *name, const char *wanted)
{
    const bool begins = wanted[0] == '^', ends = kist_str_ends(wanted, "$");
    const size_t skip = begins + (wanted[begins] == '/'), len = strlen(wanted) - skip - ends, whole = strlen(name);

    wanted += skip;
    for (size_t at = ends && whole > len ? whole - len : 0; at + len <= whole && (at == 0 || !begins); at++) {
        if (memcmp(name + at, wanted, len) == 0) {
            return true;
        }
    }
    return false;
}

enum { BY_NAME, BY_ID, BY_STATUS, BY_LABEL, BY_ANCESTOR, BY_HEALTH, BY_EXITED, BY_VOLUME, FILTERS };

static const char *const filter_names[FILTERS] = {"name=",     "id=",     "status=", "label=",
                                                  "ancestor=", "health=", "exited=", "volume="};

static bool passes(const struct kist_engine *engine, const struct kist_container *c, int by, const char *wanted)
{
    uint64_t number;

    switch (by) {
    case BY_NAME:
        return has_name(c->name, wanted);
    case BY_ID:
        return strstr(c->id, wanted) != NULL;
    case BY_STATUS:
        return strcmp(kist_container_state_name(c), wanted) == 0;
    case BY_LABEL:
        return has_label(c, wanted);
    case BY_ANCESTOR:
        return has_ancestor(c, wanted);
    case BY_HEALTH:
        return strcmp(c->health ? c->health : "none", wanted) == 0;
    case BY_EXITED:
        return c->status == KIST_CONTAINER_EXITED && kist_str_u64(wanted, 255, &number) && c->exit_status == (int)number;
    default:
        return has_volume(engine, c, wanted);
    }
}

/* Docker has more of the first than there are here. */
static bool makes_sense(int by, const char *wanted)
{
    static const char *const words[FILTERS] = {[BY_STATUS] = " created restarting running removing paused exited dead ",
                                               [BY_HEALTH] = " starting healthy unhealthy none "};
    uint64_t number;
    char word[16];

    return by == BY_EXITED ? kist_str_u64(wanted, UINT32_MAX, &number)
                           : !words[by] || (kist_str_format(word, sizeof(word), " %s ", wanted) && strstr(words[by], word));
}

static int filter_of(const char *text, const char **wanted, struct kist_error *err)
{
    for (int i = 0; i < FILTERS; i++) {
        if (kist_str_starts(text, filter_names[i])) {
            *wanted = text + strlen(filter_names[i]);
            return makes_sense(i, *wanted) ? i : kist_error_set(err, KIST_E_USAGE, "invalid filter '%s'", text);
        }
    }
    return kist_error_set(err, KIST_E_USAGE,
                          "invalid filter '%s': name, id, status, label, ancestor, health, exited and volume are known", text);
}

/* Filters of one kind are alternatives, but labels all have to be there: as Docker has it. 1: it passes. */
static int passes_all(const struct kist_engine *engine, const struct kist_container *c, const struct kist_strv *filters,
                      struct kist_error *err)
{
    bool asked[FILTERS] = {false}, passed[FILTERS] = {false};

    for (size_t i = 0; i < filters->n; i++) {
        const char *wanted = "";
        int by = filter_of(filters->v[i], &wanted, err);
        bool good;

        if (by < 0) {
            return by;
        }
        good = passes(engine, c, by, wanted);
        passed[by] = by == BY_LABEL && asked[by] ? passed[by] && good : passed[by] || good;
        asked[by] = true;
    }
    for (int i = 0; i < FILTERS; i++) {
        if (asked[i] && !passed[i]) {
            return 0;
        }
    }
    return 1;
}

/* A filter that asks for what does not run wants all to be looked at. */
static bool means_all(const struct options *o)
{
    for (size_t i = 0; i < o->filters.n; i++) {
        if (kist_str_starts(o->filters.v[i], "status=") || kist_str_starts(o->filters.v[i], "exited=")) {
            return true;
        }
    }
    return o->all || o->latest || o->last > 0;
}

/* ---- rows ---- */

static int add_row(cJSON *rows, const struct kist_engine *engine, const struct kist_container *c, const struct options *o,
                   struct kist_error *err)
{
    char size[KIST_STR_SIZE_MAX];
    uint64_t bytes = 0;
    cJSON *row = NULL;
    int rc = kist_container_row(c, o->no_trunc, &row, err);

    if (rc == 0 && o->size) {
        rc = kist_store_container_usage(engine->store, c->id, &bytes, NULL);
        bytes = rc < 0 ? 0 : bytes; /* removed while we look */
        rc = kist_json_put_string(row, "Size", kist_str_size(size, bytes), err);
        if (rc < 0) {
            cJSON_Delete(row);
        }
    }
    return rc < 0 ? rc : kist_json_append(rows, row, err);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    const bool all = means_all(o);
    uint64_t left = o->latest ? 1 : o->last > 0 ? o->last : UINT64_MAX;
    struct kist_engine engine = {.run = NULL};
    const struct kist_container none = {.id = ""};
    int rc = rows ? kist_containers_load(app, &engine, &list, err) : kist_error_nomem(err);

    (void)count;
    (void)operands;
    rc = rc < 0 ? rc : passes_all(&engine, &none, &o->filters, err); /* what makes no sense is told whatever there is */
    for (size_t i = 0; rc >= 0 && i < list.n && left > 0; i++) {
        if (!all && !kist_container_is_up(&list.v[i])) {
            continue;
        }
        rc = passes_all(&engine, &list.v[i], &o->filters, err);
        if (rc == 1) {
            rc = add_row(rows, &engine, &list.v[i], o, err);
            left--;
        }
    }
    return rc < 0 ? rc : kist_rows_print(&rows_options, columns, KIST_COUNT(columns) - !o->size, rows, err);
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also those that do not run"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only IDs"),
    KIST_OPT("filter", 'f', LIST, struct options, filters, "NAME=VALUE",
             "Only those with that name, id, status, label, ancestor, health, exited or volume"),
    KIST_OPT("last", 'n', NUMBER, struct options, last, "N", "Only the N made last, running or not"),
    KIST_OPT("latest", 'l', FLAG, struct options, latest, NULL, "Only the one made last, running or not"),
    KIST_OPT("size", 's', FLAG, struct options, size, NULL, "Print what each takes in the store"),
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
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
