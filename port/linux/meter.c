/* What a container uses, out of the kernel's counters (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst). */
#include "port/meter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "meter_private.h"
#include "port/system.h"
#include "sandbox_private.h"

#define TEXT_MAX 16384

enum { CPU, MEMORY, CACHE, LIMIT, TASKS, READ, WRITTEN, COUNTERS };

/* Where the number is: behind key; files are read behind a line's end. */
static const struct {
    const char *v1, *v1_key, *v2, *v2_key;
} counters[COUNTERS] = {
    [CPU] = {"cpuacct.usage", "\n", "cpu.stat", "\nusage_usec "},
    [MEMORY] = {"memory.usage_in_bytes", "\n", "memory.current", "\n"},
    [CACHE] = {"memory.stat", "\ntotal_inactive_file ", "memory.stat", "\ninactive_file "},
    [LIMIT] = {"memory.limit_in_bytes", "\n", "memory.max", "\n"},
    [TASKS] = {"pids.current", "\n", "pids.current", "\n"},
    [READ] = {"blkio.throttle.io_service_bytes_recursive", " Read ", "io.stat", " rbytes="},
    [WRITTEN] = {"blkio.throttle.io_service_bytes_recursive", " Write ", "io.stat", " wbytes="},
};

bool port_meter_sum(const char *text, const char *key, uint64_t *sum)
{
    const char *at = strstr(text, key);

    *sum = 0;
    for (const char *p = at; p; p = strstr(p, key)) {
        p += strlen(key);
        *sum += strtoull(p, NULL, 10);
    }
    return at != NULL;
}

/* Bits of those that were found. */
static unsigned read_groups(const struct port_cgroup_set *set, uint64_t value[COUNTERS])
{
    char text[TEXT_MAX] = "\n";
    unsigned found = 0;

    for (size_t c = 0; c < COUNTERS; c++) {
        for (size_t i = 0; i < set->n && (found & 1U << c) == 0; i++) {
            const bool v2 = (int)i == set->unified;

            if (port_cgroup_read(set->v[i].dir, v2 ? counters[c].v2 : counters[c].v1, text + 1, sizeof(text) - 1) &&
                port_meter_sum(text, v2 ? counters[c].v2_key : counters[c].v1_key, &value[c])) {
                found |= 1U << c;
                value[c] *= v2 && c == CPU ? 1000 : 1;
            }
        }
    }
    return found;
}

static int add_task(void *arg, const struct port_task *task, struct kist_error *err)
{
    uint64_t *value = arg, moved;
    char path[40], text[1024] = "\n";

    (void)err;
    value[CPU] += (task->cpu + task->cpu_ended) * 1000000;
    value[MEMORY] += task->memory;
    value[TASKS] += task->threads;
    if (kist_str_format(path, sizeof(path), "/proc/%d/io", task->pid) &&
        port_cgroup_read(AT_FDCWD, path, text + 1, sizeof(text) - 1)) {
        value[READ] += port_meter_sum(text, "\nread_bytes: ", &moved) ? moved : 0;
        value[WRITTEN] += port_meter_sum(text, "\nwrite_bytes: ", &moved) ? moved : 0;
    }
    return 0;
}

void port_meter_net(const char *text, uint64_t *received, uint64_t *sent)
{
    char *end;

    *received = *sent = 0;
    for (const char *colon = strchr(text, ':'); colon; colon = strchr(end, ':')) {
        const bool loopback = colon - text >= 2 && strncmp(colon - 2, "lo", 2) == 0 &&
                              (colon - text == 2 || colon[-3] == ' ' || colon[-3] == '\n');
        uint64_t number = 0;

        end = (char *)colon + 1;
        for (int field = 1; field <= 9; field++) {
            number = strtoull(end, &end, 10);
            *(field == 1 ? received : sent) += !loopback && (field == 1 || field == 9) ? number : 0;
        }
    }
}

static void read_net(struct port_meter *meter, int pid)
{
    char path[40], text[TEXT_MAX];
    struct stat ours, its;

    if (kist_str_format(path, sizeof(path), "/proc/%d/ns/net", pid) && stat(path, &its) == 0 &&
        stat("/proc/self/ns/net", &ours) == 0 && its.st_ino != ours.st_ino &&
        kist_str_format(path, sizeof(path), "/proc/%d/net/dev", pid) && port_cgroup_read(AT_FDCWD, path, text, sizeof(text))) {
        port_meter_net(text, &meter->received, &meter->sent);
    }
}

int port_meter_read(struct port_meter *meter, const char *group, int pid, struct kist_error *err)
{
    uint64_t value[COUNTERS] = {0}, told[COUNTERS] = {0};
    struct port_cgroup_set set;
    struct port_system machine;
    unsigned found = 0;
    int rc = port_cgroup_find(&set, group, err);

    if (rc == 0) {
        found = read_groups(&set, value);
    }
    port_cgroup_release(&set);
    rc = rc < 0 ? rc : port_system_get(&machine, err);
    if (rc == 0 && (~found & (1U << CPU | 1U << MEMORY | 1U << TASKS | 1U << READ | 1U << WRITTEN)) != 0) {
        rc = port_meter_each(group, pid, add_task, told, err);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t c = 0; c < COUNTERS; c++) {
        value[c] = (found & 1U << c) != 0 ? value[c] : told[c];
    }
    *meter = (struct port_meter){.cpu = value[CPU], .tasks = value[TASKS], .read = value[READ], .written = value[WRITTEN]};
    meter->memory = value[MEMORY] - KIST_MIN(value[MEMORY], value[CACHE]);
    meter->limit = value[LIMIT] > 0 ? KIST_MIN(value[LIMIT], machine.memory) : machine.memory; /* "max" is no number */
    read_net(meter, pid);
    return 0;
}
