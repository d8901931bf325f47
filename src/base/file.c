#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096

int kist_file_read(struct kist_buf *out, const char *path, const char *what, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got;

    if (fd < 0) {
        return kist_error_sys(err, errno == ENOENT || errno == ENOTDIR ? KIST_E_NOT_FOUND : KIST_E_USAGE, errno,
                              "cannot read the %s '%s'", what, path);
    }
    do { /* straight into out: what is secret leaves no copy */
        size_t room = KIST_MIN((size_t)CHUNK, out->max - out->len);
        int rc = kist_buf_reserve(out, room, err);

        if (rc < 0) {
            return rc;
        }
        got = read(fd, out->data + out->len, room + 1); /* the closing NUL's byte tells of one too many */
        if (got > (ssize_t)room) {
            return kist_error_set(err, KIST_E_USAGE, "the %s '%s' is larger than %zu bytes", what, path, out->max);
        }
        out->len += got > 0 ? (size_t)got : 0;
        out->data[out->len] = '\0';
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        return kist_error_sys(err, KIST_E_USAGE, errno, "cannot read the %s '%s'", what, path);
    }
    return out->len == strlen(out->data)
               ? 0
               : kist_error_set(err, KIST_E_USAGE, "the %s '%s' is not a text file", what, path);
}
