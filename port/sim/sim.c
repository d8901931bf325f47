#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

#define CAPACITY (UINT64_C(64) << 20)
#define EPOCH INT64_C(1700000000) /* the clock of a new disk, seconds */

static struct {
    unsigned process;
    uint64_t operations, halt_at;
    bool halted;
    uint64_t calls, fail_at;
    int fail_errno;
    bool fail_sticky;
    size_t handles;
} sim;

static struct {
    char *path;
    uint64_t peak;
} watched;

static void disarm(void)
{
    sim.operations = sim.halt_at = sim.calls = sim.fail_at = 0;
    sim.fail_errno = 0;
    sim.halted = sim.fail_sticky = false;
}

/* ---- control ---- */

static void new_process(void)
{
    disarm();
    sim.process++;
}

void port_sim_restart(void)
{
    new_process();
    sim_disk.random +=
        UINT64_C(0xd1342543de82ef95); /* what is picked now must not be what the dead one would have */
}

void port_sim_reset(uint64_t capacity)
{
    sim_disk_clear(&sim_disk);
    sim_disk.capacity = capacity ? capacity : CAPACITY;
    sim_disk.clock = EPOCH * 1000;
    (void)sim_node_new(PORT_TYPE_DIRECTORY);
    new_process();
}

void port_sim_halt_at(uint64_t n)
{
    sim.operations = 0;
    sim.halt_at = n;
}

bool port_sim_halted(void)
{
    return sim.halted;
}

uint64_t port_sim_operations(void)
{
    return sim.operations;
}

void port_sim_fail_at(uint64_t n, int sys_errno, bool sticky)
{
    sim.calls = 0;
    sim.fail_at = n;
    sim.fail_errno = sys_errno;
    sim.fail_sticky = sticky;
}

uint64_t port_sim_calls(void)
{
    return sim.calls;
}

struct port_sim_disk *port_sim_save(void)
{
    struct port_sim_disk *saved = sim_alloc(NULL, sizeof(*saved));

    *saved = (struct port_sim_disk){.ops = NULL};
    sim_disk_copy(saved, &sim_disk);
    return saved;
}

void port_sim_load(const struct port_sim_disk *saved)
{
    sim_disk_copy(&sim_disk, saved);
    new_process();
}

void port_sim_free(struct port_sim_disk *saved)
{
    if (saved) {
        sim_disk_clear(saved);
        free(saved);
    }
}

void port_sim_clock_set(int64_t seconds)
{
    sim_disk.clock = seconds * 1000;
}

size_t port_sim_handles(void)
{
    return sim.handles;
}

void sim_handle_count(int change)
{
    sim.handles += (size_t)change;
}

/* ---- looking ---- */

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

/* The names of a directory may stand in any order. */
static uint64_t fingerprint(uint32_t at)
{
    const struct sim_node *node = &sim_disk.now.nodes[at];
    uint64_t sum = 0, h = hash(UINT64_C(0xcbf29ce484222325), node->data, node->size);

    for (size_t i = 0; i < node->entry_count; i++) {
        uint64_t below = fingerprint(node->entries[i].node);

        sum += hash(below, node->entries[i].name, strlen(node->entries[i].name) + 1);
    }
    h = hash(h, &sum, sizeof(sum));
    return hash(h, &node->type, sizeof(node->type));
}

uint64_t port_sim_fingerprint(const char *path)
{
    uint32_t at = sim_walk(&sim_disk.now, path);

    return at == SIM_NONE ? 0 : fingerprint(at);
}

static size_t count(uint32_t at)
{
    const struct sim_node *node = &sim_disk.now.nodes[at];
    size_t n = node->entry_count;

    for (size_t i = 0; i < node->entry_count; i++) {
        n += count(node->entries[i].node);
    }
    return n;
}

size_t port_sim_count(const char *path)
{
    uint32_t at = sim_walk(&sim_disk.now, path);

    return at == SIM_NONE ? 0 : count(at);
}

uint64_t port_sim_usage(const char *path)
{
    uint32_t at = sim_walk(&sim_disk.now, path);

    return at == SIM_NONE ? 0 : sim_usage(at);
}

void port_sim_watch(const char *path)
{
    free(watched.path);
    watched.path = path ? sim_text(path) : NULL;
    watched.peak = 0;
    sim_watch();
}

uint64_t port_sim_peak(void)
{
    return watched.peak;
}

void sim_watch(void)
{
    if (watched.path) {
        watched.peak = KIST_MAX(watched.peak, port_sim_usage(watched.path));
    }
}

/* ---- the gate ---- */

unsigned sim_process(void)
{
    return sim.process;
}

int sim_error(struct kist_error *err, int sys_errno, const struct sim_place *place)
{
    enum kist_err code = sys_errno == ENOENT                          ? KIST_E_NOT_FOUND
                         : sys_errno == EEXIST || sys_errno == EAGAIN ? KIST_E_CONFLICT
                                                                      : KIST_E_IO;

    return kist_error_sys(err, code, sys_errno, "cannot %s '%s%s%s'", place->verb, place->at,
                          place->name ? "/" : "", place->name ? place->name : "");
}

static int no_power(const struct sim_place *place, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_IO, "cannot %s '%s': the power is cut", place->verb, place->at);
}

int sim_enter(const struct sim_place *place, enum sim_call call, struct kist_error *err)
{
    if (sim.halted || place->process != sim.process) {
        return no_power(place, err);
    }
    if (sim.fail_errno != 0 && (sim.fail_errno != ENOSPC || call == SIM_TAKES_SPACE)) {
        sim.calls++;
        if (sim.calls == sim.fail_at || (sim.fail_sticky && sim.fail_at && sim.calls > sim.fail_at)) {
            return sim_error(err, sim.fail_errno, place);
        }
    }
    if (call != SIM_READS) {
        sim.operations++;
        sim.halted = sim.operations == sim.halt_at;
    }
    return 0;
}

int sim_leave(const struct sim_place *place, int rc, struct kist_error *err)
{
    return sim.halted ? no_power(place, err) : rc;
}

bool sim_name_ok(const char *name)
{
    return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
