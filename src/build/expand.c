#include "build/expand.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build/pattern.h"

/* Braces in one another. */
#define DEPTH_MAX 64

struct scan {
    struct kist_expand *e;
    const char *text, *p;
    unsigned depth;
    size_t words; /* bytes in words so far */
    struct kist_error *err;
};

static int fail_at(struct scan *s, const char *where, const char *why)
{
    s->e->at = (size_t)(where - s->text);
    return kist_error_set(s->err, KIST_E_USAGE, "%s", why);
}

static int too_long(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "it expands to more than %u bytes", KIST_MAX_EXPANSION);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The bytes of the name at p: a word, a number, or one of the shell's special parameters; 0: none. */
static size_t name_length(const char *p)
{
    size_t n = 0;

    if (*p >= '0' && *p <= '9') {
        return strspn(p, "0123456789");
    }
    if (*p != '\0' && strchr("@*#?-$!", *p)) {
        return 1;
    }
    while (is_name(p[n])) {
        n++;
    }
    return n;
}

/* *value is NULL where it is not set; known: the lookup could say. */
static int look_up(struct scan *s, const char *name, size_t len, const char **value)
{
    char *copy = s->e->lookup ? strndup(name, len) : NULL;

    *value = NULL;
    if (!s->e->lookup) {
        return 0;
    }
    if (!copy) {
        return kist_error_nomem(s->err);
    }
    *value = s->e->lookup(s->e->arg, copy);
    free(copy);
    return 0;
}

static int process(struct scan *s, char stop, bool keeps_escapes, struct kist_buf *out, struct kist_strv *words);

/* Text up to stop, which is passed, as one word. */
static int process_part(struct scan *s, char stop, bool keeps_escapes, struct kist_buf *out, const char *brace)
{
    int rc;

    if (++s->depth > DEPTH_MAX) {
        return fail_at(s, brace, "'${' is nested too deeply");
    }
    rc = process(s, stop, keeps_escapes, out, NULL);
    s->depth--;
    if (rc == 0 && *s->p != stop) {
        return fail_at(s, brace, stop == '}' ? "'${' is not closed" : "'/' and what takes the pattern's place are missing in '${'");
    }
    s->p += rc == 0;
    return rc;
}

/* ---- ${name<op>word} ---- */

static int compile(struct scan *s, struct kist_pattern *pattern, const char *text, const char *where)
{
    int rc = kist_pattern_compile(pattern, KIST_PATTERN_SHELL, text, s->err);

    s->e->at = (size_t)(where - s->text);
    return rc;
}

/* value without what matches at its beginning ('#') or end ('%'). */
static int trim(struct scan *s, char op, const char *word, const char *value, struct kist_buf *out, const char *brace)
{
    KIST_AUTO(pattern) struct kist_pattern pattern = {.text = NULL};
    bool longest = word[0] == op;
    size_t len = strlen(value);
    long part;
    int rc = compile(s, &pattern, word + longest, brace);

    if (rc < 0) {
        return rc;
    }
    part = kist_pattern_part(&pattern, value, len, op == '%', longest);
    part = part < 0 ? 0 : part;
    return kist_buf_add(out, op == '#' ? value + part : value, len - (size_t)part, s->err);
}

/* value with with for the first longest match, or for all. */
static int replace(struct scan *s, const char *word, const char *with, bool all, const char *value, struct kist_buf *out,
                   const char *brace)
{
    KIST_AUTO(pattern) struct kist_pattern pattern = {.text = NULL};
    size_t len = strlen(value), at = 0;
    int rc = compile(s, &pattern, word, brace);
    bool more = pattern.count > 0;

    while (rc == 0 && more && at < len) {
        long part = kist_pattern_part(&pattern, value + at, len - at, false, true);

        more = part != -2;
        if (part > 0) {
            rc = kist_buf_puts(out, with, s->err);
            at += (size_t)part;
            more = all;
        } else if (more) {
            rc = kist_buf_add(out, value + at++, 1, s->err);
        }
    }
    return rc == 0 ? kist_buf_add(out, value + at, len - at, s->err) : rc;
}

