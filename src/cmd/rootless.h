/* kist of a user who is not root: places of his own, and a user namespace for what containers need (port/rootless.h). */
#ifndef KIST_CMD_ROOTLESS_H
#define KIST_CMD_ROOTLESS_H

#include "cmd/cmd.h"
#include "container/generate.h"

/* Not root, or root of a user namespace that kist_rootless_enter made. */
bool kist_rootless(void);

/* The defaults that are other ones then, and the user's own configuration file in path ("" where he has no home); nothing for root. */
int kist_rootless_settings(struct kist_settings *s, char *path, size_t size, struct kist_error *err) KIST_CHECKED;

/* Before a command that has to do with containers: begins this program again, as the root of the user's namespace; returns where it is that already. */
int kist_rootless_enter(const struct kist_app *app, struct kist_error *err) KIST_CHECKED;

/* What of a new container's defaults is root's becomes what is not. */
int kist_rootless_adapt(cJSON *config, struct kist_error *err) KIST_CHECKED;
/* Of the limits of one: KIST_E_UNSUPPORTED where any is given. */
int kist_rootless_limits(const struct kist_limit_options *l, struct kist_error *err) KIST_CHECKED;
/* What of a new container needs root, which the caller is not: KIST_E_UNSUPPORTED names it. */
int kist_rootless_check(const struct kist_run_options *o, struct kist_error *err) KIST_CHECKED;

#endif
