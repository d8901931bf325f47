#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build/excerpt.h"
#include "build/parse.h"

int kist_parser_fail(struct kist_parser *p, size_t at, const char *fmt, ...)
{
    char message[KIST_ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    (void)kist_error_set(p->err, KIST_E_USAGE, "%s", message);
    kist_excerpt_add(p->err, p->df->name, p->df->source, p->df->len, at);
    return KIST_E_USAGE;
}

int kist_parser_line(struct kist_parser *p, size_t *start, size_t *end)
{
    const struct kist_dockerfile *df = p->df;
    const char *newline;

    if (p->at == df->len) {
        return 0;
    }
    *start = p->at;
    newline = memchr(df->source + p->at, '\n', df->len - p->at);
    *end = newline ? (size_t)(newline - df->source) : df->len;
    p->at = newline ? *end + 1 : *end;
    p->line++;
    if (*end - *start > p->line_max) {
        return kist_parser_fail(p, *start, "the line is longer than %zu bytes", p->line_max);
    }
    if (memchr(df->source + *start, '\0', *end - *start)) {
        return kist_parser_fail(p, *start, "the line has a NUL byte: this is no text");
    }
    while (*end > *start && df->source[*end - 1] == '\r') {
        (*end)--;
    }
    return 1;
}

static size_t skip_space(const struct kist_parser *p, size_t start, size_t end)
{
    while (start < end && kist_is_space(p->df->source[start])) {
        start++;
    }
    return start;
}

/* Whether the line is to be continued; then *end is before its escape character, which an escape character before it undoes. */
static bool is_continued(const struct kist_parser *p, size_t start, size_t *end)
{
    const char *source = p->df->source;
    size_t at = *end;

    while (at > start && (source[at - 1] == ' ' || source[at - 1] == '\t')) {
        at--;
    }
    if (at == start || source[at - 1] != p->df->escape || (at - 1 > start && source[at - 2] == p->df->escape)) {
        return false;
    }
    *end = at - 1;
    return true;
}

static int add_piece(struct kist_parser *p, struct kist_instruction *in, struct kist_buf *text, size_t start, size_t end)
{
    struct kist_instruction_piece *pieces = realloc(in->pieces, (in->piece_count + 1) * sizeof(*pieces));

    if (!pieces) {
        return kist_error_nomem(p->err);
    }
    in->pieces = pieces;
    pieces[in->piece_count++] = (struct kist_instruction_piece){.at = text->len, .source = start};
    return kist_buf_add(text, p->df->source + start, end - start, p->err);
}

/* The lines behind one that is continued. Comments among them are none of the text, and neither are blank lines. */
static int add_lines(struct kist_parser *p, struct kist_instruction *in, struct kist_buf *text)
{
    bool continued = true, blank = false;
    size_t start, end;
    int rc;

    while (continued && (rc = kist_parser_line(p, &start, &end)) != 0) {
        size_t word = rc < 0 ? 0 : skip_space(p, start, end);

        if (rc < 0) {
            return rc;
        }
        if (word == end) {
            blank = true;
            continue;
        }
        if (p->df->source[word] != '#') {
            continued = is_continued(p, start, &end);
            if ((rc = add_piece(p, in, text, start, end)) < 0) {
                return rc;
            }
        }
    }
    if (blank) {
        KIST_AUTO(buf) struct kist_buf warning = KIST_BUF_INIT(KIST_MAX_PATH + 128);

        rc = kist_buf_printf(&warning, p->err, "%s:%u: an empty line in a continued instruction; it is left out",
                             p->df->name, in->line);
        return rc == 0 ? kist_strv_add(&p->df->warnings, kist_buf_text(&warning), p->err) : rc;
    }
    return 0;
}

/* The instruction that begins at start, with the lines that continue it. */
static int read_text(struct kist_parser *p, struct kist_instruction *in, size_t start, size_t end)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_DOCKERFILE);
    int rc;

    in->line = p->line;
    p->df->escape = p->df->escape ? p->df->escape : '\\'; /* too late for a directive */
    if (is_continued(p, start, &end)) {
        rc = add_piece(p, in, &text, start, end);
        rc = rc == 0 ? add_lines(p, in, &text) : rc;
    } else {
        rc = add_piece(p, in, &text, start, end);
    }
    if (rc < 0) {
        return rc;
    }
    in->last_line = p->line;
    /* no more than may stand behind an escape character that continues a line, so that text can be read again */
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.data[--text.len] = '\0';
    }
    in->text = kist_buf_detach(&text);
    return in->text ? 0 : kist_error_nomem(p->err);
}

int kist_parser_text(struct kist_parser *p, struct kist_instruction *in)
{
    bool first = p->line == 0;
    size_t start, end;
    int rc;

    while ((rc = kist_parser_line(p, &start, &end)) == 1) {
        start += p->line == 1 && end - start >= 3 && memcmp(p->df->source + start, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        start = skip_space(p, start, end);
        if (start < end && p->df->source[start] == '#') {
            rc = first ? kist_parser_directive(p, start, end) : 0;
            if (rc < 0) {
                return rc;
            }
            first = rc == 1;
            continue;
        }
        first = false;
        if (start == end) {
            continue;
        }
        rc = read_text(p, in, start, end);
        if (rc < 0 || *kist_skip_space(in->text) != '\0') {
            return rc < 0 ? rc : 1;
        }
        kist_instruction_release(in); /* a continuation of nothing */
    }
    return rc;
}
