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
    const char *log_driver;
    const char *cidfile; /* is to have the container's ID; must not be there */
    struct kist_strv log_opts;
    bool quiet, detach;
    bool transient;   /* --rm */
};

/* What is done with the container described; the description is gone when it returns. */
typedef int kist_creating_fn(void *arg, const struct kist_engine *engine, const struct kist_container_new *n,
                             struct kist_error *err);

/* operands: the image, then the command, ended by NULL. Gives what act returns. */
int kist_creating(struct kist_app *app, const struct kist_creating_options *o, char **operands, kist_creating_fn *act,
                  void *arg, struct kist_error *err) KIST_CHECKED;

#endif
