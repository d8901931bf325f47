#include "port/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"
#include "kernel.h"

/* State letter and start time of a process (proc(5), /proc/pid/stat, fields 3 and 22). */
static bool read_stat(int pid, char *state, uint64_t *start)
{
    char path[32], text[1024], *p;
    ssize_t n;

    if (pid <= 0 || !kist_str_format(path, sizeof(path), "/proc/%d/stat", pid)) {
        return false;
    }
    KIST_AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    /* the name, field 2, may hold anything, brackets too: its end is the last bracket */
    p = strrchr(text, ')');
    if (!p || p[1] != ' ' || p[2] == '\0') {
        return false;
    }
    p += 2;
    *state = *p;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p) {
            return false;
        }
        p++;
    }
    *start = strtoull(p, NULL, 10);
    return true;
}

int port_process_get(struct port_process *p, int pid, struct kist_error *err)
{
    char state;

    if (!read_stat(pid, &state, &p->start)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no process %d", pid);
    }
    p->pid = pid;
    return 0;
}

bool port_process_alive(const struct port_process *p)
{
    uint64_t start;
    char state;

    return read_stat(p->pid, &state, &start) && start == p->start && state != 'Z' && state != 'X';
}

int port_process_signal(const struct port_process *p, int number, struct kist_error *err)
{
    /* a descriptor of the process cannot be taken over by a later one; before 5.3 the moment between is the
     * risk */
    KIST_AUTO(fd) int fd = p->pid > 0 ? (int)syscall(SYS_pidfd_open, p->pid, 0) : -1;
    int rc;

    if (!port_process_alive(p)) {
        return 0;
    }
    rc = fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) : kill(p->pid, number);
    if (rc < 0 && errno != ESRCH) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot signal process %d", p->pid);
    }
    return 0;
}

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},     {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"IOT", SIGABRT},  {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL},
    {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM},
    {"TERM", SIGTERM},     {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},   {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},   {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"IO", SIGIO},     {"WINCH", SIGWINCH}, {"PWR", SIGPWR},
    {"SYS", SIGSYS},
};

bool port_signal_number(const char *text, int *number)
{
    const int realtime = 34,
              last = 64; /* as the kernel and Docker count; the C library keeps some for itself */
    uint64_t value;

    if (isdigit((unsigned char)text[0])) {
        if (!kist_str_u64(text, (uint64_t)last, &value) || value == 0) {
            return false;
        }
        *number = (int)value;
        return true;
    }
    if (strncasecmp(text, "SIG", 3) == 0) {
        text += 3;
    }
    if (strncasecmp(text, "RTMIN", 5) == 0 && (text[5] == '\0' || text[5] == '+')) {
        value = 0;
        if (text[5] == '+' && !kist_str_u64(text + 6, (uint64_t)(last - realtime), &value)) {
            return false;
        }
        *number = realtime + (int)value;
        return true;
    }
    for (size_t i = 0; i < KIST_COUNT(signals); i++) {
        if (strcasecmp(text, signals[i].name) == 0) {
            *number = signals[i].number;
            return true;
        }
    }
    return false;
}
