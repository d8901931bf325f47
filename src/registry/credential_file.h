/* The file of accounts itself: read, and replaced as a whole. Private to credential*.c. */
#ifndef KIST_REGISTRY_CREDENTIAL_FILE_H
#define KIST_REGISTRY_CREDENTIAL_FILE_H

#include "codec/json.h"

/* The object of text; an empty text is an empty object. KIST_E_USAGE. Release *root with kist_json_wipe_auto. */
int kist_credential_file_parse(cJSON **root, const char *text, size_t len, const char *path,
                               struct kist_error *err) KIST_CHECKED;
/* KIST_E_NOT_FOUND when there is no such file. */
int kist_credential_file_read(cJSON **root, const char *path, struct kist_error *err) KIST_CHECKED;

/*
 * Reads, changes and replaces the file, while nobody else does. change returns 0 to have root written, 1 to leave the file
 * as it is, or an error. A file that is not there is an empty object.
 */
int kist_credential_file_edit(const char *path, int (*change)(void *arg, cJSON *root, struct kist_error *err), void *arg,
                              struct kist_error *err) KIST_CHECKED;

#endif
