/* The table of instructions: what each may say. */
#ifndef KIST_BUILD_KEYWORD_H
#define KIST_BUILD_KEYWORD_H

#include "build/dockerfile.h"

/* How the text behind keyword and flags becomes args (dockerfile.h). */
enum kist_shape {
    KIST_SHAPE_COMMAND, /* a JSON list, or the whole text */
    KIST_SHAPE_JSON,    /* a JSON list only */
    KIST_SHAPE_PATHS,   /* a JSON list, or words */
    KIST_SHAPE_WORDS,
    KIST_SHAPE_NAMES,   /* words in which quotes count; NAME or NAME=VALUE */
    KIST_SHAPE_PAIRS,   /* the same, NAME=VALUE; or of old NAME and the rest */
    KIST_SHAPE_TEXT,    /* the whole text */
    KIST_SHAPE_HEALTH,
    KIST_SHAPE_TRIGGER,
};

struct kist_keyword_flag {
    const char *name;
    bool is_switch; /* needs no value */
    bool repeats;
    bool expands;
};

struct kist_keyword_row {
    const char *name;
    enum kist_shape shape;
    unsigned least;    /* fewest args, heredocs counted in */
    bool expands;
    bool heredocs;     /* "<<EOF" may stand among args */
    const char *usage; /* what stands behind the name */
    const struct kist_keyword_flag *flags; /* ended by one without name; NULL: none */
};

const struct kist_keyword_row *kist_keyword_row(enum kist_keyword keyword);
/* The keyword that len bytes of text spell, in any case; -1: none. */
int kist_keyword_find(const char *text, size_t len);
/* The name nearest to a word that is none, or NULL. */
const char *kist_keyword_nearest(const char *word);

#endif
