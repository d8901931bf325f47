#include "port/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct port_signals {
    int fd;
    sigset_t old_mask;
    struct sigaction old_pipe, old_child;
};

int port_signals_hold(struct port_signals **out, struct kist_error *err)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, by_default = {.sa_handler = SIG_DFL};
    struct port_signals *s = calloc(1, sizeof(*s));
    sigset_t all;

    *out = NULL;
    if (!s) {
        return kist_error_nomem(err);
    }
    (void)sigfillset(&all);
    s->fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0) {
        free(s);
        return kist_error_sys(err, KIST_E_IO, errno, "cannot hold the signals");
    }
    (void)sigprocmask(SIG_SETMASK, &all, &s->old_mask);
    (void)sigaction(SIGPIPE, &ignore, &s->old_pipe);
    /* who started us may have it ignored, and then nobody would hear of the end of a child */
    (void)sigaction(SIGCHLD, &by_default, &s->old_child);
    *out = s;
    return 0;
}

int port_signals_fd(const struct port_signals *s)
{
    return s->fd;
}

int port_signals_next(struct port_signals *s)
{
    struct signalfd_siginfo info;

    return read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

void port_signals_release(struct port_signals *s)
{
    if (!s) {
        return;
    }
    /* what came for the container is not to kill us now */
    while (port_signals_next(s) != 0) {
    }
    (void)close(s->fd);
    (void)sigaction(SIGPIPE, &s->old_pipe, NULL);
    (void)sigaction(SIGCHLD, &s->old_child, NULL);
    (void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
    free(s);
}
