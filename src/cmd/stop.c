/* 'stop', 'restart', 'kill', 'pause', 'unpause', 'wait', 'rename': one question to who stays with a container. */
#include <signal.h>
#include <stdio.h>

#include "cmd/containers.h"

struct options {
    const char *time, *signal;
    bool all;
};

struct asked {
    int number, seconds;
    bool shutdown;
};

static int read_options(struct asked *asked, const struct options *o, struct kist_error *err)
{
    int rc = kist_containers_signal(o->signal, &asked->number, err);

    return rc < 0 ? rc : kist_containers_seconds(o->time, &asked->seconds, err);
}

static int act_stop(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                    struct kist_error *err)
{
    const struct asked *asked = arg;

    (void)operand;
    return kist_container_stop(engine, c->id, asked->number, asked->seconds, asked->shutdown, err);
}

static int act_restart(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                       struct kist_error *err)
{
    const struct asked *asked = arg;

    (void)operand;
    return kist_container_restart(engine, c->id, asked->number, asked->seconds, err);
}

static int act_kill(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                    struct kist_error *err)
{
    const struct asked *asked = arg;

    (void)operand;
    return kist_container_signal(engine, c->id, asked->number, err);
}

static int act_pause(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                     struct kist_error *err)
{
    (void)operand;
    return kist_container_pause(engine, c->id, *(const bool *)arg, err);
}

static int act_wait(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                    struct kist_error *err)
{
    int status, rc = kist_container_wait(engine, c->id, &status, err);

    (void)operand;
    (void)arg;
    if (rc == 0) {
        (void)printf("%d\n", status);
    }
    return rc;
}

/* All are told before the first is waited for: their stop times run side by side. */
static int stop_all(struct kist_app *app, struct asked *asked, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list;
    KIST_AUTO(strv) struct kist_strv names = {.v = NULL};
    struct kist_engine engine = {.run = NULL};
    int rc = kist_containers_load(app, &engine, &list, err);

    asked->shutdown = true;
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        if (kist_container_is_up(&list.v[i])) {
            kist_container_shut_down(&engine, list.v[i].id);
            rc = kist_strv_add(&names, list.v[i].name, err);
        }
    }
    return rc < 0 || names.n == 0 ? rc : kist_containers_each(app, (int)names.n, names.v, false, act_stop, asked, err);
}

static int stop(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct asked asked = {.shutdown = false};
    int rc = read_options(&asked, values, err);

    if (rc == 0 && o->all != (count == 0)) {
        return kist_error_set(err, KIST_E_USAGE, "'kist stop' needs CONTAINER [CONTAINER...], or --all (try 'kist stop --help')");
    }
    return rc < 0   ? rc
           : o->all ? stop_all(app, &asked, err)
                    : kist_containers_each(app, count, operands, false, act_stop, &asked, err);
}

static int restart(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct asked asked;
    int rc = read_options(&asked, values, err);

    return rc < 0 ? rc : kist_containers_each(app, count, operands, false, act_restart, &asked, err);
}

static int kill_them(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct asked asked = {.number = SIGKILL};
    int rc = o->signal ? kist_containers_signal(o->signal, &asked.number, err) : 0;

    return rc < 0 ? rc : kist_containers_each(app, count, operands, false, act_kill, &asked, err);
}

static int pause_them(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    bool pause = true;

    (void)values;
    return kist_containers_each(app, count, operands, false, act_pause, &pause, err);
}

static int unpause(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    bool pause = false;

    (void)values;
    return kist_containers_each(app, count, operands, false, act_pause, &pause, err);
}

static int wait_for(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    (void)values;
    return kist_containers_each(app, count, operands, true, act_wait, NULL, err);
}

static int rename_it(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    struct kist_engine engine = {.run = NULL};
    int rc = kist_containers_find(app, &engine, operands[0], &c, err);

    (void)values;
    (void)count;
    return rc < 0 ? rc : kist_container_rename(&engine, c.id, operands[1], err);
}

static const struct kist_option stop_options[] = {
    KIST_OPT("all", 0, FLAG, struct options, all, NULL, "All that run, as at shutdown: 'start --all' brings them back"),
    KIST_OPT("time", 't', TEXT, struct options, time, "SECONDS", "Until it is killed (default: its own, 10; -1 never)"),
    KIST_OPT("signal", 's', TEXT, struct options, signal, "SIGNAL", "Instead of its stop signal"),
    {.name = NULL},
};

static const struct kist_option kill_options[] = {
    KIST_OPT("signal", 's', TEXT, struct options, signal, "SIGNAL", "Instead of KILL"),
    {.name = NULL},
};

#define MANY(member, word, text, function, rows, least)                                                               \
    const struct kist_command kist_cmd_##member = {                                                                   \
        .name = (word), .operands = "CONTAINER [CONTAINER...]", .summary = (text), .options = (rows),                 \
        .options_size = sizeof(struct options), .min_operands = (least), .max_operands = -1,                            \
        .flags = KIST_CMD_CONTAINERS, .run = (function)}

MANY(stop, "stop", "Stop containers: a signal, and if that does not do SIGKILL", stop, stop_options, 0);
MANY(restart, "restart", "Stop containers, and start them again", restart, stop_options + 1, 1);
MANY(kill, "kill", "Send containers a signal", kill_them, kill_options, 1);
MANY(pause, "pause", "Freeze all that runs in containers", pause_them, NULL, 1);
MANY(unpause, "unpause", "Let paused containers go on", unpause, NULL, 1);
MANY(wait, "wait", "Wait until containers have ended, and print their exit statuses", wait_for, NULL, 1);

const struct kist_command kist_cmd_rename = {
    .name = "rename",
    .operands = "CONTAINER NAME",
    .summary = "Give a container another name",
    .min_operands = 2,
    .max_operands = 2,
    .flags = KIST_CMD_CONTAINERS,
    .run = rename_it,
};
