/* Short names of repositories, as the configuration has them. */
#ifndef KIST_CMD_ALIAS_H
#define KIST_CMD_ALIAS_H

#include "base/str.h"

/* KIST_E_USAGE for what is no "NAME=REPOSITORY", or "NAME/=PREFIX/". */
int kist_alias_check(const char *entry, struct kist_error *err) KIST_CHECKED;

/*
 * The reference text with its repository's name, or the beginning of it, replaced by what the first fitting alias says:
 * into dst of size bytes. false where no alias fits.
 */
bool kist_alias_expand(const struct kist_strv *aliases, const char *text, char *dst, size_t size);

#endif
