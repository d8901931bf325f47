/* Where in a text an error is, shown as compilers do: the source line, a caret under the word. */
#ifndef KIST_BUILD_EXCERPT_H
#define KIST_BUILD_EXCERPT_H

#include "base/error.h"

/*
 * Puts "NAME:LINE:COLUMN: " before err's message, and behind it the line of the len bytes of source that holds offset at, with a
 * caret; column counts characters from 1. A long line is cut around the caret, a long message to make room. One that has its place
 * already keeps it: who is nearer to an error knows better. err may be NULL.
 */
void kist_excerpt_add(struct kist_error *err, const char *name, const char *source, size_t len, size_t at);

#endif
