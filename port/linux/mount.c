/*
 * The mounts of a container, each at a place inside its root that was opened first and cannot move any more.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "port/rootless.h"
#include "sandbox_private.h"

static const struct {
    unsigned flag;
    unsigned long mount; /* for mount(2) */
    uint64_t attr;       /* for mount_setattr(2); the times are apart */
} flag_map[] = {
    {PORT_MOUNT_RDONLY, MS_RDONLY, KERNEL_ATTR_RDONLY},
    {PORT_MOUNT_NOSUID, MS_NOSUID, KERNEL_ATTR_NOSUID},
    {PORT_MOUNT_NODEV, MS_NODEV, KERNEL_ATTR_NODEV},
    {PORT_MOUNT_NOEXEC, MS_NOEXEC, KERNEL_ATTR_NOEXEC},
    {PORT_MOUNT_NODIRATIME, MS_NODIRATIME, KERNEL_ATTR_NODIRATIME},
    {PORT_MOUNT_NOATIME, MS_NOATIME, 0},
    {PORT_MOUNT_STRICTATIME, MS_STRICTATIME, 0},
    {PORT_MOUNT_SYNC, MS_SYNCHRONOUS, 0},
};

unsigned long port_mount_flags(unsigned flags)
{
    unsigned long result = 0;

    for (size_t i = 0; i < KIST_COUNT(flag_map); i++) {
        result |= (flags & flag_map[i].flag) != 0 ? flag_map[i].mount : 0;
    }
    return result;
}

static struct kernel_mount_attr attributes(unsigned flags, enum port_propagation propagation)
{
    struct kernel_mount_attr attr = {
        .propagation = propagation == PORT_SHARED  ? MS_SHARED
                       : propagation == PORT_SLAVE ? MS_SLAVE
                                                   : MS_PRIVATE,
    };

    for (size_t i = 0; i < KIST_COUNT(flag_map); i++) {
        attr.attr_set |= (flags & flag_map[i].flag) != 0 ? flag_map[i].attr : 0;
    }
    if ((flags & (PORT_MOUNT_NOATIME | PORT_MOUNT_STRICTATIME)) != 0) {
        attr.attr_clr = KERNEL_ATTR_ATIME_MASK;
        attr.attr_set |= (flags & PORT_MOUNT_NOATIME) != 0 ? KERNEL_ATTR_NOATIME : KERNEL_ATTR_STRICTATIME;
    }
    return attr;
}

/* The new calls (5.12): the mount has its flags before anyone can see it. 1: this kernel has not got them. */
static int bind_new(const struct port_bind *bind, struct kist_error *err)
{
    const unsigned recursive = (bind->flags & PORT_MOUNT_RECURSIVE) != 0 ? KERNEL_AT_RECURSIVE : 0;
    struct kernel_mount_attr attr = attributes(bind->flags, bind->propagation);
    KIST_AUTO(fd)
    int tree = bind->is_tree ? dup(bind->source)
                             : kernel_open_tree(bind->source, "",
                                                KERNEL_OPEN_TREE_CLONE | O_CLOEXEC | (unsigned)AT_EMPTY_PATH | recursive);

    if (tree < 0) {
        return errno == ENOSYS || errno == EPERM
                   ? 1
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot bind a mount for '%s'", bind->path);
    }
    if (kernel_mount_setattr(tree, recursive, &attr) < 0) {
        return errno == ENOSYS
                   ? 1
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot set the flags of mount '%s'", bind->path);
    }
    if (kernel_move_mount(tree, bind->target) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot mount at '%s'", bind->path);
    }
    return 0;
}

