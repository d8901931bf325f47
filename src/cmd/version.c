#include <stdio.h>

#include "cmd/cmd.h"

#ifndef KIST_VERSION
#error "KIST_VERSION comes from the build"
#endif

static int run(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err)
{
    (void)app;
    (void)options;
    (void)count;
    (void)operands;
    (void)err;
    (void)printf("kist version %s\n", KIST_VERSION);
    return 0;
}

const struct kist_command kist_cmd_version = {
    .name = "version",
    .operands = "",
    .summary = "Print the version",
    .run = run,
};
