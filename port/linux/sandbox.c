/*
 * The parent's side of a sandbox: makes the process, hears whether it came up, stays with it until it ends.
 */
#include "port/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/str.h"
#include "kernel.h"
#include "port/rootless.h"
#include "sandbox_private.h"

struct port_sandbox {
    pid_t pid;
    bool reaped;
    bool whole;    /* when the process is gone, all of it is: it is a PID namespace of its own */
    bool entered;  /* its world is another sandbox's */
    bool survives; /* it is not to be killed with us */
    int channel;   /* our end; -1 once the command runs */
    int writable;  /* port_sandbox_writable */
    struct port_cgroup_set groups;
    struct port_users users; /* until the command runs */
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

/*
 * The child may go on in our memory while we stand still, as after vfork: copying page tables, and then every page that is written to, costs
 * more than all else here where a hypervisor keeps them. Not where we have to do something in the meantime, nor where the child stays what
 * it is or comes back in another process.
 */
static bool may_share(const struct port_child *child)
{
    const struct port_command *command = child->command;

    return command->argv && !command->init && !command->survives && child->user_ns < 0 && !port_rootless() &&
           !(child->spec && (child->spec->network || (child->spec->own & PORT_OWN_USERS) != 0));
}

static pid_t make_process(const struct port_sandbox *s, unsigned own, uint64_t more, struct port_child *child)
{
    struct kernel_clone_args args = {.flags = more, .exit_signal = SIGCHLD};
    const bool shares = may_share(child);
    pid_t pid = -1;

    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        args.flags |= (own & namespaces[i].own) != 0 ? namespaces[i].flag : 0;
    }
    child->joined_unified = s->groups.unified >= 0;
    if (child->joined_unified) {
        const uint64_t flags = args.flags;

        args.flags |= KERNEL_CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)s->groups.v[s->groups.unified].dir;
        pid = shares ? port_share_clone(&args, child) : kernel_clone3(&args);
        args.flags = flags;
        child->joined_unified = pid >= 0;
    }
    /* before 5.7, or a group that takes no processes this way: the child joins by itself */
    pid = pid < 0 && shares ? port_share_clone(&args, child) : pid;
    return pid < 0 ? kernel_clone((unsigned long)args.flags) : pid;
}

/* Then tells the child, which waits for it. */
static int connect_network(const struct port_sandbox *s, const struct port_network *network, struct kist_error *err)
{
    int rc = port_network_attach(network, s->users.keeper > 0 ? s->users.keeper : s->pid, err);

    return rc < 0 || send(s->channel, "", 1, MSG_NOSIGNAL) == 1
               ? rc
               : kist_error_sys(err, KIST_E_IO, errno, "cannot tell the container of its network");
}

struct making {
    struct port_sandbox *sandbox;
    struct port_child *child;
};

/* The descriptor of the PID namespace to be joined, -1. */
static int pids_to_join(const struct port_child *child)
{
    for (size_t i = 0; child->spec && i < child->spec->join_count; i++) {
        if (child->spec->joins[i].what == PORT_OWN_PIDS) {
            return child->joined[i];
        }
    }
    return -1;
}

static pid_t make(void *arg)
{
    const struct making *m = arg;

    const unsigned own = m->child->spec ? m->child->spec->own : 0;

    return make_process(m->sandbox, (own & PORT_OWN_USERS) != 0 ? own & ~PORT_USERS_OWN : own,
                        (m->child->enter || pids_to_join(m->child) >= 0) && port_rootless() ? CLONE_PARENT : 0, m->child);
}

static int spawn(struct port_sandbox *s, struct port_child *child, struct kist_error *err)
{
    struct making making = {s, child};
    int ends[2], number;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a socket to the container");
    }
    child->parents = ends[0];
    child->channel = ends[1];
    s->pid = child->enter ? port_enter_fork(child->enter, child->target, make, &making) : port_join_fork(pids_to_join(child), make, &making);
    number = errno;
    if (s->pid == 0) {
        port_child_main(child);
    }
    (void)close(ends[1]);
    s->channel = ends[0];
    port_stdio_forked(&s->io);
    if (s->pid < 0 && child->enter) {
        return number == ESRCH || number == ENOMEM /* of a PID namespace whose process 1 is gone */
                   ? kist_error_set(err, KIST_E_CONFLICT, "it has ended")
                   : kist_error_sys(err, KIST_E_FAIL, number, "cannot make a process in it");
    }
    if (s->pid < 0 && number == ENOMEM && pids_to_join(child) >= 0) {
        return kist_error_set(err, KIST_E_CONFLICT, "cannot join a PID namespace: it has ended");
    }
    if (s->pid < 0) {
        return clone_failed(child->spec->own, number, err);
    }
    return child->spec && child->spec->network ? connect_network(s, child->spec->network, err) : 0;
}

