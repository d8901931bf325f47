#include "container/env.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the key in "KEY=value" or "KEY". */
static size_t key_length(const char *assignment)
{
    return strcspn(assignment, "=");
}

static size_t find(const struct kist_strv *env, const char *key, size_t keylen)
{
    size_t i = 0;

    while (i < env->n && !(strncmp(env->v[i], key, keylen) == 0 && env->v[i][keylen] == '=')) {
        i++;
    }
    return i;
}

const char *kist_env_get(const struct kist_strv *env, const char *key, size_t keylen)
{
    size_t i = find(env, key, keylen);

    return i < env->n ? env->v[i] + keylen + 1 : NULL;
}

int kist_env_put(struct kist_strv *env, const char *assignment, struct kist_error *err)
{
    size_t keylen = key_length(assignment), i = find(env, assignment, keylen);
    char *copy;

    if (assignment[keylen] == '\0') {
        if (i < env->n) {
            free(env->v[i]);
            memmove(env->v + i, env->v + i + 1, (env->n - i) * sizeof(*env->v)); /* with the closing NULL */
            env->n--;
        }
        return 0;
    }
    if (i == env->n) {
        return kist_strv_add(env, assignment, err);
    }
    copy = strdup(assignment);
    if (!copy) {
        return kist_error_nomem(err);
    }
    free(env->v[i]);
    env->v[i] = copy;
    return 0;
}

/* Adds the key with the value kist itself has; *found false where it has none. */
static int add_inherited(struct kist_strv *list, const char *key, bool *found, struct kist_error *err)
{
    const char *value = getenv(key);
    KIST_AUTO(free) char *assignment = NULL;
    size_t size;

    *found = value != NULL;
    if (!value) {
        return 0;
    }
    size = strlen(key) + strlen(value) + 2;
    assignment = malloc(size);
    if (!assignment || !kist_str_format(assignment, size, "%s=%s", key, value)) {
        return kist_error_nomem(err);
    }
    return kist_strv_add(list, assignment, err);
}

int kist_env_add_option(struct kist_strv *list, const char *text, struct kist_error *err)
{
    size_t keylen = key_length(text);
    bool found;
    int rc;

    if (keylen == 0) {
        return kist_error_set(err, KIST_E_USAGE, "--env: invalid environment variable '%s'", text);
    }
    if (text[keylen] == '=') {
        return kist_strv_add(list, text, err);
    }
    rc = add_inherited(list, text, &found, err);
    return rc == 0 && !found ? kist_strv_add(list, text, err) : rc;
}

/* line is without its leading blanks and its newline. */
static int add_line(struct kist_strv *list, const char *line, struct kist_error *err)
{
    size_t keylen = key_length(line);
    bool found;

    if (*line == '\0' || *line == '#') {
        return 0;
    }
    if (keylen == 0) {
        return kist_error_set(err, KIST_E_USAGE, "no variable name on line '%s'", line);
    }
    if (strcspn(line, " \t") < keylen) {
        return kist_error_set(err, KIST_E_USAGE, "variable '%.*s' contains whitespaces",
                              (int)KIST_MIN(keylen, 200U), line);
    }
    if (line[keylen] == '=') {
        return kist_strv_add(list, line, err);
    }
    return add_inherited(list, line, &found, err);
}

int kist_env_add_file(struct kist_strv *list, const char *text, size_t len, const char *name,
                      struct kist_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    KIST_AUTO(free) char *copy = strndup(text, len);
    unsigned number = 0;
    char *line = copy;

    if (!copy) {
        return kist_error_nomem(err);
    }
    if (strlen(copy) != len) {
        return kist_error_set(err, KIST_E_USAGE, "env file '%s' holds a NUL byte: it is not text", name);
    }
    line += kist_str_starts(line, byte_order_mark) ? strlen(byte_order_mark) : 0;
    while (*line != '\0') {
        size_t end = strcspn(line, "\n");
        char *next = line + end + (line[end] == '\n');
        int rc;

        number++;
        line[end] = '\0';
        if (end > 0 && line[end - 1] == '\r') {
            line[end - 1] = '\0';
        }
        rc = add_line(list, line + strspn(line, " \t"), err);
        if (rc < 0) {
            return kist_error_wrap(err, "env file '%s', line %u", name, number);
        }
        line = next;
    }
    return 0;
}
