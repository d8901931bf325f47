/* Classic BPF, last instruction first (linux/filter.h, linux/bpf_common.h). */
#include <stdlib.h>

#include "container/seccomp_private.h"

enum { LOAD = 0x20, GO = 0x05, AND = 0x54, RETURN = 0x06 };

/* A conditional jump reaches 255 instructions past the next one; one less, because the other arm's detour may
 * come between. */
#define REACH 254

static size_t add(struct kist_seccomp_code *c, struct port_seccomp_insn insn)
{
    if (c->n == c->size && !c->failed) {
        size_t size = c->size ? 2 * c->size : 1024; /* the default profile's is this long */
        struct port_seccomp_insn *v = c->n < PORT_SECCOMP_INSNS_MAX ? realloc(c->v, size * sizeof(*v)) : NULL;

        if (v) {
            c->v = v;
            c->size = size;
        } else {
            c->failed = true;
        }
    }
    if (c->failed) {
        return c->n;
    }
    c->v[c->n] = insn;
    return ++c->n;
}

size_t kist_seccomp_code_return(struct kist_seccomp_code *c, uint32_t value)
{
    size_t slot = 0, label;

    while (slot < c->return_count && c->returns[slot].value != value) {
        slot++;
    }
    if (slot < c->return_count && c->n - c->returns[slot].label < REACH / 2) {
        return c->returns[slot].label;
    }
    if (slot == KIST_COUNT(c->returns)) {
        slot = 0;
    }
    label = add(c, (struct port_seccomp_insn){.code = RETURN, .k = value});
    c->returns[slot].value = value;
    c->returns[slot].label = label;
    c->return_count = KIST_MAX(c->return_count, slot + 1);
    return label;
}

size_t kist_seccomp_code_load(struct kist_seccomp_code *c, uint32_t offset)
{
    return add(c, (struct port_seccomp_insn){.code = LOAD, .k = offset});
}

size_t kist_seccomp_code_and(struct kist_seccomp_code *c, uint32_t mask)
{
    return add(c, (struct port_seccomp_insn){.code = AND, .k = mask});
}

/* label, or a way to it that is near enough. */
static size_t near(struct kist_seccomp_code *c, size_t label)
{
    if (c->n - label <= REACH) {
        return label;
    }
    return add(c, (struct port_seccomp_insn){.code = GO, .k = (uint32_t)(c->n - label)});
}

void kist_seccomp_code_go(struct kist_seccomp_code *c, size_t label)
{
    if (label != c->n) {
        (void)add(c, (struct port_seccomp_insn){.code = GO, .k = (uint32_t)(c->n - label)});
    }
}

size_t kist_seccomp_code_jump(struct kist_seccomp_code *c, enum kist_seccomp_jump jump, uint32_t value,
                              size_t yes, size_t no)
{
    yes = near(c, yes);
    no = near(c, no);
    return add(
        c, (struct port_seccomp_insn){
               .code = (uint16_t)jump, .jt = (uint8_t)(c->n - yes), .jf = (uint8_t)(c->n - no), .k = value});
}
