/* Into a sandbox that runs: its control groups, its namespaces. What was ours stays behind: descriptors close with
 * the exec, and the working directory is looked at in command.c. */
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

static const struct {
    int flag;
    const char *name;
} namespaces[] = {
    {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWNET, "net"}, {CLONE_NEWNS, "mnt"},
};

int port_namespace_open(int pid, const char *name)
{
    char path[48];

    return kist_str_format(path, sizeof(path), "/proc/%d/ns/%s", pid, name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* This kernel knows such. */
static bool has_namespace(const char *name)
{
    char path[48];

    return kist_str_format(path, sizeof(path), "/proc/self/ns/%s", name) && access(path, F_OK) == 0;
}

pid_t port_enter_fork(const struct port_enter *enter, int target, pid_t (*make)(void *arg), void *arg)
{
    KIST_AUTO(fd) int its = port_namespace_open(enter->target.pid, "pid");

    if (its < 0) {
        errno = errno == ENOENT ? ESRCH : errno;
        return -1;
    }
    /* the number may be another's by now, and this its namespace: the pidfd, and the start time, know */
    if (target >= 0 ? syscall(SYS_pidfd_send_signal, target, 0, NULL, 0) < 0 : !port_process_alive(&enter->target)) {
        errno = ESRCH;
        return -1;
    }
    return port_join_fork(its, make, arg);
}

/* It is the one we are in: not to be entered, which only its owner may. */
static bool is_ours(int pid, const char *name)
{
    char its[48], ours[48];
    struct stat a, b;

    return kist_str_format(its, sizeof(its), "/proc/%d/ns/%s", pid, name) && kist_str_format(ours, sizeof(ours), "/proc/self/ns/%s", name) &&
           stat(its, &a) == 0 && stat(ours, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* All at once by the pidfd (5.8), else one by one; a namespace this kernel has not is not entered. */
static int enter_namespaces(const struct port_child *child, struct kist_error *err)
{
    int fds[KIST_COUNT(namespaces)], flags = 0;

    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        flags |= is_ours(child->enter->target.pid, namespaces[i].name) ? 0 : namespaces[i].flag;
    }
    if (child->target >= 0 && port_process_alive(&child->enter->target) && setns(child->target, flags) == 0) {
        return 0;
    }
    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        fds[i] = port_namespace_open(child->enter->target.pid, namespaces[i].name);
        /* one that we have and it has not any more: it is on its way out, and what is left to enter would be our own */
        if (fds[i] < 0 && errno == ENOENT && has_namespace(namespaces[i].name)) {
            return kist_error_set(err, KIST_E_CONFLICT, "it has ended");
        }
        if (fds[i] < 0 && errno != ENOENT) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot open its %s namespace", namespaces[i].name);
        }
    }
    /* all are open by now: it is gone, or they are the target's */
    if (!port_process_alive(&child->enter->target)) {
        return kist_error_set(err, KIST_E_CONFLICT, "it has ended");
    }
    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        if (fds[i] >= 0 && (flags & namespaces[i].flag) != 0 && setns(fds[i], namespaces[i].flag) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot enter its %s namespace", namespaces[i].name);
        }
    }
    return 0;
}

int port_enter_world(const struct port_child *child, int *slave, struct kist_error *err)
{
    int root, rc = port_cgroup_join(child->groups, NULL, child->joined_unified, err);

    rc = rc < 0 ? rc : enter_namespaces(child, err);
    if (rc < 0) {
        /* its groups go when it does */
        return port_process_alive(&child->enter->target) ? rc : kist_error_set(err, KIST_E_CONFLICT, "it has ended");
    }
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open its root");
    }
    return port_child_terminal(child, root, false, slave, err);
}

/* The file may be anything: a fifo nobody writes to is not waited for. */
int port_sandbox_read(const struct port_process *p, const char *path, struct kist_buf *out, struct kist_error *err)
{
    char place[48];
    KIST_AUTO(fd) int root = kist_str_format(place, sizeof(place), "/proc/%d/root", p->pid)
                                 ? open(place, O_PATH | O_DIRECTORY | O_CLOEXEC)
                                 : -1;
    KIST_AUTO(fd) int fd = root < 0 ? -1 : port_place_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const int number = errno;
    struct stat st;
    ssize_t n = 1;
    int rc = 0;

    if (root < 0 || !port_process_alive(p)) {
        return kist_error_set(err, KIST_E_CONFLICT, "it has ended");
    }
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return fd < 0 && number != ENOENT && number != ENOTDIR
                   ? kist_error_sys(err, KIST_E_IO, number, "cannot read the container's '%s'", path)
                   : kist_error_set(err, KIST_E_NOT_FOUND, "the container has no file '%s'", path);
    }
    while (rc == 0 && n > 0) {
        rc = kist_buf_reserve(out, 1, err);
        n = rc < 0 ? 0 : read(fd, out->data + out->len, out->size - out->len - 1);
        out->len += n > 0 ? (size_t)n : 0;
        out->data[out->len] = '\0';
    }
    return rc < 0 ? kist_error_wrap(err, "the container's '%s'", path) : 0;
}
