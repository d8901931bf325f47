/*
 * A small process 1: passes signals on to the command, reaps what is orphaned, ends with the command. It is a
 * copy of kist, so it is not dumpable: through /proc/1/exe nobody in the container gets hold of the host's
 * kist.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "sandbox_private.h"

static bool is_passed_on(int number)
{
    switch (number) {
    case SIGCHLD:
    case SIGTTIN:
    case SIGTTOU:
    case SIGSEGV: /* these are about process 1 itself */
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSYS:
    case SIGTRAP:
    case SIGABRT:
        return false;
    default:
        return true;
    }
}

/* Reaps all there is to reap; ends with the command. */
static void reap(pid_t command)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
    if (pid < 0 && errno == ECHILD) {
        _exit(125);
    }
}

void port_init_serve(pid_t child)
{
    sigset_t all;

    if (kernel_close_range(0, ~0U, 0) < 0) {
        for (int fd = 0; fd < 1024; fd++) {
            (void)close(fd);
        }
    }
    (void)prctl(PR_SET_NAME, "kist-init", 0, 0, 0);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    while (true) {
        siginfo_t info;
        int number;

        reap(child);
        number = sigwaitinfo(&all, &info);
        if (number > 0 && is_passed_on(number)) {
            (void)kill(child, number);
        }
    }
}
