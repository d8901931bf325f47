/* Paths inside a root that an image or another container has filled: whatever they are made of, they stay in it. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

/* Races with renames make openat2 say EAGAIN; nothing runs in the root yet, so a few tries are plenty. */
#define TRIES 16

char *port_fd_path(char dst[PORT_FD_PATH_MAX], int fd)
{
    if (!kist_str_format(dst, PORT_FD_PATH_MAX, "/proc/self/fd/%d", fd)) {
        dst[0] = '\0';
    }
    return dst;
}

static ssize_t fd_target(int fd, char *dst, size_t size)
{
    char path[PORT_FD_PATH_MAX];
    ssize_t len = readlink(port_fd_path(path, fd), dst, size - 1);

    dst[len > 0 ? len : 0] = '\0';
    return len;
}

/* What was reached lies below root: a magic link of /proc, which no root confines, did not lead elsewhere. */
static bool is_inside(int root, int fd)
{
    char top[PATH_MAX], path[PATH_MAX];
    ssize_t len = fd_target(root, top, sizeof(top));

    return len > 0 && fd_target(fd, path, sizeof(path)) >= len && strncmp(top, path, (size_t)len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

/* Before openat2 (5.6): the kernel resolves in a root of ours for a moment. */
static int open_chrooted(int root, const char *path, int flags)
{
    KIST_AUTO(fd) int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    KIST_AUTO(fd) int old_dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd, number;

    if (old_root < 0 || old_dir < 0 || fchdir(root) < 0 || chroot(".") < 0) {
        return -1;
    }
    fd = open(path[0] != '\0' ? path : "/", flags | O_CLOEXEC);
    number = errno;
    if (fchdir(old_root) < 0 || chroot(".") < 0 || fchdir(old_dir) < 0) {
        abort(); /* no way to go on in the wrong root */
    }
    if (fd >= 0 && !is_inside(root, fd)) {
        (void)close(fd);
        fd = -1;
        number = EXDEV;
    }
    errno = number;
    return fd;
}

int port_place_open(int root, const char *path, int flags)
{
    struct kernel_open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = KERNEL_RESOLVE_IN_ROOT | KERNEL_RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;

    errno = EAGAIN;
    for (int i = 0; i < TRIES && fd < 0 && errno == EAGAIN; i++) {
        fd = kernel_openat2(root, path[0] != '\0' ? path : ".", &how);
    }
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = open_chrooted(root, path, flags);
    }
    return fd;
}

static int make_failed(const char *path, struct kist_error *err)
{
    if (errno == ENOTDIR) {
        return kist_error_set(err, KIST_E_FAIL, "cannot mount at '%s': a part of it is no directory", path);
    }
    return kist_error_sys(err, KIST_E_IO, errno, "cannot make '%s' in the container to mount there", path);
}

/* Makes one missing name; what is there though it could not be opened is a link into nothing. */
static int make_one(int parent, const char *name, bool directory)
{
    if (directory) {
        return mkdirat(parent, name, 0755);
    }
    KIST_AUTO(fd) int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);

    return fd < 0 ? -1 : 0;
}

int port_place_make(int root, const char *path, bool directory, struct kist_error *err)
{
    char clean[PATH_MAX];
    int fd, parent;
    size_t len = 0;

    fd = port_place_open(root, path, O_PATH);
    if (fd >= 0) {
        return fd;
    }
    if (errno != ENOENT || !kist_path_clean(clean, sizeof(clean), path) || clean[0] == '\0') {
        return make_failed(path, err);
    }
    parent = port_place_open(root, "", O_PATH | O_DIRECTORY);
    while (parent >= 0) {
        char *name = clean + len;
        bool last;
        char kept;

        len += strcspn(name, "/");
        kept = clean[len];
        last = kept == '\0';
        clean[len] = '\0';
        fd = port_place_open(root, clean, O_PATH | (last && !directory ? 0 : O_DIRECTORY));
        if (fd < 0 && errno == ENOENT && make_one(parent, name, !last || directory) == 0) {
            fd = port_place_open(root, clean, O_PATH);
        }
        (void)close(parent);
        if (last) {
            return fd >= 0 ? fd : make_failed(path, err);
        }
        parent = fd;
        clean[len++] = kept;
    }
    return make_failed(path, err);
}
