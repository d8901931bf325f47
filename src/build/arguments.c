#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "build/parse.h"
#include "codec/json.h"

static size_t offset(const struct kist_instruction *in, const char *text)
{
    return (size_t)(text - in->text);
}

static int fail(struct kist_parser *p, const struct kist_instruction *in, const char *at, const char *why)
{
    return kist_dockerfile_fail(p->df, in, offset(in, at), p->err, KIST_E_USAGE, "'%s' %s",
                                kist_keyword_name(in->keyword), why);
}

static int add(struct kist_parser *p, struct kist_instruction *in, const char *begin, const char *end)
{
    return kist_instruction_add(in, begin, (size_t)(end - begin), offset(in, begin), p->err);
}

static int add_text(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    return *text != '\0' ? add(p, in, text, text + strlen(text)) : 0;
}

/* A word up to white space, whatever is in it. */
static const char *plain_end(const char *text)
{
    while (*text != '\0' && !kist_is_space(*text)) {
        text++;
    }
    return text;
}

static int add_words(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    const char *end;
    int rc = 0;

    for (; rc == 0 && *text != '\0'; text = kist_skip_space(end)) {
        end = plain_end(text);
        rc = add(p, in, text, end);
    }
    return rc;
}

/* A JSON list of strings at text: 1 and its items added. 0: it is no JSON, thus taken as it stands, with a warning if it seems one. */
static int add_json(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    KIST_AUTO(json) cJSON *list = NULL;
    const cJSON *item;
    struct kist_error ignored;
    int rc;

    if (*text != '[') {
        return 0;
    }
    rc = kist_json_parse(&list, text, strlen(text), "list", &ignored);
    if (rc == KIST_E_NOMEM) {
        return kist_error_nomem(p->err);
    }
    if (rc < 0 && strchr("\"'", *kist_skip_space(text + 1))) {
        KIST_AUTO(buf) struct kist_buf warning = KIST_BUF_INIT(KIST_ERROR_MESSAGE_MAX + 4096);

        rc = kist_buf_printf(&warning, p->err, "%s:%u: what '%s' has in '[' is no JSON list, thus not the exec form", p->df->name,
                             in->line, kist_keyword_name(in->keyword));
        return rc == 0 ? kist_strv_add(&p->df->warnings, kist_buf_text(&warning), p->err) : rc;
    }
    if (rc < 0) {
        return 0; /* a shell's test, a pattern */
    }
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item)) {
            return fail(p, in, text, "takes a list of strings only");
        }
        rc = kist_instruction_add(in, item->valuestring, strlen(item->valuestring), offset(in, text), p->err);
        if (rc < 0) {
            return rc;
        }
    }
    in->json = true;
    return 1;
}

static int add_command(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    int rc = add_json(p, in, text);

    return rc == 0 ? add_text(p, in, text) : KIST_MIN(rc, 0);
}

static int open_quote(struct kist_parser *p, const struct kist_instruction *in, const char *quote)
{
    return kist_dockerfile_fail(p->df, in, offset(in, quote), p->err, KIST_E_USAGE, "a %s quote is not closed",
                                *quote == '"' ? "double" : "single");
}

/* NAME or NAME=VALUE, as one. */
static int add_names(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    const char *end, *quote;
    int rc = 0;

    for (; rc == 0 && *text != '\0'; text = kist_skip_space(end)) {
        end = kist_word_end(text, p->df->escape, &quote);
        if (quote) {
            return open_quote(p, in, quote);
        }
        if (*text == '=') {
            return fail(p, in, text, "has a value without a name");
        }
        rc = add(p, in, text, end);
    }
    return rc;
}

/* One NAME=VALUE from text to end. */
static int add_pair(struct kist_parser *p, struct kist_instruction *in, const char *text, const char *end)
{
    const char *equals = memchr(text, '=', (size_t)(end - text));
    int rc;

    if (!equals) {
        return fail(p, in, text, "wants NAME=VALUE, and here is no '='");
    }
    if (equals == text) {
        return fail(p, in, text, "has a value without a name");
    }
    rc = add(p, in, text, equals);
    return rc == 0 ? add(p, in, equals + 1, end) : rc;
}

