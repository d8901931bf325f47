/* A directory of the image copied into a volume: once, before anything runs in the container. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/str.h"
#include "kernel.h"
#include "port/file.h"
#include "sandbox_private.h"

#define CHUNK 65536
#define XATTR_MAX 65536
/* Directories inside one another: more than any path can name. */
#define DEPTH_MAX 512

/* What an entry takes besides its bytes, at most, on the usual filesystems. */
#define ENTRY_BYTES 4096

/* All here: 0, or -1 and errno. *left: bytes that may still be written. */
static int copy_directory(int from, int to, int depth, uint64_t *left);

static int take_room(uint64_t bytes, uint64_t *left)
{
    if (bytes > *left) {
        errno = EDQUOT;
        return -1;
    }
    *left -= bytes;
    return 0;
}

static int copy_xattrs(int from, int to)
{
    KIST_AUTO(free) char *names = NULL;
    KIST_AUTO(free) char *value = NULL;
    ssize_t len = flistxattr(from, NULL, 0);

    if (len <= 0) { /* as most have none, memory for them waits */
        return len == 0 || errno == EOPNOTSUPP ? 0 : -1;
    }
    names = malloc(XATTR_MAX);
    value = malloc(XATTR_MAX);
    if (!names || !value) {
        errno = ENOMEM;
        return -1;
    }
    len = flistxattr(from, names, XATTR_MAX);
    if (len < 0) {
        return -1;
    }
    for (char *name = names; name < names + len; name += strlen(name) + 1) {
        ssize_t size =
            kist_str_starts(name, "trusted.overlay.") ? -1 : fgetxattr(from, name, value, XATTR_MAX);

        if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP) {
            return -1;
        }
    }
    return 0;
}

int port_copy_looks(int from, int to, const struct stat *st)
{
    /* owner before mode, which a change of owner would strip of its set-ID bits; the time last */
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    return fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
                   copy_xattrs(from, to) < 0 || futimens(to, times) < 0
               ? -1
               : 0;
}

static int copy_data(int from, int to, uint64_t *left)
{
    KIST_AUTO(free) char *data = malloc(CHUNK);
    ssize_t n;

    if (!data) {
        errno = ENOMEM;
        return -1;
    }
    while ((n = read(from, data, CHUNK)) > 0) {
        if (take_room((uint64_t)n, left) < 0) {
            return -1;
        }
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, data + done, (size_t)(n - done));

            if (w < 0) {
                return -1;
            }
            done += w;
        }
    }
    return n < 0 ? -1 : 0;
}

static int copy_link(int from_dir, const char *name, int to_dir, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

    if (len < 0) {
        return -1;
    }
    target[len] = '\0';
    return symlinkat(target, to_dir, name) < 0 ||
                   fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
                   utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0
               ? -1
               : 0;
}

/* Devices, fifos, sockets. */
static int copy_node(int to_dir, const char *name, const struct stat *st)
{
    return mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ||
                   fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
                   fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0
               ? -1
               : 0;
}

static int copy_file(int from_dir, const char *name, int to_dir, const struct stat *st, uint64_t *left)
{
    KIST_AUTO(fd) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    KIST_AUTO(fd) int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    return from < 0 || to < 0 || copy_data(from, to, left) < 0 || port_copy_looks(from, to, st) < 0 ? -1 : 0;
}

static int copy_subdirectory(int from_dir, const char *name, int to_dir, int depth, uint64_t *left)
{
    KIST_AUTO(fd) int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (from < 0 || mkdirat(to_dir, name, 0700) < 0) {
        return -1;
    }
    KIST_AUTO(fd) int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return to < 0 ? -1 : copy_directory(from, to, depth + 1, left);
}

static int copy_entry(int from_dir, const char *name, int to_dir, int depth, uint64_t *left)
{
    struct stat st;

    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || take_room(ENTRY_BYTES, left) < 0) {
        return -1;
    }
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return copy_subdirectory(from_dir, name, to_dir, depth, left);
    case S_IFLNK:
        return copy_link(from_dir, name, to_dir, &st);
    case S_IFREG:
        return copy_file(from_dir, name, to_dir, &st, left);
    default:
        return copy_node(to_dir, name, &st);
    }
}

static int copy_directory(int from, int to, int depth, uint64_t *left)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0, number;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct stat st;

    if (!dir || depth > DEPTH_MAX || fstat(from, &st) < 0) {
        rc = -1;
        errno = depth > DEPTH_MAX ? ELOOP : errno;
    }
    while (rc == 0 && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            rc = copy_entry(from, entry->d_name, to, depth, left);
        }
    }
    rc = rc == 0 && errno == 0 ? port_copy_looks(from, to, &st) : -1;
    number = errno;
    if (dir) {
        (void)closedir(dir);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    errno = number;
    return rc;
}

/* No entry but "." and "..". */
static bool is_empty(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    bool empty = dir != NULL;

    while (empty && (entry = readdir(dir))) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (dir) {
        (void)closedir(dir);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return empty;
}

/* On a volume that is being filled: if it is there and nobody fills, somebody died or the power went. */
#define FILLING "trusted.kist.filling"

static int remove_one(void *arg, const char *name, struct kist_error *err)
{
    return port_dir_remove_tree(arg, name, err);
}

static int empty(const char *path, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = port_dir_open(&dir, path, false, err);

    if (rc == 0) {
        rc = port_dir_list(dir, remove_one, dir, err);
        port_dir_close(dir);
    }
    return rc;
}

/* Between mark and its removal whatever is in it is not whole; it lasts before the mark goes. */
static int fill_marked(int from, int to, uint64_t *left)
{
    bool marked = fsetxattr(to, FILLING, "", 0, 0) == 0;

    if ((!marked && errno != EOPNOTSUPP && errno != EPERM) || fsync(to) < 0 || copy_directory(from, to, 0, left) < 0 ||
        syncfs(to) < 0) {
        return -1;
    }
    return marked && (fremovexattr(to, FILLING) < 0 || fsync(to) < 0) ? -1 : 0;
}

int port_copy_fill(int from_path, const struct port_mount *m, struct kist_error *err)
{
    KIST_AUTO(fd) int from = openat(from_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    KIST_AUTO(fd) int to = open(m->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t any = UINT64_MAX, *left = m->room ? m->room : &any;
    bool half;
    int rc;

    if (from < 0 || to < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open it");
    }
    /* another container that is starting may be at it */
    while ((rc = flock(to, LOCK_EX)) < 0 && errno == EINTR) {
    }
    half = fgetxattr(to, FILLING, NULL, 0) >= 0;
    if (rc < 0 || (!half && !is_empty(to))) {
        return rc < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot lock it") : 0;
    }
    if (half && (rc = empty(m->source, err)) < 0) {
        return rc;
    }
    rc = (is_empty(from) && !half) || (m->flags & PORT_MOUNT_FLEETING) != 0 ? copy_directory(from, to, 0, left) : fill_marked(from, to, left);
    return rc < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot copy the image's files") : 0;
}

void port_copy_keep(const char *path)
{
    (void)removexattr(path, FILLING);
}
