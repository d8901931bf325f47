#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/parse.h"

/* "3<<-'EOF'" in an instruction's text. */
struct announcement {
    const char *begin, *end;
    const char *name; /* up to end, quotes as written */
    bool strip;
};

/* The word from begin to end announces a heredoc. Its name may be the next word, unless that looks like the shell's arithmetic. */
static bool find_announcement(struct announcement *a, const char *begin, const char *end)
{
    const char *name = begin + strspn(begin, "0123456789");

    if (strncmp(name, "<<", 2) != 0) {
        return false;
    }
    name += 2;
    *a = (struct announcement){.begin = begin, .strip = *name == '-'};
    name += a->strip;
    if (name == end) {
        name = kist_skip_space(end);
        end = kist_word_end(name, '\\', NULL);
        if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name != '\0' && strchr("_'\"", *name)))) {
            return false;
        }
    }
    a->name = name;
    a->end = end;
    return !memchr(name, '<', (size_t)(end - name));
}

/* The delimiter without quotes and escapes; *quoted: it had quotes. */
static char *unquote(const struct announcement *a, bool *quoted)
{
    char *name = malloc((size_t)(a->end - a->name) + 1), *to = name;
    char quote = '\0';

    *quoted = false;
    for (const char *c = a->name; name && c < a->end; c++) {
        if (*c == quote || (!quote && (*c == '"' || *c == '\''))) {
            quote = quote ? '\0' : *c;
            *quoted = true;
        } else if (*c != '\\' || quote == '\'' || ++c < a->end) {
            *to++ = *c;
        }
    }
    if (name) {
        *to = '\0';
    }
    return name;
}

static int unterminated(struct kist_parser *p, const struct kist_instruction *in, const struct announcement *a,
                        const char *name, unsigned near)
{
    char hint[64] = "";

    if (near) {
        (void)snprintf(hint, sizeof(hint), " (line %u has it with space around it)", near);
    }
    return kist_dockerfile_fail(p->df, in, (size_t)(a->begin - in->text), p->err, KIST_E_USAGE,
                                "the heredoc is not closed: no line '%s' follows%s", name, hint);
}

/* Whether the line is the delimiter alone; *near: but for space around it. */
static bool closes(const char *line, size_t len, const char *name, bool strip, bool *near)
{
    size_t size = strlen(name);

    while (strip && len > 0 && *line == '\t') {
        line++;
        len--;
    }
    if (len == size && memcmp(line, name, size) == 0) {
        return true;
    }
    while (len > 0 && kist_is_space(*line)) {
        line++;
        len--;
    }
    while (len > 0 && kist_is_space(line[len - 1])) {
        len--;
    }
    *near = len == size && memcmp(line, name, size) == 0;
    return false;
}

/* The lines up to the delimiter, into h. */
static int read_content(struct kist_parser *p, const struct kist_instruction *in, const struct announcement *a,
                        struct kist_heredoc *h)
{
    size_t begin = p->at, start, end;
    unsigned indented = 0;
    int rc;

    while ((rc = kist_parser_line(p, &start, &end)) == 1) {
        bool near = false;

        if (closes(p->df->source + start, end - start, h->name, h->strip, &near)) {
            h->content = strndup(p->df->source + begin, start - begin);
            return h->content ? 0 : kist_error_nomem(p->err);
        }
        indented = near && !indented ? p->line : indented;
    }
    return rc < 0 ? rc : unterminated(p, in, a, h->name, indented);
}

/* Takes the heredoc's word out of the paths it stands among. */
static int take_out(struct kist_parser *p, struct kist_instruction *in, const struct announcement *a)
{
    size_t from = (size_t)(a->begin - in->text), to = (size_t)(a->end - in->text), kept = 0;

    if (in->args.n > 0 && in->at[in->args.n - 1] >= from && in->at[in->args.n - 1] < to) {
        return kist_dockerfile_fail(p->df, in, from, p->err, KIST_E_USAGE, "'%s' cannot have a heredoc as its destination",
                                    kist_keyword_name(in->keyword));
    }
    for (size_t i = 0; i < in->args.n; i++) {
        if (in->at[i] >= from && in->at[i] < to) {
            free(in->args.v[i]);
            continue;
        }
        in->at[kept] = in->at[i];
        in->args.v[kept++] = in->args.v[i];
    }
    in->args.n = kept;
    if (in->args.v) {
        in->args.v[kept] = NULL;
    }
    return 0;
}

static int add(struct kist_parser *p, struct kist_instruction *in, const struct announcement *a)
{
    struct kist_heredoc *heredocs = realloc(in->heredocs, (in->heredoc_count + 1) * sizeof(*heredocs)), *h;
    bool quoted;
    int rc;

    if (!heredocs) {
        return kist_error_nomem(p->err);
    }
    in->heredocs = heredocs;
    h = &heredocs[in->heredoc_count++];
    *h = (struct kist_heredoc){.name = unquote(a, &quoted), .strip = a->strip};
    h->expand = !quoted;
    if (!h->name) {
        return kist_error_nomem(p->err);
    }
    rc = kist_keyword_row(in->keyword)->shape == KIST_SHAPE_PATHS ? take_out(p, in, a) : 0;
    return rc == 0 ? read_content(p, in, a, h) : rc;
}

int kist_parser_heredocs(struct kist_parser *p, struct kist_instruction *in)
{
    struct announcement a;
    const char *word, *end, *quote = NULL;
    int rc = 0;

    if (!strstr(in->rest, "<<")) {
        return 0;
    }
    for (word = in->rest; *word != '\0' && !quote; word = kist_skip_space(end)) {
        end = kist_word_end(word, '\\', &quote);
    }
    /* with a quote open no word is sure to be one; it is the shell that will complain */
    for (word = in->rest; rc == 0 && *word != '\0' && !quote; word = kist_skip_space(end)) {
        end = kist_word_end(word, '\\', NULL);
        if (find_announcement(&a, word, end)) {
            end = a.end;
            rc = add(p, in, &a);
        }
    }
    in->last_line = p->line;
    return rc;
}

int kist_heredoc_content(struct kist_buf *out, const struct kist_heredoc *heredoc, struct kist_error *err)
{
    const char *line = heredoc->content;
    int rc = 0;

    while (rc == 0 && *line != '\0') {
        const char *newline = strchr(line, '\n');
        const char *end = newline ? newline + 1 : line + strlen(line);

        while (heredoc->strip && *line == '\t') {
            line++;
        }
        rc = kist_buf_add(out, line, (size_t)(end - line), err);
        line = end;
    }
    return rc;
}

int kist_instruction_script(struct kist_buf *out, const struct kist_instruction *in, struct kist_error *err)
{
    const char *text = in->args.n > 0 ? in->args.v[0] : "";
    struct announcement a;
    int rc;

    if (in->heredoc_count == 1 && find_announcement(&a, text, kist_word_end(text, '\\', NULL)) &&
        *kist_skip_space(a.end) == '\0') {
        rc = kist_heredoc_content(out, &in->heredocs[0], err);
        return rc == 0 ? kist_str_starts(kist_buf_text(out), "#!") : rc;
    }
    rc = kist_buf_puts(out, text, err);
    for (size_t i = 0; rc == 0 && i < in->heredoc_count; i++) {
        rc = kist_buf_printf(out, err, "\n%s%s", in->heredocs[i].content, in->heredocs[i].name);
    }
    return rc;
}
