/* Symbolic links followed in a tree that no filesystem resolves: an image's layers, a directory that nothing may lead out of. */
#ifndef KIST_BASE_RESOLVE_H
#define KIST_BASE_RESOLVE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/limits.h"

enum kist_path_kind {
    KIST_PATH_NOTHING,
    KIST_PATH_DIRECTORY,
    KIST_PATH_LINK,
    KIST_PATH_OTHER,
};

/* What is at path, which is clean and has no link before its last name: an enum kist_path_kind, or an error. A link's target goes into target. */
typedef int kist_path_look(void *arg, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err);

/*
 * The clean path that path leads to, as if the tree's top were "/": out, and what is there comes back. Where a name is missing the
 * rest is taken as it stands. follow: also the last name's link (then it is no KIST_PATH_LINK). KIST_E_NOT_FOUND: too many links,
 * as the kernel counts them, or a path that is too long.
 */
int kist_path_resolve(char out[KIST_MAX_PATH + 1], const char *path, bool follow, kist_path_look *look, void *arg,
                 struct kist_error *err) KIST_CHECKED;

#endif
