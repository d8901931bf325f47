#include "build/commit_config.h"

#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/env.h"
#include "container/plan.h"
#include "container/user.h"
#include "image/change.h"
#include "layer/view.h"

#define LABEL "kist.label."

/* value takes the member's place. Takes it always. */
static int put(cJSON *run, const char *name, cJSON *value, struct kist_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(run, name);
    return kist_json_put(run, name, value, err);
}

/* What is behind the first words of list, which are all of prefix; NULL: they are not. *rest NULL: nothing is. */
static bool begins_with(const cJSON *list, const cJSON *prefix, const cJSON **rest)
{
    const cJSON *item = list->child, *word;

    cJSON_ArrayForEach(word, prefix)
    {
        if (!item || !cJSON_Compare(item, word, true)) {
            return false;
        }
        item = item->next;
    }
    *rest = item;
    return true;
}

/* The words from item on. */
static int put_words(cJSON *run, const char *name, const cJSON *item, struct kist_error *err)
{
    cJSON *list;
    int rc;

    cJSON_DeleteItemFromObjectCaseSensitive(run, name);
    if (!item) {
        return 0;
    }
    list = cJSON_CreateArray();
    rc = kist_json_put(run, name, list, err);
    for (; rc == 0 && item; item = item->next) {
        rc = kist_json_append(list, cJSON_Duplicate(item, false), err);
    }
    return rc;
}

/* What was run is the image's entry point and then a command; or, by --entrypoint, another entry point and its command. */
static int take_command(cJSON *run, const cJSON *process, struct kist_error *err)
{
    const cJSON *args = kist_json_array(process, "args"), *rest = NULL;
    cJSON *first;
    int rc;

    if (!args || !args->child) {
        return 0;
    }
    if (begins_with(args, kist_json_array(run, "Entrypoint"), &rest)) {
        return put_words(run, "Cmd", rest, err);
    }
    first = cJSON_CreateArray();
    rc = put(run, "Entrypoint", first, err);
    rc = rc < 0 ? rc : kist_json_append(first, cJSON_Duplicate(args->child, false), err);
    return rc < 0 ? rc : put_words(run, "Cmd", args->child->next, err);
}

/* Docker's own, which every container has of itself. */
static bool is_own(const char *assignment, const cJSON *config)
{
    const char *hostname = kist_json_string(config, "hostname");

    return kist_str_starts(assignment, "HOME=") || strcmp(assignment, KIST_ENV_PATH) == 0 ||
           (kist_str_starts(assignment, "HOSTNAME=") && hostname && strcmp(assignment + strlen("HOSTNAME="), hostname) == 0) ||
           (strcmp(assignment, "TERM=xterm") == 0 && kist_json_bool(kist_json_object(config, "process"), "terminal", false));
}

/* What the container was told comes first, then what the image says besides: Docker's order. */
static int take_env(cJSON *run, const cJSON *config, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv had = {.v = NULL}, env = {.v = NULL};
    cJSON *list = cJSON_CreateArray();
    const cJSON *item;
    int rc = list ? 0 : kist_error_nomem(err);

    cJSON_ArrayForEach(item, kist_json_array(run, "Env"))
    {
        rc = rc < 0 || !cJSON_IsString(item) ? rc : kist_env_put(&had, item->valuestring, err);
    }
    cJSON_ArrayForEach(item, kist_json_array(kist_json_object(config, "process"), "env"))
    {
        const char *text = cJSON_GetStringValue(item);
        const size_t len = text ? strcspn(text, "=") : 0;
        const char *before = text ? kist_env_get(&had, text, len) : NULL;

        if (rc == 0 && text && (before ? strcmp(before, text + len + (text[len] == '=')) != 0 : !is_own(text, config))) {
            rc = kist_env_put(&env, text, err);
        }
    }
    for (size_t i = 0; i < had.n && rc == 0; i++) {
        rc = kist_env_get(&env, had.v[i], strcspn(had.v[i], "=")) ? 0 : kist_env_put(&env, had.v[i], err);
    }
    for (size_t i = 0; i < env.n && rc == 0; i++) {
        rc = kist_json_append(list, cJSON_CreateString(env.v[i]), err);
    }
    if (rc < 0 || env.n == 0) {
        cJSON_Delete(list);
        return rc;
    }
    return put(run, "Env", list, err);
}