static int add_pairs(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    const char *end = kist_word_end(text, p->df->escape, NULL), *quote;
    int rc = 0;

    if (*text != '\0' && !memchr(text, '=', (size_t)(end - text))) {
        end = plain_end(text);
        if (*end == '\0') {
            return fail(p, in, text, "wants NAME=VALUE, and here is no '='");
        }
        rc = add(p, in, text, end);
        return rc == 0 ? add_text(p, in, kist_skip_space(end)) : rc;
    }
    for (; rc == 0 && *text != '\0'; text = kist_skip_space(end)) {
        end = kist_word_end(text, p->df->escape, &quote);
        rc = quote ? open_quote(p, in, quote) : add_pair(p, in, text, end);
    }
    return rc;
}

static int add_health(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    const char *end = plain_end(text), *rest = kist_skip_space(end);
    size_t len = (size_t)(end - text);
    int rc;

    if (len == 4 && strncasecmp(text, "NONE", len) == 0) {
        return *rest == '\0' ? kist_instruction_add(in, "NONE", len, offset(in, text), p->err)
                             : fail(p, in, rest, "NONE takes no arguments");
    }
    if (len != 3 || strncasecmp(text, "CMD", len) != 0) {
        return *text == '\0' ? 0 : fail(p, in, text, "is followed by CMD or NONE");
    }
    rc = kist_instruction_add(in, "CMD", len, offset(in, text), p->err);
    rc = rc == 0 ? add_command(p, in, rest) : rc;
    return rc == 0 && in->args.n < 2 ? fail(p, in, rest, "CMD wants a command") : rc;
}

/* The trigger's text from text on, with its heredocs. */
static int trigger_text(struct kist_parser *p, struct kist_instruction *in, const struct kist_instruction *inner,
                        const char *text)
{
    KIST_AUTO(buf) struct kist_buf whole = KIST_BUF_INIT(2 * KIST_MAX_DOCKERFILE);
    int rc = kist_buf_puts(&whole, text, p->err);

    for (size_t i = 0; rc == 0 && i < inner->heredoc_count; i++) {
        rc = kist_buf_printf(&whole, p->err, "\n%s%s", inner->heredocs[i].content, inner->heredocs[i].name);
    }
    return rc == 0 ? kist_instruction_add(in, kist_buf_text(&whole), whole.len, offset(in, text), p->err) : rc;
}

/* The trigger is checked as if it stood here, and kept as text. */
static int add_trigger(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    static const enum kist_keyword refused[] = {KIST_KEYWORD_ONBUILD, KIST_KEYWORD_FROM, KIST_KEYWORD_MAINTAINER};
    struct kist_instruction inner = {.text = in->text, .line = in->line, .pieces = in->pieces,
                                     .piece_count = in->piece_count};
    int rc;

    if (*text == '\0') {
        return 0;
    }
    for (size_t i = 0; i < KIST_COUNT(refused); i++) {
        if (kist_keyword_find(text, (size_t)(plain_end(text) - text)) == (int)refused[i]) {
            return kist_dockerfile_fail(p->df, in, offset(in, text), p->err, KIST_E_USAGE, "'%s' is no trigger for 'ONBUILD'",
                                        kist_keyword_name(refused[i]));
        }
    }
    rc = kist_parser_instruction(p, &inner, text);
    rc = rc == 0 ? trigger_text(p, in, &inner, text) : rc;
    inner.text = NULL; /* both are in's */
    inner.pieces = NULL;
    kist_instruction_release(&inner);
    return rc;
}

int kist_parser_arguments(struct kist_parser *p, struct kist_instruction *in)
{
    int rc;

    switch (kist_keyword_row(in->keyword)->shape) {
    case KIST_SHAPE_COMMAND:
        return add_command(p, in, in->rest);
    case KIST_SHAPE_JSON:
        rc = add_json(p, in, in->rest);
        return rc == 0 && *in->rest != '\0' ? fail(p, in, in->rest, "wants a JSON list: [\"/bin/sh\", \"-c\"]")
                                            : KIST_MIN(rc, 0);
    case KIST_SHAPE_PATHS:
        rc = add_json(p, in, in->rest);
        return rc == 0 ? add_words(p, in, in->rest) : KIST_MIN(rc, 0);
    case KIST_SHAPE_WORDS:
        return add_words(p, in, in->rest);
    case KIST_SHAPE_NAMES:
        return add_names(p, in, in->rest);
    case KIST_SHAPE_PAIRS:
        return add_pairs(p, in, in->rest);
    case KIST_SHAPE_HEALTH:
        return add_health(p, in, in->rest);
    case KIST_SHAPE_TRIGGER:
        return add_trigger(p, in, in->rest);
    default:
        return add_text(p, in, in->rest);
    }
}
