/* 'stats': what containers use, once a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/columns.h"
#include "cmd/containers.h"
#include "port/clock.h"
#include "port/meter.h"

#define PERIOD 1000 /* milliseconds */

struct options {
    bool all, no_stream, no_trunc, json;
    const char *format;
};

/* A container as it was at the last look. */
struct sample {
    char id[KIST_CONTAINER_ID_MAX];
    uint64_t cpu, time; /* nanoseconds; milliseconds, 0: not yet looked at */
};

struct stats {
    struct kist_engine engine;
    const struct options *o;
    struct sample *samples; /* of the last look, or those that were named, in that order */
    size_t n;
    char **names; /* as given; NULL: none, so it is all that there are */
};

/* Docker's: "1.523MiB" (powers of 1024, four digits), "12.5kB" (of 1000, three). */
static void size_text(char dst[24], double bytes, bool binary)
{
    static const char *const units[][7] = {{"B", "kB", "MB", "GB", "TB", "PB", "EB"},
                                           {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}};
    const double base = binary ? 1024 : 1000, limit = binary ? 1024 : 999.5; /* which three digits would show as 1e+03 */
    size_t unit = 0;

    for (; bytes >= limit && unit < 6; unit++) {
        bytes /= base;
    }
    (void)snprintf(dst, 24, "%.*g%s", binary ? 4 : 3, bytes, units[binary][unit]);
}

static int put_pair(cJSON *row, const char *name, uint64_t a, uint64_t b, bool binary, struct kist_error *err)
{
    char first[24], second[24], text[64];

    size_text(first, (double)a, binary);
    size_text(second, (double)b, binary);
    (void)snprintf(text, sizeof(text), "%s / %s", first, second);
    return kist_json_put_string(row, name, text, err);
}

static int put_percent(cJSON *row, const char *name, double part, double whole, struct kist_error *err)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.2f%%", whole > 0 ? part / whole * 100 : 0.0);
    return kist_json_put_string(row, name, text, err);
}

static int fill_row(cJSON *row, const struct stats *s, const struct kist_container *c, const char *name,
                    const struct port_meter *m, double used, double passed, struct kist_error *err)
{
    char id[KIST_CONTAINER_ID_MAX], tasks[24];
    int rc;

    (void)snprintf(id, sizeof(id), "%.*s", s->o->no_trunc ? 64 : 12, c->id);
    (void)snprintf(tasks, sizeof(tasks), "%llu", (unsigned long long)m->tasks);
    rc = kist_json_put_string(row, "Container", name ? name : id, err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "ID", id, err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "Name", c->name, err);
    rc = rc < 0 ? rc : put_percent(row, "CPUPerc", used, passed, err);
    rc = rc < 0 ? rc : put_pair(row, "MemUsage", m->memory, m->limit, true, err);
    rc = rc < 0 ? rc : put_percent(row, "MemPerc", (double)m->memory, (double)m->limit, err);
    rc = rc < 0 ? rc : put_pair(row, "NetIO", m->received, m->sent, false, err);
    rc = rc < 0 ? rc : put_pair(row, "BlockIO", m->read, m->written, false, err);
    return rc < 0 ? rc : kist_json_put_string(row, "PIDs", tasks, err);
}

/* One that does not run uses nothing, of nothing. */
static int look(struct stats *s, struct sample *sample, const struct kist_container *c, const char *name, cJSON *rows,
                struct kist_error *err)
{
    const struct sample before = *sample;
    struct port_meter m = {.cpu = 0};
    cJSON *row = cJSON_CreateObject();
    double used, passed;
    int rc = row ? 0 : kist_error_nomem(err);

    if (rc == 0 && c->pid > 0) {
        rc = port_meter_read(&m, c->group ? c->group : c->id, c->pid, err);
    }
    sample->time = port_clock_monotonic();
    sample->cpu = m.cpu;
    /* a container that was started again counts from 0 */
    used = before.time > 0 && m.cpu > before.cpu ? (double)(m.cpu - before.cpu) : 0;
    passed = (double)(sample->time - before.time) * 1000000;
    rc = rc < 0 ? rc : fill_row(row, s, c, name, &m, used, passed, err);
    if (rc < 0) {
        cJSON_Delete(row);
        return rc;
    }
    return kist_json_append(rows, row, err);
}