/* By number, where it is another than the image's. */
static int take_user(cJSON *run, const cJSON *process, const struct kist_changes *c, struct kist_error *err)
{
    KIST_AUTO(user) struct kist_user image = {.uid = 0};
    struct kist_view view = {c->layers->v, c->layers->n};
    const char *named = kist_json_string(run, "User");
    const cJSON *user = kist_json_object(process, "user");
    uint64_t uid = 0, gid = 0;
    char text[48];

    if (!kist_json_u64(user, "uid", &uid) || !kist_json_u64(user, "gid", &gid) ||
        (kist_user_lookup(&image, named ? named : "", kist_view_read_file, &view, NULL) == 0 && image.uid == uid && image.gid == gid)) {
        return 0;
    }
    return kist_str_format(text, sizeof(text), "%llu:%llu", (unsigned long long)uid, (unsigned long long)gid)
               ? put(run, "User", cJSON_CreateString(text), err)
               : (int)KIST_E_FAIL;
}

static int take_cwd(cJSON *run, const cJSON *process, struct kist_error *err)
{
    const char *cwd = kist_json_string(process, "cwd"), *had = kist_json_string(run, "WorkingDir");
    char path[KIST_MAX_PATH + 2] = "/";

    if (!cwd || (kist_path_clean(path + 1, sizeof(path) - 1, had ? had : "") && strcmp(path, cwd) == 0)) {
        return 0;
    }
    return put(run, "WorkingDir", cJSON_CreateString(cwd), err);
}

static int take_notes(cJSON *run, const cJSON *config, struct kist_error *err)
{
    const char *health = kist_plan_note(config, "kist.health"), *stop = kist_plan_note(config, "org.opencontainers.image.stopSignal");
    const cJSON *note;
    cJSON *labels = NULL;
    int rc = 0;

    cJSON_ArrayForEach(note, kist_json_object(config, "annotations"))
    {
        if (rc < 0 || !cJSON_IsString(note) || !kist_str_starts(note->string, LABEL)) {
            continue;
        }
        if (!labels) {
            labels = cJSON_CreateObject();
            rc = put(run, "Labels", labels, err);
        }
        rc = rc < 0 ? rc : kist_json_put_string(labels, note->string + strlen(LABEL), note->valuestring, err);
    }
    if (rc == 0 && health) {
        rc = put(run, "Healthcheck", cJSON_Parse(health), err);
    }
    return rc == 0 && stop && (strcmp(stop, "SIGTERM") != 0 || kist_json_string(run, "StopSignal"))
               ? put(run, "StopSignal", cJSON_CreateString(stop), err)
               : rc;
}

static int join_words(struct kist_buf *out, const cJSON *words, struct kist_error *err)
{
    const cJSON *word;
    int rc = kist_buf_puts(out, "", err);

    cJSON_ArrayForEach(word, words)
    {
        rc = rc < 0 || !cJSON_IsString(word) ? rc : kist_buf_printf(out, err, "%s%s", out->len > 0 ? " " : "", word->valuestring);
    }
    return rc;
}

int kist_commit_config(cJSON *config, const struct kist_changes *c, const struct kist_strv *changes, struct kist_buf *created_by,
                       struct kist_error *err)
{
    const cJSON *process = kist_json_object(c->config, "process");
    cJSON *run = cJSON_GetObjectItemCaseSensitive(config, "config");
    int rc = 0;

    if (!cJSON_IsObject(run)) {
        run = cJSON_CreateObject();
        rc = put(config, "config", run, err);
    }
    rc = rc < 0 ? rc : take_command(run, process, err);
    rc = rc < 0 ? rc : join_words(created_by, kist_json_array(run, "Cmd"), err);
    rc = rc < 0 ? rc : take_env(run, c->config, err);
    rc = rc < 0 ? rc : take_user(run, process, c, err);
    rc = rc < 0 ? rc : take_cwd(run, process, err);
    rc = rc < 0 ? rc : take_notes(run, c->config, err);
    for (size_t i = 0; changes && i < changes->n && rc == 0; i++) {
        rc = kist_change_apply(run, changes->v[i], err);
    }
    return rc;
}
