/* The part of classic BPF that seccomp filters use, interpreted as the kernel does (net/core/filter.c). */
#ifndef KIST_TEST_BPF_H
#define KIST_TEST_BPF_H

#include <stdint.h>
#include <string.h>

#include "port/seccomp.h"

/* The kernel's struct seccomp_data. */
struct bpf_data {
    uint32_t number, arch;
    uint64_t instruction;
    uint64_t arguments[6];
};

#define BPF_BROKEN 0xdeadbeefU /* the program is none the kernel would take */

static inline uint32_t bpf_run(const struct port_seccomp_insn *program, size_t count, const struct bpf_data *data)
{
    uint32_t a = 0, scratch[16] = {0}, x = 0;

    for (size_t pc = 0; pc < count; pc++) {
        const struct port_seccomp_insn *insn = &program[pc];

        switch (insn->code) {
        case 0x20: /* ld [k] */
            if (insn->k > sizeof(*data) - 4 || insn->k % 4 != 0)
                return BPF_BROKEN;
            memcpy(&a, (const char *)data + insn->k, 4);
            break;
        case 0x00: /* ld #k */
            a = insn->k;
            break;
        case 0x01: /* ldx #k */
            x = insn->k;
            break;
        case 0x02: /* st M[k] */
            if (insn->k >= 16)
                return BPF_BROKEN;
            scratch[insn->k] = a;
            break;
        case 0x60: /* ld M[k] */
            if (insn->k >= 16)
                return BPF_BROKEN;
            a = scratch[insn->k];
            break;
        case 0x54: /* and #k */
            a &= insn->k;
            break;
        case 0x5c: /* and x */
            a &= x;
            break;
        case 0x05: /* ja */
            if (insn->k >= count - pc - 1)
                return BPF_BROKEN;
            pc += insn->k;
            break;
        case 0x15: /* jeq */
            pc += a == insn->k ? insn->jt : insn->jf;
            break;
        case 0x25: /* jgt */
            pc += a > insn->k ? insn->jt : insn->jf;
            break;
        case 0x35: /* jge */
            pc += a >= insn->k ? insn->jt : insn->jf;
            break;
        case 0x06: /* ret #k */
            return insn->k;
        default:
            return BPF_BROKEN;
        }
    }
    return BPF_BROKEN;
}

#endif
