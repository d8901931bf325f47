#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/path.h"
#include "entries.h"
#include "file_private.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int port_error(struct kist_error *err, int sys_errno, const char *verb, const char *at, const char *name)
{
    const char *slash = name && at[strlen(at) - 1] != '/' ? "/" : "";
    enum kist_err code = KIST_E_IO;

    switch (sys_errno) {
    case ENOENT:
        code = KIST_E_NOT_FOUND;
        break;
    case EEXIST:
    case EBUSY:
    case EWOULDBLOCK:
        code = KIST_E_CONFLICT;
        break;
    case ELOOP: /* O_NOFOLLOW met a symlink where a file was expected */
        return kist_error_set(err, KIST_E_CORRUPT, "cannot %s '%s%s%s': it is a symbolic link", verb, at,
                              slash, name ? name : "");
    default:
        break;
    }
    return kist_error_sys(err, code, sys_errno, "cannot %s '%s%s%s'", verb, at, slash, name ? name : "");
}

bool port_name_ok(const char *name)
{
    if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EINVAL;
        return false;
    }
    return true;
}

int port_dir_new(struct port_dir **out, int fd, const char *at, const char *name, struct kist_error *err)
{
    size_t size = strlen(at) + (name ? strlen(name) + 1 : 0) + 1;
    struct port_dir *dir = malloc(sizeof(*dir) + size);

    if (!dir) {
        (void)close(fd);
        return kist_error_nomem(err);
    }
    dir->fd = fd;
    if (!name) {
        memcpy(dir->path, at, size);
    } else if (!kist_path_join(dir->path, size, at, name)) {
        port_dir_close(dir);
        return kist_error_set(err, KIST_E_FAIL, "path of '%s' is too long", name);
    }
    *out = dir;
    return 0;
}

/* Makes one directory and has its parent, which now names it, written to the medium. */
static int make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0) {
        return errno == EEXIST ? 0 : -1;
    }
    KIST_AUTO(fd) int fd = open(path, OPEN_DIR);
    KIST_AUTO(fd) int up = fd < 0 ? -1 : openat(fd, "..", OPEN_DIR);

    return up >= 0 && (fsync(up) == 0 || errno == EINVAL) ? 0 : -1;
}

/* Makes path's missing directories from the outermost inwards; path may lose slashes at its end. */
static int make_path(char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    for (size_t i = 1; i < len; i++) {
        if (path[i] == '/' && path[i - 1] != '/') {
            path[i] = '\0';
            if (make_one(path, 0755) < 0) {
                return -1;
            }
            path[i] = '/';
        }
    }
    return make_one(path, 0700);
}

int port_dir_open(struct port_dir **out, const char *path, bool create, struct kist_error *err)
{
    int fd;

    if (path[0] == '\0') {
        return kist_error_set(err, KIST_E_USAGE, "the name of a directory is empty");
    }
    fd = open(path, OPEN_DIR);
    if (fd < 0 && errno == ENOENT && create) {
        KIST_AUTO(free) char *copy = strdup(path);

        if (!copy) {
            return kist_error_nomem(err);
        }
        if (make_path(copy) < 0) {
            return port_error(err, errno, "create directory", path, NULL);
        }
        fd = open(path, OPEN_DIR);
    }
    if (fd < 0) {
        return port_error(err, errno, "open directory", path, NULL);
    }
    return port_dir_new(out, fd, path, NULL, err);
}

int port_dir_open_at(struct port_dir **out, struct port_dir *at, const char *name, bool create,
                     struct kist_error *err)
{
    int fd = -1;

    if (port_name_ok(name)) {
        fd = openat(at->fd, name, OPEN_DIR | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT && create) {
            if (mkdirat(at->fd, name, 0700) < 0 && errno != EEXIST) {
                return port_error(err, errno, "create directory", at->path, name);
            }
            fd = openat(at->fd, name, OPEN_DIR | O_NOFOLLOW);
        }
    }
    if (fd < 0) {
        return port_error(err, errno, "open directory", at->path, name);
    }
    return port_dir_new(out, fd, at->path, name, err);
}

void port_dir_close(struct port_dir *dir)
{
    if (dir) {
        (void)close(dir->fd);
        free(dir);
    }
}

