#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "file_private.h"

static int open_plain(struct port_file **out, struct port_dir *dir, const char *name, int flags,
                      const char *verb, struct kist_error *err)
{
    size_t size = strlen(dir->path) + strlen(name) + 2;
    struct port_file *f = malloc(sizeof(*f) + size);
    struct stat st;
    int rc = 0;

    if (!f) {
        return kist_error_nomem(err);
    }
    /* O_NONBLOCK: a fifo somebody put there must not make us wait; plain files do not care */
    f->fd = port_name_ok(name) && kist_path_join(f->path, size, dir->path, name)
                ? openat(dir->fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600)
                : -1;
    if (f->fd < 0 || fstat(f->fd, &st) < 0) {
        rc = port_error(err, errno, verb, dir->path, name);
    } else if (!S_ISREG(st.st_mode)) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "cannot %s '%s': not a plain file", verb, f->path);
    } else {
        f->end = (uint64_t)st.st_size;
        *out = f;
        return 0;
    }
    port_file_discard(f);
    return rc;
}

int port_file_adopt(struct port_file **out, int fd, const char *name, struct kist_error *err)
{
    const size_t size = strlen(name) + 1;
    struct port_file *f = malloc(sizeof(*f) + size);
    struct stat st;

    if (!f) {
        return kist_error_nomem(err);
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        free(f);
        return kist_error_set(err, KIST_E_FAIL, "descriptor %d is not '%s'", fd, name);
    }
    memcpy(f->path, name, size);
    f->fd = fd;
    f->end = (uint64_t)st.st_size;
    *out = f;
    return 0;
}

int port_file_create(struct port_file **out, struct port_dir *dir, const char *name, bool replace,
                     struct kist_error *err)
{
    return open_plain(out, dir, name, O_RDWR | O_CREAT | (replace ? O_TRUNC : O_EXCL), "create", err);
}

int port_file_open(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
{
    return open_plain(out, dir, name, O_RDONLY, "open", err);
}

int port_file_open_rw(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
{
    return open_plain(out, dir, name, O_RDWR | O_CREAT, "open", err);
}

int port_file_write_at(struct port_file *f, uint64_t offset, const void *data, size_t len,
                       struct kist_error *err)
{
    const char *p = data;

    if (offset > INT64_MAX - (uint64_t)len) {
        return port_error(err, EFBIG, "write", f->path, NULL);
    }
    while (len > 0) {
        ssize_t done = pwrite(f->fd, p, len, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return port_error(err, done < 0 ? errno : EIO, "write", f->path, NULL);
        }
        p += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
        f->end = KIST_MAX(f->end, offset);
    }
    return 0;
}

int port_file_append(struct port_file *f, const void *data, size_t len, struct kist_error *err)
{
    return port_file_write_at(f, f->end, data, len, err);
}

int port_file_read_at(struct port_file *f, uint64_t offset, void *data, size_t len, size_t *got,
                      struct kist_error *err)
{
    char *p = data;

    *got = 0;
    if (offset > INT64_MAX - (uint64_t)len) {
        return port_error(err, EOVERFLOW, "read", f->path, NULL);
    }
    while (*got < len) {
        ssize_t done = pread(f->fd, p + *got, len - *got, (off_t)(offset + *got));

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return port_error(err, errno, "read", f->path, NULL);
        }
        if (done == 0) {
            break;
        }
        *got += (size_t)done;
    }
    return 0;
}

int port_file_size(struct port_file *f, uint64_t *size, struct kist_error *err)
{
    struct stat st;

    if (fstat(f->fd, &st) < 0) {
        return port_error(err, errno, "look at", f->path, NULL);
    }
    *size = (uint64_t)st.st_size;
    return 0;
}

int port_file_truncate(struct port_file *f, uint64_t size, struct kist_error *err)
{
    if (size > INT64_MAX) {
        return port_error(err, EFBIG, "truncate", f->path, NULL);
    }
    while (ftruncate(f->fd, (off_t)size) < 0) {
        if (errno != EINTR) {
            return port_error(err, errno, "truncate", f->path, NULL);
        }
    }
    f->end = size;
    return 0;
}

int port_dir_reserve(struct port_dir *dir, const char *name, uint64_t size, struct kist_error *err)
{
    struct port_file *f;
    int rc = port_file_open_rw(&f, dir, name, err), cause;

    if (rc < 0) {
        return rc;
    }
    do {
        cause = size <= INT64_MAX && fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ? 0 : errno;
    } while (cause == EINTR);
    if (cause == EOPNOTSUPP || cause == ENOSYS) {
        rc = kist_error_sys(err, KIST_E_UNSUPPORTED, cause, "cannot keep blocks for '%s'", f->path);
    } else if (cause != 0) {
        rc = port_error(err, cause, "keep blocks for", f->path, NULL);
    }
    port_file_discard(f);
    return rc;
}

int port_file_sync(struct port_file *f, struct kist_error *err)
{
    while (fdatasync(f->fd) < 0) {
        if (errno != EINTR) {
            return port_error(err, errno, "sync", f->path, NULL);
        }
    }
    return 0;
}

int port_file_close(struct port_file *f, struct kist_error *err)
{
    int rc = 0;

    /* Linux has closed it also when it says EINTR */
    if (close(f->fd) < 0 && errno != EINTR) {
        rc = port_error(err, errno, "close", f->path, NULL);
    }
    free(f);
    return rc;
}

void port_file_discard(struct port_file *f)
{
    if (f) {
        if (f->fd >= 0) {
            (void)close(f->fd);
        }
        free(f);
    }
}

int port_file_fd(const struct port_file *f)
{
    return f->fd;
}

void port_file_uncache(struct port_file *f)
{
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

bool port_file_is(const struct port_file *f, struct port_dir *dir, const char *name)
{
    struct stat mine, named;

    return fstat(f->fd, &mine) == 0 && fstatat(dir->fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}
