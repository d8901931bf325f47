/* From the clone to the command: the child builds its world, step by step, and tells the parent where it
 * failed. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

/* Descriptors for the parent: as many as it awaits with a message of that kind. */
static int send_fds(int channel, int kind, const int *fds, size_t n, struct kist_error *err)
{
    struct port_message message = {.kind = kind};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec data = {&message, sizeof(message)};
    struct msghdr packet = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *rights;

    memset(&control, 0, sizeof(control));
    rights = CMSG_FIRSTHDR(&packet);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, n * sizeof(int));
    return sendmsg(channel, &packet, MSG_NOSIGNAL) < 0
               ? kist_error_sys(err, KIST_E_IO, errno, "cannot hand over the container's descriptors")
               : 0;
}

/* Death with the parent: asked of the kernel first, then looked whether it is too late for that. */
static int follow_parent(const struct port_child *child, struct kist_error *err)
{
    struct pollfd peer = {.fd = child->channel, .events = POLLIN};

    if (prctl(PR_SET_PDEATHSIG, child->command->survives ? 0 : SIGKILL, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot tie the container to its parent");
    }
    /* getppid is 0 in a PID namespace whatever the parent does; the socket to it tells */
    if (poll(&peer, 1, 0) > 0 && (peer.revents & POLLHUP) != 0) {
        _exit(128 + SIGKILL);
    }
    return 0;
}

static int enter_names(const struct port_sandbox_spec *spec, struct kist_error *err)
{
    if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set the hostname '%s'", spec->hostname);
    }
    if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set the domain name '%s'", spec->domainname);
    }
    return 0;
}

/* By the host's /proc, which shows the namespaces of whoever looks. */
static int set_parameter(const struct port_sysctl *sysctl, struct kist_error *err)
{
    char path[256];
    size_t len = strlen(sysctl->value);

    if (!kist_str_format(path, sizeof(path), "/proc/sys/%s", sysctl->name) || strchr(sysctl->name, '/')) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no kernel parameter", sysctl->name);
    }
    for (char *p = path + strlen("/proc/sys/"); *p != '\0'; p++) {
        *p = *p == '.' ? '/' : *p;
    }
    KIST_AUTO(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, sysctl->value, len) != (ssize_t)len) {
        return kist_error_sys(err, KIST_E_UNSUPPORTED, errno, "cannot set kernel parameter '%s'",
                              sysctl->name);
    }
    return 0;
}

/* The parent says when our end of the pair is here; where it cannot, it kills us. */
static int await_network(int channel, struct kist_error *err)
{
    char byte;
    ssize_t got;

    do {
        got = recv(channel, &byte, sizeof(byte), 0);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? 0 : kist_error_set(err, KIST_E_IO, "nobody connected the container to its network");
}

static int set_up_namespaces(const struct port_child *child, struct kist_error *err)
{
    const struct port_sandbox_spec *spec = child->spec;
    int rc = port_users_join(child->users, err);

    rc = rc == 0 && (spec->own & PORT_OWN_HOSTNAME) != 0 ? enter_names(spec, err) : rc;
    if (rc == 0 && (spec->own & PORT_OWN_NETWORK) != 0) {
        rc = port_loopback_up(err);
    }
    if (rc == 0 && spec->network) {
        rc = await_network(child->channel, err);
        rc = rc < 0 ? rc : port_network_inside(spec->network, err);
    }
    return rc;
}

static int set_parameters(const struct port_sandbox_spec *spec, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->sysctl_count; i++) {
        rc = set_parameter(&spec->sysctls[i], err);
    }
    return rc;
}

/* Late: the device rules that come with it would keep us from loop devices. */
static int join_groups(const struct port_child *child, struct kist_error *err)
{
    int rc = port_cgroup_join(child->groups, &child->spec->cgroup, child->joined_unified, err);

    /* only now, so that the groups are this namespace's roots; kernels before 4.6 have none */
    if (rc == 0 && (child->spec->own & PORT_OWN_CGROUPS) != 0 && unshare(CLONE_NEWCGROUP) < 0 &&
        errno != EINVAL) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot make a cgroup namespace");
    }
    return rc;
}

/* The scratch filesystem: everything that is mounted is put together in it. Device nodes work here, and only
 * here. */
static int enter_scratch(const struct port_sandbox_spec *spec, struct kist_error *err)
{
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
        if (errno == EINVAL) {
            return kist_error_set(err, KIST_E_UNSUPPORTED,
                                  "the root directory here is no mount point, as in a chroot (try 'mount --bind "
                                  "DIR DIR' before 'chroot DIR')");
        }
        return kist_error_sys(err, KIST_E_IO, errno, "cannot part the container's mounts from the host's");
    }
    if (mount("kist", spec->scratch, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=700") < 0) {
        return errno == ENODEV
                   ? port_kernel_lacks(err, "tmpfs", "CONFIG_TMPFS")
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot mount a tmpfs at '%s'", spec->scratch);
    }
    return chdir(spec->scratch) < 0
               ? kist_error_sys(err, KIST_E_IO, errno, "cannot change to '%s'", spec->scratch)
               : 0;
}

/* The working directory of the command is made where the image has none. */
static int make_cwd(const char *cwd, int root, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = port_place_make(root, cwd, true, err);

    return fd < 0 ? kist_error_wrap(err, "working directory '%s'", cwd) : 0;
}