int port_dir_sync(struct port_dir *dir, struct kist_error *err)
{
    /* EINVAL: a filesystem that keeps nothing (or everything at once) has no sync of directories */
    if (fsync(dir->fd) < 0 && errno != EINVAL) {
        return port_error(err, errno, "sync directory", dir->path, NULL);
    }
    return 0;
}

int port_dir_list(struct port_dir *dir, int (*each)(void *arg, const char *name, struct kist_error *err),
                  void *arg, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = openat(dir->fd, ".", OPEN_DIR);
    struct port_entries entries = {.fd = fd};
    unsigned char type;
    const char *name;
    int rc = 0, more = fd < 0 ? -1 : 1;

    while (rc == 0 && more > 0) {
        more = port_entries_next(&entries, &name, &type);
        rc = more > 0 ? each(arg, name, err) : 0;
    }
    return more < 0 ? port_error(err, errno, "list directory", dir->path, NULL) : rc;
}

int port_dir_stat(struct port_dir *dir, const char *name, struct port_stat *st, struct kist_error *err)
{
    struct stat s;

    if (name ? !port_name_ok(name) || fstatat(dir->fd, name, &s, AT_SYMLINK_NOFOLLOW) < 0 : fstat(dir->fd, &s) < 0) {
        return port_error(err, errno, "look at", dir->path, name);
    }
    st->type = S_ISREG(s.st_mode)   ? PORT_TYPE_FILE
               : S_ISDIR(s.st_mode) ? PORT_TYPE_DIRECTORY
                                    : PORT_TYPE_OTHER;
    st->size = (uint64_t)s.st_size;
    st->allocated = (uint64_t)s.st_blocks * 512;
    st->mtime = s.st_mtime;
    st->uid = s.st_uid;
    st->mode = s.st_mode & 07777;
    return 0;
}

int port_dir_space(struct port_dir *dir, struct port_space *space, struct kist_error *err)
{
    struct statvfs s;

    if (fstatvfs(dir->fd, &s) < 0) {
        return port_error(err, errno, "ask for the free space of", dir->path, NULL);
    }
    space->total = (uint64_t)s.f_blocks * s.f_frsize;
    space->available = (uint64_t)s.f_bavail * s.f_frsize;
    space->block = s.f_frsize > 0 ? (uint32_t)s.f_frsize : 4096;
    return 0;
}

int port_dir_rename(struct port_dir *from, const char *name, struct port_dir *to, const char *new_name,
                    struct kist_error *err)
{
    if (!port_name_ok(name) || !port_name_ok(new_name) || renameat(from->fd, name, to->fd, new_name) < 0) {
        return port_error(err, errno, "rename", from->path, name);
    }
    return 0;
}

int port_dir_unlink(struct port_dir *dir, const char *name, struct kist_error *err)
{
    if (!port_name_ok(name) || unlinkat(dir->fd, name, 0) < 0) {
        return port_error(err, errno, "remove", dir->path, name);
    }
    return 0;
}

int port_dir_chmod(struct port_dir *dir, const char *name, unsigned mode, struct kist_error *err)
{
    struct stat s;

    if (!port_name_ok(name) || fstatat(dir->fd, name, &s, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(s.st_mode) ||
        fchmodat(dir->fd, name, (mode_t)mode, 0) < 0) {
        return port_error(err, errno, "set the mode of", dir->path, name);
    }
    return 0;
}

int port_dir_touch(struct port_dir *dir, const char *name, struct kist_error *err)
{
    if (!port_name_ok(name) || utimensat(dir->fd, name, NULL, AT_SYMLINK_NOFOLLOW) < 0) {
        return port_error(err, errno, "touch", dir->path, name);
    }
    return 0;
}

int port_dir_set_time(struct port_dir *dir, const char *name, int64_t mtime, struct kist_error *err)
{
    const struct timespec times[] = {{.tv_sec = (time_t)mtime}, {.tv_sec = (time_t)mtime}};
    int rc = name && !port_name_ok(name) ? -1
             : name                      ? utimensat(dir->fd, name, times, AT_SYMLINK_NOFOLLOW)
                                         : futimens(dir->fd, times);

    return rc < 0 ? port_error(err, errno, "set the time of", dir->path, name) : 0;
}

const char *port_dir_path(const struct port_dir *dir)
{
    return dir->path;
}
