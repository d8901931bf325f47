/* The processes of a container, by its control group, or where there is none by its PID namespace. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/str.h"
#include "kernel.h"
#include "meter_private.h"
#include "sandbox_private.h"

#define DEPTH 8 /* of groups that a container makes in its own */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

enum { PARENT = 4, TTY = 7, UTIME = 14, STIME = 15, CUTIME = 16, CSTIME = 17, THREADS = 20, START = 22, RSS = 24, FIELDS };

/* Numbers of devices as Documentation/admin-guide/devices.txt has them. */
static void name_tty(char dst[16], unsigned device)
{
    const unsigned major = major(device), minor = minor(device);
    const bool pts = major >= 136 && major <= 143, serial = major == 4 && minor >= 64;

    if (!(pts || major == 4) || !kist_str_format(dst, 16, "%s%u", pts ? "pts/" : serial ? "ttyS" : "tty",
                                                 pts ? (major - 136) * 256 + minor : serial ? minor - 64 : minor)) {
        (void)!kist_str_copy(dst, 16, major == 5 && minor == 1 ? "console" : "?");
    }
}

bool port_task_parse(struct port_task *task, const char *stat, uint64_t ticks, uint64_t now)
{
    /* the name, field 2, may hold anything, brackets too: its end is the last bracket */
    const char *name = strchr(stat, '('), *end = strrchr(stat, ')'), *at = end;
    uint64_t field[FIELDS] = {0};

    for (int i = 3; i < FIELDS; i++) {
        at = at ? strchr(at + 1, ' ') : NULL;
        field[i] = at ? strtoull(at, NULL, 10) : 0;
    }
    if (!name || !end || end < name || !at) {
        return false;
    }
    *task = (struct port_task){.pid = (int)strtol(stat, NULL, 10), .parent = (int)field[PARENT], .threads = field[THREADS]};
    name_tty(task->tty, (unsigned)field[TTY]);
    task->age = now > field[START] ? (now - field[START]) * 1000 / ticks : 0;
    task->cpu = (field[UTIME] + field[STIME]) * 1000 / ticks;
    task->cpu_ended = (field[CUTIME] + field[CSTIME]) * 1000 / ticks;
    task->memory = field[RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
    return kist_str_format(task->command, sizeof(task->command), "[%.*s]", (int)KIST_MIN(end - name - 1, 64), name + 1);
}

static void read_command(struct port_task *task)
{
    char path[40];
    ssize_t n = -1;
    KIST_AUTO(fd) int fd = kist_str_format(path, sizeof(path), "/proc/%d/cmdline", task->pid) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char text[sizeof(task->command)];

    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    while (n > 0 && text[n - 1] == '\0') {
        n--;
    }
    for (ssize_t i = 0; i < n; i++) {
        text[i] = text[i] == '\0' ? ' ' : text[i];
    }
    if (n > 0) {
        memcpy(task->command, text, (size_t)n);
        task->command[n] = '\0';
    }
}

static bool read_task(struct port_task *task, int pid)
{
    char path[40], text[4096];
    const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    struct timespec t = {0};
    const char *uid;

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    if (!kist_str_format(path, sizeof(path), "/proc/%d/stat", pid) || !port_cgroup_read(AT_FDCWD, path, text, sizeof(text)) ||
        !port_task_parse(task, text, ticks, (uint64_t)t.tv_sec * ticks + (uint64_t)t.tv_nsec * ticks / 1000000000) ||
        !kist_str_format(path, sizeof(path), "/proc/%d/status", pid) || !port_cgroup_read(AT_FDCWD, path, text, sizeof(text))) {
        return false;
    }
    uid = strstr(text, "\nUid:\t");
    uid = uid ? strchr(uid + strlen("\nUid:\t"), '\t') : NULL; /* the effective one is the second */
    task->uid = uid ? (uint32_t)strtoul(uid, NULL, 10) : 0;
    read_command(task);
    return true;
}

struct walk {
    int (*each)(void *arg, const struct port_task *task, struct kist_error *err);
    void *arg;
    struct kist_error *err;
    unsigned found;
};

static int visit(struct walk *w, int pid)
{
    struct port_task task;

    if (pid <= 0 || !read_task(&task, pid)) { /* 0: of another PID namespace than ours */
        return 0;
    }
    w->found++;
    return w->each(w->arg, &task, w->err);
}

static int visit_group(struct walk *w, int group)
{
    int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC), rc = 0;
    FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
    char line[32];

    if (fd >= 0 && !list) {
        (void)close(fd);
    }
    while (list && rc == 0 && fgets(line, sizeof(line), list)) {
        rc = visit(w, (int)strtol(line, NULL, 10));
    }
    if (list) {
        (void)fclose(list);
    }
    return rc;
}

/* Takes group. */
static int walk_group(struct walk *w, int group, unsigned depth)
{
    DIR *list = group < 0 ? NULL : fdopendir(group);
    struct dirent *entry;
    int rc = 0;

    if (!list) {
        (void)(group < 0 || close(group));
        return 0;
    }
    rc = visit_group(w, group);
    while (rc == 0 && depth > 0 && (entry = readdir(list))) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            rc = walk_group(w, openat(group, entry->d_name, OPEN_DIR), depth - 1);
        }
    }
    (void)closedir(list);
    return rc;
}

static bool pid_namespace(const char *pid, struct stat *st)
{
    char path[300];

    return kist_str_format(path, sizeof(path), "/proc/%s/ns/pid", pid) && stat(path, st) == 0;
}

/* On the host's PID namespace nobody can tell which are its own, but for process 1. */
static int walk_namespace(struct walk *w, int pid)
{
    char text[16];
    struct stat ours, its, one;
    struct dirent *entry;
    DIR *list;
    int rc = 0;

    if (!kist_str_format(text, sizeof(text), "%d", pid) || !pid_namespace(text, &its) || !pid_namespace("self", &ours) ||
        its.st_ino == ours.st_ino) {
        return visit(w, pid);
    }
    list = opendir("/proc");
    while (list && rc == 0 && (entry = readdir(list))) {
        if (pid_namespace(entry->d_name, &one) && one.st_ino == its.st_ino) {
            rc = visit(w, (int)strtol(entry->d_name, NULL, 10)); /* 0 for "self" */
        }
    }
    if (list) {
        (void)closedir(list);
    }
    return rc;
}

int port_meter_each(const char *group, int pid, int (*each)(void *arg, const struct port_task *task, struct kist_error *err),
                    void *arg, struct kist_error *err)
{
    struct walk walk = {.each = each, .arg = arg, .err = err};
    struct port_cgroup_set set;
    int rc = port_cgroup_find(&set, group, err);

    /* one of the groups is enough; some may not have taken the container (port_cgroup_join) */
    for (size_t i = 0; i < set.n && rc == 0 && walk.found == 0; i++) {
        rc = walk_group(&walk, openat(set.v[i].dir, ".", OPEN_DIR), DEPTH);
    }
    port_cgroup_release(&set);
    return rc == 0 && walk.found == 0 ? walk_namespace(&walk, pid) : rc;
}
