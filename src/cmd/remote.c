#include "cmd/remote.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/path.h"

#ifndef KIST_BUILD_TIME
#define KIST_BUILD_TIME 0
#endif

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

static const struct kist_strv *certs_dirs(struct kist_app *app)
{
    static char ours[] = "/etc/kist/certs.d", dockers[] = "/etc/docker/certs.d";
    static char *usual[] = {ours, dockers, NULL};
    static const struct kist_strv list = {usual, 2};

    return app->settings.certs_dirs.n > 0 ? &app->settings.certs_dirs : &list;
}

/* Only http_proxy is heeded by the library: where requests of others start programs, HTTP_PROXY is theirs to set. */
static const char *plain_proxy(void)
{
    return getenv("http_proxy") ? NULL : getenv("HTTP_PROXY");
}

/* The latest time that has certainly passed. */
static void set_floor(struct kist_app *app, struct kist_registry_options *o)
{
    struct kist_store *store;
    struct kist_error ignored;
    int64_t stored = kist_app_store(app, false, &store, &ignored) == 0 ? kist_store_clock(store) : 0;

    o->time_floor = KIST_BUILD_TIME;
    o->time_floor_what = "kist was built";
    if (stored > o->time_floor) {
        o->time_floor = stored;
        o->time_floor_what = "the store last changed";
    }
}

int kist_remote_options(struct kist_app *app, struct kist_registry_options *o, struct kist_error *err)
{
    const struct kist_settings *s = &app->settings;

    *o = (struct kist_registry_options){
        .insecure = &s->insecure,
        .mirrors = &s->mirrors,
        .proxy = s->proxy,
        .plain_proxy = plain_proxy(),
        .no_proxy = s->no_proxy,
        .bandwidth = s->bandwidth,
        .ca_file = s->tls_ca,
        .tries = (unsigned)s->tries,
        .connect_ms = s->connect_ms,
        .stall_ms = s->stall_ms,
        .backoff_ms = s->backoff_ms,
        .stop = kist_app_stopped,
    };
    o->certs_dirs = certs_dirs(app);
    if (s->time_floor) {
        set_floor(app, o);
    }
    return kist_remote_auth_files(app, &o->auth_files, err);
}
