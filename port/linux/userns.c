/*
 * User namespaces, for a kist that is root outside. The container's world is built by that root, who may mount what nobody
 * in a user namespace may; only at the end the command goes into the namespace. So that the others belong to it, a process
 * makes them with it, and the child goes where they are. Its mounts it gets last, as a copy that cannot be undone in there.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

static const struct {
    unsigned own;
    int flag;
    const char *name;
} namespaces[PORT_USERS_NAMESPACES] = {
    [PORT_USERS_USER] = {PORT_OWN_USERS, CLONE_NEWUSER, "user"},
    [PORT_USERS_UTS] = {PORT_OWN_HOSTNAME, CLONE_NEWUTS, "uts"},
    [PORT_USERS_IPC] = {PORT_OWN_IPC, CLONE_NEWIPC, "ipc"},
    [PORT_USERS_NET] = {PORT_OWN_NETWORK, CLONE_NEWNET, "net"},
};

bool port_id_outside(const struct port_id_map *map, uint32_t inside, uint32_t *outside)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct port_id_range *range = &map->v[i];

        if (inside >= range->inside && inside - range->inside < range->size) {
            *outside = range->outside + (inside - range->inside);
            return true;
        }
    }
    if (map->n == 0) {
        *outside = inside;
    }
    return map->n == 0;
}

bool port_id_inside(const struct port_id_map *map, uint32_t outside, uint32_t *inside)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct port_id_range *range = &map->v[i];

        if (outside >= range->outside && outside - range->outside < range->size) {
            *inside = range->inside + (outside - range->outside);
            return true;
        }
    }
    if (map->n == 0) {
        *inside = outside;
    }
    return map->n == 0;
}

/* The kernel takes a map by one write. */
static int write_map(pid_t pid, const char *file, const struct port_id_map *map, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(64 * PORT_ID_RANGES_MAX);
    char path[48];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < map->n; i++) {
        rc = kist_buf_printf(&text, err, "%u %u %u\n", (unsigned)map->v[i].inside, (unsigned)map->v[i].outside, (unsigned)map->v[i].size);
    }
    if (rc < 0) {
        return rc;
    }
    KIST_AUTO(fd) int fd = kist_str_format(path, sizeof(path), "/proc/%d/%s", (int)pid, file) ? open(path, O_WRONLY | O_CLOEXEC) : -1;

    return fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len
               ? 0
               : kist_error_sys(err, errno == EINVAL ? KIST_E_USAGE : KIST_E_IO, errno, "the kernel does not take the map of the container's %s",
                                file[0] == 'u' ? "users" : "groups");
}

static int make_failed(int number, struct kist_error *err)
{
    if (number == ENOSPC || number == EUSERS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "cannot make a user namespace: no more are allowed (sysctl user.max_user_namespaces)");
    }
    return number == EINVAL ? kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no user namespaces (CONFIG_USER_NS)")
                            : kist_error_sys(err, KIST_E_FAIL, number, "cannot make a user namespace");
}

int port_users_make(struct port_users *u, const struct port_sandbox_spec *spec, struct kist_error *err)
{
    unsigned long flags = 0;
    int ends[2], rc;
    char byte;

    for (size_t i = 0; i < PORT_USERS_NAMESPACES; i++) {
        flags |= (spec->own & namespaces[i].own) != 0 ? (unsigned long)namespaces[i].flag : 0;
        u->ns[i] = -1;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a pipe");
    }
    u->keeper = kernel_clone(flags);
    if (u->keeper == 0) {
        (void)close(ends[1]);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {
        }
        _exit(0);
    }
    rc = u->keeper < 0 ? make_failed(errno, err) : 0;
    (void)close(ends[0]);
    u->leash = ends[1];
    rc = rc < 0 ? rc : write_map(u->keeper, "uid_map", &spec->command.ids.users, err);
    rc = rc < 0 ? rc : write_map(u->keeper, "gid_map", &spec->command.ids.groups, err);
    for (size_t i = 0; rc == 0 && i < PORT_USERS_NAMESPACES; i++) {
        if ((spec->own & namespaces[i].own) != 0 && (u->ns[i] = port_namespace_open(u->keeper, namespaces[i].name)) < 0) {
            rc = kist_error_sys(err, KIST_E_IO, errno, "cannot open the container's %s namespace", namespaces[i].name);
        }
    }
    return rc;
}

void port_users_release(struct port_users *u)
{
    if (u->keeper == 0) {
        return;
    }
    for (size_t i = 0; i < PORT_USERS_NAMESPACES; i++) {
        if (u->ns[i] >= 0) {
            (void)close(u->ns[i]);
        }
    }
    (void)close(u->leash);
    if (u->keeper > 0) {
        /* another child may hold a copy of the leash */
        (void)kill(u->keeper, SIGKILL);
        while (waitpid(u->keeper, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    *u = (struct port_users){.leash = -1};
}

int port_users_join(const struct port_users *u, struct kist_error *err)
{
    for (size_t i = 0; u->keeper > 0 && i < PORT_USERS_NAMESPACES; i++) {
        if (i != PORT_USERS_USER && u->ns[i] >= 0 && setns(u->ns[i], namespaces[i].flag) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot enter the container's %s namespace", namespaces[i].name);
        }
    }
    return 0;
}

int port_users_enter(int ns, bool own_mounts, struct kist_error *err)
{
    return setns(ns, CLONE_NEWUSER) < 0 || (own_mounts && unshare(CLONE_NEWNS) < 0)
               ? kist_error_sys(err, KIST_E_IO, errno, "cannot enter the container's user namespace")
               : 0;
}

int port_users_show(int ns, const char *path, const char *what, struct kist_error *err)
{
    struct kernel_mount_attr attr = {.attr_set = KERNEL_ATTR_IDMAP, .userns_fd = (uint64_t)ns};
    KIST_AUTO(fd) int tree = kernel_open_tree(AT_FDCWD, path, KERNEL_OPEN_TREE_CLONE | O_CLOEXEC);

    if (tree < 0 || kernel_mount_setattr(tree, 0, &attr) < 0) {
        return errno == ENOSYS || errno == EINVAL
                   ? kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel cannot show other owners of files on %s (ID-mapped mounts)", what)
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot map the owners of files on %s", what);
    }
    /* in the place of the mount it is a copy of */
    (void)umount2(path, MNT_DETACH);
    KIST_AUTO(fd) int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return place < 0 || kernel_move_mount(tree, place) < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot mount at '%s'", path) : 0;
}
