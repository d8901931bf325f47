/* Between the parts of seccomp: names and numbers of system calls, machines, and the program under
 * construction. */
#ifndef KIST_CONTAINER_SECCOMP_PRIVATE_H
#define KIST_CONTAINER_SECCOMP_PRIVATE_H

#include "container/seccomp.h"
#include "container/seccomp_table.h"

/* ---- system calls by name (seccomp_names.c) ---- */

/* The rows of the table; KIST_SYSCALL_<name> is the row of a name. */
enum {
#define ROW(name, ...) KIST_SYSCALL_##name,
    KIST_SYSCALLS(ROW)
#undef ROW
    KIST_SYSCALL_COUNT
};

/* Where each row's name is, found by walking the names once. */
struct kist_syscalls {
    uint16_t at[KIST_SYSCALL_COUNT];
};

void kist_syscalls_init(struct kist_syscalls *s);
const char *kist_syscalls_name(const struct kist_syscalls *s, unsigned row);
/* The row of a name, -1 for none. */
int kist_syscalls_find(const struct kist_syscalls *s, const char *name);

/* Docker's default profile lets the call of this row through, whatever its arguments. */
bool kist_syscalls_allowed(unsigned row, const struct kist_seccomp_facts *facts);

/* ---- machines (seccomp_names.c) ---- */

/* An architecture whose system calls a kernel takes. */
struct kist_seccomp_arch {
    const char *name;        /* as OCI has it: "SCMP_ARCH_X86_64" */
    const char *docker;      /* as profiles have it: "amd64" */
    uint32_t audit;          /* AUDIT_ARCH_... of the kernel */
    const uint16_t *numbers; /* by row; see kist_seccomp_number */
    bool wide;               /* arguments are 64-bit */
    bool x32;                /* shares audit with x86_64; its numbers have bit 30 set */
    bool i386;               /* has socketcall and ipc */
};

/* A machine by the architectures it runs, its own first; x32 stands right behind x86_64. */
struct kist_seccomp_machine {
    const struct kist_seccomp_arch *const *archs;
    size_t count;
};

#define KIST_SECCOMP_NO_NUMBER UINT32_MAX
#define KIST_SECCOMP_X32_BIT 0x40000000U

uint32_t kist_seccomp_number(const struct kist_seccomp_arch *arch, unsigned row);

/* The one kist was compiled for; count is 0 where it knows none. */
extern const struct kist_seccomp_machine kist_seccomp_native;

int kist_seccomp_assemble_for(struct kist_seccomp_program *program, const cJSON *seccomp,
                              const struct kist_seccomp_machine *machine,
                              struct kist_error *err) KIST_CHECKED;

/* ---- rules (seccomp_rules.c): the OCI object read for one machine ---- */

/* SECCOMP_RET_... of linux/seccomp.h; the lower 16 bits may hold an errno. */
#define KIST_SECCOMP_KILL_THREAD 0x00000000U
#define KIST_SECCOMP_KILL_PROCESS 0x80000000U
#define KIST_SECCOMP_TRAP 0x00030000U
#define KIST_SECCOMP_ERRNO 0x00050000U
#define KIST_SECCOMP_TRACE 0x7ff00000U
#define KIST_SECCOMP_LOG 0x7ffc0000U
#define KIST_SECCOMP_ALLOW 0x7fff0000U

/* The call is made, or a tracer decides. */
static inline bool kist_seccomp_lets_through(uint32_t action)
{
    return action >= KIST_SECCOMP_TRACE && action < KIST_SECCOMP_KILL_PROCESS;
}

enum kist_seccomp_op {
    KIST_SECCOMP_NE,
    KIST_SECCOMP_LT,
    KIST_SECCOMP_LE,
    KIST_SECCOMP_EQ,
    KIST_SECCOMP_GE,
    KIST_SECCOMP_GT,
    KIST_SECCOMP_MASKED_EQ,
};

