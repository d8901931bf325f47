/*
 * A user namespace for all of a user's kist processes. Who is in it is known by locks of one file (fcntl(2)), which end with their
 * processes and tell them: so nothing is written that could be wrong, and nothing needs to stay behind.
 */
#include "port/rootless.h"

#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#define TRIES 16
#define ARGS_MAX (2 + 3 * 64) /* of newuidmap: itself, the process, ranges */

/* ---- what /etc/subuid gives ---- */

struct ranges {
    char numbers[ARGS_MAX][12];
    char *argv[ARGS_MAX + 1];
    size_t n;
};

static bool add_number(struct ranges *r, uint64_t number)
{
    if (r->n == ARGS_MAX || !kist_str_format(r->numbers[r->n], sizeof(r->numbers[0]), "%llu", (unsigned long long)number)) {
        return false;
    }
    r->argv[r->n] = r->numbers[r->n];
    r->argv[++r->n] = NULL;
    return true;
}

static bool add_range(struct ranges *r, uint64_t inside, uint64_t outside, uint64_t size)
{
    return r->n + 3 <= ARGS_MAX && add_number(r, inside) && add_number(r, outside) && add_number(r, size);
}

/* "name:first:count"; by name or number. */
static bool parse_line(char *line, const char *name, const char *number, uint64_t *first, uint64_t *count)
{
    const char *who = strsep(&line, ":"), *from = strsep(&line, ":");

    return line && (strcmp(who, name) == 0 || strcmp(who, number) == 0) && kist_str_u64(from, UINT32_MAX, first) &&
           kist_str_u64(line, UINT32_MAX, count) && *count > 0;
}

/* The user's name; "" where there is none. Without the name service, which a static program has not got. */
static void name_of(uid_t uid, char *name, size_t size)
{
    FILE *f = fopen("/etc/passwd", "re");
    const struct passwd *entry;

    name[0] = '\0';
    while (f && name[0] == '\0' && (entry = fgetpwent(f))) {
        if (entry->pw_uid == uid) {
            (void)!kist_str_copy(name, size, entry->pw_name);
        }
    }
    if (f) {
        (void)fclose(f);
    }
}