static int bind_old(int root, const struct port_bind *bind, struct kist_error *err)
{
    const unsigned long recursive = (bind->flags & PORT_MOUNT_RECURSIVE) != 0 ? MS_REC : 0;
    char source[PORT_FD_PATH_MAX], target[PORT_FD_PATH_MAX], path[PATH_MAX];
    ssize_t len;
    int rc;

    if ((bind->is_tree ? kernel_move_mount(bind->source, bind->target)
                       : mount(port_fd_path(source, bind->source), port_fd_path(target, bind->target), NULL, MS_BIND | recursive, NULL)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot mount at '%s'", bind->path);
    }
    /* target is what the mount covers; opened anew the path gives the mount itself */
    KIST_AUTO(fd) int top = port_place_open(root, bind->path, O_PATH);

    len = top < 0 ? -1 : readlink(port_fd_path(target, top), path, sizeof(path) - 1);
    if (len < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot find mount '%s' again", bind->path);
    }
    path[len] = '\0';
    rc = port_remount_tree(path, bind->flags, err);
    if (rc == 0 && mount(NULL, path, NULL,
                         recursive | (unsigned long)attributes(0, bind->propagation).propagation, NULL) < 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot set the propagation of mount '%s'", bind->path);
    }
    return rc;
}

int port_mount_bind(int root, const struct port_bind *bind, struct kist_error *err)
{
    int rc = bind_new(bind, err);

    return rc == 1 ? bind_old(root, bind, err) : rc;
}

static bool is_directory(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int port_mount_share(const struct port_sandbox_spec *spec, int **trees, struct kist_error *err)
{
    *trees = calloc(spec->mount_count + 1, sizeof(int));
    if (!*trees) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct port_mount *m = &spec->mounts[i];

        (*trees)[i] = -1;
        if (m->kind != PORT_MOUNT_BIND || m->propagation != PORT_SHARED) {
            continue;
        }
        (*trees)[i] = kernel_open_tree(AT_FDCWD, m->source, KERNEL_OPEN_TREE_CLONE | O_CLOEXEC |
                                                                ((m->flags & PORT_MOUNT_RECURSIVE) != 0 ? KERNEL_AT_RECURSIVE : 0));
        if ((*trees)[i] < 0 && errno != ENOENT) {
            return kist_error_sys(err, errno == ENOSYS ? KIST_E_UNSUPPORTED : KIST_E_IO, errno,
                                  "cannot share mounts at '%s' with the host, which takes Linux 5.2", m->target);
        }
    }
    return 0;
}

/* tree: what port_mount_share made of its source, or -1. */
static int bind(const struct port_sandbox_spec *spec, const struct port_mount *m, int root, int tree, struct kist_error *err)
{
    KIST_AUTO(fd)
    int source = m->layer_count > 0 ? port_inside_open(m, (size_t)(m - spec->mounts), spec->root.transient, err)
                 : tree >= 0        ? dup(tree)
                                    : open(m->source, O_PATH | O_CLOEXEC);
    struct port_bind bind = {
        .source = source, .is_tree = tree >= 0, .path = m->target, .flags = m->flags, .propagation = m->propagation};
    int rc = 0;

    if (source < 0) {
        return m->layer_count > 0 ? source : kist_error_sys(err, errno == ENOENT ? KIST_E_NOT_FOUND : KIST_E_IO, errno,
                              "cannot open '%s' to mount it at '%s'", m->source, m->target);
    }
    KIST_AUTO(fd) int target = port_place_make(root, m->target, is_directory(source), err);

    if (target < 0) {
        return target;
    }
    if (is_directory(source) != is_directory(target)) {
        return kist_error_set(err, KIST_E_FAIL,
                              "cannot mount '%s' at '%s': one is a directory, the other is not", m->source,
                              m->target);
    }
    if ((m->flags & PORT_MOUNT_COPY) != 0 && is_directory(source)) {
        rc = port_copy_fill(target, m, err);
        if (rc < 0) {
            return kist_error_wrap(err, "cannot fill volume '%s'", m->target);
        }
    } else if (is_directory(source) && m->layer_count == 0) {
        port_copy_keep(m->source);
    }
    bind.target = target;
    return port_mount_bind(root, &bind, err);
}

/* Its flags are its owner's; nodev, which holds for all of a container's mounts, among them. */
static int mount_others(const struct port_mount *m, int root, struct kist_error *err)
{
    KIST_AUTO(fd) int tree = port_join_tree(m, err);
    KIST_AUTO(fd) int target = tree < 0 ? -1 : port_place_make(root, m->target, true, err);

    if (tree < 0 || target < 0) {
        return KIST_MIN(tree, target);
    }
    return kernel_move_mount(tree, target) == 0 ? 0
                                                : kist_error_sys(err, KIST_E_IO, errno, "cannot mount at '%s'", m->target);
}

static int mount_failed(const struct port_mount *m, int number, struct kist_error *err)
{
    if (number == ENODEV) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no filesystem '%s', wanted at '%s'",
                              m->type, m->target);
    }
    return kist_error_sys(err, KIST_E_IO, number, "cannot mount '%s' at '%s'", m->type, m->target);
}

