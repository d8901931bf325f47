/*
 * Digests of files of build contexts that were read before, found by their stamps (kist_context_stamp): such a file need not even be opened.
 * Kept between builds in <run>/known-files, for as long as the machine runs: a device whose clock begins anew with each boot may give a file
 * the time it had in an earlier one. At most KIST_MAX_KNOWN_FILES. It is a cache, and only ever saves work: nothing here fails.
 */
#ifndef KIST_BUILD_KNOWN_H
#define KIST_BUILD_KNOWN_H

#include "build/context.h"

#define KIST_KNOWN_SUM 16 /* bytes of what is known of a file */

struct kist_known;

/* run: the directory; others must not have written what is there. NULL: nothing can be known, which all below take for an answer. */
struct kist_known *kist_known_open(const char *run);
bool kist_known_find(struct kist_known *k, const unsigned char stamp[KIST_CONTEXT_STAMP], unsigned char sum[KIST_KNOWN_SUM]);
void kist_known_add(struct kist_known *k, const unsigned char stamp[KIST_CONTEXT_STAMP], const unsigned char sum[KIST_KNOWN_SUM]);
/* keep: writes it, where something was added. Past the limit, what was not asked for this time is forgotten first. */
void kist_known_close(struct kist_known *k, bool keep);
/* All of it. */
void kist_known_forget(const char *run);

#endif