static const struct kist_container *find_id(const struct kist_container_list *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i].id, id) == 0) {
            return &list->v[i];
        }
    }
    return NULL;
}

/* The samples for who is there now, with what is known from the last look. */
static int follow(struct stats *s, const struct kist_container_list *list, struct kist_error *err)
{
    struct sample *now = calloc(list->n + 1, sizeof(*now));
    size_t n = 0;

    if (!now) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!s->o->all && !kist_container_is_up(&list->v[i])) {
            continue;
        }
        for (size_t j = 0; j < s->n; j++) {
            now[n] = strcmp(s->samples[j].id, list->v[i].id) == 0 ? s->samples[j] : now[n];
        }
        memcpy(now[n++].id, list->v[i].id, sizeof(now->id));
    }
    free(s->samples);
    s->samples = now;
    s->n = n;
    return 0;
}

/* A new look at all of them, as rows. */
static int look_at_all(struct stats *s, struct kist_app *app, cJSON *rows, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    int rc = kist_containers_load(app, &s->engine, &list, err);

    rc = rc < 0 || s->names ? rc : follow(s, &list, err);
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        const struct kist_container *c = find_id(&list, s->samples[i].id);

        rc = c ? look(s, &s->samples[i], c, s->names ? s->names[i] : NULL, rows, err) : 0; /* it may have been removed */
    }
    return rc;
}

static int find_named(struct stats *s, struct kist_app *app, int count, char **operands, struct kist_error *err)
{
    int rc = 0;

    s->samples = calloc((size_t)count + 1, sizeof(*s->samples));
    if (!s->samples) {
        return kist_error_nomem(err);
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        KIST_AUTO(container) struct kist_container c = {.pid = 0};

        rc = kist_containers_find(app, &s->engine, operands[i], &c, err);
        memcpy(s->samples[s->n++].id, c.id, sizeof(c.id));
    }
    s->names = count > 0 ? operands : NULL;
    return rc;
}

static int print(const struct options *o, const cJSON *rows, struct kist_error *err)
{
    static const struct kist_column columns[] = {
        {"CONTAINER ID", "ID"}, {"NAME", "Name"},      {"CPU %", "CPUPerc"},     {"MEM USAGE / LIMIT", "MemUsage"},
        {"MEM %", "MemPerc"},   {"NET I/O", "NetIO"}, {"BLOCK I/O", "BlockIO"}, {"PIDS", "PIDs"}};
    const struct kist_rows_options how = {.json = o->json, .format = o->format};
    int rc;

    if (!o->no_stream && isatty(STDOUT_FILENO)) {
        (void)fputs("\033[H\033[2J", stdout); /* each look in the place of the last */
    }
    rc = kist_rows_print(&how, columns, KIST_COUNT(columns), rows, err);
    return rc < 0 ? rc : fflush(stdout) == 0 ? 0 : kist_error_set(err, KIST_E_IO, "cannot write to standard output");
}

/* Processor time is a difference: the first look prints nothing. */
static int watch(struct stats *s, struct kist_app *app, struct kist_error *err)
{
    int rc = 0;

    for (bool first = true; rc == 0 && !kist_app_stopped(NULL); first = false) {
        KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();

        rc = rows ? look_at_all(s, app, rows, err) : kist_error_nomem(err);
        rc = rc < 0 || first ? rc : print(s->o, rows, err);
        if (rc == 0 && !first && (s->o->no_stream || (s->names && cJSON_GetArraySize(rows) == 0))) {
            return 0;
        }
        if (rc == 0 && !kist_app_stopped(NULL)) {
            port_clock_sleep(PERIOD);
        }
    }
    return rc == 0 && s->o->no_stream ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") : rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct stats s = {.o = values};
    int rc = find_named(&s, app, count, operands, err);

    if (rc == 0) {
        kist_app_catch_signals();
        rc = watch(&s, app, err);
        kist_app_release_signals();
    }
    free(s.samples);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also those that do not run"),
    KIST_OPT("no-stream", 0, FLAG, struct options, no_stream, NULL, "Print once, do not go on"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole IDs"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each container by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_stats = {
    .name = "stats",
    .operands = "[CONTAINER...]",
    .summary = "Print what containers use, once a second",
    .options = options,
    .options_size = sizeof(struct options),
    .max_operands = -1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
