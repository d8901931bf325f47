#include "cmd/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define CHUNK ((size_t)64 << 10)

int kist_input_open(FILE **out, const char *path, struct kist_error *err)
{
    *out = stdin;
    if (!path || strcmp(path, "-") == 0) {
        return isatty(STDIN_FILENO)
                   ? kist_error_set(err, KIST_E_USAGE, "no archive is read from a terminal (name a file, or use a pipe)")
                   : 0;
    }
    *out = fopen(path, "rb");
    return *out ? 0 : kist_error_sys(err, KIST_E_USAGE, errno, "cannot open '%s'", path);
}

void kist_input_close(FILE *f)
{
    if (f && f != stdin) {
        (void)fclose(f);
    }
}

int kist_input_read(void *arg, void *data, size_t size, size_t *got, struct kist_error *err)
{
    errno = 0;
    *got = fread(data, 1, size, arg);
    if (kist_app_stopped(NULL)) {
        return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
    }
    return *got == 0 && ferror((FILE *)arg) ? kist_error_sys(err, KIST_E_IO, errno, "cannot read the archive") : 0;
}

int kist_input_copy(FILE *f, struct kist_sink *sink, struct kist_error *err)
{
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    size_t got = 1;
    int rc = chunk ? 0 : kist_error_nomem(err);

    while (rc == 0 && (rc = kist_input_read(f, chunk, CHUNK, &got, err)) == 0 && got > 0) {
        rc = kist_sink_write(sink, chunk, got, err);
    }
    return rc == 0 ? kist_sink_finish(sink, err) : rc;
}
