/* Paths inside a root that an image or another container has filled: whatever they are made of, they stay in
 * it. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

/* Races with renames make openat2 say EAGAIN: a few tries are plenty. */
#define TRIES 16
#define LINKS_MAX 40 /* as the kernel has it */

char *port_fd_path(char dst[PORT_FD_PATH_MAX], int fd)
{
    if (!kist_str_format(dst, PORT_FD_PATH_MAX, "/proc/self/fd/%d", fd)) {
        dst[0] = '\0';
    }
    return dst;
}

/* The directory below root that parts name, none of them a link. */
static int descend(int root, const char *parts)
{
    char name[NAME_MAX + 1];
    int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && *parts != '\0') {
        const size_t len = strcspn(parts, "/");
        int up = fd;

        memcpy(name, parts, len);
        name[len] = '\0';
        fd = openat(up, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(up);
        parts += len + (parts[len] == '/');
    }
    return fd;
}

struct walk {
    int root, at;        /* at: the directory reached, or what the last step met; O_PATH */
    char done[PATH_MAX]; /* its path below root, without links */
    char rest[PATH_MAX]; /* what is still to go */
    unsigned links;
};

/* Goes on from the directory at w->done. */
static int back_to(struct walk *w)
{
    (void)close(w->at);
    w->at = descend(w->root, w->done);
    return w->at < 0 ? -1 : 0;
}

/* w->at is a link: its text takes its place in front of the rest. */
static int follow(struct walk *w)
{
    char text[PATH_MAX], rest[PATH_MAX];
    ssize_t len = readlinkat(w->at, "", text, sizeof(text) - 1);

    text[len > 0 ? len : 0] = '\0';
    if (len <= 0 || ++w->links > LINKS_MAX || !kist_str_format(rest, sizeof(rest), "%s/%s", text, w->rest)) {
        errno = len < 0 ? errno : len == 0 ? ENOENT : w->links > LINKS_MAX ? ELOOP : ENAMETOOLONG;
        return -1;
    }
    memcpy(w->rest, rest, sizeof(rest));
    if (text[0] == '/') {
        w->done[0] = '\0';
    }
    return back_to(w);
}

static int step(struct walk *w, const char *name)
{
    char *slash;
    struct stat st;
    int fd;

    if (name[0] == '\0' || strcmp(name, ".") == 0) {
        return 0;
    }
    if (strcmp(name, "..") == 0) {
        /* the way it came: where ".." leads is not ours to trust */
        slash = strrchr(w->done, '/');
        *(slash ? slash : w->done) = '\0';
        return back_to(w);
    }
    fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return -1;
    }
    (void)close(w->at);
    w->at = fd;
    if (S_ISLNK(st.st_mode)) {
        return follow(w);
    }
    if (!kist_str_format(w->done + strlen(w->done), sizeof(w->done) - strlen(w->done), "%s%s", w->done[0] != '\0' ? "/" : "", name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

int port_place_walk(int root, const char *path, int flags)
{
    KIST_AUTO(free) struct walk *w = calloc(1, sizeof(*w));
    char name[NAME_MAX + 1], place[PORT_FD_PATH_MAX];
    int rc = 0, number;

    if (!w || !kist_str_copy(w->rest, sizeof(w->rest), path)) {
        errno = w ? ENAMETOOLONG : ENOMEM;
        return -1;
    }
    w->root = root;
    w->at = descend(root, "");
    rc = w->at < 0 ? -1 : 0;
    while (rc == 0 && w->rest[0] != '\0') {
        const size_t len = strcspn(w->rest, "/");

        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            rc = -1;
            break;
        }
        memcpy(name, w->rest, len);
        name[len] = '\0';
        memmove(w->rest, w->rest + len + (w->rest[len] == '/'), strlen(w->rest + len + (w->rest[len] == '/')) + 1);
        rc = step(w, name);
    }
    if (rc == 0) {
        /* once more, as what was asked for: the same thing, whatever has its name by now */
        rc = open(port_fd_path(place, w->at), flags | O_CLOEXEC);
    }
    number = errno;
    if (w->at >= 0) {
        (void)close(w->at);
    }
    errno = number;
    return rc;
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
        fd = port_place_walk(root, path, flags); /* before 5.6 */
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