/* n descriptors, out of the packet's control data. */
static bool take_fds(struct msghdr *packet, int *fds, size_t n)
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(packet);

    if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(n * sizeof(int))) {
        return false;
    }
    memcpy(fds, CMSG_DATA(rights), n * sizeof(int));
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
    if (message.kind == PORT_MESSAGE_WRITABLE) {
        return take_fds(&packet, &s->writable, 1) ? 0 : kist_error_set(err, KIST_E_IO, "the container sent no directory");
    }
    if (!take_fds(&packet, fds, 2)) {
        return kist_error_set(err, KIST_E_IO, "the container sent no terminal");
    }
    port_stdio_attach(&s->io, command, fds[0], fds[1]);
    return 0;
}

bool port_sandbox_stop_asked(struct port_signals *signals)
{
    int number;

    while ((number = port_signals_next(signals)) != 0) {
        if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) {
            return true;
        }
    }
    return false;
}

static int await_command(struct port_sandbox *s, const struct port_command *command, struct port_signals *signals,
                         struct kist_error *err)
{
    int rc = 0;

    while (rc == 0) {
        struct pollfd fds[2] = {{.fd = s->channel, .events = POLLIN},
                                {.fd = port_signals_fd(signals), .events = POLLIN}};

        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return kist_error_sys(err, KIST_E_IO, errno, "cannot wait for the container");
        }
        if (fds[0].revents != 0) {
            rc = hear(s, command, err);
        } else if (port_sandbox_stop_asked(signals)) {
            rc = kist_error_set(err, KIST_E_INTERRUPTED, "interrupted before the command ran");
        }
    }
    (void)close(s->channel);
    s->channel = -1;
    return rc < 0 ? rc : 0;
}

static struct port_sandbox *sandbox_new(void)
{
    struct port_sandbox *s = calloc(1, sizeof(*s));

    if (s) {
        s->pid = s->channel = s->writable = -1;
        s->groups.unified = -1;
        s->users.leash = -1;
    }
    return s;
}

/* What is left of both ways to begin. Takes s. */
static int begin(struct port_sandbox **out, struct port_sandbox *s, struct port_child *child,
                 struct port_signals *signals, struct kist_error *err)
{
    int rc = port_stdio_prepare(&s->io, child->command, err);

