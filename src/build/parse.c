#include "build/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "build/excerpt.h"
#include "build/expand.h"

/* ---- errors at an instruction ---- */

/* Where in the file offset at of in's text is. */
static size_t source_of(const struct kist_instruction *in, size_t at)
{
    size_t i = in->piece_count;

    while (i > 1 && in->pieces[i - 1].at > at) {
        i--;
    }
    return i > 0 ? in->pieces[i - 1].source + (at - in->pieces[i - 1].at) : 0;
}

int kist_dockerfile_blame(const struct kist_dockerfile *df, const struct kist_instruction *in, size_t at,
                          struct kist_error *err)
{
    kist_excerpt_add(err, df->name, df->source, df->len, source_of(in, at));
    return err ? (int)err->code : KIST_E_FAIL;
}

int kist_dockerfile_fail(const struct kist_dockerfile *df, const struct kist_instruction *in, size_t at,
                         struct kist_error *err, enum kist_err code, const char *fmt, ...)
{
    char message[KIST_ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    (void)kist_error_set(err, code, "%s", message);
    (void)kist_dockerfile_blame(df, in, at, err);
    return code;
}

/* ---- one instruction ---- */

static int unknown(struct kist_parser *p, const struct kist_instruction *in, const char *text, size_t len)
{
    const struct kist_instruction *before = p->df->n > 0 ? &p->df->v[p->df->n - 1] : NULL;
    char word[64], hint[64] = "";
    const char *nearest;

    (void)snprintf(word, sizeof(word), "%.*s", (int)KIST_MIN(len, sizeof(word) - 1), text);
    nearest = kist_keyword_nearest(word);
    if (nearest) {
        (void)snprintf(hint, sizeof(hint), " (did you mean '%s'?)", nearest);
    } else if (before && before->last_line + 1 == in->line) {
        (void)snprintf(hint, sizeof(hint), " (is a '%c' missing at the end of line %u?)", p->df->escape,
                              before->last_line);
    }
    return kist_dockerfile_fail(p->df, in, (size_t)(text - in->text), p->err, KIST_E_USAGE, "unknown instruction '%s'%s", word,
                                hint);
}

/* That an expansion of text, at offset at, will not fail for its form. */
static int check_form(struct kist_parser *p, struct kist_instruction *in, const char *text, size_t at, bool exact)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_DOCKERFILE);
    struct kist_expand e = {.escape = p->df->escape};
    int rc = kist_expand_word(&out, &e, text, p->err);

    return rc == KIST_E_USAGE ? kist_dockerfile_blame(p->df, in, exact ? at + e.at : at, p->err) : rc;
}

static int check_forms(struct kist_parser *p, struct kist_instruction *in)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < in->flag_count; i++) {
        rc = in->flags[i].expands ? check_form(p, in, in->flags[i].value, in->flags[i].value_at, true) : 0;
    }
    for (size_t i = 0; rc == 0 && kist_keyword_expands(in->keyword) && i < in->args.n; i++) {
        rc = check_form(p, in, in->args.v[i], in->at[i], !in->json);
    }
    return rc;
}

/* FROM IMAGE [AS NAME] */
static int check_from(struct kist_parser *p, struct kist_instruction *in)
{
    static const char allowed[] = "0123456789-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *name = in->args.n == 3 ? in->args.v[2] : NULL;
    KIST_AUTO(buf) struct kist_buf warning = KIST_BUF_INIT(KIST_MAX_DOCKERFILE);
    int rc;

    if (in->args.n == 1) {
        return 0;
    }
    if (!name || strcasecmp(in->args.v[1], "AS") != 0) {
        return kist_dockerfile_fail(p->df, in, in->at[1], p->err, KIST_E_USAGE, "'FROM' wants IMAGE [AS NAME]");
    }
    if (strspn(name, "0123456789-_.") > 0 || name[strspn(name, allowed)] != '\0') {
        return kist_dockerfile_fail(p->df, in, in->at[2], p->err, KIST_E_USAGE,
                                    "'%s' is no name for a stage: it begins with a letter and has letters, digits, '-', '_' and '.'",
                                    name);
    }
    for (size_t i = 0; i < p->df->n; i++) {
        const struct kist_instruction *other = &p->df->v[i];

        if (other->keyword == KIST_KEYWORD_FROM && other->args.n == 3 && strcasecmp(other->args.v[2], name) == 0) {
            rc = kist_buf_printf(&warning, p->err, "%s:%u: stage name '%s' is that of line %u too; from here on it is this stage",
                                 p->df->name, in->line, name, other->line);
            return rc == 0 ? kist_strv_add(&p->df->warnings, kist_buf_text(&warning), p->err) : rc;
        }
    }
    return 0;
}

int kist_parser_instruction(struct kist_parser *p, struct kist_instruction *in, const char *text)
{
    size_t len = strcspn(text, " \t\n\v\f\r");
    int keyword = kist_keyword_find(text, len), rc;
    const struct kist_keyword_row *row;
    const char *rest = text + len;

    if (keyword < 0) {
        return unknown(p, in, text, len);
    }
    in->keyword = (enum kist_keyword)keyword;
    row = kist_keyword_row(in->keyword);
    if ((rc = kist_parser_flags(p, in, &rest)) < 0) {
        return rc;
    }
    in->rest = rest;
    rc = kist_parser_arguments(p, in);
    if (rc == 0 && row->heredocs && !in->json) {
        rc = kist_parser_heredocs(p, in);
    }
    in->last_line = p->line;
    if (rc == 0 && ((*rest == '\0' && !in->json) || in->args.n + in->heredoc_count < row->least)) {
        return kist_dockerfile_fail(p->df, in, (size_t)(text - in->text), p->err, KIST_E_USAGE, "'%s' wants %s", row->name,
                                    row->usage);
    }
    rc = rc == 0 && in->keyword == KIST_KEYWORD_FROM ? check_from(p, in) : rc;
    return rc == 0 ? check_forms(p, in) : rc;
}

