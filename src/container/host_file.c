#include "container/host_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int read_all(struct kist_buf *out, int fd, struct kist_error *err)
{
    char chunk[4096];

    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        int rc;

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return kist_error_sys(err, KIST_E_USAGE, errno, "read");
        }
        if (got == 0) {
            return 0;
        }
        rc = kist_buf_add(out, chunk, (size_t)got, err);
        if (rc < 0) {
            return rc == KIST_E_NOMEM ? rc
                                      : kist_error_set(err, KIST_E_USAGE, "larger than %zu bytes", out->max);
        }
    }
}

int kist_host_file_read(struct kist_buf *out, const char *path, const char *what, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc;

    if (fd < 0) {
        return kist_error_sys(err, KIST_E_USAGE, errno, "cannot read %s '%s'", what, path);
    }
    rc = read_all(out, fd, err);
    return rc < 0 ? kist_error_wrap(err, "cannot read %s '%s'", what, path) : 0;
}
