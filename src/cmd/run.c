#include "cmd/running.h"

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    struct kist_running_options o = *(const struct kist_running_options *)values;
    struct kist_running running;
    int exit_status = 0, rc;

    rc = kist_running_prepare(&running, app, &o, count, operands, err);
    if (rc == 0) {
        const struct kist_engine engine = {.store = app->store};

        rc = kist_container_run(&engine, &running.made, !o.no_sig_proxy, &exit_status, err);
        kist_running_release(&running);
    }
    /* the rest of o is the option table's to release */
    kist_strv_release(&o.run.command);
    return rc < 0 ? rc : exit_status;
}

static const struct kist_option options[] = {
    KIST_RUNNING_ROWS,
    KIST_RUNNING_ROW("rm", 0, FLAG, remove, NULL, "Remove the container when it ends"),
    KIST_RUNNING_ROW("no-sig-proxy", 0, FLAG, no_sig_proxy, NULL, "Do not pass signals on to it"),
    {.name = NULL},
};

const struct kist_command kist_cmd_run = {
    .name = "run",
    .operands = "IMAGE [COMMAND [ARG...]]",
    .summary = "Run a command in a new container, in the foreground",
    .options = options,
    .options_size = sizeof(struct kist_running_options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_OPTIONS_FIRST | KIST_CMD_RUNS,
    .run = run,
};
