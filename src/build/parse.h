/* The parts of reading a Dockerfile, for one another: lines -> instructions' texts -> words, flags and heredocs. */
#ifndef KIST_BUILD_PARSE_H
#define KIST_BUILD_PARSE_H

#include "build/keyword.h"

struct kist_parser {
    struct kist_dockerfile *df;
    size_t at;     /* in the source, where the next line begins */
    unsigned line; /* lines read so far */
    size_t line_max; /* bytes that one may have */
    struct kist_error *err;
};

/* ---- lines.c ---- */

/* Where source line at start is wrong: place, line and caret. Returns err's code. */
int kist_parser_fail(struct kist_parser *p, size_t at, const char *fmt, ...) KIST_PRINTF(3, 4);
/* The next line of the source, without its "\n" or "\r\n": 1; 0: there is none. */
int kist_parser_line(struct kist_parser *p, size_t *start, size_t *end) KIST_CHECKED;
/* The next instruction's text, line and pieces, at least one word of it: 1; 0: there is none. Directives are entered on the way. */
int kist_parser_text(struct kist_parser *p, struct kist_instruction *in) KIST_CHECKED;

/* ---- directive.c ---- */

/* A line that begins with '#' at start, before all others: whether it is a directive, which is entered: 1; 0. */
int kist_parser_directive(struct kist_parser *p, size_t start, size_t end) KIST_CHECKED;

/* ---- words.c ---- */

bool kist_is_space(char c);
const char *kist_skip_space(const char *text);
/* The word at text, where quotes and escapes count and stand: its end. *quote, unless NULL: an open quote in it, or NULL. */
const char *kist_word_end(const char *text, char escape, const char **quote);
/* One more of in's args, of len bytes, which begins at at in its text. */
int kist_instruction_add(struct kist_instruction *in, const char *arg, size_t len, size_t at,
                         struct kist_error *err) KIST_CHECKED;

/* ---- flags.c ---- */

/* The flags at text, which is moved past them. */
int kist_parser_flags(struct kist_parser *p, struct kist_instruction *in, const char **text) KIST_CHECKED;

/* ---- arguments.c ---- */

/* in->rest -> in->args, as the keyword's row says. */
int kist_parser_arguments(struct kist_parser *p, struct kist_instruction *in) KIST_CHECKED;

/* ---- heredoc.c ---- */

/* The heredocs that in->rest announces, from the lines behind it. Those that are paths among args are taken out there. */
int kist_parser_heredocs(struct kist_parser *p, struct kist_instruction *in) KIST_CHECKED;

/* ---- parse.c ---- */

/* The instruction at text, a part of in's; what it says goes into in. */
int kist_parser_instruction(struct kist_parser *p, struct kist_instruction *in, const char *text) KIST_CHECKED;
void kist_instruction_release(struct kist_instruction *in);

#endif
