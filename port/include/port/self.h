/* This very program, run again. */
#ifndef PORT_SELF_H
#define PORT_SELF_H

#include "base/error.h"

/*
 * Before a container is entered: from here on nobody who gets hold of this program's file through one of its processes
 * (/proc/PID/exe, CVE-2019-5736) can write to it. Runs the program again, from the beginning, where that needs to be,
 * and then does not return; returns where it is so already, and where the kernel has no way.
 */
void port_self_seal(char *const *argv);

/* Runs this program, sealed, in the place of the caller, with what the caller may do now. Returns on failure only. */
int port_self_again(char *const *argv, struct kist_error *err) KIST_CHECKED;

/* What a program started by port_self_spawn finds as descriptors 3 and 4. */
enum { PORT_SELF_LOCK = 3, PORT_SELF_REPORT = 4 };

/*
 * Runs this program, sealed, as a process of its own session that outlives us. It gets lock and report under the numbers
 * above, nothing of our standard streams but error, no other descriptor, and no signal held back.
 */
int port_self_spawn(char *const *argv, int lock, int report, struct kist_error *err) KIST_CHECKED;

/* A process that only waits from here on: standard error is let go of, and memory that waiting does not need. */
void port_self_settle(void);

#endif
