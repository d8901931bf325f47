/* 'system doctor': what this machine has of what kist uses, and what is lost without the rest. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "codec/json.h"
#include "port/probe.h"

#define LINE_MAX_BYTES 4096

struct options {
    bool json;
};

static const char *word(enum port_found found)
{
    return found == PORT_FOUND ? "found" : found == PORT_MISSING ? "missing" : "unknown";
}

static int print_json(const struct port_probe *p, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf line = KIST_BUF_INIT(LINE_MAX_BYTES);
    KIST_AUTO(json) cJSON *row = cJSON_CreateObject();
    int rc;

    if (!row) {
        return kist_error_nomem(err);
    }
    if ((rc = kist_json_put_string(row, "name", p->name, err)) < 0 ||
        (rc = kist_json_put_string(row, "state", word(p->found), err)) < 0 ||
        (rc = kist_json_put_bool(row, "essential", p->essential, err)) < 0 ||
        (rc = kist_json_put_string(row, "lost", p->lost, err)) < 0 ||
        (rc = kist_json_put_string(row, "option", p->option, err)) < 0 ||
        (rc = kist_json_print(row, false, &line, err)) < 0) {
        return rc;
    }
    (void)printf("%s\n", kist_buf_text(&line));
    return 0;
}

static int print(const struct port_probe *p, bool json, struct kist_error *err)
{
    if (json) {
        return print_json(p, err);
    }
    if (p->found == PORT_FOUND) {
        (void)printf("found    %s\n", p->name);
    } else {
        (void)printf("%-8s %-17s %s (%s)\n", word(p->found), p->name, p->lost, p->option);
    }
    return 0;
}

/* No kernel has it for us: it is said, not looked for. */
static const struct port_probe unlimited = {
    .name = "container-limit",
    .option = "--storage-opt size=SIZE, --read-only, or --tmpfs with a size",
    .lost = "what a container writes without a size is measured and counts, but nothing stops it",
    .found = PORT_MISSING,
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct port_probe probes[PORT_PROBES_MAX];
    const struct port_probe *lacking = NULL;
    size_t n = 0;
    int rc = port_probe_all(app->settings.root, probes, &n, err);

    (void)count;
    (void)operands;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = print(&probes[i], o->json, err);
        if (!lacking && probes[i].essential && probes[i].found == PORT_MISSING) {
            lacking = &probes[i];
        }
    }
    rc = rc < 0 ? rc : print(&unlimited, o->json, err);
    if (rc < 0 || !lacking) {
        return rc;
    }
    return kist_error_set(err, KIST_E_UNSUPPORTED, "this machine lacks '%s', and without it %s (%s)", lacking->name,
                          lacking->lost, lacking->option);
}

static const struct kist_option options[] = {
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    {.name = NULL},
};

const struct kist_command kist_cmd_doctor = {
    .name = "system doctor",
    .operands = "",
    .summary = "Tell what this machine has of what kist uses",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
