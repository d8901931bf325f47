/*
 * What a container may use, as v1's and v2's files take it (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst). A row is a limit; where
 * it is to be had in a v1 hierarchy, that one is used, for then v2 does not have it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#define TEXT_MAX 256
#define PERIOD 100000U /* microseconds, the kernel's own */

const char *const port_cgroup_controllers[] = {"memory", "pids", "cpu", "cpuset", "blkio", NULL};
static const char *const options[] = {"CONFIG_MEMCG", "CONFIG_CGROUP_PIDS", "CONFIG_CGROUP_SCHED", "CONFIG_CPUSETS", "CONFIG_BLK_CGROUP"};

/* The text for the file; false where nothing is said. */
typedef bool format_fn(char dst[TEXT_MAX], const struct port_limits *l, bool v2);

static bool number(char dst[TEXT_MAX], uint64_t value, bool v2)
{
    if (value == UINT64_MAX) {
        return kist_str_copy(dst, TEXT_MAX, v2 ? "max" : "-1");
    }
    return value > 0 && kist_str_format(dst, TEXT_MAX, "%llu", (unsigned long long)value);
}

static bool memory(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return number(dst, l->memory, v2);
}

/* v2 counts swap alone. */
static bool swap(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    const uint64_t both = l->memory_swap;

    if (!v2 || both == 0 || both == UINT64_MAX) {
        return number(dst, both, v2);
    }
    return kist_str_format(dst, TEXT_MAX, "%llu",
                           (unsigned long long)(l->memory == UINT64_MAX || l->memory > both ? 0 : both - l->memory));
}

static bool reservation(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return number(dst, l->memory_reservation, v2);
}

/* v2: 1 ... 10000, as runc and systemd translate it. */
static bool shares(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return number(dst, v2 && l->cpu_shares > 1 ? 1 + (l->cpu_shares - 2) * 9999 / 262142 : l->cpu_shares, v2);
}

static bool period(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return !v2 && number(dst, l->cpu_period, v2);
}

static bool quota(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    char most[TEXT_MAX];

    if (!number(most, l->cpu_quota, v2)) {
        return false;
    }
    return v2 ? kist_str_format(dst, TEXT_MAX, "%.32s %llu", most,
                                (unsigned long long)(l->cpu_period > 0 ? l->cpu_period : PERIOD))
              : kist_str_copy(dst, TEXT_MAX, most);
}

static bool pids(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    (void)v2;
    return number(dst, l->pids, true); /* "max" in both */
}

static bool cpus(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    (void)v2;
    return l->cpus && kist_str_copy(dst, TEXT_MAX, l->cpus);
}

static bool mems(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    (void)v2;
    return l->mems && kist_str_copy(dst, TEXT_MAX, l->mems);
}

static bool weight(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return number(dst, l->io_weight, v2);
}

/* v2: 1 ... 10000, as runc translates it; bfq's own has the range of v1. */
static bool v2_weight(char dst[TEXT_MAX], const struct port_limits *l, bool v2)
{
    return number(dst, v2 && l->io_weight >= 10 && l->io_weight <= 1000 ? 1 + (l->io_weight - 10) * 9999 / 990 : l->io_weight, v2);
}

