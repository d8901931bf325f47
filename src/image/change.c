#include "image/change.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

#define WORD_MAX KIST_MAX_CONF

static int bad(const char *why, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "%s", why);
}

int kist_change_put(cJSON *object, const char *member, cJSON *value, struct kist_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, member);
    return kist_json_put(object, member, value, err);
}

/* The member of this type, made where it is not there. */
static int member_of(cJSON *object, const char *name, bool array, cJSON **out, struct kist_error *err)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *out = item;
    if (item && (array ? cJSON_IsArray(item) : cJSON_IsObject(item))) {
        return 0;
    }
    *out = array ? cJSON_CreateArray() : cJSON_CreateObject();
    return kist_change_put(object, name, *out, err);
}

/*
 * The next word of *p, which is moved past it: quotes and backslashes as a shell has them. 0: there is none; 1.
 */
static int next_word(const char **p, struct kist_buf *word, struct kist_error *err)
{
    const char *at = *p + strspn(*p, " \t");
    char quote = '\0';
    int rc = 0;

    kist_buf_clear(word);
    *p = at;
    if (*at == '\0') {
        return 0;
    }
    for (; rc == 0 && *at != '\0' && (quote || !strchr(" \t", *at)); at++) {
        if (*at == quote || (!quote && (*at == '"' || *at == '\''))) {
            quote = quote ? '\0' : *at;
            continue;
        }
        if (*at == '\\' && quote != '\'' && at[1] != '\0') {
            at++;
        }
        rc = kist_buf_add(word, at, 1, err);
    }
    *p = at;
    if (quote) {
        return bad("a quote is not closed", err);
    }
    return rc < 0 ? rc : 1;
}

/* ---- the kinds of instructions ---- */

/* ["a", "b"]: 1 and *list; anything else is no such form: 0. */
static int exec_form(const char *text, cJSON **list, struct kist_error *err)
{
    const cJSON *item;

    *list = NULL;
    if (*text != '[' || kist_json_parse(list, text, strlen(text), "list", err) < 0) {
        return 0;
    }
    cJSON_ArrayForEach(item, *list)
    {
        if (!cJSON_IsString(item)) {
            cJSON_Delete(*list);
            *list = NULL;
            return 0;
        }
    }
    return 1;
}

static int set_command(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    static const char *const shell[] = {"/bin/sh", "-c"};
    cJSON *list, *array;
    int rc;

    if (exec_form(text, &list, err) == 1) {
        return kist_change_put(run, member, list, err);
    }
    array = cJSON_CreateArray();
    rc = kist_change_put(run, member, array, err);
    for (size_t i = 0; i < KIST_COUNT(shell) && rc == 0; i++) {
        rc = kist_json_append(array, cJSON_CreateString(shell[i]), err);
    }
    return rc == 0 ? kist_json_append(array, cJSON_CreateString(text), err) : rc;
}

int kist_change_text(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    return kist_change_put(run, member, cJSON_CreateString(text), err);
}

int kist_change_append(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    cJSON *array;
    int rc = member_of(run, member, true, &array, err);

    return rc == 0 ? kist_json_append(array, cJSON_CreateString(text), err) : rc;
}

static int set_directory(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH);
    const char *before = kist_json_string(run, member);
    int rc = 0;

    if (text[0] != '/') {
        rc = kist_buf_printf(&path, err, "%s%s", before ? before : "", before && kist_str_ends(before, "/") ? "" : "/");
    }
    rc = rc == 0 ? kist_buf_puts(&path, text, err) : rc;
    return rc == 0 ? kist_change_text(run, member, kist_buf_text(&path), err) : rc;
}

int kist_change_name(cJSON *run, const char *member, const char *name, struct kist_error *err)
{
    cJSON *object;
    int rc = member_of(run, member, false, &object, err);

    return rc < 0 ? rc : kist_change_put(object, name, cJSON_CreateObject(), err);
}

int kist_change_words(cJSON *run, const char *member, const struct kist_strv *words, struct kist_error *err)
{
    cJSON *array = cJSON_CreateArray();
    int rc = kist_change_put(run, member, array, err);

    for (size_t i = 0; i < words->n && rc == 0; i++) {
        rc = kist_json_append(array, cJSON_CreateString(words->v[i]), err);
    }
    return rc;
}

