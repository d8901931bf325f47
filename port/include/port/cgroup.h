/*
 * Control groups: one group a container, "/kist/<name>" in every hierarchy that is of use (v1, v2, or both).
 */
#ifndef PORT_CGROUP_H
#define PORT_CGROUP_H

#include <stdbool.h>

#include "base/error.h"

/* Which devices may be used; of several rules that speak of a device the last one counts, and what none
 * speaks of is forbidden. */
struct port_device_rule {
    bool allow;
    char type;            /* 'c', 'b', 'a' both */
    int64_t major, minor; /* -1: all */
    bool read, write, mknod;
};

struct port_cgroup_spec {
    const char *name; /* one component */
    const struct port_device_rule *rules;
    size_t rule_count;
};

/* Removes the group of that name and what is below it, wherever it is; none is success. KIST_E_CONFLICT when
 * a process is still in it. */
int port_cgroup_remove(const char *name, struct kist_error *err) KIST_CHECKED;

/* Stops or thaws all that runs in the group of that name, and returns once it is so. KIST_E_UNSUPPORTED: this kernel has
 * neither cgroup v2's freezer (5.2) nor v1's. */
int port_cgroup_freeze(const char *name, bool freeze, struct kist_error *err) KIST_CHECKED;

#endif
