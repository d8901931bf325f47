/*
 * The simulated machine of port/sim, for tests: one disk in memory that keeps to port/file.h and to nothing more, whose power can be
 * cut, and whose calls can be made to fail. Deterministic, and for one thread only.
 *
 * What was written is seen at once, and lasts from the sync on that covers it; until then it is pending. A rename is one operation: the
 * sync of either directory makes all of it last.
 */
#ifndef KIST_PORT_SIM_H
#define KIST_PORT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An empty disk of so many bytes (0: 64 MiB), the power on, nothing armed. */
void port_sim_reset(uint64_t capacity);

/* ---- the power ---- */

/*
 * The process dies in its nth operation from now on that changes the disk (counted from 1; 0: never). That operation is carried out and
 * pending, a sync excepted, which has not happened; it and each later call fail. What the dead process still closes and frees is freed.
 */
void port_sim_halt_at(uint64_t n);
bool port_sim_halted(void);
/* Operations since port_sim_halt_at, port_sim_load or port_sim_reset. */
uint64_t port_sim_operations(void);

/* What becomes of the pending operations when the power is cut. */
enum port_sim_fate {
    PORT_SIM_KEPT,     /* all are on the medium */
    PORT_SIM_LOST,     /* none is */
    PORT_SIM_ONE_LOST, /* all but one are */
    PORT_SIM_ONE_KEPT, /* only one is */
    PORT_SIM_TORN,     /* all are, but of the last write only what lies on one side of a multiple of 512 */
    PORT_SIM_NAMES,    /* names are, what the files contain is not: files have their old size, or zeros instead */
    PORT_SIM_FATES,
};

const char *port_sim_fate_name(enum port_sim_fate fate);
/* In how many ways that can happen to what is pending now. */
size_t port_sim_variants(enum port_sim_fate fate);
/* The power was cut, and is on again: names and bytes are what fate left, and all processes are new ones. */
void port_sim_reboot(enum port_sim_fate fate, size_t variant);
/* Only the process died: the next one sees all that was written, and what is pending stays so. Its locks are gone. */
void port_sim_restart(void);

/* ---- failing calls ---- */

/*
 * The nth call from now on (counted from 1; 0: none) that can fail so fails with sys_errno; all such calls from there on when sticky.
 * ENOSPC is for calls that take space, and a write then puts down its first half; any other number is for every call.
 */
void port_sim_fail_at(uint64_t n, int sys_errno, bool sticky);
/* Calls, since port_sim_fail_at, that could have failed with its sys_errno. */
uint64_t port_sim_calls(void);
/* The simulator itself asks for memory: an allocation that tests make fail is not this one. */
bool port_sim_allocating(void);

/* ---- looking ---- */

/* All of the disk, pending operations included. The caller frees it. */
struct port_sim_disk;
struct port_sim_disk *port_sim_save(void);
/* The disk is as it was then; all processes are new ones; nothing is armed. */
void port_sim_load(const struct port_sim_disk *saved);
void port_sim_free(struct port_sim_disk *saved);

/* A hash of names and contents of what is at path and below it, 0 where nothing is; times do not count. */
uint64_t port_sim_fingerprint(const char *path);
/* Files and directories below path, that itself not counted. */
size_t port_sim_count(const char *path);
/* Bytes that the disk gives to path and all below it, as port_dir_usage counts them. */
uint64_t port_sim_usage(const char *path);
/* The most that was at any moment from now on; NULL ends it. port_sim_peak tells. */
void port_sim_watch(const char *path);
uint64_t port_sim_peak(void);
/* Directories and files that are open, those of dead processes too. */
size_t port_sim_handles(void);
void port_sim_clock_set(int64_t seconds);

#endif
