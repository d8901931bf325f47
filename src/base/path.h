/* Paths as text: joined and cleaned without asking any filesystem. */
#ifndef KIST_BASE_PATH_H
#define KIST_BASE_PATH_H

#include <stdbool.h>

#include "base/error.h"

/* dir + "/" + name into dst; false when it does not fit. */
bool kist_path_join(char *dst, size_t size, const char *dir, const char *name) KIST_CHECKED;

/*
 * A member name as an archive wrote it -> relative to the archive's root, without ".", empty parts or a
 * slash at either end; "" is the root. Leading slashes are dropped. false when ".." would climb above the root or
 * dst is too small ("a/../b" is "b").
 */
bool kist_path_clean(char *dst, size_t size, const char *name) KIST_CHECKED;

/* The part after the last slash; all of path without one. */
const char *kist_path_base(const char *path);

/* The order in which a tree is listed, a directory before what is in it, names bytewise: below, at or above 0 as strcmp. */
int kist_path_order(const char *a, const char *b);

#endif
