#include <stdio.h>

#include "cmd/cmd.h"
#include "container/container.h"

struct options {
    bool force, volumes;
};

static int remove_one(const struct kist_engine *engine, const char *text, const struct options *o, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    const struct kist_container *container;
    int rc = kist_container_list(engine, &list, err);

    if (rc == 0) {
        rc = kist_container_list_find(&list, text, &container, err);
    }
    if (rc < 0) {
        return rc;
    }
    return o->volumes ? kist_container_remove_volumes(engine, container->id, o->force, err)
                      : kist_container_remove(engine, container->id, o->force, err);
}

/* Every operand is tried; the first failure is the command's, with --force not one that finds nothing: as Docker has it. */
static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_engine engine = {.run = NULL};
    int rc = kist_app_store(app, false, &engine.store, err), failed = 0;

    if (rc == KIST_E_NOT_FOUND && o->force) {
        return 0; /* no store yet: nothing to remove */
    }
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no such container '%s'", operands[0]);
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        struct kist_error one;
        int done = remove_one(&engine, operands[i], o, &one);

        if (done == 0) {
            (void)printf("%s\n", operands[i]);
        } else if (failed == 0 && !(o->force && done == KIST_E_NOT_FOUND)) {
            failed = done;
            *err = one;
        } else {
            kist_app_complain(&one);
        }
    }
    return rc < 0 ? rc : failed;
}

static const struct kist_option options[] = {
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "Kill it first if it runs; none such is fine"),
    KIST_OPT("volumes", 'v', FLAG, struct options, volumes, NULL, "Its anonymous volumes too"),
    {.name = NULL},
};

const struct kist_command kist_cmd_rm = {
    .name = "rm",
    .operands = "CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
