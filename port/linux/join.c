/* Namespaces of others, entered by descriptors that are held: whatever becomes of a process's number, what was opened stays what it is. */
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

#include "base/str.h"
#include "kernel.h"
#include "port/rootless.h"
#include "sandbox_private.h"

static const struct {
    unsigned what;
    int flag;
    const char *name;
} kinds[PORT_JOINS_MAX] = {
    {PORT_OWN_PIDS, CLONE_NEWPID, "pid"},
    {PORT_OWN_HOSTNAME, CLONE_NEWUTS, "uts"},
    {PORT_OWN_IPC, CLONE_NEWIPC, "ipc"},
    {PORT_OWN_NETWORK, CLONE_NEWNET, "net"},
};

static size_t kind_of(const struct port_join *join)
{
    size_t i = 0;

    while (i + 1 < KIST_COUNT(kinds) && kinds[i].what != join->what) {
        i++;
    }
    return i;
}

static int open_one(const struct port_join *join, struct kist_error *err)
{
    const char *name = kinds[kind_of(join)].name, *path = join->path;
    char its[48];
    int fd;

    if (!path) {
        path = kist_str_format(its, sizeof(its), "/proc/%d/ns/%s", join->target.pid, name) ? its : "";
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    /* looked at after it was opened: the number may have been another's by then */
    if (!join->path && !port_process_alive(&join->target)) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return kist_error_set(err, KIST_E_CONFLICT, "cannot join its %s namespace: it has ended", name);
    }
    return fd >= 0 ? fd
                   : kist_error_sys(err, errno == ENOENT && join->path ? KIST_E_NOT_FOUND : KIST_E_IO, errno,
                                    "cannot open the %s namespace '%s'", name, path);
}

int port_join_open(int *fds, const struct port_sandbox_spec *spec, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < PORT_JOINS_MAX; i++) {
        fds[i] = -1;
    }
    for (size_t i = 0; rc >= 0 && i < spec->join_count; i++) {
        rc = fds[i] = open_one(&spec->joins[i], err);
    }
    return KIST_MIN(rc, 0);
}

void port_join_close(const int *fds)
{
    for (size_t i = 0; i < PORT_JOINS_MAX; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

/* Who cannot come back from a PID namespace sends another, whose child is made ours (CLONE_PARENT). */
static pid_t fork_aside(int its, pid_t (*make)(void *arg), void *arg)
{
    int ends[2], number = EIO;
    pid_t pid = -1, other = pipe2(ends, O_CLOEXEC) < 0 ? -1 : kernel_clone(0);

    if (other == 0) {
        pid = setns(its, CLONE_NEWPID) < 0 ? -1 : make(arg);
        if (pid == 0) {
            return 0;
        }
        number = pid < 0 ? -errno : (int)pid;
        _exit(write(ends[1], &number, sizeof(number)) == (ssize_t)sizeof(number) ? 0 : 1);
    }
    if (other < 0) {
        return -1;
    }
    (void)close(ends[1]);
    if (read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number) && number > 0) {
        pid = number;
    }
    (void)close(ends[0]);
    while (waitpid(other, NULL, 0) < 0 && errno == EINTR) {
    }
    errno = number < 0 ? -number : EIO;
    return pid;
}

pid_t port_join_fork(int its, pid_t (*make)(void *arg), void *arg)
{
    /* only children are moved by this, and later ones are to stay with us */
    KIST_AUTO(fd) int own = its < 0 ? -1 : open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    int number;
    pid_t pid;

    if (its >= 0 && port_rootless()) {
        return fork_aside(its, make, arg);
    }
    if (its >= 0 && (own < 0 || setns(its, CLONE_NEWPID) < 0)) {
        return -1;
    }
    pid = make(arg);
    number = errno;
    if (pid != 0 && its >= 0) {
        (void)setns(own, CLONE_NEWPID);
        errno = number;
    }
    return pid;
}

int port_join_enter(const struct port_sandbox_spec *spec, const int *fds, struct kist_error *err)
{
    for (size_t i = 0; i < spec->join_count; i++) {
        const size_t kind = kind_of(&spec->joins[i]);

        if (kinds[kind].flag != CLONE_NEWPID && setns(fds[i], kinds[kind].flag) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot join the %s namespace", kinds[kind].name);
        }
    }
    return 0;
}

/* In the mount namespace its, for as long as it takes: mounts can be copied by who is among them only. */
static int copy_tree(int its, int source)
{
    KIST_AUTO(fd) int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    KIST_AUTO(fd) int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    KIST_AUTO(fd) int old_dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int tree, number;

    if (own < 0 || old_root < 0 || old_dir < 0 || setns(its, CLONE_NEWNS) < 0) {
        return -1;
    }
    tree = kernel_open_tree(source, "", KERNEL_OPEN_TREE_CLONE | O_CLOEXEC | (unsigned)AT_EMPTY_PATH);
    number = errno;
    if (setns(own, CLONE_NEWNS) < 0 || fchdir(old_root) < 0 || chroot(".") < 0 || fchdir(old_dir) < 0) {
        _exit(125); /* no way to go on in another's world; the parent hears that we ended */
    }
    errno = number;
    return tree;
}

int port_join_tree(const struct port_mount *m, struct kist_error *err)
{
    char path[48];
    KIST_AUTO(fd) int root = kist_str_format(path, sizeof(path), "/proc/%d/root", m->of.pid) ? open(path, O_PATH | O_CLOEXEC) : -1;
    KIST_AUTO(fd) int its = kist_str_format(path, sizeof(path), "/proc/%d/ns/mnt", m->of.pid) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    KIST_AUTO(fd) int source = root < 0 ? -1 : port_place_open(root, m->source, O_PATH | O_DIRECTORY);
    int tree;

    if (!port_process_alive(&m->of)) {
        return kist_error_set(err, KIST_E_CONFLICT, "cannot share its '%s': it has ended", m->source);
    }
    tree = its < 0 || source < 0 ? -1 : copy_tree(its, source);
    if (tree < 0 && its >= 0 && source >= 0 && (errno == ENOSYS || errno == EPERM)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel cannot share '%s' between containers (open_tree, since Linux 5.2)",
                              m->source);
    }
    return tree >= 0 ? tree : kist_error_sys(err, KIST_E_IO, errno, "cannot share another container's '%s'", m->source);
}
