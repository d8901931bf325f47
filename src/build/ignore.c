#include "build/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "build/pattern.h"
#include "build/excerpt.h"

struct rule {
    struct kist_pattern pattern;
    bool takes_back; /* written with '!' */
};

struct kist_ignore {
    struct rule *rules;
    size_t count, size;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int add_rule(struct kist_ignore *ignore, const char *pattern, bool takes_back, struct kist_error *err)
{
    struct rule *rule;
    int rc;

    if (ignore->count == KIST_MAX_IGNORE_PATTERNS) {
        return kist_error_set(err, KIST_E_USAGE, "more than %u patterns", KIST_MAX_IGNORE_PATTERNS);
    }
    if (ignore->count == ignore->size) {
        size_t size = ignore->size ? 2 * ignore->size : 16;
        struct rule *rules = realloc(ignore->rules, size * sizeof(*rules));

        if (!rules) {
            return kist_error_nomem(err);
        }
        ignore->rules = rules;
        ignore->size = size;
    }
    rule = &ignore->rules[ignore->count];
    rule->takes_back = takes_back;
    rc = kist_pattern_compile(&rule->pattern, KIST_PATTERN_PATH, pattern, err);
    ignore->count += rc == 0;
    return rc;
}

/* The pattern of len bytes at text, without the space around it. */
static int add_pattern(struct kist_ignore *ignore, const char *text, size_t len, struct kist_error *err)
{
    char written[KIST_MAX_PATH + 1], clean[KIST_MAX_PATH + 1];
    bool takes_back = len > 0 && text[0] == '!';

    for (text += takes_back, len -= takes_back; len > 0 && is_space(*text); len--) {
        text++;
    }
    if (len == 0) {
        return takes_back ? kist_error_set(err, KIST_E_USAGE, "'!' has no pattern") : 0;
    }
    if (len > KIST_MAX_PATH) {
        return kist_error_set(err, KIST_E_USAGE, "the pattern is longer than %u bytes", KIST_MAX_PATH);
    }
    memcpy(written, text, len);
    written[len] = '\0';
    /* what leads out of the context, and the context itself, is no path in it */
    if (strlen(written) != len || !kist_path_clean(clean, sizeof(clean), written) || clean[0] == '\0') {
        return 0;
    }
    return add_rule(ignore, clean, takes_back, err);
}

int kist_ignore_add(struct kist_ignore **ignore, const char *pattern, struct kist_error *err)
{
    if (!*ignore && !(*ignore = calloc(1, sizeof(**ignore)))) {
        return kist_error_nomem(err);
    }
    return add_pattern(*ignore, pattern, strlen(pattern), err);
}

/* One line, its end not counted. */
static int add_line(struct kist_ignore *ignore, const char *line, size_t len, struct kist_error *err)
{
    if (len > 0 && line[0] == '#') {
        return 0;
    }
    for (; len > 0 && is_space(line[len - 1]); len--) {
    }
    for (; len > 0 && is_space(*line); len--) {
        line++;
    }
    return add_pattern(ignore, line, len, err);
}

int kist_ignore_parse(struct kist_ignore **out, const char *name, const char *data, size_t len,
                      struct kist_error *err)
{
    struct kist_ignore *ignore = calloc(1, sizeof(*ignore));
    size_t at = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    int rc = 0;

    *out = NULL;
    if (!ignore) {
        return kist_error_nomem(err);
    }
    if (len > KIST_MAX_IGNORE) {
        rc = kist_error_set(err, KIST_E_USAGE, "'%s' has more than %u bytes", name, KIST_MAX_IGNORE);
        at = len;
    }
    while (rc == 0 && at < len) {
        const char *end = memchr(data + at, '\n', len - at);
        size_t size = end ? (size_t)(end - data) - at : len - at;

        rc = add_line(ignore, data + at, size, err);
        if (rc == KIST_E_USAGE) {
            kist_excerpt_add(err, name, data, len, at);
        }
        at += size + 1;
    }
    if (rc < 0) {
        kist_ignore_free(ignore);
        return rc;
    }
    *out = ignore;
    return 0;
}

void kist_ignore_free(struct kist_ignore *ignore)
{
    for (size_t i = 0; ignore && i < ignore->count; i++) {
        kist_pattern_release(&ignore->rules[i].pattern);
    }
    if (ignore) {
        free(ignore->rules);
    }
    free(ignore);
}

void kist_ignore_auto(struct kist_ignore **ignore)
{
    kist_ignore_free(*ignore);
}

bool kist_ignore_match(struct kist_ignore *ignore, const char *path)
{
    bool out = false;

    for (size_t i = 0; ignore && i < ignore->count; i++) {
        struct rule *rule = &ignore->rules[i];

        /* only what would change the answer is asked */
        if (rule->takes_back == out && kist_pattern_covers(&rule->pattern, path)) {
            out = !rule->takes_back;
        }
    }
    return out;
}

bool kist_ignore_skips(struct kist_ignore *ignore, const char *dir)
{
    if (!kist_ignore_match(ignore, dir)) {
        return false;
    }
    for (size_t i = 0; i < ignore->count; i++) {
        if (ignore->rules[i].takes_back && kist_pattern_reaches(&ignore->rules[i].pattern, dir)) {
            return false;
        }
    }
    return true;
}
