/*
 * A Dockerfile's text -> its instructions, as the Dockerfile reference (syntax 1.x) has them. Variables are not yet expanded:
 * that is expand.h, at the time a stage is built.
 */
#ifndef KIST_BUILD_DOCKERFILE_H
#define KIST_BUILD_DOCKERFILE_H

#include "base/buf.h"
#include "base/str.h"

enum kist_keyword {
    KIST_KEYWORD_ADD,
    KIST_KEYWORD_ARG,
    KIST_KEYWORD_CMD,
    KIST_KEYWORD_COPY,
    KIST_KEYWORD_ENTRYPOINT,
    KIST_KEYWORD_ENV,
    KIST_KEYWORD_EXPOSE,
    KIST_KEYWORD_FROM,
    KIST_KEYWORD_HEALTHCHECK,
    KIST_KEYWORD_LABEL,
    KIST_KEYWORD_MAINTAINER,
    KIST_KEYWORD_ONBUILD,
    KIST_KEYWORD_RUN,
    KIST_KEYWORD_SHELL,
    KIST_KEYWORD_STOPSIGNAL,
    KIST_KEYWORD_USER,
    KIST_KEYWORD_VOLUME,
    KIST_KEYWORD_WORKDIR,
};

/* Its name in capitals. */
const char *kist_keyword_name(enum kist_keyword keyword);
/* Whether variables in its arguments are expanded by the builder (RUN's, CMD's and the like are left to the shell). */
bool kist_keyword_expands(enum kist_keyword keyword);

/* --name=value, quotes removed, as written first to last. A flag that is no switch always has a value. */
struct kist_instruction_flag {
    char *name;      /* without the dashes */
    char *value;     /* of a switch: "true" or "false" */
    size_t at;       /* where in the instruction's text it begins */
    size_t value_at; /* and its value, quotes there included */
    bool expands;    /* variables in value are expanded */
};

struct kist_heredoc {
    char *name;    /* its delimiter, quotes removed */
    char *content; /* lines as the file has them, each with its end */
    bool expand;   /* the delimiter was not quoted: COPY and ADD expand variables in content; RUN leaves them to the shell */
    bool strip;    /* "<<-": tabs that lines begin with do not count; kist_heredoc_content leaves them out */
};

/* A place where text goes on elsewhere in the file. */
struct kist_instruction_piece {
    size_t at;     /* in the instruction's text */
    size_t source; /* in the file */
};

/*
 * What args holds:
 *   ADD COPY     paths, the destination last; heredocs among the sources are in heredocs alone
 *   ARG          NAME or NAME=VALUE each
 *   ENV LABEL    name, value, name, value ...
 *   EXPOSE FROM VOLUME   words
 *   HEALTHCHECK  "NONE"; or "CMD" and then as CMD
 *   CMD ENTRYPOINT RUN   shell form: one, the whole text, line by line joined; exec form (json): each
 *   SHELL        each of a JSON list
 *   ONBUILD      one, the trigger's text with its heredocs, for kist_dockerfile_parse_trigger
 *   others       one, the whole text
 * Quotes, escapes and variables stand as written, except in a JSON list, which is decoded.
 */
struct kist_instruction {
    enum kist_keyword keyword;
    bool json; /* args were written as a JSON list of strings */
    unsigned line, last_line; /* where in the file, from 1; with its heredocs */
    char *text;       /* the instruction in one line: continuation lines joined, comments and blank lines gone */
    const char *rest; /* in text: what follows keyword and flags */
    struct kist_strv args;
    size_t *at; /* for each of args, where it begins in text (in a JSON list: where the list does) */
    struct kist_instruction_flag *flags;
    size_t flag_count;
    struct kist_heredoc *heredocs;
    size_t heredoc_count;
    struct kist_instruction_piece *pieces; /* at least one; the first is at 0 */
    size_t piece_count;
};

struct kist_dockerfile {
    char *name;   /* for messages */
    char *source; /* the whole file, for messages */
    size_t len;
    char escape;  /* '\\', or '`' by "# escape=`" */
    char *syntax; /* "# syntax=...", or NULL */
    char *check;  /* "# check=...", or NULL */
    struct kist_instruction *v;
    size_t n;
    struct kist_strv warnings; /* complete lines for the user, without newline */
};

/*
 * Reads a whole Dockerfile. What is checked: that instructions and their flags are known, have the arguments they need, quotes,
 * "${" and heredocs are closed, stage names are well formed, and only ARG stands before the first FROM. A stage name given twice
 * is a warning: the later one counts from there on. name is for messages ("Dockerfile"). KIST_E_USAGE with place, source line and
 * caret, also beyond the caps KIST_MAX_DOCKERFILE...; KIST_E_UNSUPPORTED: the syntax directive names another language.
 * out is empty on error.
 */
int kist_dockerfile_parse(struct kist_dockerfile *out, const char *name, const char *data, size_t len,
                          struct kist_error *err) KIST_CHECKED;
/* Reads what an image's OnBuild holds: one instruction, with its heredocs; n is 1. The escape character is '\\'. */
int kist_dockerfile_parse_trigger(struct kist_dockerfile *out, const char *name, const char *text,
                                  struct kist_error *err) KIST_CHECKED;
void kist_dockerfile_release(struct kist_dockerfile *df);
/* KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0}; */
void kist_dockerfile_auto(struct kist_dockerfile *df);

/* The value of the flag's first use, or NULL where it is not given. */
const char *kist_instruction_flag(const struct kist_instruction *in, const char *name);
/* Where in text that begins; 0, the keyword, where it is not given. */
size_t kist_instruction_flag_at(const struct kist_instruction *in, const char *name);

/* Appends a heredoc's content, without the tabs that are to be stripped. */
int kist_heredoc_content(struct kist_buf *out, const struct kist_heredoc *heredoc, struct kist_error *err) KIST_CHECKED;
/*
 * Appends what a RUN in shell form gives its shell: its text; where that is one heredoc alone, the heredoc's content; else
 * the text and behind it all heredocs. 1: it is a heredoc alone and begins with "#!": a script of its own, for no shell; else 0.
 */
int kist_instruction_script(struct kist_buf *out, const struct kist_instruction *in, struct kist_error *err) KIST_CHECKED;

/*
 * An error at offset at of in's text (0: the keyword; in->at[i]; a flag's at): "NAME:LINE:COLUMN: " before the message, the source
 * line and a caret after it. _fail makes the message too, _blame takes the one in err, unless that has a place already. Both
 * return err's code.
 */
int kist_dockerfile_fail(const struct kist_dockerfile *df, const struct kist_instruction *in, size_t at,
                         struct kist_error *err, enum kist_err code, const char *fmt, ...) KIST_PRINTF(6, 7);
int kist_dockerfile_blame(const struct kist_dockerfile *df, const struct kist_instruction *in, size_t at,
                          struct kist_error *err);

#endif
