/* 'events': what happened to containers since the machine booted, and what happens. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/containers.h"
#include "cmd/moment.h"
#include "cmd/template.h"
#include "container/logs.h"
#include "port/clock.h"

struct options {
    const char *since, *until, *format;
    struct kist_strv filters;
};

struct printing {
    const struct options *o;
    int64_t since, until;
};

static bool passes(const cJSON *event, const char *filter)
{
    const cJSON *attributes = kist_json_object(kist_json_object(event, "Actor"), "Attributes");
    const char *action = kist_json_string(event, "Action"), *id = kist_json_string(event, "id");
    const char *name = kist_json_string(attributes, "name"), *image = kist_json_string(attributes, "image");
    const char *wanted = strchr(filter, '=') + 1;

    if (kist_str_starts(filter, "event=")) {
        return action && (strcmp(action, wanted) == 0 || (kist_str_starts(action, wanted) && action[strlen(wanted)] == ':'));
    }
    if (kist_str_starts(filter, "container=")) {
        return (id && *wanted && kist_str_starts(id, wanted)) || (name && strcmp(name, wanted) == 0);
    }
    if (kist_str_starts(filter, "image=")) {
        return image && strcmp(image, wanted) == 0;
    }
    return strcmp(wanted, "container") == 0; /* type= */
}

/* Filters of one name are alternatives, those of different names all count. */
static bool passes_all(const cJSON *event, const struct kist_strv *filters)
{
    for (size_t i = 0; i < filters->n; i++) {
        const size_t name = strcspn(filters->v[i], "=") + 1;
        bool good = false;

        for (size_t j = 0; j < filters->n; j++) {
            good = good || (strncmp(filters->v[i], filters->v[j], name) == 0 && passes(event, filters->v[j]));
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static int check_filters(const struct kist_strv *filters, struct kist_error *err)
{
    static const char *const names[] = {"event=", "container=", "image=", "type="};

    for (size_t i = 0; i < filters->n; i++) {
        bool known = false;

        for (size_t j = 0; j < KIST_COUNT(names); j++) {
            known = known || kist_str_starts(filters->v[i], names[j]);
        }
        if (!known) {
            return kist_error_set(err, KIST_E_USAGE, "invalid filter '%s': event, container, image and type are known",
                                  filters->v[i]);
        }
    }
    return 0;
}

/* "2024-01-31T12:00:00Z container start <id> (image=..., name=...)" */
static void print_line(const cJSON *event, int64_t time)
{
    const cJSON *attribute;
    const char *before = " (", *action = kist_json_string(event, "Action"), *id = kist_json_string(event, "id");
    char text[KIST_STR_TIME_MAX];

    (void)printf("%s container %s %s", kist_str_rfc3339(text, time), action ? action : "", id ? id : "");
    cJSON_ArrayForEach(attribute, kist_json_object(kist_json_object(event, "Actor"), "Attributes"))
    {
        (void)printf("%s%s=%s", before, attribute->string, cJSON_IsString(attribute) ? attribute->valuestring : "");
        before = ", ";
    }
    (void)printf("%s\n", before[0] == ',' ? ")" : "");
}

static int print(void *arg, const char *line, size_t len, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    KIST_AUTO(json) cJSON *event = NULL;
    const struct printing *p = arg;
    uint64_t time = 0;
    int rc = 0;

    /* a line that was cut off by a full disk is none */
    if (kist_json_parse(&event, line, len, "event", NULL) < 0 || !kist_json_u64(event, "time", &time) ||
        (int64_t)time < p->since || (int64_t)time > p->until || !passes_all(event, &p->o->filters)) {
        return 0;
    }
    if (p->o->format) {
        rc = kist_template_print(p->o->format, event, &text, err);
        (void)(rc < 0 || printf("%s\n", kist_buf_text(&text)));
    } else {
        print_line(event, (int64_t)time);
    }
    return rc < 0 ? rc : fflush(stdout) == 0 ? 0 : kist_error_set(err, KIST_E_IO, "cannot write to standard output");
}

static bool is_over(void *arg)
{
    const struct printing *p = arg;

    return kist_app_stopped(NULL) || port_clock_now() > p->until;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    const struct kist_engine engine = {.run = NULL};
    struct printing printing = {.o = o, .since = port_clock_now(), .until = INT64_MAX};
    int rc = check_filters(&o->filters, err);

    (void)app;
    (void)count;
    (void)operands;
    printing.since = o->until && !o->since ? 0 : printing.since;
    rc = rc < 0 ? rc : kist_moment_parse(o->since, "since", &printing.since, err);
    rc = rc < 0 ? rc : kist_moment_parse(o->until, "until", &printing.until, err);
    if (rc < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = kist_events_read(&engine, true, is_over, print, &printing, err);
    kist_app_release_signals();
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("filter", 'f', LIST, struct options, filters, "NAME=VALUE", "Only of that event, container, image or type"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each by a Go template"),
    KIST_OPT("since", 0, TEXT, struct options, since, "TIME", "Also what happened from then on: a time, or how long ago (10m)"),
    KIST_OPT("until", 0, TEXT, struct options, until, "TIME", "End then, instead of going on"),
    {.name = NULL},
};

const struct kist_command kist_cmd_events = {
    .name = "events",
    .operands = "",
    .summary = "Print what happens to containers",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
