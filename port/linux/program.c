#include "port/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

extern char **environ;

/* A file in memory with the input: written whole before anyone reads, so neither side can wait for the other. */
static int make_input(const void *input, size_t len)
{
    int fd = (int)syscall(SYS_memfd_create, "input", 1U /* MFD_CLOEXEC */);
    const char *p = input;

    while (fd >= 0 && len > 0) {
        ssize_t done = write(fd, p, len);

        if (done < 0 && errno != EINTR) {
            (void)close(fd);
            return -1;
        }
        p += done > 0 ? done : 0;
        len -= done > 0 ? (size_t)done : 0;
    }
    return fd >= 0 && lseek(fd, 0, SEEK_SET) < 0 ? (close(fd), -1) : fd;
}

static int spawn(pid_t *pid, const char *const argv[], int in, int out)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    }
    if (rc == 0) {
        rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int read_all(int fd, struct kist_buf *output, struct kist_error *err)
{
    char chunk[1024];
    ssize_t got;
    int rc = 0;

    while ((got = read(fd, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR)) {
        size_t keep = got > 0 ? KIST_MIN((size_t)got, output->max - output->len) : 0;

        if (rc == 0 && keep > 0) {
            rc = kist_buf_add(output, chunk, keep, err);
        }
    }
    explicit_bzero(chunk, sizeof(chunk));
    return rc;
}

int port_program_run(const char *const argv[], const void *input, size_t len, struct kist_buf *output, int *status,
                     struct kist_error *err)
{
    KIST_AUTO(fd) int in = make_input(input, len);
    int pipe_ends[2] = {-1, -1}, wait_status = 0, rc;
    pid_t pid = -1;

    if (in < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot start '%s'", argv[0]);
    }
    KIST_AUTO(fd) int from = pipe_ends[0];

    rc = spawn(&pid, argv, in, pipe_ends[1]);
    (void)close(pipe_ends[1]);
    if (rc != 0) {
        return kist_error_sys(err, rc == ENOENT ? KIST_E_NOT_FOUND : KIST_E_IO, rc, "cannot run '%s'", argv[0]);
    }
    rc = read_all(from, output, err);
    while (waitpid(pid, &wait_status, 0) < 0) {
        if (errno != EINTR) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot wait for '%s'", argv[0]);
        }
    }
    *status = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    return rc;
}

void port_program_seal(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
