#include "cmd/remote.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/path.h"

/* dir/name, where the variable that names dir is set and makes a path. */
static int add_file(struct kist_strv *list, const char *variable, const char *name, struct kist_error *err)
{
    const char *dir = getenv(variable);
    char path[KIST_MAX_PATH + 1];

    if (!dir || dir[0] != '/' || !kist_path_join(path, sizeof(path), dir, name)) {
        return 0;
    }
    return kist_strv_add(list, path, err);
}

int kist_remote_auth_files(struct kist_app *app, const struct kist_strv **files, struct kist_error *err)
{
    int rc = 0;

    *files = &app->auth_files;
    if (app->auth_files.n > 0) {
        return 0;
    }
    if (app->settings.auth_file) {
        return kist_strv_add(&app->auth_files, app->settings.auth_file, err);
    }
    rc = add_file(&app->auth_files, "DOCKER_CONFIG", "config.json", err);
    if (rc == 0) {
        rc = kist_strv_add(&app->auth_files, KIST_SYSTEM_AUTH_FILE, err);
    }
    return rc == 0 ? add_file(&app->auth_files, "HOME", ".docker/config.json", err) : rc;
}

int kist_remote_options(struct kist_app *app, struct kist_registry_options *o, struct kist_error *err)
{
    const struct kist_settings *s = &app->settings;

    *o = (struct kist_registry_options){
        .insecure = &s->insecure,
        .ca_file = s->tls_ca,
        .tries = (unsigned)s->tries,
        .connect_ms = s->connect_ms,
        .stall_ms = s->stall_ms,
        .backoff_ms = s->backoff_ms,
        .stop = kist_app_stopped,
    };
    return kist_remote_auth_files(app, &o->auth_files, err);
}
