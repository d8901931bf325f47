#include <stdio.h>

#include "cmd/remote.h"

/* Every file is gone through: a login left in a later one would go on to be used. */
static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct kist_strv *files;
    char host[KIST_REFERENCE_HOST_MAX];
    bool any = false;
    int rc = kist_registry_host(host, count > 0 ? operands[0] : "docker.io", err);

    (void)values;
    if (rc == 0) {
        rc = kist_remote_auth_files(app, &files, err);
    }
    for (size_t i = 0; rc == 0 && i < files->n; i++) {
        bool found = false;

        rc = kist_credential_erase(files->v[i], host, &found, err);
        any |= found;
    }
    if (rc == 0) {
        (void)printf(any ? "Removing login credentials for %s\n" : "Not logged in to %s\n", host);
    }
    return rc;
}

const struct kist_command kist_cmd_logout = {
    .name = "logout",
    .operands = "[HOST]",
    .summary = "Forget the login at a registry, docker.io if none is named",
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
