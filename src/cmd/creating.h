/* Image and flags -> a created container: what 'run' and 'create' share. */
#ifndef KIST_CMD_CREATING_H
#define KIST_CMD_CREATING_H

#include "cmd/cmd.h"
#include "container/container.h"
#include "container/generate.h"

struct kist_creating_options {
    struct kist_run_options spec;
    const char *name, *network, *platform, *progress;
    const char *sig_proxy; /* only of 'run' */
    const char *pull; /* always, missing or never; NULL: missing */
    bool quiet;
    bool transient;   /* --rm */
};

/* operands: the image, then the command. id is the container's. */
int kist_creating(struct kist_app *app, const struct kist_creating_options *o, int count, char **operands,
                  char id[KIST_CONTAINER_ID_MAX], struct kist_error *err) KIST_CHECKED;

#endif
