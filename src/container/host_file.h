/* A small file of the host that the user named: an env file, a seccomp profile. */
#ifndef KIST_CONTAINER_HOST_FILE_H
#define KIST_CONTAINER_HOST_FILE_H

#include "base/buf.h"

/* Appends the whole file. KIST_E_USAGE, naming what it was to be ("env file"), when it cannot be read or is
 * larger than out may be. */
int kist_host_file_read(struct kist_buf *out, const char *path, const char *what,
                        struct kist_error *err) KIST_CHECKED;

#endif
