/*
 * .dockerignore: what of a build context is left out. One pattern a line, '#' begins a comment, '!' takes back; the last line
 * that matches a path, or a directory it is in, decides (moby/patternmatcher, MatchesOrParentMatches).
 */
#ifndef KIST_BUILD_IGNORE_H
#define KIST_BUILD_IGNORE_H

#include "base/error.h"

#include <stdbool.h>

struct kist_ignore;

/*
 * Reads an ignore file's text; name is for messages. KIST_E_USAGE with place, source line and caret: a pattern is malformed; also
 * more than KIST_MAX_IGNORE bytes or KIST_MAX_IGNORE_PATTERNS patterns. Free *out.
 */
int kist_ignore_parse(struct kist_ignore **out, const char *name, const char *data, size_t len,
                      struct kist_error *err) KIST_CHECKED;
/* One more pattern behind those there are, as --exclude of COPY and ADD has it. *ignore may be NULL at first. */
int kist_ignore_add(struct kist_ignore **ignore, const char *pattern, struct kist_error *err) KIST_CHECKED;
void kist_ignore_free(struct kist_ignore *ignore);
/* KIST_AUTO(ignore) struct kist_ignore *ignore = NULL; */
void kist_ignore_auto(struct kist_ignore **ignore);

/* Whether path is left out; relative and clean, as kist_path_clean makes it. NULL leaves out nothing. One thread at a time. */
bool kist_ignore_match(struct kist_ignore *ignore, const char *path);
/* Whether directory dir is left out and no line takes back anything below it: it need not be read. */
bool kist_ignore_skips(struct kist_ignore *ignore, const char *dir);

#endif