static int finish_root(const struct port_root *spec, int root, struct kist_error *err)
{
    const unsigned flags = PORT_MOUNT_RDONLY | PORT_MOUNT_NODEV;
    const unsigned long propagation = spec->propagation == PORT_SHARED  ? MS_SHARED
                                      : spec->propagation == PORT_SLAVE ? MS_SLAVE
                                                                        : MS_PRIVATE;
    char path[PORT_FD_PATH_MAX];

    if (spec->read_only && mount(NULL, port_fd_path(path, root), NULL,
                                 MS_REMOUNT | MS_BIND | port_mount_flags(flags), NULL) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make the container's root read-only");
    }
    if (propagation != MS_PRIVATE && mount(NULL, port_fd_path(path, root), NULL, propagation, NULL) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set the propagation of the container's root");
    }
    return 0;
}

/* root becomes /, and what was there is let go of. */
static int pivot(int root, struct kist_error *err)
{
    if (fchdir(root) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot enter the container's root");
    }
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        /* the old root now lies on top of the new one */
        return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0
                   ? kist_error_sys(err, KIST_E_IO, errno, "cannot let go of the host's root")
                   : 0;
    }
    if (errno != EINVAL) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make the container's root the root");
    }
    /* a host that lives in its initramfs has a root that cannot be pivoted away */
    if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot move the container's root to the root");
    }
    return 0;
}

static int take_streams(const struct port_child *child, int slave, struct kist_error *err)
{
    for (int i = 0; i < 3; i++) {
        int fd = child->io->child[i] >= 0 ? child->io->child[i] : slave;

        if ((fd != i && dup2(fd, i) < 0) || fcntl(i, F_SETFD, 0) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot connect the command's standard streams");
        }
    }
    return 0;
}

int port_child_terminal(const struct port_child *child, int root, bool console, int *slave, struct kist_error *err)
{
    int master = -1, rc;

    if (!child->command->terminal) {
        return 0;
    }
    rc = port_tty_make(child->command, root, console, &master, slave, err);
    if (rc == 0) {
        rc = send_fds(child->channel, PORT_MESSAGE_TERMINAL, (const int[]){master, *slave}, 2, err);
        (void)close(master);
    }
    return rc;
}

static int build_world(const struct port_child *child, int *slave, struct kist_error *err)
{
    const struct port_sandbox_spec *spec = child->spec;
    int rw = open(spec->root.rw, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1, own = -1, *trees = NULL;
    int rc = rw < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", spec->root.rw) : 0;

    rc = rc < 0 ? rc : port_join_enter(spec, child->joined, err);
    rc = rc < 0 ? rc : set_up_namespaces(child, err);
    rc = rc < 0 ? rc : port_mount_share(spec, &trees, err);
    rc = rc < 0 ? rc : enter_scratch(spec, err);
    rc = rc < 0 ? rc : port_root_build(&spec->root, child, rw, &root, &own, err);
    rc = rc < 0 || own < 0 ? rc : send_fds(child->channel, PORT_MESSAGE_WRITABLE, &own, 1, err);
    rc = rc < 0 ? rc : set_parameters(spec, err);
    rc = rc < 0 ? rc : port_mount_all(spec, child->groups, root, trees, err);
    free(trees);
    rc = rc < 0 ? rc : port_device_all(spec, root, err);
    rc = rc < 0 ? rc : port_child_terminal(child, root, true, slave, err);
    rc = rc < 0 || !spec->command.argv ? rc : make_cwd(spec->command.cwd, root, err);
    rc = rc < 0 ? rc : port_mount_protect(spec, root, err);
    rc = rc < 0 ? rc : finish_root(&spec->root, root, err);
    rc = rc < 0 ? rc : join_groups(child, err);
    return rc < 0 ? rc : pivot(root, err);
}

/* What outlives us becomes a child of the container's process 1, which is who reaps it. */
static int part(const struct port_command *command, struct kist_error *err)
{
    pid_t pid = command->survives ? fork() : 0;

    if (pid > 0) {
        _exit(0);
    }
    if (command->survives) {
        (void)setsid();
    }
    return pid < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot part from the container's command") : 0;
}

/* Holds the world that was built, and nothing else, until it is killed: by the parent, or with it. */
__attribute__((noreturn)) static void hold_world(const struct port_child *child)
{
    (void)close(child->channel); /* ready */
    (void)kernel_close_range(0, ~0U, 0);
    while (true) {
        (void)pause();
    }
}

void port_child_main(const struct port_child *child)
{
    struct port_message message = {.kind = PORT_MESSAGE_FAILED};
    struct kist_error *err = &message.err;
    int slave = -1, rc;

    (void)close(child->parents);
    port_close_on_exec_from(STDERR_FILENO + 1);
    (void)setsid();
    (void)umask(0);
    rc = follow_parent(child, err);
    rc = rc < 0 ? rc : port_command_prepare(child->command, err);
    if (rc == 0) {
        rc = child->enter ? port_enter_world(child, &slave, err) : build_world(child, &slave, err);
    }
    if (rc == 0 && !child->command->argv) {
        hold_world(child);
    }
    rc = rc < 0 ? rc : part(child->command, err);
    rc = rc < 0 ? rc : take_streams(child, slave, err);
    rc = rc < 0 ? rc : port_command_run(child, err);
    if (rc < 0) {
        (void)send(child->channel, &message, sizeof(message), MSG_NOSIGNAL);
    }
    _exit(125);
}
