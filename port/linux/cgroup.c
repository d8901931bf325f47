/*
 * Control groups. A v1 hierarchy is joined by the child itself, writing "0" to the group's "tasks": a task
 * that moves only itself spares the kernel the lock that stops all forks and costs milliseconds. The v2
 * hierarchy is joined by clone3.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "port/clock.h"
#include "port/rootless.h"
#include "sandbox_private.h"

/* A group whose last process was just reaped may still be busy for a moment. */
#define REMOVE_TRIES 50
#define KILL_TRIES 2000 /* milliseconds */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* v1 controllers that are of use; a hierarchy that has one of them gets a group. */
static const char *const wanted[] = {"devices", "memory", "pids", "cpu"};

/* Mount point, type and controllers (proc(5), /proc/pid/mountinfo); false for other lines. */
static bool parse_line(char *line, struct port_hierarchy *h)
{
    char *tail = strstr(line, " - "), *type, *option, *options;
    bool useful = false;

    h->point = line;
    for (int i = 1; h->point && i < 5; i++) {
        h->point = strchr(h->point, ' ');
        h->point += h->point != NULL;
    }
    if (!tail || !h->point || h->point >= tail) {
        return false;
    }
    h->point[strcspn(h->point, " ")] = '\0';
    tail += strlen(" - ");
    type = strsep(&tail, " ");
    (void)strsep(&tail, " ");
    options = tail;
    h->label = kist_path_base(h->point);
    h->unified = strcmp(type, "cgroup2") == 0;
    h->devices = h->freezer = h->spare = false;
    h->controllers = 0;
    if (h->unified || strcmp(type, "cgroup") != 0 || strchr(h->point, '\\')) {
        return h->unified;
    }
    while ((option = strsep(&options, ",\n"))) {
        for (size_t i = 0; i < KIST_COUNT(wanted); i++) {
            useful = useful || strcmp(option, wanted[i]) == 0;
        }
        h->devices = h->devices || strcmp(option, "devices") == 0;
        for (unsigned i = 0; port_cgroup_controllers[i]; i++) {
            h->controllers |= strcmp(option, port_cgroup_controllers[i]) == 0 ? 1U << i : 0;
        }
        h->freezer = h->freezer || strcmp(option, "freezer") == 0;
    }
    h->spare = !useful;
    return useful || h->freezer || h->controllers != 0;
}

int port_hierarchies(int (*each)(void *arg, const struct port_hierarchy *h, struct kist_error *err), void *arg,
                    struct kist_error *err)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    struct port_hierarchy h;
    char *line = NULL;
    size_t size = 0;
    int rc = 0;

    while (table && rc == 0 && getline(&line, &size, table) > 0) {
        if (parse_line(line, &h)) {
            rc = each(arg, &h, err);
        }
    }
    free(line);
    if (table) {
        (void)fclose(table);
    }
    return rc;
}

/* ---- making ---- */

struct making {
    struct port_cgroup_set *set;
    const char *name;
    const struct port_cgroup_spec *spec; /* NULL: only those that are there */
    unsigned needed;                     /* controllers of its limits */
    bool ruled;                          /* the device rules are in force */
};

