#include "port/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "file_private.h"

#define XATTRS_MAX 128

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
static int add_xattr(struct port_node *n, int fd, const char *name)
{
    struct port_node_xattr *x = &n->xattrs[n->xattr_count];
    ssize_t size = fgetxattr(fd, name, NULL, 0), got;

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
    got = fgetxattr(fd, name, x->value, (size_t)size);
    x->size = got < 0 ? 0 : (size_t)got;
    return got < 0 ? -1 : 0;
}

/* -1 with errno. */
static int read_xattrs(struct port_node *n, int fd)
{
    ssize_t size = flistxattr(fd, NULL, 0);
    KIST_AUTO(free) char *names = size > 0 ? malloc((size_t)size) : NULL;

    if (size <= 0) {
        return size == 0 || errno == ENOTSUP ? 0 : -1;
    }
    n->xattrs = calloc(XATTRS_MAX, sizeof(*n->xattrs));
    if (!names || !n->xattrs) {
        errno = ENOMEM;
        return -1;
    }
    size = flistxattr(fd, names, (size_t)size);
    for (ssize_t at = 0; at < size && n->xattr_count < XATTRS_MAX; at += (ssize_t)strlen(names + at) + 1) {
        if (add_xattr(n, fd, names + at) < 0) {
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

/* -1 with errno. */
static int open_xattrs(struct port_node *n, int dir, const char *name)
{
    KIST_AUTO(fd) int fd = openat(dir, name ? name : ".", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd < 0 ? -1 : read_xattrs(n, fd);
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

int port_node_read(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err)
{
    int rc = port_node_look(dir, name, n, err);

    if (rc == 0 && (n->type == PORT_NODE_FILE || n->type == PORT_NODE_DIRECTORY) && open_xattrs(n, dir->fd, name) < 0) {
        rc = port_error(err, errno, "read", dir->path, name);
    }
    return rc;
}

int port_node_open(struct port_dir *dir, const char *name, struct port_node *n, struct port_file **file, struct kist_error *err)
{
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
