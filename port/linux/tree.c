/*
 * Deleting a tree that a container filled, and may have filled with malice: its depth must cost neither stack
 * nor descriptors, so one directory is open at a time and the way back up is "..", checked against the way
 * down.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entries.h"
#include "file_private.h"

struct place {
    dev_t dev;
    ino_t ino;
};

struct walk {
    int fd;       /* of the directory we are in */
    size_t depth; /* 0: the tree's top */
    struct place here;
    struct place *up; /* the directories above, outermost first: near, until there are more */
    size_t size;
    struct place near[16];
    bool root; /* we are root: modes do not stop us */
};

static int place_of(int fd, struct place *p)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return -1;
    }
    *p = (struct place){st.st_dev, st.st_ino};
    return 0;
}

/* -1 with errno. */
static int walk_into(struct walk *w, const char *name)
{
    struct place next;
    int fd;

    if (!w->root) {
        (void)fchmodat(w->fd, name, 0700,
                       0); /* a read-only directory of our own; openat tells when it does not help */
    }
    fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (w->depth == w->size) {
        size_t size = w->size * 2;
        struct place *up = realloc(w->up == w->near ? NULL : w->up, size * sizeof(*up));

        if (!up) {
            (void)close(fd);
            errno = ENOMEM;
            return -1;
        }
        if (w->up == w->near) {
            memcpy(up, w->near, sizeof(w->near));
        }
        w->up = up;
        w->size = size;
    }
    if (place_of(fd, &next) < 0 || next.dev != w->here.dev) {
        (void)close(fd);
        errno = EBUSY;
        return -1;
    }
    (void)close(w->fd);
    w->up[w->depth++] = w->here;
    w->here = next;
    w->fd = fd;
    return 0;
}

static int walk_back(struct walk *w)
{
    int fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct place above;

    if (fd < 0) {
        return -1;
    }
    if (place_of(fd, &above) < 0 || above.dev != w->up[w->depth - 1].dev ||
        above.ino != w->up[w->depth - 1].ino) {
        (void)close(fd);
        errno = ESTALE; /* somebody moved the directory we were in: from here ".." leads anywhere */
        return -1;
    }
    (void)close(w->fd);
    w->fd = fd;
    w->here = above;
    w->depth--;
    return 0;
}

/* 0: it is gone; 1: a directory with something in it; -1 with errno, EBUSY for every mount point. */
static int remove_entry(int fd, const char *name, unsigned char type)
{
    if (type != DT_DIR) {
        if (unlinkat(fd, name, 0) == 0 || errno == ENOENT) {
            return 0;
        }
        if (errno != EISDIR && errno != EPERM) {
            return -1;
        }
    }
    /* rmdir before a look inside: the kernel refuses mount points first of all, also bind mounts of this
     * filesystem */
    if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno == ENOTDIR) {
        errno = EPERM;
        return -1;
    }
    return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

/* Empties the directory we came into just now. 0: it is empty; 1: went down into a directory of it; -1 with errno. */
static int sweep(struct walk *w)
{
    struct port_entries entries = {.fd = w->fd};
    unsigned char type;
    const char *name;
    int rc;

    while ((rc = port_entries_next(&entries, &name, &type)) > 0) {
        rc = remove_entry(w->fd, name, type);
        if (rc != 0) {
            return rc < 0 || walk_into(w, name) < 0 ? -1 : 1;
        }
    }
    return rc;
}

static int remove_below(struct walk *w, const char *name)
{
    int rc = walk_into(w, name);

    /* After a directory was emptied, its parent is read anew and finds it again, empty: no names need to be
     * kept. */
    while (rc >= 0 && w->depth > 0) {
        rc = sweep(w);
        if (rc == 0) {
            rc = walk_back(w);
            if (rc == 0 && w->depth == 0) {
                return 0;
            }
        }
    }
    return rc;
}

int port_dir_remove_tree(struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct walk w = {.size = KIST_COUNT(w.near), .root = geteuid() == 0};
    int rc = -1;

    w.up = w.near;
    w.fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (port_name_ok(name) && w.fd >= 0 && place_of(w.fd, &w.here) == 0) {
        rc = remove_entry(w.fd, name, DT_UNKNOWN);
        if (rc > 0) {
            rc = remove_below(&w, name);
            if (rc == 0) {
                rc = remove_entry(w.fd, name, DT_DIR);
            }
        }
    }
    if (rc != 0) {
        rc = port_error(err, rc > 0 ? ENOTEMPTY : errno, "remove", dir->path, name);
    }
    if (w.fd >= 0) {
        (void)close(w.fd);
    }
    if (w.up != w.near) {
        free(w.up);
    }
    return rc;
}
