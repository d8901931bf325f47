/* Environments as lists of "KEY=value", and Docker's --env-file. */
#ifndef KIST_CONTAINER_ENV_H
#define KIST_CONTAINER_ENV_H

#include "base/str.h"

/* Docker's, where nobody says another. */
#define KIST_ENV_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The value of a key of keylen bytes; NULL where it is not set. */
const char *kist_env_get(const struct kist_strv *env, const char *key, size_t keylen);

/* Sets "KEY=value", in the place of an earlier one; "KEY" alone takes it away. */
int kist_env_put(struct kist_strv *env, const char *assignment, struct kist_error *err) KIST_CHECKED;

/* Adds an -e argument to list: "KEY=value" as it is, "KEY" with the value kist has, or alone when it has
 * none. KIST_E_USAGE. */
int kist_env_add_option(struct kist_strv *list, const char *text, struct kist_error *err) KIST_CHECKED;

/*
 * Adds the lines of an env file to list, as Docker reads it: KEY=value with the value as it stands to the
 * line's end (no quotes, no escapes), KEY alone takes the value kist has or is passed over, blank lines and
 * those that start with # are passed over. KIST_E_USAGE names the file and the line.
 */
int kist_env_add_file(struct kist_strv *list, const char *text, size_t len, const char *name,
                      struct kist_error *err) KIST_CHECKED;

#endif