/* The arguments of program: root is id, then come the ranges of file. False where there is none. */
static bool read_ranges(struct ranges *r, const char *file, uint32_t id)
{
    FILE *f = fopen(file, "re");
    char line[256], name[64], number[12];
    uint64_t first, count, next = 1;
    bool any = false;

    name_of(getuid(), name, sizeof(name));
    (void)!kist_str_format(number, sizeof(number), "%u", (unsigned)getuid());
    any = !add_range(r, 0, id, 1);
    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (parse_line(line, name, number, &first, &count) && add_range(r, next, first, count)) {
            next += count;
            any = true;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return any;
}

/* ---- making one ---- */

/* A child that becomes program once the namespace is there: ends of a pipe tell it. */
static pid_t prepare(const char *program, struct ranges *r, const int ends[2])
{
    pid_t pid = fork();
    char byte;

    if (pid == 0) {
        (void)close(ends[1]);
        if (read(ends[0], &byte, 1) == 1) {
            r->argv[0] = (char *)(uintptr_t)program;
            (void)execvp(program, r->argv);
        }
        _exit(127);
    }
    return pid;
}

static bool succeeded(pid_t pid, int *status)
{
    while (pid > 0 && waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && *status == 0;
}

static bool say(const char *file, const char *text)
{
    KIST_AUTO(fd) int fd = open(file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Root, and nobody else. */
static bool map_one(uid_t uid, gid_t gid)
{
    char users[40], groups[40];

    return kist_str_format(users, sizeof(users), "0 %u 1", (unsigned)uid) && kist_str_format(groups, sizeof(groups), "0 %u 1", (unsigned)gid) &&
           say("/proc/self/setgroups", "deny") && say("/proc/self/uid_map", users) && say("/proc/self/gid_map", groups);
}

static bool is_program(const char *name)
{
    const char *path = getenv("PATH");
    char file[512];

    for (path = path ? path : ""; *path != '\0'; path += strcspn(path, ":"), path += *path == ':') {
        if (kist_str_format(file, sizeof(file), "%.*s/%s", (int)strcspn(path, ":"), path, name) && access(file, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static int not_made(int number, struct kist_error *err)
{
    return number == EPERM || number == ENOSPC || number == EACCES || number == EINVAL
               ? kist_error_set(err, KIST_E_UNSUPPORTED,
                                "this kernel lets only root make user namespaces, which containers of others need (CONFIG_USER_NS; sysctl "
                                "user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)")
               : kist_error_sys(err, KIST_E_FAIL, number, "cannot make a user namespace");
}

/* The ranges are mapped by programs that may do so; they look from outside, so they are begun before. */
static int make_mapped(struct ranges *users, struct ranges *groups, struct kist_error *err)
{
    int ends[2], status = 0, rc = 0;
    pid_t pids[2];
    bool good;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a pipe");
    }
    pids[0] = prepare("newuidmap", users, ends);
    pids[1] = prepare("newgidmap", groups, ends);
    if (unshare(CLONE_NEWUSER) < 0) {
        rc = not_made(errno, err);
    } else if (write(ends[1], "go", 2) != 2) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot tell newuidmap to begin");
    }
    (void)close(ends[1]);
    good = succeeded(pids[0], &status);
    good = succeeded(pids[1], &status) && good;
    (void)close(ends[0]);
    return rc < 0 || good ? rc
                          : kist_error_set(err, KIST_E_CONFLICT, "newuidmap or newgidmap did not map the users of /etc/subuid and /etc/subgid (are the two set-uid root?)");
}

static int make(struct kist_error *err)
{
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    struct ranges *r = calloc(2, sizeof(*r));
    int rc = 0;

    if (!r) {
        return kist_error_nomem(err);
    }
    for (int i = 0; i < 2; i++) {
        (void)add_number(&r[i], 0); /* the program */
        (void)add_number(&r[i], (uint64_t)getpid());
    }
    if (is_program("newuidmap") && is_program("newgidmap") && read_ranges(&r[0], "/etc/subuid", uid) && read_ranges(&r[1], "/etc/subgid", gid)) {
        rc = make_mapped(&r[0], &r[1], err);
    } else if (unshare(CLONE_NEWUSER) < 0) {
        rc = not_made(errno, err);
    } else if (!map_one(uid, gid)) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot become root of a user namespace");
    }
    free(r);
    return rc;
}

/* ---- one for all ---- */

/* *holder: a process that has the file, 0: nobody. */
static int look(int fd, pid_t *holder, struct kist_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &lock) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot see who is in your user namespace");
    }
    *holder = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
    return 0;
}

static int join_or_make(int fd, struct kist_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        pid_t holder = 0;
        int rc = look(fd, &holder, err);

        if (rc < 0 || holder == 0) {
            return rc < 0 ? rc : make(err);
        }
        KIST_AUTO(fd) int ns = port_namespace_open(holder, "user");

        if (ns >= 0 && setns(ns, CLONE_NEWUSER) == 0) {
            return 0;
        }
        if (errno != ENOENT && errno != ESRCH) {
            return kist_error_sys(err, KIST_E_CONFLICT, errno, "cannot enter the user namespace of your kist process %d", (int)holder);
        }
    }
    return kist_error_set(err, KIST_E_CONFLICT, "cannot enter your user namespace: who is in it changes all the time");
}

static int hold(int fd, struct kist_error *err)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_SETLK, &lock) < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot hold your user namespace") : 0;
}

/* Never closed: with any descriptor of the file the lock would go. */
static int open_file(const char *file, struct kist_error *err)
{
    int fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);

    return fd < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", file) : fd;
}

int port_rootless_enter(const char *file, struct kist_error *err)
{
    int fd = open_file(file, err), rc = KIST_MIN(fd, 0);

    /* one at a time: two that find nobody would make two */
    if (rc == 0 && flock(fd, LOCK_EX) < 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot lock '%s'", file);
    }
    rc = rc < 0 ? rc : join_or_make(fd, err);
    rc = rc < 0 ? rc : hold(fd, err);
    if (rc == 0) {
        (void)flock(fd, LOCK_UN);
    }
    return rc;
}

int port_rootless_hold(const char *file, struct kist_error *err)
{
    int fd = open_file(file, err);

    return fd < 0 ? fd : hold(fd, err);
}

/* ---- whether it is so ---- */

/* The ranges of our own namespace; *root: what 0 is outside. */
static unsigned count_ranges(unsigned *root, unsigned *size)
{
    FILE *f = fopen("/proc/self/uid_map", "re");
    unsigned inside, outside, count, n = 0;

    *root = *size = 0;
    while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3) {
        *root = inside == 0 ? outside : *root;
        *size = *size + count;
        n++;
    }
    if (f) {
        (void)fclose(f);
    }
    return n;
}

bool port_rootless(void)
{
    unsigned root, size;

    return count_ranges(&root, &size) > 0 && root != 0;
}

bool port_rootless_has_users(void)
{
    unsigned root, size;

    return count_ranges(&root, &size) > 0 && size > 1;
}
