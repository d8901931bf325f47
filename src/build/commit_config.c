#include "build/commit_config.h"

#include <string.h>

#include "base/limits.h"
#include "container/env.h"
#include "container/plan.h"
#include "image/change.h"

#define LABEL "kist.label."

/* Whether list has such a variable, or takes it away. */
static bool names(const cJSON *list, const char *assignment)
{
    const size_t len = strcspn(assignment, "=");
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);

        if (text && strncmp(text, assignment, len) == 0 && (text[len] == '=' || text[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* What the container was told comes first, then what the image says besides: Docker's order. */
static int take_env(cJSON *run, const cJSON *told, struct kist_error *err)
{
    const cJSON *const lists[] = {told, kist_json_array(run, "Env")}, *item;
    KIST_AUTO(strv) struct kist_strv env = {.v = NULL};
    int rc = 0;

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        cJSON_ArrayForEach(item, lists[i])
        {
            const char *text = cJSON_GetStringValue(item);

            rc = rc < 0 || !text || (i > 0 && names(told, text)) ? rc : kist_env_put(&env, text, err);
        }
    }
    return rc < 0 ? rc : kist_change_words(run, "Env", &env, err);
}

static int take_member(cJSON *run, const cJSON *member, struct kist_error *err)
{
    const cJSON *name;
    int rc = 0;

    if (strcmp(member->string, "Env") == 0) {
        return take_env(run, member, err);
    }
    if (strcmp(member->string, "ExposedPorts") == 0 || strcmp(member->string, "Volumes") == 0) {
        cJSON_ArrayForEach(name, member)
        {
            rc = rc < 0 ? rc : kist_change_name(run, member->string, name->string, err);
        }
        return rc;
    }
    if (cJSON_IsArray(member) && !member->child) {
        cJSON_DeleteItemFromObjectCaseSensitive(run, member->string);
        return 0;
    }
    return kist_change_put(run, member->string, cJSON_Duplicate(member, true), err);
}

static int take_told(cJSON *run, const cJSON *config, struct kist_error *err)
{
    const char *text = kist_plan_note(config, "kist.told");
    KIST_AUTO(json) cJSON *told = NULL;
    const cJSON *member;
    int rc = text ? kist_json_parse(&told, text, strlen(text), "kist.told", err) : 0;

    cJSON_ArrayForEach(member, told)
    {
        rc = rc < 0 ? rc : take_member(run, member, err);
    }
    return rc;
}

static int take_notes(cJSON *run, const cJSON *config, struct kist_error *err)
{
    const char *health = kist_plan_note(config, "kist.health");
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
            rc = kist_change_put(run, "Labels", labels, err);
        }
        rc = rc < 0 ? rc : kist_json_put_string(labels, note->string + strlen(LABEL), note->valuestring, err);
    }
    return rc == 0 && health ? kist_change_put(run, "Healthcheck", cJSON_Parse(health), err) : rc;
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
    cJSON *run = cJSON_GetObjectItemCaseSensitive(config, "config");
    int rc = 0;

    if (!cJSON_IsObject(run)) {
        run = cJSON_CreateObject();
        rc = kist_change_put(config, "config", run, err);
    }
    rc = rc < 0 ? rc : take_told(run, c->config, err);
    rc = rc < 0 ? rc : take_notes(run, c->config, err);
    rc = rc < 0 ? rc : join_words(created_by, kist_json_array(run, "Cmd"), err);
    for (size_t i = 0; changes && i < changes->n && rc == 0; i++) {
        rc = kist_change_apply(run, changes->v[i], err);
    }
    return rc;
}