/* The numbers of "uid=" and "gid=" are the container's, and the kernel takes them for ours. */
static int translate(struct kist_buf *out, const char *data, const struct port_ids *ids, struct kist_error *err)
{
    int rc = 0;

    for (size_t len; rc == 0 && *data != '\0'; data += len + (data[len] == ',')) {
        const struct port_id_map *map = kist_str_starts(data, "uid=") ? &ids->users : kist_str_starts(data, "gid=") ? &ids->groups : NULL;
        char number[16];
        uint64_t inside;
        uint32_t outside;

        len = strcspn(data, ",");
        if (!map) {
            rc = kist_buf_printf(out, err, "%s%.*s", out->len > 0 ? "," : "", (int)len, data);
        } else if (kist_str_format(number, sizeof(number), "%.*s", (int)len - 4, data + 4) && kist_str_u64(number, UINT32_MAX, &inside) &&
                   port_id_outside(map, (uint32_t)inside, &outside)) {
            rc = kist_buf_printf(out, err, "%s%.4s%u", out->len > 0 ? "," : "", data, (unsigned)outside);
        } else if (len != 5 || memcmp(data, "gid=5", len) != 0) { /* a devpts without a group for terminals will do */
            rc = kist_error_set(err, KIST_E_USAGE, "the container's user namespace has not got '%.*s'", (int)len, data);
        }
    }
    return rc;
}

/* Who is root in a user namespace only can mount what shows that one's namespaces; what is the host's is there already. */
static int bind_instead(const struct port_mount *m, unsigned own, int target, int root, struct kist_error *err)
{
    static const struct {
        const char *type, *place;
        unsigned own;
    } rows[] = {{"sysfs", "/sys", PORT_OWN_NETWORK}, {"proc", "/proc", PORT_OWN_PIDS}, {"mqueue", "/dev/mqueue", PORT_OWN_IPC}};
    const char *place = NULL;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        place = strcmp(m->type, rows[i].type) == 0 && (own & rows[i].own) == 0 ? rows[i].place : place;
    }
    KIST_AUTO(fd) int source = place ? open(place, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    const struct port_bind bind = {.source = source, .target = target, .path = m->target, .flags = m->flags | PORT_MOUNT_RECURSIVE};

    return source < 0 ? mount_failed(m, EPERM, err) : port_mount_bind(root, &bind, err);
}

static int mount_fs(const struct port_mount *m, const struct port_sandbox_spec *spec, int root, struct kist_error *err)
{
    static const struct port_id_range root_alone = {0, 0, 1};
    static const struct port_ids alone = {{&root_alone, 1}, {&root_alone, 1}};
    const struct port_ids *ids = port_rootless() && !port_rootless_has_users() ? &alone : &spec->command.ids;
    KIST_AUTO(buf) struct kist_buf data = KIST_BUF_INIT(2 * 4096);
    KIST_AUTO(fd) int target = port_place_make(root, m->target, true, err);
    char path[PORT_FD_PATH_MAX];
    int rc = target < 0 ? target : m->data && ids->users.n > 0 ? translate(&data, m->data, ids, err) : 0;

    if (rc < 0) {
        return rc;
    }
    if (mount(m->source, port_fd_path(path, target), m->type, port_mount_flags(m->flags), data.len > 0 ? data.data : m->data) == 0) {
        return 0;
    }
    return errno == EPERM ? bind_instead(m, spec->own, target, root, err) : mount_failed(m, errno, err);
}

