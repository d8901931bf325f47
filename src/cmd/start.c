#include "cmd/cmd.h"
#include "container/container.h"

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    struct kist_engine engine = {.run = NULL};
    const struct kist_container *container;
    int status, rc = kist_app_store(app, false, &engine.store, err);

    (void)values;
    (void)count;
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no such container '%s'", operands[0]);
    }
    if (rc == 0) {
        rc = kist_container_list(&engine, &list, err);
    }
    if (rc == 0) {
        rc = kist_container_list_find(&list, operands[0], &container, err);
    }
    if (rc == 0) {
        rc = kist_container_start(&engine, container->id, true, &status, err);
    }
    return rc == 0 ? status : rc;
}

const struct kist_command kist_cmd_start = {
    .name = "start",
    .operands = "CONTAINER",
    .summary = "Start a created or ended container, and stay with it until it ends",
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_RUNS,
    .run = run,
};