static const struct knob {
    unsigned controller;
    const char *v1, *v2, *what;
    const char *option; /* that a kernel with the controller may lack */
    format_fn *format;
} knobs[] = {
    {PORT_MEMORY, "memory.limit_in_bytes", "memory.max", "memory", "CONFIG_MEMCG", memory},
    {PORT_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", "swap", "CONFIG_SWAP", swap},
    {PORT_MEMORY, "memory.soft_limit_in_bytes", "memory.low", "reserved memory", "CONFIG_MEMCG", reservation},
    {PORT_CPU, "cpu.shares", "cpu.weight", "processor shares", "CONFIG_FAIR_GROUP_SCHED", shares},
    {PORT_CPU, "cpu.cfs_period_us", NULL, "processor time", "CONFIG_CFS_BANDWIDTH", period},
    {PORT_CPU, "cpu.cfs_quota_us", "cpu.max", "processor time", "CONFIG_CFS_BANDWIDTH", quota},
    {PORT_PIDS, "pids.max", "pids.max", "processes", "CONFIG_CGROUP_PIDS", pids},
    {PORT_CPUSET, "cpuset.cpus", "cpuset.cpus", "processors", "CONFIG_CPUSETS", cpus},
    {PORT_CPUSET, "cpuset.mems", "cpuset.mems", "memory nodes", "CONFIG_CPUSETS", mems},
    {PORT_BLKIO, "blkio.weight", "io.weight", "block devices", "CONFIG_BFQ_GROUP_IOSCHED or CONFIG_BLK_CGROUP_IOCOST", v2_weight},
    {PORT_BLKIO, "blkio.bfq.weight", "io.bfq.weight", "block devices", "CONFIG_BFQ_GROUP_IOSCHED", weight},
};

unsigned port_limits_need(const struct port_limits *limits)
{
    char text[TEXT_MAX];
    unsigned needed = 0;

    for (size_t i = 0; i < KIST_COUNT(knobs); i++) {
        if (knobs[i].format(text, limits, false)) {
            needed |= 1U << knobs[i].controller;
        }
    }
    return needed;
}

/* ---- files of a group ---- */

bool port_cgroup_read(int dir, const char *file, char *dst, size_t size)
{
    KIST_AUTO(fd) int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, dst, size - 1);

    dst[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

static bool say_file(int dir, const char *file, const char *text)
{
    KIST_AUTO(fd) int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* ---- v2: controllers are handed down ---- */

static const char *v2_name(unsigned controller)
{
    return controller == PORT_BLKIO ? "io" : port_cgroup_controllers[controller];
}

static void hand_on(const char *path, const char *controller)
{
    char text[32];
    KIST_AUTO(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && kist_str_format(text, sizeof(text), "+%s", controller) && write(fd, text, strlen(text)) < 0) {
        kist_log(KIST_LOG_DEBUG, "'%s' does not hand on '%s': %s", path, controller, strerror(errno));
    }
}

void port_limits_delegate(const char *group, unsigned controllers)
{
    char path[600];

    for (unsigned i = 0; port_cgroup_controllers[i]; i++) {
        if ((controllers & 1U << i) != 0 && kist_str_format(path, sizeof(path), "%s/cgroup.subtree_control", group)) {
            hand_on(path, v2_name(i));
        }
    }
}

/* ---- v1: cpusets that begin empty ---- */

bool port_limits_inherit(const char *path)
{
    static const char *const files[][2] = {{"cpuset.cpus", "../cpuset.cpus"}, {"cpuset.mems", "../cpuset.mems"}};
    KIST_AUTO(fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char text[4096];

    for (size_t i = 0; dir >= 0 && i < KIST_COUNT(files); i++) {
        if (!port_cgroup_read(dir, files[i][0], text, sizeof(text))) {
            return false;
        }
        if (text[strspn(text, " \n")] == '\0' &&
            (!port_cgroup_read(dir, files[i][1], text, sizeof(text)) || !say_file(dir, files[i][0], text))) {
            return false;
        }
    }
    return dir >= 0;
}

/* ---- setting ---- */

/* The group that has the knob: its directory, and the file there; -1 where none has it. */
static int find_knob(const struct port_cgroup_set *set, const struct knob *k, const char **file, bool *v2)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct port_cgroup_member *m = &set->v[i];

        *v2 = (int)i == set->unified;
        *file = *v2 ? k->v2 : (m->controllers & 1U << k->controller) != 0 ? k->v1 : NULL;
        if (*file && faccessat(m->dir, *file, W_OK, 0) == 0) {
            return m->dir;
        }
    }
    return -1;
}

/* Its other name is there. */
static bool has_twin(const struct port_cgroup_set *set, const struct knob *k)
{
    const char *file;
    bool v2;

    for (size_t i = 0; i < KIST_COUNT(knobs); i++) {
        if (&knobs[i] != k && strcmp(knobs[i].what, k->what) == 0 && find_knob(set, &knobs[i], &file, &v2) >= 0) {
            return true;
        }
    }
    return false;
}

/* The controller is there, and lacks just this. */
static bool is_handed_on(const struct port_cgroup_set *set, unsigned controller)
{
    char text[256], *rest = text, *word;
    bool found = false;

    for (size_t i = 0; i < set->n; i++) {
        found = found || ((int)i != set->unified && (set->v[i].controllers & 1U << controller) != 0);
    }
    if (!found && set->unified >= 0 && port_cgroup_read(set->v[set->unified].dir, "cgroup.controllers", text, sizeof(text))) {
        while ((word = strsep(&rest, " \n"))) {
            found = found || strcmp(word, v2_name(controller)) == 0;
        }
    }
    return found;
}

static int refuse(const struct port_cgroup_set *set, const struct knob *k, struct kist_error *err)
{
    const char *name = set->unified >= 0 ? v2_name(k->controller) : port_cgroup_controllers[k->controller];

    return is_handed_on(set, k->controller)
               ? kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel cannot limit %s: its controller '%s' cannot do that (%s)", k->what, name,
                                k->option)
               : kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel cannot limit %s here: it has no controller '%s' (%s), or does not hand it on",
                                k->what, name, options[k->controller]);
}