static int bind_group(const struct port_mount *m, const char *path, const struct port_cgroup_member *group,
                      int root, struct kist_error *err)
{
    KIST_AUTO(fd) int source = open(group->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    KIST_AUTO(fd) int target = port_place_make(root, path, true, err);
    struct port_bind bind = {.source = source, .target = target, .path = path, .flags = m->flags};

    if (source < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open control group '%s'", group->path);
    }
    return target < 0 ? target : port_mount_bind(root, &bind, err);
}

/* v1: a directory of the hierarchies, each showing the container's own group. */
static int mount_hierarchies(const struct port_mount *m, const struct port_cgroup_set *groups, const struct port_sandbox_spec *spec, int root,
                             struct kist_error *err)
{
    const struct port_mount top = {.flags = m->flags & ~(unsigned)PORT_MOUNT_RDONLY,
                                   .type = "tmpfs",
                                   .source = "tmpfs",
                                   .data = "mode=755,size=64k",
                                   .target = m->target};
    struct port_mount self = {.kind = PORT_MOUNT_BIND, .flags = m->flags, .target = m->target};
    char path[PATH_MAX];
    int rc = mount_fs(&top, spec, root, err);

    for (size_t i = 0; rc == 0 && i < groups->n; i++) {
        if (!kist_path_join(path, sizeof(path), m->target, groups->v[i].label)) {
            return kist_error_set(err, KIST_E_FAIL, "the path '%s' is too long", m->target);
        }
        rc = bind_group(m, path, &groups->v[i], root, err);
    }
    if (rc == 0 && (m->flags & PORT_MOUNT_RDONLY) != 0) {
        KIST_AUTO(fd) int here = port_place_open(root, m->target, O_PATH);

        rc = here < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", m->target)
             : mount(NULL, port_fd_path(path, here), NULL,
                     MS_REMOUNT | MS_BIND | port_mount_flags(self.flags), NULL) < 0
                 ? kist_error_sys(err, KIST_E_IO, errno, "cannot make '%s' read-only", m->target)
                 : 0;
    }
    return rc;
}

static int mount_cgroup(const struct port_mount *m, const struct port_cgroup_set *groups, const struct port_sandbox_spec *spec, int root,
                        struct kist_error *err)
{
    if (groups->n == 0) {
        return 0; /* a machine without control groups shows none */
    }
    if (groups->n == 1 && groups->unified == 0) {
        return bind_group(m, m->target, &groups->v[0], root, err);
    }
    return mount_hierarchies(m, groups, spec, root, err);
}

int port_mount_all(const struct port_sandbox_spec *spec, const struct port_cgroup_set *groups, int root,
                   const int *trees, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->mount_count; i++) {
        const struct port_mount *m = &spec->mounts[i];

        switch (m->kind) {
        case PORT_MOUNT_FS:
            rc = mount_fs(m, spec, root, err);
            break;
        case PORT_MOUNT_BIND:
            rc = bind(spec, m, root, trees[i], err);
            break;
        case PORT_MOUNT_OTHERS:
            rc = mount_others(m, root, err);
            break;
        case PORT_MOUNT_CGROUP:
            rc = mount_cgroup(m, groups, spec, root, err);
            break;
        }
    }
    return rc;
}

/* A directory is hidden by an empty one, anything else by /dev/null: read-only, so that no chmod in there
 * reaches the host's. */
static int mask(int root, const char *path, struct kist_error *err)
{
    KIST_AUTO(fd) int target = port_place_open(root, path, O_PATH);
    struct port_bind bind = {
        .path = path, .target = target, .flags = PORT_MOUNT_RDONLY | PORT_MOUNT_NOSUID | PORT_MOUNT_NOEXEC};

    if (target < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s' to hide it", path);
    }
    if (is_directory(target)) {
        if (mkdir("empty", 0555) < 0 && errno != EEXIST) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot make an empty directory");
        }
        bind.flags |= PORT_MOUNT_NODEV;
    }
    KIST_AUTO(fd)
    int source = open((bind.flags & PORT_MOUNT_NODEV) != 0 ? "empty" : "/dev/null", O_PATH | O_CLOEXEC);

    if (source < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot hide '%s'", path);
    }
    bind.source = source;
    return port_mount_bind(root, &bind, err);
}

static int lock_path(int root, const char *path, struct kist_error *err)
{
    KIST_AUTO(fd) int target = port_place_open(root, path, O_PATH);
    struct port_bind bind = {
        .path = path, .source = target, .target = target, .flags = PORT_MOUNT_RDONLY | PORT_MOUNT_RECURSIVE};

    if (target < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s' to lock it", path);
    }
    return port_mount_bind(root, &bind, err);
}

int port_mount_protect(const struct port_sandbox_spec *spec, int root, struct kist_error *err)
{
    int rc = 0;

    for (const char *const *path = spec->read_only; rc == 0 && path && *path; path++) {
        rc = lock_path(root, *path, err);
    }
    for (const char *const *path = spec->masked; rc == 0 && path && *path; path++) {
        rc = mask(root, *path, err);
    }
    return rc;
}
