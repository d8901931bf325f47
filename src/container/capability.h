/* Linux capabilities (capabilities(7)) by name, as sets of bits; Docker's default set and its --cap-add and
 * --cap-drop. */
#ifndef KIST_CONTAINER_CAPABILITY_H
#define KIST_CONTAINER_CAPABILITY_H

#include <stdbool.h>

#include "base/str.h"

#define KIST_CAPABILITY_COUNT 41 /* CAP_CHECKPOINT_RESTORE (40) is the last one known here */
#define KIST_CAPABILITY_ALL (((uint64_t)1 << KIST_CAPABILITY_COUNT) - 1)

/* Those of which a rule elsewhere speaks. */
enum {
    KIST_CAP_CHOWN = 0,
    KIST_CAP_DAC_OVERRIDE = 1,
    KIST_CAP_DAC_READ_SEARCH = 2,
    KIST_CAP_FOWNER = 3,
    KIST_CAP_FSETID = 4,
    KIST_CAP_KILL = 5,
    KIST_CAP_SETGID = 6,
    KIST_CAP_SETUID = 7,
    KIST_CAP_SETPCAP = 8,
    KIST_CAP_NET_BIND_SERVICE = 10,
    KIST_CAP_NET_RAW = 13,
    KIST_CAP_SYS_MODULE = 16,
    KIST_CAP_SYS_RAWIO = 17,
    KIST_CAP_SYS_CHROOT = 18,
    KIST_CAP_SYS_PTRACE = 19,
    KIST_CAP_SYS_PACCT = 20,
    KIST_CAP_SYS_ADMIN = 21,
    KIST_CAP_SYS_BOOT = 22,
    KIST_CAP_SYS_NICE = 23,
    KIST_CAP_SYS_TIME = 25,
    KIST_CAP_SYS_TTY_CONFIG = 26,
    KIST_CAP_MKNOD = 27,
    KIST_CAP_AUDIT_WRITE = 29,
    KIST_CAP_SETFCAP = 31,
    KIST_CAP_SYSLOG = 34,
    KIST_CAP_PERFMON = 38,
    KIST_CAP_BPF = 39,
};

#define KIST_CAPABILITY_BIT(number) ((uint64_t)1 << (number))

/* What a container has unless told otherwise: Docker's fourteen. */
#define KIST_CAPABILITY_DEFAULT                                                                              \
    (KIST_CAPABILITY_BIT(KIST_CAP_CHOWN) | KIST_CAPABILITY_BIT(KIST_CAP_DAC_OVERRIDE) |                      \
     KIST_CAPABILITY_BIT(KIST_CAP_FSETID) | KIST_CAPABILITY_BIT(KIST_CAP_FOWNER) |                           \
     KIST_CAPABILITY_BIT(KIST_CAP_MKNOD) | KIST_CAPABILITY_BIT(KIST_CAP_NET_RAW) |                           \
     KIST_CAPABILITY_BIT(KIST_CAP_SETGID) | KIST_CAPABILITY_BIT(KIST_CAP_SETUID) |                           \
     KIST_CAPABILITY_BIT(KIST_CAP_SETFCAP) | KIST_CAPABILITY_BIT(KIST_CAP_SETPCAP) |                         \
     KIST_CAPABILITY_BIT(KIST_CAP_NET_BIND_SERVICE) | KIST_CAPABILITY_BIT(KIST_CAP_SYS_CHROOT) |             \
     KIST_CAPABILITY_BIT(KIST_CAP_KILL) | KIST_CAPABILITY_BIT(KIST_CAP_AUDIT_WRITE))

/* "CAP_CHOWN"; NULL for a number not known here. */
const char *kist_capability_name(unsigned number);

/* "CAP_CHOWN", "chown", "Cap_Chown" -> 0. False when there is none such. */
bool kist_capability_find(const char *text, unsigned *number) KIST_CHECKED;

/*
 * The set a container gets. available is what there is to give (the kernel's, less what kist itself may not
 * have); a default outside it is left out quietly, one asked for by name is KIST_E_UNSUPPORTED. "ALL" in add
 * is all that is available less what drop names, whatever else is said; else "ALL" in drop leaves only what
 * add names. An unknown name is KIST_E_USAGE, with the nearest one.
 */
int kist_capability_resolve(uint64_t *set, const struct kist_strv *add, const struct kist_strv *drop,
                            uint64_t available, struct kist_error *err) KIST_CHECKED;

#endif