static bool write_text(int dir, const char *file, const char *text)
{
    KIST_AUTO(fd) int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void number_text(char dst[24], int64_t number)
{
    if (number < 0 || !kist_str_format(dst, 24, "%lld", (long long)number)) {
        dst[0] = '*';
        dst[1] = '\0';
    }
}

static bool say(int fd, const char *text)
{
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* "c 1:3 rwm"; "a" in a rule with numbers would mean every device, so it is told as two. */
static bool say_rule(int fd, const struct port_device_rule *r)
{
    char major[24], minor[24], text[64];
    bool good = true;

    if (r->type == 'a' && r->major < 0 && r->minor < 0 && r->read && r->write && r->mknod) {
        return say(fd, "a");
    }
    number_text(major, r->major);
    number_text(minor, r->minor);
    for (const char *type = r->type == 'a' ? "cb" : r->type == 'c' ? "c" : "b"; good && *type; type++) {
        good = kist_str_format(text, sizeof(text), "%c %s:%s %s%s%s", *type, major, minor, r->read ? "r" : "",
                               r->write ? "w" : "", r->mknod ? "m" : "") &&
               say(fd, text);
    }
    return good;
}

/* v1: rules are told one by one; all is forbidden first. */
static bool rule_v1(int dir, const struct port_cgroup_spec *spec)
{
    KIST_AUTO(fd) int allow = openat(dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    KIST_AUTO(fd) int deny = openat(dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    bool good = allow >= 0 && deny >= 0 && say(deny, "a");

    for (size_t i = 0; good && i < spec->rule_count; i++) {
        good = say_rule(spec->rules[i].allow ? allow : deny, &spec->rules[i]);
    }
    return good;
}

bool port_cgroup_name_ok(const char *name)
{
    const size_t len = strlen(name);

    if (len == 0 || len >= PORT_CGROUP_NAME_MAX) {
        return false;
    }
    for (const char *part = name;; part += strcspn(part, "/") + 1) {
        const size_t n = strcspn(part, "/");

        if (n == 0 || part[0] == '.' || strcspn(part, "\n\\ ") < n) {
            return false;
        }
        if (part[n] == '\0') {
            return true;
        }
    }
}

bool port_cgroup_mkdir(const char *path, size_t point, bool (*each)(void *arg, const char *path, bool last), void *arg)
{
    char at[sizeof(((struct port_cgroup_member *)NULL)->path)];
    bool good = kist_str_copy(at, sizeof(at), path);

    for (size_t len = point; good; len += 1 + strcspn(path + len + 1, "/")) {
        const bool last = path[len] == '\0';

        at[len] = '\0';
        good = (len == point || mkdir(at, 0755) == 0 || errno == EEXIST) && (!each || each(arg, at, last));
        at[len] = path[len];
        if (last) {
            break;
        }
    }
    return good;
}

struct making_group {
    const struct port_hierarchy *h;
    unsigned needed;
};

static bool set_up_group(void *arg, const char *path, bool last)
{
    const struct making_group *m = arg;

    if (m->h->unified && !last) {
        port_limits_delegate(path, m->needed);
    }
    /* the hierarchy's own has all there is */
    return (m->h->controllers & 1U << PORT_CPUSET) == 0 || strcmp(path, m->h->point) == 0 || port_limits_inherit(path);
}

static int make_group(const char *path, const struct port_hierarchy *h, unsigned needed)
{
    struct making_group m = {h, needed};

    return port_cgroup_mkdir(path, strlen(h->point), set_up_group, &m) ? open(path, OPEN_DIR) : -1;
}

static int add_group(void *arg, const struct port_hierarchy *h, struct kist_error *err)
{
    struct making *making = arg;
    struct port_cgroup_set *set = making->set;
    struct port_cgroup_member *m = &set->v[set->n];

    if (h->spare && making->spec && (h->controllers & making->needed) == 0) {
        if (set->spares < KIST_COUNT(set->spare) && kist_str_format(set->spare[set->spares], sizeof(set->spare[0]), "%s/%s", h->point, making->name)) {
            set->spares++;
        }
        return 0;
    }
    if (set->n == KIST_COUNT(set->v)) {
        return 0;
    }
    if (!kist_str_copy(m->label, sizeof(m->label), h->label) ||
        !kist_str_format(m->path, sizeof(m->path), "%s/%s", h->point, making->name)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the path of control group '%s' is too long",
                              h->point);
    }
    m->tasks = -1;
    m->devices = h->devices;
    m->controllers = h->controllers;
    m->dir = making->spec ? make_group(m->path, h, making->needed) : open(m->path, OPEN_DIR);
    if (m->dir >= 0 && !h->unified) {
        m->tasks = openat(m->dir, "tasks", O_WRONLY | O_CLOEXEC);
    }
    if (m->dir < 0 || (!h->unified && m->tasks < 0)) {
        if (making->spec || errno != ENOENT) {
            kist_log(port_rootless() ? KIST_LOG_INFO : KIST_LOG_WARN, "no control group under '%s': %s", h->point, strerror(errno));
        }
        if (m->dir >= 0) {
            (void)close(m->dir);
        }
        return 0;
    }
    if (h->unified) {
        set->unified = (int)set->n;
    }
    set->n++;
    if (h->devices && making->spec) {
        if (!rule_v1(m->dir, making->spec)) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot set the device rules in control group '%s'",
                                  h->point);
        }
        making->ruled = true;
    }
    return 0;
}

int port_cgroup_find(struct port_cgroup_set *set, const char *name, struct kist_error *err)
{
    struct making making = {.set = set, .name = name};

    *set = (struct port_cgroup_set){.unified = -1};
    return port_hierarchies(add_group, &making, err);
}

int port_cgroup_make(struct port_cgroup_set *set, const struct port_cgroup_spec *spec, struct kist_error *err)
{
    struct making making = {.set = set, .name = spec->name, .spec = spec, .needed = port_limits_need(&spec->limits)};
    int rc;

    set->n = set->spares = 0;
    set->unified = -1;
    rc = port_hierarchies(add_group, &making, err);
    set->filter = !making.ruled && set->unified >= 0;
    return rc < 0 ? rc : port_limits_apply(set, &spec->limits, err);
}

struct widening {
    const struct port_cgroup_set *set;
    const char *name;
    unsigned needed;
};

/* What was not limited when it began: v2 hands the controller on, a v1 hierarchy gets a group, which its processes move to. */
static int widen(void *arg, const struct port_hierarchy *h, struct kist_error *err)
{
    const struct widening *w = arg;
    char path[sizeof(w->set->v[0].path)];
    int dir;

    (void)err;
    if (w->set->n == 0 || !kist_str_format(path, sizeof(path), "%s/%s", h->point, w->name) ||
        (h->unified ? w->set->unified < 0 : (h->controllers & w->needed) == 0 || access(path, F_OK) == 0)) {
        return 0;
    }
    dir = make_group(path, h, w->needed);
    if (dir < 0) {
        return 0; /* the limit tells of it */
    }
    (void)close(dir);
    if (!h->unified) {
        (void)port_cgroup_move(w->set->v[0].path, path, strlen(h->point));
        (void)rmdir(path); /* only goes where nothing came: it has ended */
    }
    return 0;
}

int port_cgroup_limit(const char *name, const struct port_limits *limits, struct kist_error *err)
{
    struct port_cgroup_set set;
    const struct widening w = {&set, name, port_limits_need(limits)};
    int rc = port_cgroup_find(&set, name, err);

    rc = rc < 0 ? rc : port_hierarchies(widen, (void *)(uintptr_t)&w, err);
    port_cgroup_release(&set);
    rc = rc < 0 ? rc : port_cgroup_find(&set, name, err);
    rc = rc < 0 ? rc : port_limits_apply(&set, limits, err);
    port_cgroup_release(&set);
    return rc;
}

int port_cgroup_join(const struct port_cgroup_set *set, const struct port_cgroup_spec *spec,
                     bool joined_unified, struct kist_error *err)
{
    if (set->filter) {
        int rc = port_device_filter(set->v[set->unified].dir, spec->rules, spec->rule_count, err);

        if (rc < 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct port_cgroup_member *m = &set->v[i];
        const bool joined = (int)i == set->unified ? joined_unified || write_text(m->dir, "cgroup.procs", "0")
                                                   : say(m->tasks, "0");

        if (!joined && m->devices) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot join control group '%s'", m->label);
        }
        if (!joined) {
            /* a real-time process and the cpu controller, for one: the container runs outside it */
            kist_log(KIST_LOG_WARN, "cannot join control group '%s': %s", m->label, strerror(errno));
        }
    }
    return 0;
}

void port_cgroup_release(struct port_cgroup_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        (void)close(set->v[i].dir);
        if (set->v[i].tasks >= 0) {
            (void)close(set->v[i].tasks);
        }
    }
    set->n = 0;
    set->unified = -1;
}

