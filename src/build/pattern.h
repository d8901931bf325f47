/*
 * Patterns for paths as Docker has them: Go's filepath.Match - '*' any text but '/', '?' any character but '/', [a-z] and
 * [^a-z], '\' takes the next as it is - and '**', any number of directories, none too.  And patterns of shell parameter
 * expansion, where '*' and '?' match any text and character.
 */
#ifndef KIST_BUILD_PATTERN_H
#define KIST_BUILD_PATTERN_H

#include "base/error.h"

#include <stdbool.h>

enum kist_pattern_kind { KIST_PATTERN_PATH, KIST_PATTERN_SHELL };

struct kist_pattern_step;

/* Matching takes time proportional to text and pattern at most, and no memory; one thread at a time. */
struct kist_pattern {
    char *text;
    struct kist_pattern_step *steps;
    size_t count;
    uint32_t *lists; /* for matching: states now, states next, and when each was last entered */
    uint32_t round;
};

/* KIST_E_USAGE: the pattern is malformed (an open '[', a '\' at the end). */
int kist_pattern_compile(struct kist_pattern *p, enum kist_pattern_kind kind, const char *text,
                         struct kist_error *err) KIST_CHECKED;
void kist_pattern_release(struct kist_pattern *p);
/* KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL}; */
void kist_pattern_auto(struct kist_pattern *p);

/* Whether text has a '*', '?' or '[' that is not escaped. */
bool kist_pattern_is_wild(const char *text);

/* The whole of path matches. path is relative and clean, as kist_path_clean makes it. */
bool kist_pattern_match(struct kist_pattern *p, const char *path);
/* path matches, or a directory that it is in. */
bool kist_pattern_covers(struct kist_pattern *p, const char *path);
/* Something below directory dir could match ("" is the root). */
bool kist_pattern_reaches(struct kist_pattern *p, const char *dir);

/*
 * Of len bytes of text those at the beginning (backward: at the end) that match: the fewest, or with longest the most. -1: none;
 * -2: none, and none at any later place either; else how many.
 */
long kist_pattern_part(struct kist_pattern *p, const char *text, size_t len, bool backward, bool longest);

#endif