/* Behind '/' of ${name/pattern/with}. */
static int process_replace(struct scan *s, const char *value, struct kist_buf *out, const char *brace)
{
    KIST_AUTO(buf) struct kist_buf pattern = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    KIST_AUTO(buf) struct kist_buf with = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    bool all = *s->p == '/';
    int rc;

    s->p += all;
    rc = process_part(s, '/', true, &pattern, brace);
    rc = rc == 0 ? process_part(s, '}', true, &with, brace) : rc;
    if (rc < 0 || !s->e->lookup) {
        return rc;
    }
    return replace(s, kist_buf_text(&pattern), kist_buf_text(&with), all, value ? value : "", out, brace);
}

/* '-', '+' or '?': colon says that an empty value is as good as none. */
static int choose(struct scan *s, char op, bool colon, const char *word, const char *value, struct kist_buf *out,
                  const char *name)
{
    bool there = value && (!colon || value[0] != '\0');

    if (op == '?' && !there) {
        s->e->at = (size_t)(name - s->text);
        return kist_error_set(s->err, KIST_E_USAGE, "%.*s: %s", (int)name_length(name), name,
                              word[0] != '\0' ? word : value ? "is not allowed to be empty" : "is not allowed to be unset");
    }
    if (op == '+') {
        return kist_buf_puts(out, there ? word : "", s->err);
    }
    return kist_buf_puts(out, there ? value : word, s->err);
}

/* At "${". */
static int process_brace(struct scan *s, struct kist_buf *out)
{
    KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    const char *brace = s->p, *name = brace + 2, *value;
    size_t len = name_length(name);
    bool colon;
    char op;
    int rc = look_up(s, name, len, &value);

    op = name[len];
    if (rc < 0) {
        return rc;
    }
    if (len == 0 || op == '\0') {
        return fail_at(s, brace, op == '\0' ? "'${' is not closed" : "'${' has no variable's name");
    }
    s->p = name + len + 1;
    if (op == '}') {
        return kist_buf_puts(out, value ? value : "", s->err);
    }
    if (op == '/') {
        return process_replace(s, value, out, brace);
    }
    colon = op == ':';
    op = colon ? *s->p++ : op;
    if (op == '\0' || !strchr(colon ? "-+?" : "-+?#%", op)) {
        return fail_at(s, brace, op == '\0' ? "'${' is not closed" : "unknown modifier in '${'");
    }
    rc = process_part(s, '}', op == '#' || op == '%', &word, brace);
    if (rc < 0 || !s->e->lookup) {
        return rc;
    }
    if (op == '#' || op == '%') {
        return trim(s, op, kist_buf_text(&word), value ? value : "", out, brace);
    }
    return choose(s, op, colon, kist_buf_text(&word), value, out, name);
}

/* At '$'. */
static int process_dollar(struct scan *s, struct kist_buf *out)
{
    size_t len;
    const char *value;
    int rc;

    if (s->p[1] == '{') {
        return process_brace(s, out);
    }
    len = name_length(++s->p);
    if (len == 0) {
        return kist_buf_puts(out, "$", s->err);
    }
    rc = look_up(s, s->p, len, &value);
    s->p += len;
    return rc == 0 && value ? kist_buf_puts(out, value, s->err) : rc;
}

/* ---- quotes and escapes ---- */

static int process_single(struct scan *s, struct kist_buf *out)
{
    const char *end = strchr(s->p + 1, '\'');
    int rc;

    if (!end) {
        return fail_at(s, s->p, "a single quote is not closed");
    }
    rc = kist_buf_add(out, s->p + 1, (size_t)(end - s->p) - 1, s->err);
    s->p = end + 1;
    return rc;
}

