#include <string.h>

#include "cmd/containers.h"
#include "cmd/rootless.h"
#include "container/update.h"

struct options {
    struct kist_limit_options limits;
    const char *restart;
};

static int act(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg, struct kist_error *err)
{
    const struct options *o = arg;

    (void)operand;
    return kist_container_update(engine, c->id, &o->limits, o->restart, err);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    static const struct options nothing;
    struct options o = *(const struct options *)values;

    if (memcmp(values, &nothing, sizeof(nothing)) == 0) {
        return kist_error_set(err, KIST_E_USAGE, "nothing to change (try 'kist update --help')");
    }
    if (kist_rootless_limits(&o.limits, err) < 0) {
        return err->code;
    }
    return kist_containers_each(app, count, operands, false, act, &o, err);
}

static const struct kist_option options[] = {
    KIST_LIMIT_ROWS(struct options, limits),
    KIST_OPT("restart", 0, TEXT, struct options, restart, "POLICY", "no, on-failure[:TIMES], always or unless-stopped"),
    {.name = NULL},
};

const struct kist_command kist_cmd_update = {
    .name = "update",
    .operands = "CONTAINER [CONTAINER...]",
    .summary = "Change what containers may use, and when they start again",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
