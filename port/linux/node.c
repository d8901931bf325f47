#include "port/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "file_private.h"
#include "sandbox_private.h"

#define XATTRS_MAX 128
#define SETTLED 100000000 /* ns: more than a tick, also of a server whose clock is a little behind */

static bool type_of(mode_t mode, enum port_node_type *type)
{
    static const struct {
        mode_t mode;
        enum port_node_type type;
    } types[] = {
        {S_IFREG, PORT_NODE_FILE},  {S_IFDIR, PORT_NODE_DIRECTORY}, {S_IFLNK, PORT_NODE_SYMLINK}, {S_IFCHR, PORT_NODE_CHAR},
        {S_IFBLK, PORT_NODE_BLOCK}, {S_IFIFO, PORT_NODE_FIFO},      {S_IFSOCK, PORT_NODE_SOCKET},
    };

    for (size_t i = 0; i < KIST_COUNT(types); i++) {
        if ((mode & S_IFMT) == types[i].mode) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

/* -1 with errno. */
static int add_xattr(struct port_node *n, const char *path, const char *name)
{
    struct port_node_xattr *x = &n->xattrs[n->xattr_count];
    ssize_t size = getxattr(path, name, NULL, 0), got;

    if (size < 0) {
        return errno == ENODATA ? 0 : -1; /* taken away meanwhile */
    }
    x->name = strdup(name);
    x->value = malloc((size_t)size + 1);
    n->xattr_count++;
    if (!x->name || !x->value) {
        errno = ENOMEM;
        return -1;
    }
    got = getxattr(path, name, x->value, (size_t)size);
    x->size = got < 0 ? 0 : (size_t)got;
    return got < 0 ? -1 : 0;
}

/* An O_PATH descriptor gives them by its path in /proc only. -1 with errno. */
static int read_xattrs(struct port_node *n, int fd)
{
    char path[PORT_FD_PATH_MAX];
    ssize_t size = flistxattr(fd, NULL, 0);

    if (size < 0 && errno == EBADF) { /* a descriptor that is good for a path only */
        size = listxattr(port_fd_path(path, fd), NULL, 0);
    }
    KIST_AUTO(free) char *names = size > 0 ? malloc((size_t)size) : NULL;

    if (size <= 0) {
        return size == 0 || errno == ENOTSUP ? 0 : -1;
    }
    n->xattrs = calloc(XATTRS_MAX, sizeof(*n->xattrs));
    if (!names || !n->xattrs) {
        errno = ENOMEM;
        return -1;
    }
    size = listxattr(port_fd_path(path, fd), names, (size_t)size);
    for (ssize_t at = 0; at < size && n->xattr_count < XATTRS_MAX; at += (ssize_t)strlen(names + at) + 1) {
        if (add_xattr(n, path, names + at) < 0) {
            return -1;
        }
    }
    return size < 0 ? -1 : 0;
}

/* -1 with errno. */
static int read_target(struct port_node *n, int dir, const char *name)
{
    size_t size = (size_t)n->size + 1;
    ssize_t got;

    n->target = malloc(size + 1);
    if (!n->target) {
        return -1;
    }
    got = readlinkat(dir, name, n->target, size);
    n->target[got < 0 ? 0 : got] = '\0';
    return got < 0 ? -1 : 0;
}

/*
 * In units of 10 ms it is of FAT or exFAT, where it is the time of modification, which can be set, in other words. (A page that a process has
 * mapped and dirtied may change until it is written back, and no time with it.)
 */
static int64_t changed(const struct stat *st)
{
    const int64_t seconds = st->st_ctim.tv_sec, ns = st->st_ctim.tv_nsec;

    return ns % 10000000 != 0 && seconds > 0 && seconds < INT64_MAX / 1000000000 - 1 ? seconds * 1000000000 + ns : 0;
}

/* The clock that files get their times from; it stands still between ticks. */
static int64_t file_clock(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_REALTIME_COARSE, &t) == 0 ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec : INT64_MIN;
}

/* All that the kernel says at once. */
static void fill(struct port_node *n, const struct stat *st)
{
    n->mode = st->st_mode & 07777;
    n->uid = st->st_uid;
    n->gid = st->st_gid;
    n->major = major(st->st_rdev);
    n->minor = minor(st->st_rdev);
    n->links = (uint32_t)st->st_nlink;
    n->size = (uint64_t)st->st_size;
    n->inode = st->st_ino;
    n->device = st->st_dev;
    n->changed = changed(st);
    n->mtime = st->st_mtime;
}

int port_node_look(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err)
{
    struct stat st;

    *n = (struct port_node){.target = NULL};
    if (name ? !port_name_ok(name) || fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 : fstat(dir->fd, &st) < 0) {
        return port_error(err, errno, "look at", dir->path, name);
    }
    if (!type_of(st.st_mode, &n->type)) {
        return port_error(err, EINVAL, "look at", dir->path, name);
    }
    fill(n, &st);
    return n->type == PORT_NODE_SYMLINK && read_target(n, dir->fd, name) < 0 ? port_error(err, errno, "read", dir->path, name) : 0;
}

/* What has the name may be another thing at the next look: it is opened first, and all is asked of the descriptor. */
static int open_node(struct port_dir *dir, const char *name)
{
    return name && !port_name_ok(name) ? -1 : openat(dir->fd, name ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int port_node_read(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = open_node(dir, name);
    struct stat st;
    int failed = 0;

    *n = (struct port_node){.target = NULL};
    if (fd < 0 || fstat(fd, &st) < 0) {
        return port_error(err, errno, "look at", dir->path, name);
    }
    if (!type_of(st.st_mode, &n->type)) {
        return port_error(err, EINVAL, "look at", dir->path, name);
    }
    fill(n, &st);
    if (n->type == PORT_NODE_SYMLINK) {
        failed = read_target(n, fd, "");
    } else if (n->type == PORT_NODE_FILE || n->type == PORT_NODE_DIRECTORY) {
        failed = read_xattrs(n, fd);
    }
    return failed < 0 ? port_error(err, errno, "read", dir->path, name) : 0;
}

int port_node_file(struct port_file **out, struct port_dir *dir, const char *name, const struct port_node *n, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = open_node(dir, name);
    char path[PORT_FD_PATH_MAX];
    struct stat st;
    int file;

    if (fd < 0 || fstat(fd, &st) < 0) {
        return port_error(err, errno, "open", dir->path, name);
    }
    if (!S_ISREG(st.st_mode) || st.st_ino != n->inode) {
        return port_error(err, ENOENT, "open", dir->path, name); /* another one by now */
    }
    file = open(port_fd_path(path, fd), O_RDONLY | O_CLOEXEC);
    return file < 0 ? port_error(err, errno, "open", dir->path, name) : port_file_adopt(out, file, name, err);
}

int port_node_open(struct port_dir *dir, const char *name, struct port_node *n, struct port_file **file, struct kist_error *err)
{
    const int64_t now = file_clock();
    struct stat st;
    int rc = port_file_open(file, dir, name, err);

    *n = (struct port_node){.type = PORT_NODE_FILE};
    if (rc < 0) {
        return rc;
    }
    if (fstat((*file)->fd, &st) < 0 || read_xattrs(n, (*file)->fd) < 0) {
        rc = port_error(err, errno, "read", dir->path, name);
        port_file_discard(*file);
        *file = NULL;
        return rc;
    }
    fill(n, &st);
    n->changed = n->changed < now - SETTLED ? n->changed : 0;
    return 0;
}

void port_node_release(struct port_node *n)
{
    for (size_t i = 0; i < n->xattr_count; i++) {
        free(n->xattrs[i].name);
        free(n->xattrs[i].value);
    }
    free(n->xattrs);
    free(n->target);
}