static int process_double(struct scan *s, bool keeps_escapes, struct kist_buf *out)
{
    const char *quote = s->p++;
    int rc = 0;

    while (rc == 0 && *s->p != '"') {
        if (*s->p == '\0') {
            return fail_at(s, quote, "a double quote is not closed");
        }
        if (*s->p == '$') {
            rc = process_dollar(s, out);
            continue;
        }
        if (*s->p == s->e->escape && s->p[1] != '\0') {
            bool takes = s->p[1] == '"' || s->p[1] == '$' || s->p[1] == s->e->escape;

            if (takes && keeps_escapes) {
                rc = kist_buf_add(out, s->p, 1, s->err);
            }
            s->p += takes;
            if (rc < 0) {
                break;
            }
        }
        rc = kist_buf_add(out, s->p++, 1, s->err);
    }
    s->p += rc == 0;
    return rc;
}

/* ---- words ---- */

static int end_word(struct scan *s, struct kist_buf *word, struct kist_strv *words)
{
    int rc = word->len > 0 ? kist_strv_add(words, kist_buf_text(word), s->err) : 0;

    s->words += word->len;
    kist_buf_clear(word);
    return rc == 0 && s->words > KIST_MAX_EXPANSION ? too_long(s->err) : rc;
}

/* A variable's value where words are made: space in it ends one. */
static int add_value(struct scan *s, struct kist_buf *out, struct kist_strv *words)
{
    KIST_AUTO(buf) struct kist_buf value = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    int rc = process_dollar(s, &value);

    for (size_t i = 0; rc == 0 && i < value.len; i++) {
        rc = is_space(value.data[i]) ? end_word(s, out, words) : kist_buf_add(out, value.data + i, 1, s->err);
    }
    return rc;
}

/*
 * Text up to stop ('\0': its end), which is left there, into out. With words, out is the word at hand, and white space ends it.
 * keeps_escapes: a pattern's are yet to be looked at, and what takes its place has none (as BuildKit has it).
 */
static int process(struct scan *s, char stop, bool keeps_escapes, struct kist_buf *out, struct kist_strv *words)
{
    bool quotes = !s->e->quotes_stand;
    int rc = 0;

    while (rc == 0 && *s->p != '\0' && *s->p != stop) {
        if (*s->p == '$') {
            rc = words ? add_value(s, out, words) : process_dollar(s, out);
        } else if (*s->p == '\'' && quotes) {
            rc = process_single(s, out);
        } else if (*s->p == '"' && quotes) {
            rc = process_double(s, keeps_escapes, out);
        } else if (*s->p == s->e->escape) {
            rc = keeps_escapes ? kist_buf_add(out, s->p, 1, s->err) : 0;
            s->p++;
            if (rc == 0 && *s->p != '\0') {
                rc = kist_buf_add(out, s->p++, 1, s->err);
            }
        } else if (words && is_space(*s->p)) {
            rc = end_word(s, out, words);
            s->p++;
        } else {
            rc = kist_buf_add(out, s->p++, 1, s->err);
        }
    }
    return rc;
}

int kist_expand_word(struct kist_buf *out, struct kist_expand *e, const char *text, struct kist_error *err)
{
    struct scan s = {.e = e, .text = text, .p = text, .err = err};
    int rc;

    e->at = 0;
    rc = process(&s, '\0', false, out, NULL);
    return rc == KIST_E_FAIL ? too_long(err) : rc; /* all that fails so is a full buffer */
}

int kist_expand_words(struct kist_strv *out, struct kist_expand *e, const char *text, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    struct scan s = {.e = e, .text = text, .p = text, .err = err};
    int rc;

    e->at = 0;
    rc = process(&s, '\0', false, &word, out);
    rc = rc == 0 ? end_word(&s, &word, out) : rc;
    return rc == KIST_E_FAIL ? too_long(err) : rc;
}
