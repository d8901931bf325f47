/*
 * Control groups: one group a container, at the same path, its name, in every hierarchy that is of use (v1, v2, or both).
 */
#ifndef PORT_CGROUP_H
#define PORT_CGROUP_H

#include <stdbool.h>

#include "base/error.h"

#define PORT_CGROUP_NAME_MAX 256 /* with its NUL */
/* "kist/<id>": components that do not begin with "." */
bool port_cgroup_name_ok(const char *name);

/* Which devices may be used; of several rules that speak of a device the last one counts, and what none
 * speaks of is forbidden. */
struct port_device_rule {
    bool allow;
    char type;            /* 'c', 'b', 'a' both */
    int64_t major, minor; /* -1: all */
    bool read, write, mknod;
};

/* What a container may use. A number of 0, a text of NULL: nothing is said; UINT64_MAX: as much as there is. */
struct port_limits {
    uint64_t memory;             /* bytes */
    uint64_t memory_swap;        /* bytes of memory and swap together */
    uint64_t memory_reservation; /* bytes, kept where memory is short */
    uint64_t cpu_shares;         /* 2 ... 262144, 1024 the usual weight */
    uint64_t cpu_quota, cpu_period; /* microseconds of processor time in so many; period 0: 100000 */
    uint64_t pids;               /* processes and threads */
    uint64_t io_weight;          /* 10 ... 1000 */
    const char *cpus, *mems;     /* "0-2,4": processors and memory nodes */
};

struct port_cgroup_spec {
    const char *name; /* NULL: no groups */
    struct port_limits limits;
    const struct port_device_rule *rules;
    size_t rule_count;
};

/* Kills all that is in the group of that name, and waits until it is gone; there is none: nothing. */
void port_cgroup_kill(const char *name);

/* Removes the group of that name and what is below it, wherever it is; none is success. KIST_E_CONFLICT when
 * a process is still in it. */
int port_cgroup_remove(const char *name, struct kist_error *err) KIST_CHECKED;

/*
 * Changes what the group of that name may use, and what runs in it; what limits does not speak of stays. KIST_E_UNSUPPORTED names the controller this
 * kernel lacks; KIST_E_IO: it refuses, as for a memory limit below what is used.
 */
int port_cgroup_limit(const char *name, const struct port_limits *limits, struct kist_error *err) KIST_CHECKED;

/* Stops or thaws all that runs in the group of that name, and returns once it is so. KIST_E_UNSUPPORTED: this kernel has
 * neither cgroup v2's freezer (5.2) nor v1's. */
int port_cgroup_freeze(const char *name, bool freeze, struct kist_error *err) KIST_CHECKED;

#endif