static int apply_one(const struct port_cgroup_set *set, const struct port_limits *limits, const struct knob *k,
                     struct kist_error *err)
{
    char text[TEXT_MAX];
    const char *file;
    bool v2, same_in_v2 = k->v2 == NULL;
    int dir = find_knob(set, k, &file, &v2);

    if (!k->format(text, limits, v2 && dir >= 0) || (dir < 0 && (same_in_v2 || has_twin(set, k)))) {
        return 0;
    }
    if (dir < 0) {
        return refuse(set, k, err);
    }
    return say_file(dir, file, text) ? 0
                                     : kist_error_sys(err, KIST_E_IO, errno, "cannot limit %s: '%s' does not take '%s'", k->what,
                                                      file, text);
}

/* A limit of memory brings one of swap along, as Docker has it; many small machines have none of it, or do not count it. */
static int without_swap(const struct port_limits *limits)
{
    if (limits->memory_swap != UINT64_MAX && access("/proc/swaps", F_OK) == 0) {
        kist_log(KIST_LOG_WARN, "this kernel does not limit swap (%s): memory alone is limited", knobs[1].option);
    }
    return 0;
}

int port_limits_apply(const struct port_cgroup_set *set, const struct port_limits *limits, struct kist_error *err)
{
    /* memory may not pass memory and swap together, and which of the two has to be first depends on what was set before */
    bool swap_first = limits->memory_swap != 0 && limits->memory != 0;
    struct kist_error ignored;
    int rc = 0;

    if (swap_first) {
        (void)!apply_one(set, limits, &knobs[1], &ignored);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(knobs); i++) {
        rc = apply_one(set, limits, &knobs[i], err);
        if (rc == KIST_E_UNSUPPORTED && knobs[i].format == swap && limits->memory != 0) {
            rc = without_swap(limits);
        }
    }
    return rc;
}

/* ---- what became of it ---- */

bool port_limits_oom(const struct port_cgroup_set *set)
{
    char text[1024];

    for (size_t i = 0; i < set->n; i++) {
        const bool v2 = (int)i == set->unified;
        const char *count;

        if ((!v2 && (set->v[i].controllers & 1U << PORT_MEMORY) == 0) ||
            !port_cgroup_read(set->v[i].dir, v2 ? "memory.events" : "memory.oom_control", text, sizeof(text))) {
            continue;
        }
        count = strstr(text, "oom_kill ");
        if (count && strtoull(count + strlen("oom_kill "), NULL, 10) > 0) {
            return true;
        }
    }
    return false;
}
