/*
 * The parent's side of a sandbox: makes the process, hears whether it came up, stays with it until it ends.
 */
#include "port/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

struct port_sandbox {
    pid_t pid;
    bool reaped, own_pids;
    int channel; /* our end; -1 once the command runs */
    int signals; /* signalfd */
    sigset_t old_mask;
    struct sigaction old_pipe, old_child;
    struct port_cgroup_set groups;
    struct port_stdio io;
};

static const struct {
    unsigned own;
    uint64_t flag;
    const char *name, *option;
} namespaces[] = {
    {PORT_OWN_MOUNTS, CLONE_NEWNS, "mnt", "CONFIG_NAMESPACES"},
    {PORT_OWN_PIDS, CLONE_NEWPID, "pid", "CONFIG_PID_NS"},
    {PORT_OWN_HOSTNAME, CLONE_NEWUTS, "uts", "CONFIG_UTS_NS"},
    {PORT_OWN_IPC, CLONE_NEWIPC, "ipc", "CONFIG_IPC_NS"},
    {PORT_OWN_NETWORK, CLONE_NEWNET, "net", "CONFIG_NET_NS"},
};

/* Every signal waits for port_sandbox_wait; the child starts with all of them blocked too. */
static int hold_signals(struct port_sandbox *s, struct kist_error *err)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, by_default = {.sa_handler = SIG_DFL};
    sigset_t all;

    (void)sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &s->old_mask) < 0 || sigaction(SIGPIPE, &ignore, &s->old_pipe) < 0 ||
        /* who started us may have it ignored, and then nobody would hear of the end of a child */
        sigaction(SIGCHLD, &by_default, &s->old_child) < 0 ||
        (s->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot hold the signals");
    }
    return 0;
}

static int clone_failed(unsigned own, int number, struct kist_error *err)
{
    for (size_t i = 0; number == EINVAL && i < KIST_COUNT(namespaces); i++) {
        char path[32];

        if ((own & namespaces[i].own) != 0 &&
            kist_str_format(path, sizeof(path), "/proc/self/ns/%s", namespaces[i].name) &&
            access(path, F_OK) < 0) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no %s namespaces (%s)",
                                  namespaces[i].name, namespaces[i].option);
        }
    }
    if (number == EPERM) {
        return kist_error_set(err, KIST_E_FAIL,
                              "cannot make namespaces: not permitted (kist needs root to run containers)");
    }
    return kist_error_sys(err, KIST_E_FAIL, number, "cannot make the container's process");
}

static pid_t make_process(const struct port_sandbox *s, unsigned own, bool *joined)
{
    struct kernel_clone_args args = {.exit_signal = SIGCHLD};
    pid_t pid = -1;

    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        args.flags |= (own & namespaces[i].own) != 0 ? namespaces[i].flag : 0;
    }
    *joined = s->groups.unified >= 0;
    if (*joined) {
        const uint64_t flags = args.flags;

        args.flags |= KERNEL_CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)s->groups.v[s->groups.unified].dir;
        pid = kernel_clone3(&args);
        args.flags = flags;
    }
    if (pid < 0) {
        /* before 5.7, or a group that takes no processes this way: the child joins by itself */
        *joined = false;
        pid = kernel_clone((unsigned long)args.flags);
    }
    return pid;
}

/* Then tells the child, which waits for it. */
static int connect_network(const struct port_sandbox *s, const struct port_network *network, struct kist_error *err)
{
    int rc = port_network_attach(network, s->pid, err);

    return rc < 0 || send(s->channel, "", 1, MSG_NOSIGNAL) == 1
               ? rc
               : kist_error_sys(err, KIST_E_IO, errno, "cannot tell the container of its network");
}

static int spawn(struct port_sandbox *s, const struct port_sandbox_spec *spec, struct kist_error *err)
{
    struct port_child child = {.spec = spec, .groups = &s->groups, .io = &s->io};
    int ends[2], failed;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a socket to the container");
    }
    s->pid = make_process(s, spec->own, &child.joined_unified);
    if (s->pid == 0) {
        (void)close(ends[0]);
        child.channel = ends[1];
        port_child_main(&child);
    }
    failed = errno;
    (void)close(ends[1]);
    s->channel = ends[0];
    port_stdio_forked(&s->io);
    if (s->pid < 0) {
        return clone_failed(spec->own, failed, err);
    }
    return spec->network ? connect_network(s, spec->network, err) : 0;
}

/* The terminal's two ends, out of the packet's control data. */
static bool take_fds(struct msghdr *packet, int fds[2])
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(packet);

    if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
        return false;
    }
    memcpy(fds, CMSG_DATA(rights), 2 * sizeof(int));
    return true;
}

