/* Files made in a directory that somebody hostile may change at the same time: by descriptor, and never through a link. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "file_private.h"
#include "kernel.h"
#include "port/node.h"
#include "port/place.h"
#include "port/rootless.h"
#include "sandbox_private.h"

/* what: of its directory in /proc. */
static int open_of(struct port_dir **out, const struct port_process *p, const char *what, struct kist_error *err)
{
    char path[48];
    int fd = kist_str_format(path, sizeof(path), "/proc/%d/%s", p->pid, what) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd < 0 || !port_process_alive(p)) {
        int rc = fd < 0 && errno != ENOENT && errno != ESRCH ? kist_error_sys(err, KIST_E_IO, errno, "cannot open its files")
                                                             : kist_error_set(err, KIST_E_CONFLICT, "it has ended");

        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    return port_dir_new(out, fd, "/", NULL, err);
}

int port_place_root(struct port_dir **out, const struct port_process *p, struct kist_error *err)
{
    return open_of(out, p, "root", err);
}

int port_place_held(struct port_dir **out, const struct port_process *p, int number, struct kist_error *err)
{
    char what[24];

    return kist_str_format(what, sizeof(what), "fd/%d", number) ? open_of(out, p, what, err) : (int)KIST_E_FAIL;
}

int port_place_enter(struct port_dir **out, struct port_dir *root, const char *path, struct kist_error *err)
{
    int fd = port_place_open(root->fd, path, O_RDONLY | O_DIRECTORY);

    return fd < 0 ? port_error(err, errno, "open directory", path, NULL) : port_dir_new(out, fd, path[0] ? path : ".", NULL, err);
}

/* 0: the name is free; 1: a directory has it, and one is wanted; -1 with errno. */
static int make_way(int dir, const char *name, bool directory)
{
    struct stat st;

    if (!port_name_ok(name)) {
        return -1;
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    if (S_ISDIR(st.st_mode) != directory) {
        errno = directory ? ENOTDIR : EISDIR;
        return -1;
    }
    return directory ? 1 : unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

/* fd may be of O_PATH. Owner before mode, which a change of owner would strip of its set-ID bits. */
static int give_looks(int fd, const struct port_node *n)
{
    const struct timespec times[2] = {{.tv_sec = (time_t)n->mtime}, {.tv_sec = (time_t)n->mtime}};
    char path[PORT_FD_PATH_MAX];

    (void)port_fd_path(path, fd);
    if (fchownat(fd, "", n->uid, n->gid, AT_EMPTY_PATH) < 0) {
        return -1;
    }
    if (n->type == PORT_NODE_SYMLINK) {
        return 0;
    }
    if (chmod(path, n->mode) < 0) {
        return -1;
    }
    /* after the owner, whose change takes file capabilities away */
    for (size_t i = 0; i < n->xattr_count; i++) {
        if (setxattr(path, n->xattrs[i].name, n->xattrs[i].value, n->xattrs[i].size, 0) < 0 && !(errno == EPERM && port_rootless())) {
            return -1;
        }
    }
    return utimensat(AT_FDCWD, path, times, 0);
}

static mode_t format_of(enum port_node_type type)
{
    return type == PORT_NODE_CHAR    ? S_IFCHR
           : type == PORT_NODE_BLOCK ? S_IFBLK
           : type == PORT_NODE_FIFO  ? S_IFIFO
           : type == PORT_NODE_SYMLINK ? S_IFLNK
                                     : S_IFDIR;
}

/* What is no file. */
static int make_node(int dir, const char *name, const struct port_node *n)
{
    const struct timespec times[2] = {{.tv_sec = (time_t)n->mtime}, {.tv_sec = (time_t)n->mtime}};
    const mode_t format = format_of(n->type);
    struct stat st;
    int made = format == S_IFDIR   ? mkdirat(dir, name, 0700)
               : format == S_IFLNK ? symlinkat(n->target, dir, name)
                                   : mknodat(dir, name, format | 0600, makedev(n->major, n->minor));
    if (made < 0 && errno == EPERM && (format == S_IFCHR || format == S_IFBLK) && port_rootless()) {
        return 0; /* not to be had there, nor missed: a container's devices are made for it */
    }
    KIST_AUTO(fd) int fd = made < 0 ? -1 : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        return -1;
    }
    if ((st.st_mode & S_IFMT) != format || (format != S_IFDIR && st.st_nlink != 1)) {
        errno = ESTALE; /* somebody put another in its place */
        return -1;
    }
    if (give_looks(fd, n) < 0) {
        return -1;
    }
    return format == S_IFLNK ? utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) : 0;
}

int port_node_put(struct port_dir *dir, const char *name, const struct port_node *n, struct port_file **file,
                  struct kist_error *err)
{
    int rc = make_way(dir->fd, name, n->type == PORT_NODE_DIRECTORY), fd;

    *file = NULL;
    if (rc < 0 && (errno == ENOTDIR || errno == EISDIR)) {
        return kist_error_sys(err, KIST_E_CONFLICT, errno, "cannot replace '%s'", name);
    }
    if (rc == 0 && n->type == PORT_NODE_FILE) {
        fd = openat(dir->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 && (rc = port_file_adopt(file, fd, name, err)) < 0) {
            (void)close(fd);
            return rc;
        }
        rc = fd < 0 ? -1 : 0;
    } else if (rc == 0) {
        rc = make_node(dir->fd, name, n);
    }
    return rc < 0 ? port_error(err, errno, "make", dir->path, name) : 0;
}

int port_node_looks(struct port_dir *dir, const struct port_node *n, struct kist_error *err)
{
    return give_looks(dir->fd, n) < 0 ? port_error(err, errno, "set owner, mode, xattrs and time of", dir->path, NULL) : 0;
}

int port_node_settle(struct port_dir *dir, struct kist_error *err)
{
    return syncfs(dir->fd) < 0 ? port_error(err, errno, "sync the filesystem of", dir->path, NULL) : 0;
}

int port_node_finish(struct port_file *file, const struct port_node *n, struct kist_error *err)
{
    int rc = give_looks(port_file_fd(file), n);

    rc = rc < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot set owner, mode, xattrs and time of '%s'", file->path) : 0;
    if (rc < 0) {
        port_file_discard(file);
        return rc;
    }
    return port_file_close(file, err);
}

int port_node_link(struct port_dir *dir, const char *name, struct port_dir *old, const char *old_name, struct kist_error *err)
{
    if (!port_name_ok(old_name) || make_way(dir->fd, name, false) < 0 || linkat(old->fd, old_name, dir->fd, name, 0) < 0) {
        return port_error(err, errno, "link", dir->path, name);
    }
    return 0;
}
