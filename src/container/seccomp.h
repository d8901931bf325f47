/*
 * System call filters: Docker's default profile and profiles in Docker's JSON, both resolved to the
 * `linux.seccomp` object of the OCI runtime specification (config-linux.md, "Seccomp"), and that object
 * assembled to a BPF program for this machine.
 */
#ifndef KIST_CONTAINER_SECCOMP_H
#define KIST_CONTAINER_SECCOMP_H

#include "codec/json.h"
#include "port/seccomp.h"

/* What a profile's conditions (includes, excludes) are held against. */
struct kist_seccomp_facts {
    uint64_t capabilities; /* the container's bounding set, as container/capability.h has it */
    unsigned kernel_major, kernel_minor;
};

/* The numbers at the front of a kernel release: "6.1.0-18-arm64" -> 6, 1; 0, 0 for what has none. */
void kist_seccomp_kernel(struct kist_seccomp_facts *facts, const char *release);

/* Docker's default profile; cJSON_Delete what is returned. */
int kist_seccomp_default(cJSON **out, const struct kist_seccomp_facts *facts,
                         struct kist_error *err) KIST_CHECKED;

/*
 * A profile in Docker's format (the OCI object is a subset of it). name is for messages. KIST_E_USAGE for
 * what is none: not JSON, an unknown action or operator, an argument index above 5, name beside names,
 * archMap beside architectures. *out is NULL for a profile that says nothing at all: no filter, as Docker has
 * it.
 */
int kist_seccomp_profile(cJSON **out, const char *text, size_t len, const char *name,
                         const struct kist_seccomp_facts *facts, struct kist_error *err) KIST_CHECKED;

struct kist_seccomp_program {
    struct port_seccomp_insn *insns;
    size_t count;
    unsigned flags; /* of port_seccomp_install */
};

/*
 * The program for the machine kist was compiled for, and the other architectures it runs, where seccomp lists
 * them.
 *
 * System calls this machine does not have are passed over. One whose number is above all that seccomp names is
 * newer than it and gives ENOSYS, so that programs fall back, unless the default action lets it through.
 *
 * Several rules for one call: the first without arguments, wherever it stands; else the first whose arguments
 * all match.
 *
 * KIST_E_CORRUPT for an object that breaks the specification; KIST_E_UNSUPPORTED for SCMP_ACT_NOTIFY (nobody
 * would listen), an unknown flag or architecture, more instructions than the kernel takes.
 */
int kist_seccomp_assemble(struct kist_seccomp_program *program, const cJSON *seccomp,
                          struct kist_error *err) KIST_CHECKED;
void kist_seccomp_program_release(struct kist_seccomp_program *program);
void kist_seccomp_program_auto(struct kist_seccomp_program *program);

#endif
