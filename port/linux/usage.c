/*
 * What a tree takes, as du counts it. Containers fill such trees, and may do so with malice while we look: depth costs neither
 * stack nor descriptors, so one directory is open at a time, and where we were in those above is kept as the kernel's own offset.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file_private.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ENTRIES_MAX 4096 /* bytes of entries at a time */
#define TRIES 4

/* linux/dirent.h has it for nobody but the kernel. */
struct entry {
    uint64_t ino;
    int64_t next; /* offset of the entry after this one */
    uint16_t size;
    uint8_t type;
    char name[];
};

struct level {
    ino_t ino;
    int64_t next; /* where to go on in it */
};

struct usage {
    int fd; /* of the directory we are in */
    dev_t dev;
    ino_t ino;
    struct level *up; /* the directories above, outermost first */
    size_t depth, size;
    uint64_t bytes;
    ino_t *linked; /* files with several names that were counted: open addressing, 0 is free */
    size_t linked_count, linked_size;
};

/* True where ino was there already; -1 with errno. */
static int link_add(struct usage *u, ino_t ino)
{
    size_t at;

    if (2 * (u->linked_count + 1) > u->linked_size) {
        size_t size = u->linked_size ? 2 * u->linked_size : 64;
        ino_t *old = u->linked, *new = calloc(size, sizeof(*new));

        if (!new) {
            return -1;
        }
        for (size_t i = 0; i < u->linked_size; i++) {
            for (at = old[i] % size; old[i] && new[at]; at = (at + 1) % size) {
                continue;
            }
            new[at] = old[i] ? old[i] : new[at];
        }
        free(old);
        u->linked = new;
        u->linked_size = size;
    }
    for (at = ino % u->linked_size; u->linked[at]; at = (at + 1) % u->linked_size) {
        if (u->linked[at] == ino) {
            return 1;
        }
    }
    u->linked[at] = ino;
    u->linked_count++;
    return 0;
}

/* 1: a directory to go into; 0; -1 with errno. */
static int count(struct usage *u, const char *name)
{
    struct stat st;
    int known = 0;

    if (fstatat(u->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -1; /* gone while we look */
    }
    if (st.st_dev != u->dev) {
        return 0;
    }
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
        known = link_add(u, st.st_ino);
    }
    u->bytes += known == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    return known < 0 ? -1 : S_ISDIR(st.st_mode);
}

/* 0: we are in name; 1: it cannot be gone into any more; -1 with errno. */
static int go_down(struct usage *u, const char *name, int64_t next)
{
    int fd = openat(u->fd, name, OPEN_DIR);
    struct stat st;

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES ? 1 : -1;
    }
    if (fstat(fd, &st) < 0 || st.st_dev != u->dev) {
        (void)close(fd);
        return 1;
    }
    if (u->depth == u->size) {
        size_t size = u->size ? u->size * 2 : 32;
        struct level *up = realloc(u->up, size * sizeof(*up));

        if (!up) {
            (void)close(fd);
            return -1;
        }
        u->up = up;
        u->size = size;
    }
    u->up[u->depth++] = (struct level){u->ino, next};
    (void)close(u->fd);
    u->fd = fd;
    u->ino = st.st_ino;
    return 0;
}

/* Where the directory we are in was removed, filesystems say so in different words: all of them are ESTALE. -1. */
static int stale(void)
{
    if (errno == ENOENT || errno == EINVAL) {
        errno = ESTALE;
    }
    return -1;
}

/* -1 with errno; ESTALE where somebody moved or removed the directory we were in. */
static int go_up(struct usage *u)
{
    const struct level *above = &u->up[u->depth - 1];
    int fd = openat(u->fd, "..", OPEN_DIR);
    struct stat st;

    if (fd < 0) {
        return stale();
    }
    if (fstat(fd, &st) < 0 || st.st_dev != u->dev || st.st_ino != above->ino) {
        (void)close(fd);
        errno = ESTALE;
        return -1;
    }
    (void)close(u->fd);
    u->fd = fd;
    u->ino = above->ino;
    u->depth--;
    return lseek(fd, (off_t)above->next, SEEK_SET) < 0 ? stale() : 0;
}

/* Counts on in the directory we are in. 0: it is through; 1: went down into one of it; -1 with errno. */
static int count_here(struct usage *u)
{
    _Alignas(struct entry) char buffer[ENTRIES_MAX];
    long got;

    while ((got = syscall(SYS_getdents64, u->fd, buffer, sizeof(buffer))) > 0) {
        const struct entry *e;

        for (long at = 0; at < got; at += e->size) {
            int rc;

            e = (const struct entry *)(const void *)(buffer + at);
            if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0) {
                continue;
            }
            rc = count(u, e->name);
            if (rc > 0 && (rc = go_down(u, e->name, e->next)) == 0) {
                return 1;
            }
            if (rc < 0) {
                return -1;
            }
        }
    }
    /* ENOENT: the directory itself was removed */
    return got < 0 && errno != ENOENT ? stale() : 0;
}

static int count_tree(struct usage *u, struct port_dir *dir, const char *name)
{
    struct stat st;
    int rc;

    u->depth = u->linked_count = 0;
    u->bytes = 0;
    if (u->linked) {
        memset(u->linked, 0, u->linked_size * sizeof(*u->linked));
    }
    u->fd = openat(dir->fd, ".", OPEN_DIR);
    if (u->fd < 0 || fstat(u->fd, &st) < 0) {
        return -1;
    }
    u->dev = st.st_dev;
    u->ino = st.st_ino;
    rc = count(u, name);
    if (rc > 0 && (rc = go_down(u, name, 0)) == 0) {
        while ((rc = count_here(u)) > 0 || (rc == 0 && u->depth > 1)) {
            if (rc == 0 && go_up(u) < 0) {
                return -1;
            }
        }
    }
    return rc < 0 ? -1 : 0;
}

int port_dir_usage(struct port_dir *dir, const char *name, uint64_t *bytes, struct kist_error *err)
{
    struct usage u = {.fd = -1};
    int rc = -1;

    errno = EINVAL;
    if (!name) {
        struct stat st;

        rc = fstat(dir->fd, &st);
        u.bytes = rc < 0 ? 0 : (uint64_t)st.st_blocks * 512;
    } else if (port_name_ok(name)) {
        for (int i = 0; i < TRIES && rc < 0; i++) {
            if (u.fd >= 0) {
                (void)close(u.fd);
            }
            rc = count_tree(&u, dir, name);
            if (rc < 0 && errno != ESTALE) {
                break;
            }
        }
        /* whoever moves directories about while they are counted gets them counted as far as that went */
        rc = rc < 0 && errno == ESTALE ? 0 : rc;
    }
    if (rc < 0) {
        rc = port_error(err, errno, "count", dir->path, name);
    }
    *bytes = u.bytes;
    if (u.fd >= 0) {
        (void)close(u.fd);
    }
    free(u.up);
    free(u.linked);
    return rc;
}
