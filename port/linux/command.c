/* The last steps before the command: limits, user, privileges, filter, exec. Their order is the point. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "port/rootless.h"
#include "sandbox_private.h"

/* 32-bit machines have two generations of these calls; the C library's wrappers would ask other threads
 * along. */
#ifdef SYS_setresuid32
#define NR_SETRESUID SYS_setresuid32
#define NR_SETRESGID SYS_setresgid32
#define NR_SETGROUPS SYS_setgroups32
#else
#define NR_SETRESUID SYS_setresuid
#define NR_SETRESGID SYS_setresgid
#define NR_SETGROUPS SYS_setgroups
#endif

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_STACK", RLIMIT_STACK},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
};

static int set_limit(const struct port_rlimit *limit, struct kist_error *err)
{
    const struct rlimit value = {
        .rlim_cur = limit->soft == UINT64_MAX ? RLIM_INFINITY : (rlim_t)limit->soft,
        .rlim_max = limit->hard == UINT64_MAX ? RLIM_INFINITY : (rlim_t)limit->hard,
    };

    for (size_t i = 0; i < KIST_COUNT(limits); i++) {
        if (strcmp(limit->name, limits[i].name) == 0) {
            return prlimit(0, limits[i].resource, &value, NULL) < 0
                       ? kist_error_sys(err, KIST_E_IO, errno, "cannot set the limit '%s'", limit->name)
                       : 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "no limit is called '%s'", limit->name);
}

int port_command_prepare(const struct port_command *command, struct kist_error *err)
{
    char text[16];
    ssize_t n;

    if (!command->has_oom_score) {
        return 0;
    }
    KIST_AUTO(fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    n = snprintf(text, sizeof(text), "%d", command->oom_score);
    if (fd < 0 || write(fd, text, (size_t)n) != n) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set the out-of-memory score");
    }
    return 0;
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(effective >> (32 * i));
        data[i].permitted = (uint32_t)(permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
    }
    return (int)syscall(SYS_capset, &header, data);
}

static uint64_t permitted_now(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    return syscall(SYS_capget, &header, data) < 0 ? 0 : (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static int drop_bounding(uint64_t keep)
{
    for (unsigned i = 0; i < 64; i++) {
        if ((keep >> i & 1) == 0 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            return errno == EINVAL ? 0 : -1; /* the first number the kernel does not know */
        }
    }
    return 0;
}

int port_ids_wear(const struct port_ids *ids, struct kist_error *err)
{
    const uint64_t all = permitted_now();
    uint32_t uid, gid;

    /* the saved one stays 0, so that the capabilities do */
    return ids->users.n == 0 || (port_id_outside(&ids->users, 0, &uid) && port_id_outside(&ids->groups, 0, &gid) &&
                                 syscall(NR_SETRESGID, gid, gid, -1) == 0 && syscall(NR_SETRESUID, uid, uid, -1) == 0 &&
                                 set_capabilities(all, all, 0) == 0)
               ? 0
               : kist_error_sys(err, KIST_E_IO, errno, "cannot become the root of the container's user namespace");
}

int port_command_wear(const struct port_command *command, struct kist_error *err)
{
    int rc = port_ids_wear(&command->ids, err);

    /* a change of user takes both back */
    return rc < 0 || (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
               ? rc
               : kist_error_sys(err, KIST_E_IO, errno, "cannot tie the container to its parent");
}

/* A namespace of root alone has no other groups, and the kernel refuses to change any. */
static bool set_groups(const struct port_command *command)
{
    return syscall(NR_SETGROUPS, command->group_count, command->groups) == 0 ||
           (errno == EPERM && port_rootless() && !port_rootless_has_users());
}

static int cannot_become(const struct port_command *command, int number, struct kist_error *err)
{
    return port_rootless() && !port_rootless_has_users()
               ? kist_error_set(err, KIST_E_UNSUPPORTED,
                                "cannot become user %u:%u: there is only root for containers of yours (others need newuidmap, and ranges in /etc/subuid "
                                "and /etc/subgid)",
                                (unsigned)command->uid, (unsigned)command->gid)
               : kist_error_sys(err, KIST_E_IO, number, "cannot become user %u:%u", (unsigned)command->uid, (unsigned)command->gid);
}

/* Ends up with the user's numbers and all capabilities still there: the filter is yet to be installed. */
static int become_user(const struct port_command *command, struct kist_error *err)
{
    uint64_t all = permitted_now();

    if (drop_bounding(command->caps.bounding) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot give up capabilities");
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || !set_groups(command) ||
        syscall(NR_SETRESGID, command->gid, command->gid, command->gid) < 0 ||
        syscall(NR_SETRESUID, command->uid, command->uid, command->uid) < 0) {
        return cannot_become(command, errno, err);
    }
    if (set_capabilities(all, all, 0) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ||
        /* a change of user takes both back */
        prctl(PR_SET_PDEATHSIG, command->survives ? 0 : SIGKILL, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot keep capabilities while becoming the user");
    }
    return 0;
}

static int set_ambient(uint64_t set)
{
#ifdef PR_CAP_AMBIENT
    for (unsigned i = 0; i < 64; i++) {
        if ((set >> i & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0) {
            return -1;
        }
    }
#else
    (void)set;
#endif
    return 0;
}

static int final_capabilities(const struct port_capabilities *caps, struct kist_error *err)
{
    /* none beyond what we hold, or the kernel refuses them all */
    uint64_t have = permitted_now();

    if (set_capabilities(caps->effective & have, caps->permitted & have, caps->inheritable & have) < 0 ||
        set_ambient(caps->ambient & have) < 0) {
        return kist_error_sys(
            err, KIST_E_IO, errno,
            "cannot set the command's capabilities (a seccomp profile must let capset and prctl pass)");
    }
    return 0;
}

static int confine(const struct port_command *command, struct kist_error *err)
{
    int rc = 0;

    if (command->no_new_privileges) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot set no_new_privs");
        }
        rc = final_capabilities(&command->caps, err);
    }
    if (rc == 0 && command->seccomp) {
        /* without no_new_privs the kernel wants CAP_SYS_ADMIN for this, so the capabilities go after it */
        rc = port_seccomp_install(command->seccomp, command->seccomp_count, command->seccomp_flags, err);
    }
    if (rc == 0 && !command->no_new_privileges) {
        rc = final_capabilities(&command->caps, err);
    }
    return rc;
}

static int enter_directory(const char *cwd, struct kist_error *err)
{
    char where[PATH_MAX];

    if (chdir(cwd) < 0) {
        return kist_error_sys(err, KIST_E_NO_EXEC, errno, "cannot change to the working directory '%s'", cwd);
    }
    /* through a leaked descriptor (/proc/self/fd/N) it could be one of the host's */
    if (!getcwd(where, sizeof(where)) || where[0] != '/') {
        return kist_error_set(err, KIST_E_NO_EXEC, "the working directory '%s' is outside the container",
                              cwd);
    }
    return 0;
}

void port_close_on_exec_from(int first)
{
    DIR *dir;
    struct dirent *entry;

    if (kernel_close_range((unsigned)first, ~0U, KERNEL_CLOSE_RANGE_CLOEXEC) == 0) {
        return;
    }
    dir = opendir("/proc/self/fd"); /* before 5.11 */
    while (dir && (entry = readdir(dir))) {
        uint64_t fd;

        if (kist_str_u64(entry->d_name, INT_MAX, &fd) && (int)fd >= first) {
            (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

void port_signals_reset(void)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &by_default, NULL); /* those that cannot be changed need not be */
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What a failed exec of path means, once it is clear that it was path. */
static int exec_failed(const char *path, int number, struct kist_error *err)
{
    struct stat st;

    if (number == ENOENT || number == ENOTDIR) {
        if (stat(path, &st) == 0) {
            return kist_error_set(
                err, KIST_E_NO_COMMAND,
                "cannot run '%s': its interpreter (the loader of a binary, the #! of a script) is missing",
                path);
        }
        return kist_error_sys(err, KIST_E_NO_COMMAND, number, "cannot run '%s'", path);
    }
    if (number == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return kist_error_set(err, KIST_E_NO_EXEC, "cannot run '%s': it is a directory", path);
    }
    if (number == ENOEXEC) {
        return kist_error_set(
            err, KIST_E_NO_EXEC,
            "cannot run '%s': exec format error (made for another machine, or a script without #!)", path);
    }
    return kist_error_sys(err, KIST_E_NO_EXEC, number, "cannot run '%s'", path);
}

static const char *search_path(char *const *env)
{
    for (; env && *env; env++) {
        if (kist_str_starts(*env, "PATH=")) {
            return *env + strlen("PATH=");
        }
    }
    return DEFAULT_PATH;
}

/* As execvp, but ours alone decides where to look, and nothing that is no program is handed to a shell. */
static int run_found(const struct port_command *command, struct kist_error *err)
{
    const char *name = command->argv[0], *dir = search_path(command->env);
    char denied[PATH_MAX] = "";
    int number = 0;

    while (true) {
        size_t len = strcspn(dir, ":");
        char path[PATH_MAX];

        if (kist_str_format(path, sizeof(path), "%.*s%s%s", (int)len, dir, len > 0 ? "/" : "./", name)) {
            struct stat st;

            (void)execve(path, command->argv, command->env);
            if (errno == EACCES) {
                number = errno;
                memcpy(denied, path, sizeof(denied));
            } else if ((errno != ENOENT && errno != ENOTDIR) || stat(path, &st) == 0) {
                return exec_failed(path, errno == ENOTDIR ? ENOENT : errno, err);
            }
        }
        if (dir[len] == '\0') {
            break;
        }
        dir += len + 1;
    }
    return number != 0 ? exec_failed(denied, number, err)
                       : kist_error_set(err, KIST_E_NO_COMMAND,
                                        "cannot run '%s': not found in the container's $PATH", name);
}

static int run(const struct port_command *command, struct kist_error *err)
{
    if (command->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot take the container's terminal");
    }
    port_signals_reset();
    if (command->argv[0][0] == '\0') {
        return kist_error_set(err, KIST_E_NO_COMMAND, "cannot run '': the command's name is empty");
    }
    if (strchr(command->argv[0], '/')) {
        (void)execve(command->argv[0], command->argv, command->env);
        return exec_failed(command->argv[0], errno, err);
    }
    return run_found(command, err);
}

int port_command_run(const struct port_child *child, struct kist_error *err)
{
    const struct port_command *command = child->command;
    int rc = 0;

    /* a session keyring of its own, or the container would see the keys of whoever called kist; where there
     * are none, none leak */
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
    for (size_t i = 0; rc == 0 && i < command->rlimit_count; i++) {
        rc = set_limit(&command->rlimits[i], err);
    }
    (void)umask((mode_t)command->umask);
    rc = rc < 0 ? rc : enter_directory(command->cwd, err);
    if (rc == 0 && child->user_ns >= 0) {
        rc = port_users_enter(child->user_ns, !child->enter, err);
    }
    rc = rc < 0 ? rc : become_user(command, err);
    rc = rc < 0 ? rc : confine(command, err);
    if (rc == 0 && command->init) {
        pid_t pid = fork();

        if (pid < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot start the command below init");
        }
        if (pid > 0) {
            port_init_serve(pid);
        }
        (void)setsid();
    }
    return rc < 0 ? rc : run(command, err);
}