/* ---- removing ---- */

void port_cgroup_kill_set(const struct port_cgroup_set *set)
{
    for (int tries = 0; tries < KILL_TRIES && set->n > 0; tries++) {
        char text[8192], *rest = text, *line;
        bool any = false;

        if (!port_cgroup_read(set->v[0].dir, "cgroup.procs", text, sizeof(text))) {
            return;
        }
        while ((line = strsep(&rest, "\n")) != NULL) {
            uint64_t pid;

            if (kist_str_u64(line, INT32_MAX, &pid) && pid > 1 && pid != (uint64_t)getpid()) {
                any = true;
                (void)kill((pid_t)pid, SIGKILL);
            }
        }
        if (!any) {
            return;
        }
        port_clock_sleep(1);
    }
}

void port_cgroup_kill(const char *name)
{
    struct port_cgroup_set set;

    if (port_cgroup_find(&set, name, NULL) == 0) {
        port_cgroup_kill_set(&set);
    }
    port_cgroup_release(&set);
}

/* A group with those a privileged container made in it. 0, or -1 and errno. */
static int remove_group(int parent, const char *name)
{
    int dir, rc = 0;
    struct dirent *entry;
    DIR *list;

    for (int i = 0; i < REMOVE_TRIES && (rc = unlinkat(parent, name, AT_REMOVEDIR)) < 0 && errno == EBUSY;
         i++) {
        if (i == 0 && (dir = openat(parent, name, OPEN_DIR)) >= 0) {
            list = fdopendir(dir);
            while (list && (entry = readdir(list))) {
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
                    (void)remove_group(dir, entry->d_name);
                }
            }
            (void)(list ? closedir(list) : close(dir));
        } else {
            port_clock_sleep(1);
        }
    }
    return rc < 0 && errno == ENOENT ? 0 : rc;
}

static int remove_failed(const char *path, struct kist_error *err)
{
    return errno == EBUSY
               ? kist_error_set(err, KIST_E_CONFLICT, "processes are left in control group '%s'", path)
               : kist_error_sys(err, KIST_E_IO, errno, "cannot remove control group '%s'", path);
}

static int remove_path(const char *path, struct kist_error *err)
{
    return remove_group(AT_FDCWD, path) < 0 ? remove_failed(path, err) : 0;
}

void port_cgroup_remove_set(const struct port_cgroup_set *set)
{
    struct kist_error err;

    for (size_t i = 0; i < set->n + set->spares; i++) {
        if (remove_path(i < set->n ? set->v[i].path : set->spare[i - set->n], &err) < 0) {
            kist_log(KIST_LOG_WARN, "%s", err.message);
        }
    }
}

static int remove_named(void *arg, const struct port_hierarchy *h, struct kist_error *err)
{
    const char *name = arg;
    char path[1024];

    return kist_str_format(path, sizeof(path), "%s/%s", h->point, name) ? remove_path(path, err)
                                                                                   : 0;
}

int port_cgroup_remove(const char *name, struct kist_error *err)
{
    char copy[PORT_CGROUP_NAME_MAX];

    if (!kist_str_copy(copy, sizeof(copy), name) || !port_cgroup_name_ok(name)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no name of a control group", name);
    }
    return port_hierarchies(remove_named, copy, err);
}
