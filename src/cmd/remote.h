/* How registries are spoken to, as the settings have it. */
#ifndef KIST_CMD_REMOTE_H
#define KIST_CMD_REMOTE_H

#include "cmd/cmd.h"
#include "registry/registry.h"

#define KIST_SYSTEM_AUTH_FILE "/etc/kist/auth.json"

/* o points into app, which must outlive it. */
int kist_remote_options(struct kist_app *app, struct kist_registry_options *o, struct kist_error *err) KIST_CHECKED;

/*
 * The files of accounts, in the order they are searched: 'registry.auth-file', or $DOCKER_CONFIG/config.json,
 * /etc/kist/auth.json and ~/.docker/config.json. Owned by app.
 */
int kist_remote_auth_files(struct kist_app *app, const struct kist_strv **files, struct kist_error *err) KIST_CHECKED;

#endif
