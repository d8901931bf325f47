#include <stdlib.h>
#include <string.h>

#include "build/parse.h"

#define FLAGS_MAX 16 /* one instruction's, of all kinds */

/* The row of the flag called name, or NULL. */
static const struct kist_keyword_flag *find_row(const struct kist_keyword_row *row, const char *name)
{
    for (const struct kist_keyword_flag *f = row->flags; f && f->name; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static int unknown(struct kist_parser *p, const struct kist_instruction *in, const struct kist_keyword_row *row,
                   const struct kist_instruction_flag *flag)
{
    const char *names[FLAGS_MAX], *nearest;
    size_t n = 0;

    for (const struct kist_keyword_flag *f = row->flags; f && f->name && n < FLAGS_MAX; f++) {
        names[n++] = f->name;
    }
    nearest = kist_str_nearest(flag->name, names, n);
    return kist_dockerfile_fail(p->df, in, flag->at, p->err, KIST_E_USAGE, "'%s' has no flag '--%s'%s%s%s", row->name,
                                flag->name, nearest ? " (did you mean '--" : "", nearest ? nearest : "",
                                nearest ? "'?)" : "");
}

/* What is wrong with the last of in's flags, or NULL. */
static const char *fault(const struct kist_instruction *in, const struct kist_keyword_flag *known)
{
    const struct kist_instruction_flag *flag = &in->flags[in->flag_count - 1];

    if (!known->repeats && kist_instruction_flag(in, flag->name) != flag->value) {
        return "is given twice";
    }
    if (known->is_switch && strcmp(flag->value, "true") != 0 && strcmp(flag->value, "false") != 0) {
        return "is 'true' or 'false'";
    }
    if (in->keyword == KIST_KEYWORD_COPY && strcmp(flag->name, "from") == 0 && strchr(flag->value, '$')) {
        return "takes no variable: name a stage, 'FROM ... AS NAME', and copy from that";
    }
    return NULL;
}

/* The word from begin to end, quotes and backslashes removed. */
static char *unquote(const char *begin, const char *end)
{
    char *text = malloc((size_t)(end - begin) + 1), *to = text;
    char quote = '\0';

    for (; text && begin < end; begin++) {
        if (*begin == quote || (quote == '\0' && (*begin == '"' || *begin == '\''))) {
            quote = quote ? '\0' : *begin;
        } else if (*begin != '\\' || ++begin < end) {
            *to++ = *begin;
        }
    }
    if (text) {
        *to = '\0';
    }
    return text;
}

static int add(struct kist_parser *p, struct kist_instruction *in, const char *begin, const char *end)
{
    const struct kist_keyword_row *row = kist_keyword_row(in->keyword);
    struct kist_instruction_flag *flags = realloc(in->flags, (in->flag_count + 1) * sizeof(*flags)), *flag;
    char *word = unquote(begin + 2, end), *value = word ? strchr(word, '=') : NULL;
    const struct kist_keyword_flag *known;
    const char *why;

    in->flags = flags ? flags : in->flags;
    if (!flags || !word) {
        free(word);
        return kist_error_nomem(p->err);
    }
    flag = &flags[in->flag_count++];
    *flag = (struct kist_instruction_flag){.name = word, .at = (size_t)(begin - in->text)};
    flag->value_at = flag->at;
    if (value) {
        flag->value_at += strcspn(begin, "=") + 1;
        *value++ = '\0';
    }
    known = find_row(row, word);
    if (!known) {
        return unknown(p, in, row, flag);
    }
    flag->expands = known->expands;
    flag->value = strdup(value ? value : "true");
    if (!flag->value) {
        return kist_error_nomem(p->err);
    }
    why = value || known->is_switch ? fault(in, known) : "needs a value";
    return why ? kist_dockerfile_fail(p->df, in, flag->at, p->err, KIST_E_USAGE, "'%s' flag '--%s' %s", row->name, word, why)
               : 0;
}

int kist_parser_flags(struct kist_parser *p, struct kist_instruction *in, const char **text)
{
    const char *begin = kist_skip_space(*text), *end, *quote;
    int rc = 0;

    for (; rc == 0 && begin[0] == '-' && begin[1] == '-'; begin = kist_skip_space(end)) {
        end = kist_word_end(begin, '\\', &quote);
        if (end == begin + 2) {
            begin = kist_skip_space(end);
            break;
        }
        if (quote) {
            return kist_dockerfile_fail(p->df, in, (size_t)(quote - in->text), p->err, KIST_E_USAGE, "a %s quote is not closed",
                                        *quote == '"' ? "double" : "single");
        }
        rc = add(p, in, begin, end);
    }
    *text = begin;
    return rc;
}

static const struct kist_instruction_flag *find(const struct kist_instruction *in, const char *name)
{
    for (size_t i = 0; i < in->flag_count; i++) {
        if (strcmp(in->flags[i].name, name) == 0) {
            return &in->flags[i];
        }
    }
    return NULL;
}

const char *kist_instruction_flag(const struct kist_instruction *in, const char *name)
{
    const struct kist_instruction_flag *flag = find(in, name);

    return flag ? flag->value : NULL;
}

size_t kist_instruction_flag_at(const struct kist_instruction *in, const char *name)
{
    const struct kist_instruction_flag *flag = find(in, name);

    return flag ? flag->at : 0;
}
