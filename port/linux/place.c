/* Paths inside a root that an image or another container has filled: whatever they are made of, they stay in
 * it. */
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

/* One name that is missing in parent; -1 and errno, EEXIST where it is a link into nothing. Its descriptor,
 * O_PATH. */
static int make_one(int parent, const char *name, bool directory)
{
    if (directory && mkdirat(parent, name, 0755) < 0) {
        return -1;
    }
    if (!directory) {
        KIST_AUTO(fd)
        int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);

        if (fd < 0) {
            return -1;
        }
    }
    return openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Cuts path (clean) back to its last directory that is there, and opens that: what was cut off begins at
 * *rest. */
static int open_deepest(int root, char *path, char **rest)
{
    int fd = -1;

    errno = ENOENT;
    for (size_t len = strlen(path); fd < 0 && errno == ENOENT && len > 0;) {
        char kept;

        while (len > 0 && path[len - 1] != '/') {
            len--;
        }
        *rest = path + len;
        len -= len > 0;
        kept = path[len];
        path[len] = '\0';
        fd = port_place_open(root, path, O_PATH | O_DIRECTORY);
        path[len] = kept;
    }
    return fd;
}

int port_place_make(int root, const char *path, bool directory, struct kist_error *err)
{
    char clean[PATH_MAX], *name;
    int fd = port_place_open(root, path, O_PATH);

    if (fd >= 0) {
        return fd;
    }
    if (errno != ENOENT || !kist_path_clean(clean, sizeof(clean), path) || clean[0] == '\0') {
        return make_failed(path, err);
    }
    fd = open_deepest(root, clean, &name);
    while (fd >= 0 && *name != '\0') {
        const size_t len = strcspn(name, "/");
        const bool last = name[len] == '\0';
        int parent = fd;

        name[len] = '\0';
        fd = make_one(parent, name, !last || directory);
        (void)close(parent);
        name += len + !last;
    }
    return fd >= 0 ? fd : make_failed(path, err);
}
