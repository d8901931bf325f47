/* Where a command writes an archive: a file that is there only once it is whole, or standard output. */
#ifndef KIST_CMD_OUTPUT_H
#define KIST_CMD_OUTPUT_H

#include "codec/stream.h"
#include "port/file.h"

struct kist_output {
    struct kist_sink sink;
    void *stream;          /* FILE: standard output, or what is no plain file */
    struct port_dir *dir;  /* of a plain file: */
    struct port_file *file;
    char *name, *temporary; /* in dir */
};

/*
 * path NULL or "-": standard output, which must not be a terminal (KIST_E_USAGE). A plain file is written under another name
 * beside it and takes its name in kist_output_close. SIGINT and SIGTERM end the writing with KIST_E_INTERRUPTED between
 * kist_app_catch_signals and kist_app_release_signals.
 */
int kist_output_open(struct kist_output *o, const char *path, struct kist_error *err) KIST_CHECKED;
/* rc is how the writing went: below 0 nothing is left. Returns rc, or what went wrong at the end. */
int kist_output_close(struct kist_output *o, int rc, struct kist_error *err) KIST_CHECKED;

#endif