/* Names as members with an empty value: "80" is "80/tcp". */
static int add_names(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(WORD_MAX);
    KIST_AUTO(json) cJSON *list = NULL;
    bool port = strcmp(member, "ExposedPorts") == 0;
    const cJSON *item;
    int rc = 0;

    if (!port && exec_form(text, &list, err) == 1) {
        cJSON_ArrayForEach(item, list)
        {
            rc = rc == 0 ? kist_change_name(run, member, item->valuestring, err) : rc;
        }
        return rc;
    }
    while (rc == 0 && (rc = next_word(&text, &word, err)) == 1) {
        rc = port && !strchr(kist_buf_text(&word), '/') ? kist_buf_puts(&word, "/tcp", err) : 0;
        rc = rc == 0 ? kist_change_name(run, member, kist_buf_text(&word), err) : rc;
    }
    return rc;
}

static int put_env(cJSON *run, const char *member, const char *key, const char *value, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(WORD_MAX);
    size_t len = strlen(key) + 1;
    cJSON *array, *item;
    int rc = kist_buf_printf(&text, err, "%s=%s", key, value);

    if (rc < 0 || (rc = member_of(run, member, true, &array, err)) < 0) {
        return rc;
    }
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsString(item) && strncmp(item->valuestring, kist_buf_text(&text), len) == 0) {
            cJSON *changed = cJSON_CreateString(kist_buf_text(&text)); /* in its place, as Docker has it */

            return changed && cJSON_ReplaceItemViaPointer(array, item, changed) ? 0 : kist_error_nomem(err);
        }
    }
    return kist_json_append(array, cJSON_CreateString(kist_buf_text(&text)), err);
}

int kist_change_pair(cJSON *run, const char *member, const char *key, const char *value, struct kist_error *err)
{
    cJSON *object;
    int rc;

    if (strcmp(member, "Env") == 0) {
        return put_env(run, member, key, value, err);
    }
    rc = member_of(run, member, false, &object, err);
    return rc == 0 ? kist_change_put(object, key, cJSON_CreateString(value), err) : rc;
}

/* "a=b c='d e'", or of old "a b c" */
static int set_pairs(cJSON *run, const char *member, const char *text, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(WORD_MAX);
    bool first = true;
    int rc;

    while ((rc = next_word(&text, &word, err)) == 1) {
        char *key = word.data, *value = key ? strchr(key, '=') : NULL;

        if (!value && first && text[strspn(text, " \t")] != '\0') {
            return kist_change_pair(run, member, kist_buf_text(&word), text + strspn(text, " \t"), err);
        }
        if (!value || value == key) {
            return bad("it wants NAME=VALUE", err);
        }
        *value++ = '\0';
        if ((rc = kist_change_pair(run, member, key, value, err)) < 0) {
            return rc;
        }
        first = false;
    }
    return rc;
}

static const struct instruction {
    const char *name, *member;
    int (*apply)(cJSON *run, const char *member, const char *text, struct kist_error *err);
} instructions[] = {
    {"CMD", "Cmd", set_command},          {"ENTRYPOINT", "Entrypoint", set_command},
    {"ENV", "Env", set_pairs},            {"EXPOSE", "ExposedPorts", add_names},
    {"LABEL", "Labels", set_pairs},       {"ONBUILD", "OnBuild", kist_change_append},
    {"STOPSIGNAL", "StopSignal", kist_change_text}, {"USER", "User", kist_change_text},
    {"VOLUME", "Volumes", add_names},     {"WORKDIR", "WorkingDir", set_directory},
};

int kist_change_apply(cJSON *run, const char *instruction, struct kist_error *err)
{
    const char *name = instruction + strspn(instruction, " \t");
    size_t len = strcspn(name, " \t");
    const char *rest = name + len + strspn(name + len, " \t");
    int rc = KIST_E_USAGE;

    for (size_t i = 0; i < KIST_COUNT(instructions); i++) {
        const struct instruction *in = &instructions[i];

        if (strlen(in->name) == len && strncasecmp(in->name, name, len) == 0) {
            rc = *rest ? in->apply(run, in->member, rest, err) : bad("it wants an argument", err);
            return rc < 0 ? kist_error_wrap(err, "'%s'", instruction) : 0;
        }
    }
    return kist_error_set(err, rc, "'%s' is no change: there are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, "
                          "VOLUME and WORKDIR", instruction);
}
