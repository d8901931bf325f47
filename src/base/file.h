/* Small files that people write, read whole. */
#ifndef KIST_BASE_FILE_H
#define KIST_BASE_FILE_H

#include "base/buf.h"

/*
 * The text of the file at path, symlinks followed, appended to out. KIST_E_NOT_FOUND: there is none; KIST_E_USAGE: it
 * cannot be read, has more bytes than out takes, or a NUL among them. what names the file in messages ("configuration").
 */
int kist_file_read(struct kist_buf *out, const char *path, const char *what, struct kist_error *err) KIST_CHECKED;

#endif