void kist_instruction_release(struct kist_instruction *in)
{
    free(in->text);
    free(in->at);
    free(in->pieces);
    kist_strv_release(&in->args);
    for (size_t i = 0; i < in->flag_count; i++) {
        free(in->flags[i].name);
        free(in->flags[i].value);
    }
    free(in->flags);
    for (size_t i = 0; i < in->heredoc_count; i++) {
        free(in->heredocs[i].name);
        free(in->heredocs[i].content);
    }
    free(in->heredocs);
    *in = (struct kist_instruction){.text = NULL};
}

/* ---- the file ---- */

/* Puts in behind the others; takes it always. */
static int append(struct kist_parser *p, struct kist_instruction *in, size_t *size)
{
    struct kist_dockerfile *df = p->df;
    int rc = 0;

    if (df->n == KIST_MAX_INSTRUCTIONS) {
        rc = kist_dockerfile_fail(df, in, 0, p->err, KIST_E_USAGE, "more than %u instructions", KIST_MAX_INSTRUCTIONS);
    } else if (df->n == *size) {
        size_t more = *size ? 2 * *size : 16;
        struct kist_instruction *v = realloc(df->v, more * sizeof(*v));

        if (v) {
            df->v = v;
            *size = more;
        } else {
            rc = kist_error_nomem(p->err);
        }
    }
    if (rc < 0) {
        kist_instruction_release(in);
        return rc;
    }
    df->v[df->n++] = *in;
    return 0;
}

/* All instructions; trigger: exactly one, with no stage to be in. */
static int read_all(struct kist_parser *p, bool trigger)
{
    struct kist_instruction in = {.text = NULL};
    bool staged = trigger;
    size_t size = 0;
    int rc;

    while ((rc = kist_parser_text(p, &in)) == 1) {
        rc = kist_parser_instruction(p, &in, kist_skip_space(in.text));
        staged = staged || in.keyword == KIST_KEYWORD_FROM;
        if (rc == 0 && !staged && in.keyword != KIST_KEYWORD_ARG) {
            rc = kist_dockerfile_fail(p->df, &in, 0, p->err, KIST_E_USAGE, "'%s' stands before the first 'FROM'; only 'ARG' may",
                                      kist_keyword_name(in.keyword));
        }
        if (rc == 0 && trigger && p->df->n == 1) {
            rc = kist_dockerfile_fail(p->df, &in, 0, p->err, KIST_E_USAGE, "a trigger is one instruction");
        }
        rc = rc == 0 ? append(p, &in, &size) : rc;
        if (rc < 0) {
            break;
        }
        in = (struct kist_instruction){.text = NULL};
    }
    kist_instruction_release(&in);
    if (rc == 0 && (!staged || p->df->n == 0)) {
        return kist_error_set(p->err, KIST_E_USAGE, "'%s' has no %s", p->df->name, p->df->n > 0 ? "'FROM'" : "instructions");
    }
    return rc;
}

static int parse(struct kist_dockerfile *out, const char *name, const char *data, size_t len, bool trigger,
                 struct kist_error *err)
{
    /* a trigger's lines were joined already */
    struct kist_parser p = {.df = out, .err = err, .line_max = trigger ? KIST_MAX_DOCKERFILE : KIST_MAX_DOCKERFILE_LINE};
    int rc;

    *out = (struct kist_dockerfile){.len = len};
    if (len > KIST_MAX_DOCKERFILE) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' has more than %u bytes", name, KIST_MAX_DOCKERFILE);
    }
    out->name = strdup(name);
    out->source = malloc(len + 1);
    if (out->name && out->source) {
        memcpy(out->source, data, len);
        out->source[len] = '\0';
        rc = read_all(&p, trigger);
    } else {
        rc = kist_error_nomem(err);
    }
    if (rc < 0) {
        kist_dockerfile_release(out);
    }
    return rc;
}

int kist_dockerfile_parse(struct kist_dockerfile *out, const char *name, const char *data, size_t len,
                          struct kist_error *err)
{
    return parse(out, name, data, len, false, err);
}

int kist_dockerfile_parse_trigger(struct kist_dockerfile *out, const char *name, const char *text,
                                  struct kist_error *err)
{
    return parse(out, name, text, strlen(text), true, err);
}

void kist_dockerfile_release(struct kist_dockerfile *df)
{
    for (size_t i = 0; i < df->n; i++) {
        kist_instruction_release(&df->v[i]);
    }
    free(df->v);
    free(df->name);
    free(df->source);
    free(df->syntax);
    free(df->check);
    kist_strv_release(&df->warnings);
    *df = (struct kist_dockerfile){.n = 0};
}

void kist_dockerfile_auto(struct kist_dockerfile *df)
{
    kist_dockerfile_release(df);
}
