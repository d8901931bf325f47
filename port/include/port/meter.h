/*
 * What a container's processes use, and who they are: what its control groups count where the kernel has that counter, v1 or v2,
 * else what /proc says of each process.
 */
#ifndef PORT_METER_H
#define PORT_METER_H

#include "base/error.h"

/* Counters begin with the container's start; 0 where the kernel does not count it. */
struct port_meter {
    uint64_t cpu;            /* nanoseconds of processor time */
    uint64_t memory;         /* bytes, but for the file cache that can go at once */
    uint64_t limit;          /* bytes of memory it may use: the machine's at most */
    uint64_t received, sent; /* bytes through its own network but loopback; 0 of one on the host's network */
    uint64_t read, written;  /* bytes from and to block devices */
    uint64_t tasks;          /* processes and threads now */
};

/* group: the control groups' name, as port_cgroup_spec has it; pid: the container's process 1. KIST_E_UNSUPPORTED, KIST_E_IO. */
int port_meter_read(struct port_meter *meter, const char *group, int pid, struct kist_error *err) KIST_CHECKED;

/* One process, as ps(1) has it. */
struct port_task {
    int pid, parent;    /* in our own PID namespace; parent 0: outside it */
    uint32_t uid;       /* effective, in our own user namespace */
    char tty[16];       /* "pts/0", "ttyS1"; "?": none */
    uint64_t age;       /* milliseconds since it started */
    uint64_t cpu;       /* milliseconds of processor time */
    uint64_t cpu_ended; /* the same of its children that ended and were waited for */
    uint64_t memory;    /* bytes that are in memory */
    uint64_t threads;
    char command[1024]; /* arguments parted by blanks, cut when too long; "[name]" where it has none. Bytes are foreign. */
};

/*
 * Calls each for the processes of the container, those of control groups within its own too. Those that end meanwhile are left
 * out. A non-zero return ends it, and is returned. group and pid as port_meter_read's.
 */
int port_meter_each(const char *group, int pid, int (*each)(void *arg, const struct port_task *task, struct kist_error *err),
                    void *arg, struct kist_error *err) KIST_CHECKED;

#endif