/* 1: the command runs; 0: go on. */
static int hear(struct port_sandbox *s, const struct port_command *command, struct kist_error *err)
{
    struct port_message message;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec data = {&message, sizeof(message)};
    struct msghdr packet = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)};
    ssize_t n = recvmsg(s->channel, &packet, MSG_CMSG_CLOEXEC);
    int fds[2];

    if (n == 0) {
        return 1;
    }
    if (n != (ssize_t)sizeof(message)) {
        return kist_error_sys(err, KIST_E_IO, n < 0 ? errno : EPROTO, "cannot hear from the container");
    }
    if (message.kind == PORT_MESSAGE_FAILED) {
        message.err.message[sizeof(message.err.message) - 1] = '\0';
        if (err) {
            *err = message.err;
        }
        return message.err.code < 0 ? (int)message.err.code : (int)KIST_E_FAIL;
    }
    if (!take_fds(&packet, fds)) {
        return kist_error_set(err, KIST_E_IO, "the container sent no terminal");
    }
    port_stdio_attach(&s->io, command, fds[0], fds[1]);
    return 0;
}

static bool stop_was_asked(int signals)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP ||
            info.ssi_signo == SIGQUIT) {
            return true;
        }
    }
    return false;
}

static int await_command(struct port_sandbox *s, const struct port_command *command, struct kist_error *err)
{
    int rc = 0;

    while (rc == 0) {
        struct pollfd fds[2] = {{.fd = s->channel, .events = POLLIN}, {.fd = s->signals, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return kist_error_sys(err, KIST_E_IO, errno, "cannot wait for the container");
        }
        if (fds[0].revents != 0) {
            rc = hear(s, command, err);
        } else if (stop_was_asked(s->signals)) {
            rc = kist_error_set(err, KIST_E_INTERRUPTED, "interrupted before the command ran");
        }
    }
    return rc < 0 ? rc : 0;
}

int port_sandbox_start(struct port_sandbox **out, const struct port_sandbox_spec *spec,
                       struct kist_error *err)
{
    struct port_sandbox *s = calloc(1, sizeof(*s));
    int rc;

    *out = NULL;
    if (!s) {
        return kist_error_nomem(err);
    }
    s->pid = s->channel = s->signals = -1;
    s->own_pids = (spec->own & PORT_OWN_PIDS) != 0;
    s->groups.unified = -1;
    rc = hold_signals(s, err);
    rc = rc < 0 ? rc : port_stdio_prepare(&s->io, &spec->command, err);
    rc = rc < 0 ? rc : port_cgroup_make(&s->groups, &spec->cgroup, err);
    rc = rc < 0 ? rc : spawn(s, spec, err);
    rc = rc < 0 ? rc : await_command(s, &spec->command, err);
    if (rc < 0) {
        port_sandbox_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

int port_sandbox_pid(const struct port_sandbox *s)
{
    return s->pid;
}

static bool reap(struct port_sandbox *s, int *exit_status)
{
    int status;

    if (waitpid(s->pid, &status, WNOHANG) != s->pid) {
        return false;
    }
    s->reaped = true;
    *exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

/* True once the process has ended. */
static bool take_signals(struct port_sandbox *s, bool forward, int *exit_status)
{
    struct signalfd_siginfo info;

    while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        const int number = (int)info.ssi_signo;

        if (number == SIGCHLD) {
            if (reap(s, exit_status)) {
                return true;
            }
            continue;
        }
        if (number == SIGWINCH) {
            port_stdio_resize(&s->io);
        }
        /* not those that the terminal and the kernel mean for us alone; a terminal of its own tells it of its
         * size */
        if (forward && number != SIGPIPE && number != SIGURG && number != SIGTTIN && number != SIGTTOU &&
            !(number == SIGWINCH && s->io.master >= 0)) {
            (void)kill(s->pid, number);
        }
    }
    return false;
}

int port_sandbox_wait(struct port_sandbox *s, bool forward, int *exit_status, struct kist_error *err)
{
    bool ended = reap(s, exit_status);

    while (!ended) {
        struct pollfd fds[1 + PORT_STDIO_POLL] = {{.fd = s->signals, .events = POLLIN}};

        port_stdio_poll(&s->io, fds + 1);
        if (poll(fds, KIST_COUNT(fds), -1) < 0 && errno != EINTR) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot wait for the container");
        }
        port_stdio_move(&s->io, fds + 1);
        ended = fds[0].revents != 0 && take_signals(s, forward, exit_status);
    }
    port_stdio_drain(&s->io, s->own_pids);
    return 0;
}

void port_sandbox_free(struct port_sandbox *s)
{
    struct signalfd_siginfo info;

    if (!s) {
        return;
    }
    if (s->pid > 0 && !s->reaped) {
        (void)kill(s->pid, SIGKILL);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    port_cgroup_remove_set(&s->groups);
    port_cgroup_release(&s->groups);
    port_stdio_release(&s->io);
    if (s->channel >= 0) {
        (void)close(s->channel);
    }
    if (s->signals >= 0) {
        /* what came for the container is not to kill us now */
        while (read(s->signals, &info, sizeof(info)) > 0) {
        }
        (void)close(s->signals);
        (void)sigaction(SIGPIPE, &s->old_pipe, NULL);
        (void)sigaction(SIGCHLD, &s->old_child, NULL);
        (void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
    }
    free(s);
}
