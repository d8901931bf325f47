/*
 * System calls and architectures by name. The columns of other machines than this one are left out of the
 * binary, unless KIST_SECCOMP_EVERY_ARCH says otherwise: the tests compare all of them.
 */
#include <string.h>

#include "container/capability.h"
#include "container/seccomp_private.h"

#define NA 0xffffU             /* the architecture has no such call */
#define ARM(n) (0xf000U | (n)) /* one of ARM's private calls */

#define NAME(name, ...) #name "\0"

static const char names[] = KIST_SYSCALLS(NAME);

/* What the default profile says: a word below, or a capability. */
#define NONE 0
#define ALWAYS 1
#define PTRACE 2  /* from Linux 4.8 on, or with CAP_SYS_PTRACE */
#define SPECIAL 3 /* depends on arguments: seccomp_default.c */
#define CAP(capability) (0x40 | KIST_CAP_##capability)
#define ADMIN_OR(capability) (0x80 | KIST_CAP_##capability) /* or CAP_SYS_ADMIN */

#define RULE(name, rule, ...) rule,

static const uint8_t said[] = {KIST_SYSCALLS(RULE)};

#define X86_64(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) x86_64,
#define X32(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) x32,
#define I386(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) x86,
#define ARM32(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) arm,
#define ARM64(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) aarch64,
#define RISCV64(name, rule, x86_64, x32, x86, arm, aarch64, riscv64) riscv64,

#if defined(KIST_SECCOMP_EVERY_ARCH) || defined(__x86_64__)
static const uint16_t numbers_x86_64[] = {KIST_SYSCALLS(X86_64)};
static const uint16_t numbers_x32[] = {KIST_SYSCALLS(X32)};
static const struct kist_seccomp_arch arch_x86_64 = {.name = "SCMP_ARCH_X86_64",
                                                     .docker = "amd64",
                                                     .audit = 0xc000003e,
                                                     .numbers = numbers_x86_64,
                                                     .wide = true};
static const struct kist_seccomp_arch arch_x32 = {
    .name = "SCMP_ARCH_X32", .docker = "x32", .audit = 0xc000003e, .numbers = numbers_x32, .x32 = true};
#endif

#if defined(KIST_SECCOMP_EVERY_ARCH) || defined(__x86_64__) || defined(__i386__)
static const uint16_t numbers_i386[] = {KIST_SYSCALLS(I386)};
static const struct kist_seccomp_arch arch_i386 = {
    .name = "SCMP_ARCH_X86", .docker = "x86", .audit = 0x40000003, .numbers = numbers_i386, .i386 = true};
#endif

#if defined(KIST_SECCOMP_EVERY_ARCH) || defined(__aarch64__)
static const uint16_t numbers_arm64[] = {KIST_SYSCALLS(ARM64)};
static const struct kist_seccomp_arch arch_arm64 = {.name = "SCMP_ARCH_AARCH64",
                                                    .docker = "arm64",
                                                    .audit = 0xc00000b7,
                                                    .numbers = numbers_arm64,
                                                    .wide = true};
#endif

#if defined(KIST_SECCOMP_EVERY_ARCH) || defined(__aarch64__) || defined(__arm__)
static const uint16_t numbers_arm[] = {KIST_SYSCALLS(ARM32)};
static const struct kist_seccomp_arch arch_arm = {
    .name = "SCMP_ARCH_ARM", .docker = "arm", .audit = 0x40000028, .numbers = numbers_arm};
#endif

#if defined(KIST_SECCOMP_EVERY_ARCH) || (defined(__riscv) && __riscv_xlen == 64)
static const uint16_t numbers_riscv64[] = {KIST_SYSCALLS(RISCV64)};
static const struct kist_seccomp_arch arch_riscv64 = {.name = "SCMP_ARCH_RISCV64",
                                                      .docker = "riscv64",
                                                      .audit = 0xc00000f3,
                                                      .numbers = numbers_riscv64,
                                                      .wide = true};
#endif

#define MACHINE(...)                                                                                         \
    {                                                                                                        \
        .archs = (const struct kist_seccomp_arch *const[]){__VA_ARGS__},                                     \
        .count = sizeof((const struct kist_seccomp_arch *const[]){__VA_ARGS__}) / sizeof(void *)             \
    }

const struct kist_seccomp_machine kist_seccomp_native =
#if defined(__x86_64__)
    MACHINE(&arch_x86_64, &arch_x32, &arch_i386);
#elif defined(__i386__)
    MACHINE(&arch_i386);
#elif defined(__aarch64__)
    MACHINE(&arch_arm64, &arch_arm);
#elif defined(__arm__)
    MACHINE(&arch_arm);
#elif defined(__riscv) && __riscv_xlen == 64
    MACHINE(&arch_riscv64);
#else
    {.count = 0};
#endif

#if defined(KIST_SECCOMP_EVERY_ARCH)
extern const struct kist_seccomp_machine kist_seccomp_machines[5];
const struct kist_seccomp_machine kist_seccomp_machines[5] = {
    MACHINE(&arch_x86_64, &arch_x32, &arch_i386),
    MACHINE(&arch_i386),
    MACHINE(&arch_arm64, &arch_arm),
    MACHINE(&arch_arm),
    MACHINE(&arch_riscv64),
};
#endif

_Static_assert(sizeof(names) <= UINT16_MAX, "a name's place fits 16 bits");

void kist_syscalls_init(struct kist_syscalls *s)
{
    const char *name = names;

    for (unsigned row = 0; row < KIST_SYSCALL_COUNT; row++) {
        s->at[row] = (uint16_t)(name - names);
        name += strlen(name) + 1;
    }
}

const char *kist_syscalls_name(const struct kist_syscalls *s, unsigned row)
{
    return names + s->at[row];
}

int kist_syscalls_find(const struct kist_syscalls *s, const char *name)
{
    unsigned low = 0, high = KIST_SYSCALL_COUNT;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = strcmp(name, names + s->at[middle]);

        if (order == 0) {
            return (int)middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

bool kist_syscalls_allowed(unsigned row, const struct kist_seccomp_facts *facts)
{
    uint64_t caps = facts->capabilities, wanted;

    switch (said[row]) {
    case NONE:
    case SPECIAL:
        return false;
    case ALWAYS:
        return true;
    case PTRACE:
        return (caps & KIST_CAPABILITY_BIT(KIST_CAP_SYS_PTRACE)) != 0 || facts->kernel_major > 4 ||
               (facts->kernel_major == 4 && facts->kernel_minor >= 8);
    default:
        wanted = KIST_CAPABILITY_BIT(said[row] & 0x3f);
        wanted |= (said[row] & 0x80) != 0 ? KIST_CAPABILITY_BIT(KIST_CAP_SYS_ADMIN) : 0;
        return (caps & wanted) != 0;
    }
}

uint32_t kist_seccomp_number(const struct kist_seccomp_arch *arch, unsigned row)
{
    uint32_t number = arch->numbers[row];

    if (number == NA) {
        return KIST_SECCOMP_NO_NUMBER;
    }
    if (number >= ARM(0)) {
        return KIST_SECCOMP_ARM_PRIVATE + (number & 0xff);
    }
    return arch->x32 ? number | KIST_SECCOMP_X32_BIT : number;
}
