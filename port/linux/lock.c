#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "file_private.h"
#include "port/clock.h"

int port_file_lock(struct port_file *f, bool exclusive, int wait_ms, struct kist_error *err)
{
    int how = (exclusive ? LOCK_EX : LOCK_SH) | (wait_ms < 0 ? 0 : LOCK_NB);
    uint64_t start = wait_ms > 0 ? port_clock_monotonic() : 0, pause = 1;

    while (flock(f->fd, how) < 0) {
        uint64_t waited;

        if (errno == EINTR) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted while waiting for '%s'", f->path);
        }
        if (errno != EWOULDBLOCK) {
            return port_error(err, errno, "lock", f->path, NULL);
        }
        waited = wait_ms > 0 ? port_clock_monotonic() - start : 0;
        if (wait_ms == 0 || waited >= (uint64_t)wait_ms) {
            return kist_error_set(err, KIST_E_CONFLICT, "'%s' is locked by another process", f->path);
        }
        /* flock has no timeout of its own; a signal for one would be the whole program's business */
        port_clock_sleep(KIST_MIN(pause, (uint64_t)wait_ms - waited));
        pause = KIST_MIN(pause * 2, (uint64_t)50);
    }
    return 0;
}

/* The pid in a line as "3: FLOCK  ADVISORY  WRITE 1234 fe:01:131 0 EOF" (proc(5)), where it is about this
 * file; else 0. */
static int holder_in(const char *line, const struct stat *st)
{
    unsigned major_number, minor_number;
    unsigned long long inode;
    char kind[8], access[8];
    int pid;

    if (strstr(line, "->") || sscanf(line, "%*u: %7s %*s %7s %d %x:%x:%llu", kind, access, &pid,
                                     &major_number, &minor_number, &inode) != 6) {
        return 0;
    }
    return strcmp(kind, "FLOCK") == 0 && inode == (unsigned long long)st->st_ino &&
                   major_number == major(st->st_dev) && minor_number == minor(st->st_dev)
               ? pid
               : 0;
}

static void read_command(int pid, char *command, size_t size)
{
    char path[64], raw[256];
    FILE *f;
    size_t len;

    if (pid <= 0 || !kist_str_format(path, sizeof(path), "/proc/%d/cmdline", pid) || !(f = fopen(path, "re"))) {
        return;
    }
    len = fread(raw, 1, sizeof(raw) - 1, f);
    (void)fclose(f);
    for (size_t i = 0; i < len; i++) {
        raw[i] = raw[i] == '\0' ? ' ' : raw[i];
    }
    while (len > 0 && raw[len - 1] == ' ') {
        len--;
    }
    raw[len] = '\0';
    (void)kist_str_printable(command, size, raw);
}

int port_file_lock_holder(const struct port_file *f, char *command, size_t size)
{
    FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    struct stat st;
    int pid = 0;

    command[0] = '\0';
    if (!locks) {
        return 0;
    }
    if (fstat(f->fd, &st) == 0) {
        while (pid == 0 && fgets(line, sizeof(line), locks)) {
            pid = holder_in(line, &st);
        }
    }
    (void)fclose(locks);
    read_command(pid, command, size);
    return pid > 0 ? pid : 0;
}