struct kist_seccomp_condition {
    uint8_t argument; /* 0 ... 5 */
    uint8_t op;
    uint64_t value; /* what the argument, under mask, is compared with */
    uint64_t mask;  /* all ones but for MASKED_EQ */
};

/* What happens to one system call when all conditions hold. */
struct kist_seccomp_rule {
    uint32_t number;
    uint32_t order;  /* in the object */
    uint32_t action; /* what the filter returns */
    const struct kist_seccomp_condition *conditions;
    size_t condition_count;
};

/* All that one architecture needs, sorted by number, then order. */
struct kist_seccomp_rules {
    struct kist_seccomp_rule *v;
    size_t n, size;
    bool any;         /* the object names a call this architecture has */
    uint32_t highest; /* the highest number among those, ARM's private ones aside */
};

/* An element of the object's `syscalls`. */
struct kist_seccomp_entry {
    const cJSON *names;
    size_t row_count; /* of the names, among the filter's rows */
    uint32_t action;
    struct kist_seccomp_condition conditions[6];
    size_t condition_count;
    bool alternatives; /* one of the conditions is enough */
};

struct kist_seccomp_filter {
    uint32_t default_action;
    unsigned flags; /* of port_seccomp_install */
    bool archs[4];  /* of the machine: which are filtered; the others' calls kill the thread */
    struct kist_seccomp_entry *entries;
    size_t entry_count;
    int16_t *rows; /* of all entries' names, in their order; -1: no call is called so */
};

int kist_seccomp_filter_parse(struct kist_seccomp_filter *f, const cJSON *seccomp,
                              const struct kist_seccomp_machine *machine,
                              struct kist_error *err) KIST_CHECKED;
void kist_seccomp_filter_release(struct kist_seccomp_filter *f);
/* The rules of one architecture, in place of another's; free() what is in rules->v at last. They point into f. */
int kist_seccomp_filter_rules(struct kist_seccomp_rules *rules, const struct kist_seccomp_filter *f,
                              const struct kist_seccomp_arch *arch, struct kist_error *err) KIST_CHECKED;

/* A call of i386 that can also be made through another one, socketcall or ipc, whose first argument says
 * which is meant. */
struct kist_seccomp_detour {
    uint16_t row; /* of the call itself */
    uint16_t via;
    struct kist_seccomp_condition condition;
};

/* NULL for a call without a detour. */
const struct kist_seccomp_detour *kist_seccomp_detour(unsigned row);

#define KIST_SECCOMP_ARM_PRIVATE 0xf0000U /* cacheflush and its kin have numbers from here */

/* ---- code (seccomp_code.c) ---- */

/*
 * A program written from its end to its beginning, because its jumps only go forward: what is jumped to is
 * there already. A label is the number of instructions from the end, that one included; 0 is none.
 */
struct kist_seccomp_code {
    struct port_seccomp_insn *v; /* the last instruction first */
    size_t n, size;
    bool failed; /* out of memory, or more than the kernel takes: nothing more is added */
    struct {
        uint32_t value;
        size_t label;
    } returns[8]; /* recent ones */
    size_t return_count;
};

/* What the machine should return, ready to be jumped to. */
size_t kist_seccomp_code_return(struct kist_seccomp_code *c, uint32_t value);
/* Loads the word at offset of struct seccomp_data. */
size_t kist_seccomp_code_load(struct kist_seccomp_code *c, uint32_t offset);
/* Keeps the bits of mask. */
size_t kist_seccomp_code_and(struct kist_seccomp_code *c, uint32_t mask);

enum kist_seccomp_jump { KIST_SECCOMP_JEQ = 0x15, KIST_SECCOMP_JGT = 0x25, KIST_SECCOMP_JGE = 0x35 };

/* Makes label what comes next. */
void kist_seccomp_code_go(struct kist_seccomp_code *c, size_t label);

/* Compares what is loaded with value, and goes to yes or no, however far they are. */
size_t kist_seccomp_code_jump(struct kist_seccomp_code *c, enum kist_seccomp_jump jump, uint32_t value,
                              size_t yes, size_t no);

#endif
