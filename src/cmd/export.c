#include "cmd/containers.h"
#include "cmd/output.h"

struct options {
    const char *output;
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const struct options *o = values;
    struct kist_engine engine = {.run = NULL};
    struct kist_output out;
    int rc = kist_containers_find(app, &engine, operands[0], &c, err);

    (void)count;
    if (rc < 0 || (rc = kist_output_open(&out, o->output, err)) < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = kist_container_export(&engine, c.id, &out.sink, err);
    rc = kist_output_close(&out, rc, err);
    kist_app_release_signals();
    return rc < 0 ? kist_error_wrap(err, "cannot export '%s'", operands[0]) : 0;
}

static const struct kist_option options[] = {
    KIST_OPT("output", 'o', TEXT, struct options, output, "FILE", "Write to a file instead of standard output"),
    {.name = NULL},
};

const struct kist_command kist_cmd_export = {
    .name = "export",
    .operands = "CONTAINER",
    .summary = "Write a container's files as a tar",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
