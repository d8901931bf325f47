/* What a container may use: flags -> linux.resources of config.json (runtime-spec config-linux.md) -> port/cgroup.h's limits. */
#ifndef KIST_CONTAINER_LIMITS_H
#define KIST_CONTAINER_LIMITS_H

#include "codec/json.h"
#include "port/cgroup.h"

/* The flags of run, create and update, as given; NULL, 0: not given. */
struct kist_limit_options {
    const char *memory, *memory_swap, *memory_reservation; /* "64m"; swap also "-1" */
    const char *cpus;                                      /* "1.5" */
    uint64_t cpu_shares, cpu_period;
    const char *cpu_quota;                                 /* microseconds, "-1" */
    const char *cpuset_cpus, *cpuset_mems;                 /* "0-2,4" */
    const char *pids_limit;                                /* "-1": no limit */
    uint64_t blkio_weight;                                 /* 10 ... 1000 */
};

/* Rows of a command's option table; type is the command's struct, member its struct kist_limit_options. */
#define KIST_LIMIT_ROWS(type, member)                                                                                             \
    KIST_OPT("blkio-weight", 0, NUMBER, type, member.blkio_weight, "N", "Weight at block devices, 10 to 1000"),                    \
        KIST_OPT("cpu-period", 0, NUMBER, type, member.cpu_period, "MICROSECONDS", "In which --cpu-quota may be used"),           \
        KIST_OPT("cpu-quota", 0, TEXT, type, member.cpu_quota, "MICROSECONDS", "Processor time in each period; -1: no limit"),    \
        KIST_OPT("cpu-shares", 'c', NUMBER, type, member.cpu_shares, "N", "Weight at the processors, 1024 the usual"),            \
        KIST_OPT("cpus", 0, TEXT, type, member.cpus, "N", "Processors' worth of time, as 1.5"),                                   \
        KIST_OPT("cpuset-cpus", 0, TEXT, type, member.cpuset_cpus, "LIST", "Processors it may run on, as 0-2,4"),                 \
        KIST_OPT("cpuset-mems", 0, TEXT, type, member.cpuset_mems, "LIST", "Memory nodes it may use"),                            \
        KIST_OPT("memory", 'm', TEXT, type, member.memory, "SIZE", "Memory it may use, at least 6m"),                             \
        KIST_OPT("memory-reservation", 0, TEXT, type, member.memory_reservation, "SIZE", "Kept where memory is short"),           \
        KIST_OPT("memory-swap", 0, TEXT, type, member.memory_swap, "SIZE", "Memory and swap together; -1: any swap"),             \
        KIST_OPT("pids-limit", 0, TEXT, type, member.pids_limit, "N", "Processes and threads; -1: no limit")

/* Sets what o says in resources. KIST_E_USAGE in Docker's words where it has some. */
int kist_limits_generate(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err) KIST_CHECKED;

/* Texts in limits are resources'. KIST_E_USAGE: it makes no sense; KIST_E_UNSUPPORTED: it asks for what kist does not do. */
int kist_limits_parse(struct port_limits *limits, const cJSON *resources, struct kist_error *err) KIST_CHECKED;

#endif
