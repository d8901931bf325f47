/* 'logs': what a container wrote. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/containers.h"
#include "cmd/moment.h"
#include "container/logs.h"

struct options {
    bool follow, timestamps;
    const char *tail, *since, *until;
};

struct printing {
    bool timestamps;
    bool open[3]; /* the stream's line goes on */
};

static bool put(FILE *out, const char *text, size_t len)
{
    return fwrite(text, 1, len, out) == len;
}

static int print(void *arg, const struct kist_output_record *r, struct kist_error *err)
{
    struct printing *p = arg;
    FILE *out = r->stream == 2 ? stderr : stdout;
    bool good = true;

    if (p->timestamps && !p->open[r->stream]) {
        good = put(out, r->time, KIST_OUTPUT_TIME) && put(out, " ", 1);
    }
    good = good && put(out, r->text, r->len) && (!r->whole || put(out, "\n", 1)) && fflush(out) == 0;
    p->open[r->stream] = !r->whole;
    return good ? 0 : kist_error_set(err, KIST_E_IO, "cannot write to standard output");
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const struct options *o = values;
    struct printing printing = {.timestamps = o->timestamps};
    struct kist_logs_options wanted = {.follow = o->follow, .tail = UINT64_MAX, .since = 0, .until = INT64_MAX};
    struct kist_engine engine = {.run = NULL};
    int rc = kist_moment_parse(o->since, "since", &wanted.since, err);

    (void)count;
    rc = rc < 0 ? rc : kist_moment_parse(o->until, "until", &wanted.until, err);
    if (rc == 0 && o->tail && strcmp(o->tail, "all") != 0 && o->tail[0] != '-' && !kist_str_u64(o->tail, UINT64_MAX, &wanted.tail)) {
        rc = kist_error_set(err, KIST_E_USAGE, "tail must be a number or all, not '%s'", o->tail);
    }
    rc = rc < 0 ? rc : kist_containers_find(app, &engine, operands[0], &c, err);
    return rc < 0 ? rc : kist_logs_read(&engine, c.id, &wanted, print, &printing, err);
}

static const struct kist_option options[] = {
    KIST_OPT("follow", 'f', FLAG, struct options, follow, NULL, "Go on until the container ends"),
    KIST_OPT("tail", 'n', TEXT, struct options, tail, "N", "Only the last N lines (default all)"),
    KIST_OPT("since", 0, TEXT, struct options, since, "TIME", "Only what came after: a time, or how long ago (10m)"),
    KIST_OPT("until", 0, TEXT, struct options, until, "TIME", "Only what came before"),
    KIST_OPT("timestamps", 't', FLAG, struct options, timestamps, NULL, "Print when each line was written"),
    {.name = NULL},
};

const struct kist_command kist_cmd_logs = {
    .name = "logs",
    .operands = "CONTAINER",
    .summary = "Print what a container wrote",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
