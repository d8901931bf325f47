/* config.json's process: arguments, environment, user, working directory, capabilities (runtime-spec
 * config.md, "Process"). */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/capability.h"
#include "container/env.h"
#include "container/generate_private.h"
#include "container/host_file.h"

static int append_all(cJSON *array, const struct kist_strv *list, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < list->n && rc == 0; i++) {
        rc = kist_json_append(array, cJSON_CreateString(list->v[i]), err);
    }
    return rc;
}

/* A given --entrypoint takes the image's Cmd away with its Entrypoint; a given command takes only Cmd away.
 */
static int put_args(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    cJSON *args = cJSON_CreateArray();
    int rc = kist_json_put(process, "args", args, err);

    if (rc == 0 && !o->entrypoint) {
        rc = append_all(args, &g->image->entrypoint, err);
    } else if (rc == 0 && *o->entrypoint != '\0') {
        rc = kist_json_append(args, cJSON_CreateString(o->entrypoint), err);
    }
    if (rc == 0 && o->command.n > 0) {
        rc = append_all(args, &o->command, err);
    } else if (rc == 0 && !o->entrypoint) {
        rc = append_all(args, &g->image->cmd, err);
    }
    if (rc == 0 && cJSON_GetArraySize(args) == 0) {
        rc = kist_error_set(err, KIST_E_USAGE, "no command specified");
    }
    return rc;
}

int kist_generate_env(struct kist_strv *env, const struct kist_run_options *o, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < o->env_files.n && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);

        rc = kist_host_file_read(&text, o->env_files.v[i], "env file", err);
        if (rc == 0) {
            rc = kist_env_add_file(env, kist_buf_text(&text), text.len, o->env_files.v[i], err);
        }
    }
    for (size_t i = 0; i < o->env.n && rc == 0; i++) {
        rc = kist_env_add_option(env, o->env.v[i], err);
    }
    return rc;
}

static int put_pair(struct kist_strv *env, const char *key, const char *value, struct kist_error *err)
{
    size_t size = strlen(key) + strlen(value) + 2;
    KIST_AUTO(free) char *text = malloc(size);

    if (!text || !kist_str_format(text, size, "%s=%s", key, value)) {
        return kist_error_nomem(err);
    }
    return kist_env_put(env, text, err);
}

static int put_all(struct kist_strv *env, const struct kist_strv *list, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < list->n && rc == 0; i++) {
        rc = kist_env_put(env, list->v[i], err);
    }
    return rc;
}

/* Docker's own variables first, the image's over them, the user's over all; HOME last, unless someone set it.
 */
static int make_env(struct kist_strv *env, const struct kist_generation *g, struct kist_error *err)
{
    int rc = kist_env_put(env, KIST_ENV_PATH, err);

    if (rc == 0) {
        rc = put_pair(env, "HOSTNAME", g->hostname, err);
    }
    if (rc == 0 && g->options->tty) {
        rc = kist_env_put(env, "TERM=xterm", err);
    }
    if (rc == 0) {
        rc = put_all(env, &g->image->env, err);
    }
    if (rc == 0) {
        rc = put_all(env, &g->env, err);
    }
    if (rc == 0 && !kist_env_get(env, "HOME", 4)) {
        rc = put_pair(env, "HOME", g->user.home, err);
    }
    return rc;
}

static int put_env(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv env = {0};
    int rc = make_env(&env, g, err);

    return rc < 0 ? rc : kist_generate_strings(process, "env", (const char *const *)env.v, env.n, err);
}

static int put_cwd(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    const char *given = g->options->workdir && *g->options->workdir != '\0' ? g->options->workdir : NULL;
    const char *cwd = given ? given : g->image->working_dir ? g->image->working_dir : "";
    char path[KIST_MAX_PATH + 2] = "/";

    if (given && *given != '/') {
        return kist_error_set(err, KIST_E_USAGE,
                              "the working directory '%s' is invalid, it needs to be an absolute path",
                              given);
    }
    if (!kist_path_clean(path + 1, sizeof(path) - 1, cwd)) {
        return kist_error_set(err, KIST_E_USAGE, "the working directory '%.200s' is invalid", cwd);
    }
    return kist_json_put_string(process, "cwd", path, err);
}

/* The primary group is among the additional ones, as Docker has it: a file that denies a group denies it to
 * its members too. */
static int put_user(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    cJSON *user = cJSON_CreateObject(), *groups = NULL;
    int rc = kist_json_put(process, "user", user, err);

    if (rc == 0) {
        rc = kist_json_put_u64(user, "uid", g->user.uid, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(user, "gid", g->user.gid, err);
    }
    if (rc == 0) {
        groups = cJSON_CreateArray();
        rc = kist_json_put(user, "additionalGids", groups, err);
    }
    if (rc == 0) {
        rc = kist_json_append(groups, cJSON_CreateNumber(g->user.gid), err);
    }
    for (size_t i = 0; i < g->user.group_count && rc == 0; i++) {
        rc = kist_json_append(groups, cJSON_CreateNumber(g->user.groups[i]), err);
    }
    return rc;
}

/* Who is not root has none to begin with, as after an execve; the bounding set is what a set-uid program may
 * reach. */
static int put_capabilities(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    const char *names[KIST_CAPABILITY_COUNT];
    cJSON *sets = cJSON_CreateObject();
    size_t n = 0;
    int rc = kist_json_put(process, "capabilities", sets, err);

    for (unsigned i = 0; i < KIST_CAPABILITY_COUNT; i++) {
        if ((g->capabilities & KIST_CAPABILITY_BIT(i)) != 0) {
            names[n++] = kist_capability_name(i);
        }
    }
    if (rc == 0) {
        rc = kist_generate_strings(sets, "bounding", names, n, err);
    }
    if (rc == 0 && g->user.uid == 0) {
        rc = kist_generate_strings(sets, "effective", names, n, err);
    }
    if (rc == 0 && g->user.uid == 0) {
        rc = kist_generate_strings(sets, "permitted", names, n, err);
    }
    return rc;
}

int kist_generate_process(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    static int (*const parts[])(cJSON *, const struct kist_generation *, struct kist_error *) = {
        put_user, put_args, put_env, put_cwd, put_capabilities,
    };
    cJSON *process = cJSON_CreateObject();
    int rc = kist_json_put(spec, "process", process, err);

    if (rc == 0) {
        rc = kist_json_put_bool(process, "terminal", g->options->tty, err);
    }
    for (size_t i = 0; i < KIST_COUNT(parts) && rc == 0; i++) {
        rc = parts[i](process, g, err);
    }
    if (rc == 0) {
        rc = kist_json_put_bool(process, "noNewPrivileges", g->security.no_new_privileges, err);
    }
    return rc < 0 ? rc : kist_json_put_u64(process, "oomScoreAdj", 0, err);
}
