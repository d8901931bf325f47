/* What a command reads an archive from: a file, or standard input. */
#ifndef KIST_CMD_INPUT_H
#define KIST_CMD_INPUT_H

#include <stdio.h>

#include "codec/stream.h"

/* path NULL or "-": standard input, which must not be a terminal. KIST_E_USAGE. */
int kist_input_open(FILE **out, const char *path, struct kist_error *err) KIST_CHECKED;
/* Standard input stays open. */
void kist_input_close(FILE *f);
/* Fits struct kist_load_source; arg is the FILE. KIST_E_INTERRUPTED where SIGINT or SIGTERM came. */
int kist_input_read(void *arg, void *data, size_t size, size_t *got, struct kist_error *err) KIST_CHECKED;
/* All of it into sink, with its finish. */
int kist_input_copy(FILE *f, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;

#endif
