/*
 * Device nodes: made on the sandbox's own scratch filesystem, where they work and nobody else finds them, and
 * bound one by one to where the container expects them, on filesystems that are nodev. Bound to the host's
 * nodes, a chmod in the container would be one on the host.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

/* Directories of the host's /dev that are filesystems or sockets of their own, or belong to a terminal. */
static const char *const not_given[] = {"pts",     "shm",  "mqueue", "hugepages", "fd",
                                        "console", "ptmx", "core",   "log",       "lxc"};

struct source {
    const struct port_ids *ids;
    unsigned made; /* nodes in the scratch directory */
};

/*
 * The node in the scratch directory; where we may not make one (a kist inside a container), the host's own.
 */
static int node_of(struct source *source, const struct port_device *d, struct kist_error *err)
{
    const mode_t type = d->type == 'c' ? S_IFCHR : d->type == 'b' ? S_IFBLK : S_IFIFO;
    char name[32];
    uint32_t uid = 0, gid = 0; /* nobody's, where the container has no such */
    struct stat st;
    int fd;

    (void)port_id_outside(&source->ids->users, d->uid, &uid);
    (void)port_id_outside(&source->ids->groups, d->gid, &gid);
    if (!kist_str_format(name, sizeof(name), "dev%u", source->made++)) {
        return kist_error_set(err, KIST_E_FAIL, "too many devices");
    }
    if (mknod(name, type | 0600, makedev(d->major, d->minor)) == 0) {
        if (chown(name, uid, gid) < 0 || chmod(name, d->mode) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot make device '%s'", d->path);
        }
        fd = open(name, O_PATH | O_CLOEXEC);
        return fd < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open device '%s'", d->path) : fd;
    }
    if (errno != EPERM) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make device '%s'", d->path);
    }
    fd = open(d->path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type ||
        (type != S_IFIFO && st.st_rdev != makedev(d->major, d->minor))) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "cannot make device '%s': not permitted, and the host has none like it",
                              d->path);
    }
    return fd;
}

static int place(struct source *source, const struct port_device *d, int root, struct kist_error *err)
{
    KIST_AUTO(fd) int node = node_of(source, d, err);
    KIST_AUTO(fd) int target = node < 0 ? node : port_place_make(root, d->path, false, err);
    struct port_bind bind = {
        .source = node, .target = target, .path = d->path, .flags = PORT_MOUNT_NOSUID | PORT_MOUNT_NOEXEC};

    return target < 0 ? target : port_mount_bind(root, &bind, err);
}

static bool is_given(const char *name)
{
    for (size_t i = 0; i < KIST_COUNT(not_given); i++) {
        if (strcmp(name, not_given[i]) == 0) {
            return false;
        }
    }
    return name[0] != '.';
}

/* Every node below the host's directory path, at the same place in the container. Takes fd. */
static int place_below(struct source *source, int fd, const char *path, int root, struct kist_error *err)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int rc = 0;

    if (!dir) {
        (void)close(fd);
        return kist_error_sys(err, KIST_E_IO, errno, "cannot list '%s'", path);
    }
    while (rc == 0 && (entry = readdir(dir))) {
        char below[256];
        struct stat st;

        if (!is_given(entry->d_name) || !kist_path_join(below, sizeof(below), path, entry->d_name) ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            rc = sub < 0 ? 0 : place_below(source, sub, below, root, err);
        } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
            const struct port_device d = {.type = S_ISCHR(st.st_mode) ? 'c' : 'b',
                                          .major = major(st.st_rdev),
                                          .minor = minor(st.st_rdev),
                                          .mode = st.st_mode & 07777,
                                          .uid = st.st_uid,
                                          .gid = st.st_gid,
                                          .path = below};
            KIST_AUTO(fd) int there = port_place_open(root, below, O_PATH);

            /* one of spec's devices may be in this place already */
            rc = there >= 0 && fstat(there, &st) == 0 && !S_ISREG(st.st_mode) ? 0
                                                                              : place(source, &d, root, err);
        }
    }
    (void)closedir(dir);
    return rc;
}

static int make_link(const struct port_link *link, int root, struct kist_error *err)
{
    char parent[PATH_MAX];
    char *slash;

    if (!kist_str_copy(parent, sizeof(parent), link->path) || !(slash = strrchr(parent, '/'))) {
        return kist_error_set(err, KIST_E_USAGE, "link '%s' is no absolute path", link->path);
    }
    *slash = '\0';
    KIST_AUTO(fd) int dir = port_place_open(root, parent, O_PATH | O_DIRECTORY);

    if (dir < 0 || (symlinkat(link->target, dir, slash + 1) < 0 && errno != EEXIST)) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make link '%s'", link->path);
    }
    return 0;
}

int port_device_all(const struct port_sandbox_spec *spec, int root, struct kist_error *err)
{
    struct source source = {.ids = &spec->command.ids};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->device_count; i++) {
        rc = place(&source, &spec->devices[i], root, err);
    }
    if (rc == 0 && spec->all_devices) {
        int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        rc = dev < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot list '/dev'")
                     : place_below(&source, dev, "/dev", root, err);
    }
    for (size_t i = 0; rc == 0 && i < spec->link_count; i++) {
        rc = make_link(&spec->links[i], root, err);
    }
    return rc;
}
