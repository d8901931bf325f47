/*
 * Variables, quotes and escapes in the arguments of Dockerfile instructions, as the Dockerfile reference has them ("Environment
 * replacement"): $a ${a} ${a:-x} ${a-x} ${a:+x} ${a+x} ${a:?x} ${a?x} ${a#p} ${a##p} ${a%p} ${a%%p} ${a/p/x} ${a//p/x};
 * in a pattern p, * is any text and ? any character.
 */
#ifndef KIST_BUILD_EXPAND_H
#define KIST_BUILD_EXPAND_H

#include "base/buf.h"
#include "base/str.h"

/* A variable's value, or NULL where it is not set; it need last only until the next call. */
typedef const char *kist_expand_lookup(void *arg, const char *name);

struct kist_expand {
    kist_expand_lookup *lookup; /* NULL: nothing is known, only the form is checked; what comes out is of no use */
    void *arg;
    char escape;        /* '\\' or '`', the Dockerfile's; in heredocs always '\\' */
    bool quotes_stand;  /* quotes are characters like any other: contents of a heredoc */
    size_t at;          /* set on error: where in text it is */
};

/*
 * Appends text to out with variables replaced, quotes and escapes removed. KIST_E_USAGE: an open quote or brace, a form that
 * is none of the above, what ":?" says, more than out takes (give it KIST_MAX_EXPANSION).
 */
int kist_expand_word(struct kist_buf *out, struct kist_expand *e, const char *text, struct kist_error *err) KIST_CHECKED;
/* The same, split into words at white space that is neither quoted nor escaped, variables' values included. */
int kist_expand_words(struct kist_strv *out, struct kist_expand *e, const char *text, struct kist_error *err) KIST_CHECKED;

#endif
