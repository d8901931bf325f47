#include "cmd/rootless.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "port/rootless.h"
#include "port/self.h"

/* The user's number outside, for the program that is begun again. */
#define VARIABLE "KIST_ROOTLESS"

bool kist_rootless(void)
{
    return geteuid() != 0 || getenv(VARIABLE) != NULL;
}

/* A setting that s keeps: what the variable names, or home with fallback behind it, and name. */
static int put_place(struct kist_settings *s, const char **out, const char *variable, const char *fallback, const char *name, struct kist_error *err)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    char path[KIST_MAX_PATH + 1];
    int rc;

    if (base && base[0] == '/') {
        home = base;
        fallback = "";
    }
    if (!home || home[0] != '/') {
        return 0;
    }
    if (!kist_str_format(path, sizeof(path), "%s%s/%s", home, fallback, name)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is too long", home);
    }
    rc = kist_strv_add(&s->owned, path, err);
    *out = rc == 0 ? s->owned.v[s->owned.n - 1] : *out;
    return rc;
}

/* $XDG_RUNTIME_DIR, or where that is when nobody has set it, or a directory of the user's own in /tmp. */
static int run_dir(struct kist_settings *s, struct kist_error *err)
{
    const char *number = getenv(VARIABLE);
    char uid[16], path[64];
    int rc;

    if (getenv("XDG_RUNTIME_DIR")) {
        return put_place(s, &s->run_dir, "XDG_RUNTIME_DIR", "", "kist", err);
    }
    if (!number) {
        (void)!kist_str_format(uid, sizeof(uid), "%u", (unsigned)geteuid());
        number = uid;
    }
    if (!kist_str_format(path, sizeof(path), "/run/user/%s", number) || access(path, W_OK) < 0) {
        (void)!kist_str_format(path, sizeof(path), "/tmp/kist-%s", number);
    } else {
        (void)!kist_str_format(path, sizeof(path), "/run/user/%s/kist", number);
    }
    rc = kist_strv_add(&s->owned, path, err);
    s->run_dir = rc == 0 ? s->owned.v[s->owned.n - 1] : s->run_dir;
    return rc;
}

int kist_rootless_settings(struct kist_settings *s, char *path, size_t size, struct kist_error *err)
{
    const char *config = "";
    char logs[KIST_MAX_PATH + 1];
    int rc;

    path[0] = '\0';
    if (!kist_rootless()) {
        return 0;
    }
    s->network_default = "host";
    rc = put_place(s, &s->root, "XDG_DATA_HOME", "/.local/share", "kist", err);
    rc = rc < 0 ? rc : put_place(s, &config, "XDG_CONFIG_HOME", "/.config", "kist/kist.conf", err);
    rc = rc < 0 ? rc : run_dir(s, err);
    if (rc == 0 && kist_path_join(logs, sizeof(logs), s->run_dir, "logs")) {
        rc = kist_strv_add(&s->owned, logs, err);
        s->log_dir = rc == 0 ? s->owned.v[s->owned.n - 1] : s->log_dir;
    }
    return rc < 0 || kist_str_copy(path, size, config) ? rc : kist_error_set(err, KIST_E_USAGE, "'%s' is too long", config);
}

/* Nobody else may have made it: what is in there is believed. */
static int make_own(const char *path, struct kist_error *err)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make '%s' (is XDG_RUNTIME_DIR right?)", path);
    }
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0
               ? 0
               : kist_error_set(err, KIST_E_CONFLICT, "'%s' is not a directory that belongs to you alone", path);
}

int kist_rootless_enter(const struct kist_app *app, struct kist_error *err)
{
    char file[KIST_MAX_PATH + 1], uid[16];
    int rc;

    if (!kist_rootless()) {
        return 0;
    }
    if (!kist_path_join(file, sizeof(file), app->settings.run_dir, "users")) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is too long", app->settings.run_dir);
    }
    rc = make_own(app->settings.run_dir, err);
    if (rc < 0 || geteuid() == 0) {
        return rc < 0 ? rc : port_rootless_hold(file, err);
    }
    if (!kist_str_format(uid, sizeof(uid), "%u", (unsigned)geteuid()) || setenv(VARIABLE, uid, 1) < 0) {
        return kist_error_nomem(err);
    }
    rc = port_rootless_enter(file, err);
    return rc < 0 ? rc : port_self_again(app->arguments, err);
}

int kist_rootless_limits(const struct kist_limit_options *l, struct kist_error *err)
{
    static const struct kist_limit_options none;

    return !kist_rootless() || memcmp(l, &none, sizeof(none)) == 0
               ? 0
               : kist_error_set(err, KIST_E_UNSUPPORTED, "only root can limit what containers use: control groups are root's here");
}

int kist_rootless_check(const struct kist_run_options *o, struct kist_error *err)
{
    if (!kist_rootless()) {
        return 0;
    }
    if (o->network == KIST_NETWORK_BRIDGE) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "only root can connect containers to a bridge (try --network host or none)");
    }
    if (o->publish.n > 0 || o->publish_all) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "only root can publish ports, which needs a bridge (with --network host its ports are the host's)");
    }
    return kist_rootless_limits(&o->limits, err);
}

int kist_rootless_adapt(cJSON *config, struct kist_error *err)
{
    static const char name[] = "net.ipv4.ping_group_range", all[] = "0 2147483647";
    cJSON *parameters = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(config, "linux"), "sysctl");
    const char *range = kist_json_string(parameters, name);

    if (!kist_rootless() || !range || strcmp(range, all) != 0) {
        return 0;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(parameters, name);
    return kist_json_put_string(parameters, name, "0 0", err); /* those groups that there are, of which 0 is one */
}
