/* Sockets are bound here, so that a port that is taken is told to who asked; the process that serves them has nothing else. */
#include "port/proxy.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "proxy_private.h"

#define NOBODY 65534
#define BACKLOG 128
#define FDS_OF_A_FLOW 6
#define FDS_OF_OTHERS 320 /* UDP sessions, listeners */
#define EXPIRE_MS 10000

struct port_proxy {
    pid_t pid;
};

/* ---- binding ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool address_of(union address *a, const struct port_published *p, int family)
{
    const char *text = p->address[0] != '\0' ? p->address : family == AF_INET ? "0.0.0.0" : "::";

    memset(a, 0, sizeof(*a));
    a->any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        a->v4.sin_port = htons(p->host);
        return inet_pton(AF_INET, text, &a->v4.sin_addr) == 1;
    }
    a->v6.sin6_port = htons(p->host);
    return inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1;
}

/* The port that was free, where any would do. */
static void learn_port(struct port_published *p, int fd)
{
    union address a;
    socklen_t size = sizeof(a);

    if (p->host == 0 && getsockname(fd, &a.any, &size) == 0) {
        p->host = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    }
}

static int bind_failed(const struct port_published *p, int number, struct kist_error *err)
{
    const char *at = p->address[0] != '\0' ? p->address : "0.0.0.0", *kind = p->udp ? "udp" : "tcp";

    if (number == EADDRINUSE) {
        return kist_error_set(err, KIST_E_CONFLICT, "port %s:%u/%s is already allocated: another program listens there", at,
                              (unsigned)p->host, kind);
    }
    return kist_error_sys(err, number == EADDRNOTAVAIL ? KIST_E_USAGE : KIST_E_IO, number, "cannot listen at '%s:%u/%s'", at,
                          (unsigned)p->host, kind);
}

/* A socket, or -1 and errno. */
static int listen_at(struct port_published *p, const union address *a)
{
    const int one = 1;
    int fd = socket(a->any.sa_family, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), kept;

    if (fd < 0) {
        return -1;
    }
    if (!p->udp) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (a->any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd, &a->any, a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6)) < 0 ||
        (!p->udp && listen(fd, BACKLOG) < 0)) {
        kept = errno;
        (void)close(fd);
        errno = kept;
        return -1;
    }
    learn_port(p, fd);
    return fd;
}

static int open_listeners(struct port_proxy_loop *loop, struct port_published *p, const struct sockaddr_in *target,
                          struct kist_error *err)
{
    static const int families[] = {AF_INET, AF_INET6};
    unsigned made = 0;

    for (size_t i = 0; i < KIST_COUNT(families); i++) {
        struct port_proxy_listener *l = &loop->listeners[loop->listener_count];
        union address a;
        int fd;

        if (!address_of(&a, p, families[i])) {
            continue;
        }
        fd = listen_at(p, &a);
        /* a host without IPv6 has no address of that kind to listen at */
        if (fd < 0 && made > 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
            continue;
        }
        if (fd < 0) {
            return bind_failed(p, errno, err);
        }
        *l = (struct port_proxy_listener){.source = {.fd = fd, .ready = p->udp ? port_proxy_udp : port_proxy_tcp},
                                          .target = *target};
        l->target.sin_port = htons(p->container);
        loop->listener_count++;
        made++;
    }
    return made > 0 ? 0 : kist_error_set(err, KIST_E_USAGE, "'%s' is no address", p->address);
}

/* ---- the process ---- */

/* Locks and files of who started it must not live on with it. */
static bool close_others(const struct port_proxy_loop *loop)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    if (!dir) {
        return false;
    }
    while ((entry = readdir(dir))) {
        uint64_t fd;
        bool ours;

        if (!kist_str_u64(entry->d_name, INT_MAX, &fd)) {
            continue;
        }
        ours = (int)fd == dirfd(dir);
        for (unsigned i = 0; !ours && i < loop->listener_count; i++) {
            ours = loop->listeners[i].source.fd == (int)fd;
        }
        if (!ours) {
            (void)close((int)fd);
        }
    }
    return closedir(dir) == 0;
}

static bool drop_privileges(pid_t parent)
{
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)) {
        return false;
    }
    (void)prctl(PR_SET_NAME, "kist-proxy");
    /* after the change of user, which forgets it */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void bound_flows(struct port_proxy_loop *loop)
{
    struct rlimit limit;

    loop->most_flows = 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur > FDS_OF_OTHERS + FDS_OF_A_FLOW) {
            loop->most_flows = (unsigned)(KIST_MIN(limit.rlim_cur, 65536) - FDS_OF_OTHERS) / FDS_OF_A_FLOW;
        }
    }
}

__attribute__((noreturn)) static void serve(struct port_proxy_loop *loop, pid_t parent)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* a terminal's Ctrl-C is for the container to answer, not for us */
    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigaction(SIGTERM, &by_default, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    bound_flows(loop);
    if (!close_others(loop) || !drop_privileges(parent) || chdir("/") < 0 || (loop->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) {
        _exit(1);
    }
    for (unsigned i = 0; i < loop->listener_count; i++) {
        (void)port_proxy_want(loop, &loop->listeners[i].source, EPOLLIN);
    }
    for (;;) {
        struct epoll_event event;
        int n = epoll_wait(loop->epoll, &event, 1, loop->sessions || loop->paused ? EXPIRE_MS : -1);

        if (n == 1) {
            struct port_proxy_source *source = event.data.ptr;

            source->ready(loop, source, event.events);
        } else if (n < 0 && errno != EINTR) {
            _exit(1);
        } else {
            port_proxy_udp_expire(loop);
        }
    }
}

static int fork_server(struct port_proxy_loop *loop, pid_t *pid, struct kist_error *err)
{
    const pid_t parent = getpid();

    *pid = fork();
    if (*pid == 0) {
        serve(loop, parent);
    }
    return *pid < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot start the process that serves published ports") : 0;
}

int port_proxy_start(struct port_proxy **out, struct port_published *ports, size_t count, uint32_t target,
                     struct kist_error *err)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(target)};
    struct port_proxy_loop loop = {.epoll = -1};
    struct port_proxy *proxy = calloc(1, sizeof(*proxy));
    int rc = 0;

    *out = NULL;
    loop.listeners = calloc(2 * count + 1, sizeof(*loop.listeners));
    if (!proxy || !loop.listeners) {
        rc = kist_error_nomem(err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = open_listeners(&loop, &ports[i], &to, err);
    }
    rc = rc < 0 ? rc : fork_server(&loop, &proxy->pid, err);
    for (unsigned i = 0; i < loop.listener_count; i++) {
        (void)close(loop.listeners[i].source.fd);
    }
    free(loop.listeners);
    if (rc < 0) {
        free(proxy);
        return rc;
    }
    *out = proxy;
    return 0;
}

bool port_proxy_ended(struct port_proxy *proxy)
{
    if (proxy->pid > 0 && waitpid(proxy->pid, NULL, WNOHANG) == proxy->pid) {
        proxy->pid = 0;
    }
    return proxy->pid == 0;
}

void port_proxy_stop(struct port_proxy *proxy)
{
    if (!proxy) {
        return;
    }
    if (proxy->pid > 0) {
        (void)kill(proxy->pid, SIGKILL);
    }
    while (proxy->pid > 0 && waitpid(proxy->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    free(proxy);
}
