/* 'start', and the process that stays with a detached container. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/containers.h"
#include "port/self.h"

struct options {
    bool attach, interactive, all;
};

static int act_start(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                     struct kist_error *err)
{
    const struct kist_container_start how = {.detached = true};
    int status;

    (void)operand;
    (void)arg;
    /* as Docker has it: one that runs is as it was asked to be */
    return kist_container_is_up(c) ? 0 : kist_container_start(engine, c->id, &how, &status, err);
}

/* One that runs is attached to; else it runs here. */
static int start_here(struct kist_app *app, const char *name, bool input, struct kist_error *err)
{
    const struct kist_container_attach attach = {.input = input, .sig_proxy = true};
    const struct kist_container_start how = {.sig_proxy = true, .notify = getenv("NOTIFY_SOCKET")};
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    struct kist_engine engine = {.run = NULL};
    int status, rc = kist_containers_find(app, &engine, name, &c, err);

    if (rc == 0 && kist_container_is_up(&c)) {
        rc = kist_container_attach(&engine, c.id, &attach, &status, err);
        return rc < 0 ? rc : rc == 1 ? 0 : status;
    }
    rc = rc < 0 ? rc : kist_container_start(&engine, c.id, &how, &status, err);
    return rc < 0 ? rc : status;
}

/* What a boot brings back. */
static int start_all(struct kist_app *app, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    struct kist_engine engine = {.run = NULL};
    struct kist_error one;
    int rc = kist_containers_load(app, &engine, &list, err), failed = 0;

    /* the oldest first: what others need was most likely made before them */
    for (size_t i = list.n; rc == 0 && i > 0; i--) {
        const struct kist_container *c = &list.v[i - 1];
        bool wanted;
        int done = kist_container_is_up(c) ? 0 : kist_container_at_boot(&engine, c, &wanted, &one);

        if (kist_container_is_up(c) || (done == 0 && !wanted)) {
            continue;
        }
        done = done < 0 ? done : act_start(&engine, c, c->name, NULL, &one);
        if (done == 0) {
            (void)printf("%s\n", c->name);
        } else if (failed == 0) {
            failed = done;
            *err = one;
        } else {
            kist_app_complain(&one);
        }
    }
    return rc < 0 ? rc : failed;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;

    if (o->all) {
        return count > 0 || o->attach ? kist_error_set(err, KIST_E_USAGE, "--all goes with no container and no --attach")
                                      : start_all(app, err);
    }
    if (count == 0) {
        return kist_error_set(err, KIST_E_USAGE, "'kist start' needs CONTAINER [CONTAINER...] (try 'kist start --help')");
    }
    if (!o->attach && !o->interactive) {
        return kist_containers_each(app, count, operands, false, act_start, NULL, err);
    }
    if (count > 1) {
        return kist_error_set(err, KIST_E_USAGE, "only one container can be started and attached to");
    }
    port_self_seal(app->arguments);
    return start_here(app, operands[0], o->interactive, err);
}

static const struct kist_option options[] = {
    KIST_OPT("attach", 'a', FLAG, struct options, attach, NULL, "Stay with it until it ends, in this process; with one that runs, attach"),
    KIST_OPT("interactive", 'i', FLAG, struct options, interactive, NULL, "Likewise"),
    KIST_OPT("all", 0, FLAG, struct options, all, NULL, "All whose restart policy asks for it, as at boot"),
    {.name = NULL},
};

const struct kist_command kist_cmd_start = {
    .name = "start",
    .operands = "CONTAINER [CONTAINER...]",
    .summary = "Start created or ended containers",
    .options = options,
    .options_size = sizeof(struct options),
    .max_operands = -1,
    .flags = KIST_CMD_RUNS | KIST_CMD_CONTAINERS,
    .run = run,
};

static int supervise(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct kist_engine engine = {.run = NULL};
    int rc = kist_app_store(app, false, &engine.store, err);

    (void)values;
    (void)count;
    return rc < 0 ? rc : kist_container_supervise(&engine, operands[0], err);
}

const struct kist_command kist_cmd_supervise = {
    .name = "supervise",
    .operands = "ID",
    .summary = "What 'run --detach' and 'start' leave behind to stay with a container",
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_INTERNAL | KIST_CMD_CONTAINERS,
    .run = supervise,
};
