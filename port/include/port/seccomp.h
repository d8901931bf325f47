/* The kernel's system call filter (seccomp(2)): programs in classic BPF, as every machine has them. */
#ifndef PORT_SECCOMP_H
#define PORT_SECCOMP_H

#include <stdbool.h>

#include "base/error.h"

/* One instruction: the layout of the kernel's struct sock_filter. */
struct port_seccomp_insn {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
};

/* What a program may hold: the kernel's BPF_MAXINSNS. */
#define PORT_SECCOMP_INSNS_MAX 4096

/* The kernel has filters. */
bool port_seccomp_available(void);

enum {
    PORT_SECCOMP_LOG = 1,        /* the kernel logs what a filter denies (4.14) */
    PORT_SECCOMP_SPEC_ALLOW = 2, /* without the CPU's store bypass mitigation, which is slow (4.17) */
};

/*
 * Puts the calling thread, and all it will start, under program, for good. The caller has CAP_SYS_ADMIN in
 * its user namespace or has set no_new_privs. A flag the kernel does not know is left out. KIST_E_UNSUPPORTED
 * where the kernel has no filters.
 */
int port_seccomp_install(const struct port_seccomp_insn *program, size_t count, unsigned flags,
                         struct kist_error *err) KIST_CHECKED;

#endif
