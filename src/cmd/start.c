#include "cmd/cmd.h"
#include "container/container.h"

struct options {
    bool attach, no_sig_proxy;
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    const struct kist_container *found;
    struct kist_engine engine = {.run = NULL};
    int rc = kist_app_store(app, false, &engine.store, err), exit_status = 0;

    (void)count;
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no such container: '%s'", operands[0]);
    }
    rc = rc < 0 ? rc : kist_container_list(&engine, &list, err);
    rc = rc < 0 ? rc : kist_container_list_find(&list, operands[0], &found, err);
    rc = rc < 0 ? rc : kist_container_start(&engine, found->id, !o->no_sig_proxy, &exit_status, err);
    return rc < 0 ? rc : exit_status;
}

static const struct kist_option options[] = {
    KIST_OPT("attach", 'a', FLAG, struct options, attach, NULL, "Stay with it, which is what always happens"),
    KIST_OPT("no-sig-proxy", 0, FLAG, struct options, no_sig_proxy, NULL, "Do not pass signals on to it"),
    {.name = NULL},
};

const struct kist_command kist_cmd_start = {
    .name = "start",
    .operands = "CONTAINER",
    .summary = "Start a container that was made before, in the foreground",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_RUNS,
    .run = run,
};