    child->groups = &s->groups;
    child->io = &s->io;
    child->users = &s->users;
    rc = rc < 0 ? rc : spawn(s, child, err);
    rc = rc < 0 ? rc : await_command(s, child->command, signals, err);
    port_users_release(&s->users);
    if (rc < 0) {
        s->survives = false;
        port_sandbox_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

int port_sandbox_start(struct port_sandbox **out, const struct port_sandbox_spec *spec,
                       struct port_signals *signals, struct kist_error *err)
{
    struct port_child child = {.spec = spec, .command = &spec->command, .user_ns = -1};
    struct port_sandbox *s = sandbox_new();
    int rc;

    *out = NULL;
    if (!s) {
        return kist_error_nomem(err);
    }
    s->whole = (spec->own & PORT_OWN_PIDS) != 0;
    rc = port_join_open(child.joined, spec, err);
    rc = rc < 0 || !spec->cgroup.name ? rc : port_cgroup_make(&s->groups, &spec->cgroup, err);
    if (rc == 0 && (spec->own & PORT_OWN_USERS) != 0) {
        rc = port_users_make(&s->users, spec, err);
        child.user_ns = s->users.ns[PORT_USERS_USER];
    }
    if (rc == 0) {
        rc = begin(out, s, &child, signals, err);
    } else {
        port_sandbox_free(s);
    }
    port_join_close(child.joined);
    return rc;
}

int port_sandbox_enter(struct port_sandbox **out, const struct port_enter *enter, struct port_signals *signals,
                       struct kist_error *err)
{
    KIST_AUTO(fd) int target = (int)syscall(SYS_pidfd_open, enter->target.pid, 0);
    KIST_AUTO(fd) int users = enter->command->ids.users.n > 0 ? port_namespace_open(enter->target.pid, "user") : -1;
    struct port_child child = {.enter = enter, .command = enter->command, .target = target, .user_ns = users};
    struct port_sandbox *s = sandbox_new();
    int rc;

    *out = NULL;
    if (!s) {
        return kist_error_nomem(err);
    }
    s->entered = true;
    s->survives = enter->command->survives;
    /* looked at after it was opened: what it is, is now held */
    rc = port_process_alive(&enter->target) && (users >= 0 || enter->command->ids.users.n == 0) ? port_cgroup_find(&s->groups, enter->cgroup, err)
                                            : kist_error_set(err, KIST_E_CONFLICT, "it has ended");
    if (rc < 0) {
        port_sandbox_free(s);
        return rc;
    }
    return begin(out, s, &child, signals, err);
}

int port_sandbox_pid(const struct port_sandbox *s)
{
    return s->pid;
}

int port_sandbox_writable(const struct port_sandbox *s)
{
    return s->writable;
}

void port_sandbox_poll(const struct port_sandbox *s, struct pollfd fds[PORT_SANDBOX_POLL])
{
    port_stdio_poll(&s->io, fds);
}

void port_sandbox_move(struct port_sandbox *s, const struct pollfd fds[PORT_SANDBOX_POLL])
{
    port_stdio_move(&s->io, fds);
}

bool port_sandbox_ended(struct port_sandbox *s, int *exit_status)
{
    int status;

    if (waitpid(s->pid, &status, WNOHANG) != s->pid) {
        return false;
    }
    s->reaped = true;
    *exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    port_stdio_drain(&s->io, s->whole);
    return true;
}

void port_sandbox_signal(const struct port_sandbox *s, int number)
{
    if (!s->reaped) {
        /* what came in by exec leads a session of its own, and may have begun more */
        (void)kill(s->entered && number == SIGKILL ? -s->pid : s->pid, number);
    }
}

void port_sandbox_resize(const struct port_sandbox *s, unsigned rows, unsigned columns)
{
    port_stdio_resize(&s->io, rows, columns);
}

bool port_sandbox_input_ready(const struct port_sandbox *s)
{
    return port_stdio_input_ready(&s->io);
}

void port_sandbox_input(struct port_sandbox *s, const void *data, size_t len)
{
    port_stdio_input(&s->io, data, len);
}

void port_sandbox_input_end(struct port_sandbox *s)
{
    port_stdio_input_end(&s->io);
}

bool port_signal_is_ours(int number)
{
    return number == SIGPIPE || number == SIGURG || number == SIGTTIN || number == SIGTTOU || number == SIGCHLD;
}

/* True once the process has ended. */
static bool take_signals(struct port_sandbox *s, struct port_signals *signals, bool forward, int *exit_status)
{
    int number;

    while ((number = port_signals_next(signals)) != 0) {
        if (number == SIGCHLD && port_sandbox_ended(s, exit_status)) {
            return true;
        }
        if (number == SIGWINCH) {
            port_stdio_resize(&s->io, 0, 0);
        }
        /* a terminal of its own tells it of its size */
        if (forward && !port_signal_is_ours(number) && !(number == SIGWINCH && s->io.master >= 0)) {
            port_sandbox_signal(s, number);
        }
    }
    return false;
}

int port_sandbox_wait(struct port_sandbox *s, struct port_signals *signals, bool forward, int *exit_status,
                      struct kist_error *err)
{
    bool ended = port_sandbox_ended(s, exit_status);

    while (!ended) {
        struct pollfd fds[1 + PORT_STDIO_POLL] = {{.fd = port_signals_fd(signals), .events = POLLIN}};

        port_stdio_poll(&s->io, fds + 1);
        if (poll(fds, KIST_COUNT(fds), -1) < 0 && errno != EINTR) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot wait for the container");
        }
        port_stdio_move(&s->io, fds + 1);
        ended = fds[0].revents != 0 && take_signals(s, signals, forward, exit_status);
    }
    return 0;
}

bool port_sandbox_out_of_memory(const struct port_sandbox *s)
{
    return port_limits_oom(&s->groups);
}

void port_sandbox_free(struct port_sandbox *s)
{
    if (!s) {
        return;
    }
    if (s->pid > 0 && !s->reaped) {
        if (!s->survives) { /* else this is but who started it, and has ended */
            port_sandbox_signal(s, SIGKILL);
        }
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (!s->entered) {
        if (!s->whole) { /* else all of it ends with process 1 */
            port_cgroup_kill_set(&s->groups);
        }
        port_cgroup_remove_set(&s->groups);
    }
    port_cgroup_release(&s->groups);
    port_users_release(&s->users);
    port_stdio_release(&s->io);
    if (s->channel >= 0) {
        (void)close(s->channel);
    }
    if (s->writable >= 0) {
        (void)close(s->writable);
    }
    free(s);
}
