#include "port/self.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "kernel.h"
#include "sandbox_private.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#define SEALS 0xf /* F_SEAL_SEAL, _SHRINK, _GROW, _WRITE */

extern char **environ;

/* The file cannot be written by what its processes show of it. */
static bool is_sealed(int exe)
{
    struct statvfs fs;

    return (fstatvfs(exe, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0) || fcntl(exe, F_GET_SEALS) == SEALS;
}

/* The same file by a mount of its own that is read-only, and that nobody sees (5.12). */
static int by_mount(void)
{
    struct kernel_mount_attr attr = {.attr_set = KERNEL_ATTR_RDONLY};
    int fd = kernel_open_tree(AT_FDCWD, "/proc/self/exe", KERNEL_OPEN_TREE_CLONE | O_CLOEXEC);

    if (fd >= 0 && kernel_mount_setattr(fd, 0, &attr) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* A copy in memory that nothing can change. */
static int by_copy(int exe)
{
    int fd = (int)syscall(SYS_memfd_create, "kist", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat st;
    off_t done = 0;
    ssize_t n = 1;

    if (fd < 0) {
        return -1;
    }
    while (n > 0 && fstat(exe, &st) == 0 && done < st.st_size) {
        n = sendfile(fd, exe, &done, (size_t)(st.st_size - done));
    }
    if (n <= 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A descriptor of the program that can be run. */
static int sealed(void)
{
    int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd;

    if (exe < 0 || is_sealed(exe)) {
        return exe;
    }
    fd = by_mount();
    fd = fd >= 0 ? fd : by_copy(exe);
    if (fd >= 0) {
        (void)close(exe);
    }
    return fd >= 0 ? fd : exe;
}

static void run_again(int fd, char *const *argv)
{
    (void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

void port_self_seal(char *const *argv)
{
    KIST_AUTO(fd) int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (exe < 0 || is_sealed(exe)) {
        return;
    }
    KIST_AUTO(fd) int mounted = by_mount();

    if (mounted >= 0) {
        run_again(mounted, argv);
    }
    KIST_AUTO(fd) int copied = by_copy(exe);

    if (copied >= 0) {
        run_again(copied, argv);
    }
}

int port_self_again(char *const *argv, struct kist_error *err)
{
    KIST_AUTO(fd) int exe = sealed();

    if (exe >= 0) {
        run_again(exe, argv);
        (void)execve("/proc/self/exe", argv, environ); /* before 3.19 */
    }
    return kist_error_sys(err, KIST_E_IO, errno, "cannot run kist again");
}

__attribute__((noreturn)) static void become(char *const *argv, int exe, int lock, int report)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setsid();
    (void)chdir("/") ;
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    if (fcntl(STDERR_FILENO, F_GETFD) < 0) {
        (void)dup2(null, STDERR_FILENO);
    }
    /* out of the way of the numbers they are to have */
    exe = fcntl(exe, F_DUPFD_CLOEXEC, 10);
    lock = fcntl(lock, F_DUPFD_CLOEXEC, 10);
    report = fcntl(report, F_DUPFD_CLOEXEC, 10);
    port_close_on_exec_from(STDERR_FILENO + 1);
    if (dup2(lock, PORT_SELF_LOCK) == PORT_SELF_LOCK && dup2(report, PORT_SELF_REPORT) == PORT_SELF_REPORT) {
        port_signals_reset();
        run_again(exe, argv);
        (void)execve("/proc/self/exe", argv, environ); /* before 3.19 */
    }
    _exit(125);
}

int port_self_spawn(char *const *argv, int lock, int report, struct kist_error *err)
{
    KIST_AUTO(fd) int exe = sealed();
    pid_t pid = exe < 0 ? -1 : fork();

    if (pid < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot start a supervisor");
    }
    if (pid == 0) {
        become(argv, exe, lock, report);
    }
    return 0;
}

void port_self_settle(void)
{
    extern const char __executable_start, etext;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = (uintptr_t)&__executable_start & ~(page - 1), to = (uintptr_t)&etext & ~(page - 1);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)dup2(null, STDERR_FILENO);
    (void)close(null);
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
    /* code comes back from the file when it is needed; most of what starting took never is */
    (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
