/*
 * Device rules for cgroup v2: a BPF program (BPF_PROG_TYPE_CGROUP_DEVICE) that the kernel asks at every open
 * and mknod of a device. Rules are tried from the last to the first, so that the first that matches is the
 * one that counts.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "kernel.h"
#include "sandbox_private.h"

/* Registers: what was asked for, then a scratch one. */
enum {
    R_CONTEXT = BPF_REG_1,
    R_TYPE = BPF_REG_2,
    R_ACCESS = BPF_REG_3,
    R_MAJOR = BPF_REG_4,
    R_MINOR = BPF_REG_5,
    R_TMP = BPF_REG_6
};

/* Instructions of one rule at most: the whole of it is jumped over by an offset that fits. */
#define PROGRAM_MAX (65536 * sizeof(struct bpf_insn))

static int emit(struct kist_buf *code, uint8_t op, int dst, int src, int off, int32_t imm,
                struct kist_error *err)
{
    const struct bpf_insn insn = {.code = op,
                                  .dst_reg = (uint8_t)(dst & 15),
                                  .src_reg = (uint8_t)(src & 15),
                                  .off = (int16_t)off,
                                  .imm = imm};

    return kist_buf_add(code, &insn, sizeof(insn), err);
}

static int load(struct kist_buf *code, int dst, size_t offset, struct kist_error *err)
{
    return emit(code, BPF_LDX | BPF_MEM | BPF_W, dst, R_CONTEXT, (int)offset, 0, err);
}

/* access_type is (access << 16) | type. */
static int prologue(struct kist_buf *code, struct kist_error *err)
{
    int rc = load(code, R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type), err);

    rc = rc < 0 ? rc : emit(code, BPF_ALU64 | BPF_MOV | BPF_X, R_ACCESS, R_TYPE, 0, 0, err);
    rc = rc < 0 ? rc : emit(code, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff, err);
    rc = rc < 0 ? rc : emit(code, BPF_ALU | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16, err);
    rc = rc < 0 ? rc : load(code, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major), err);
    return rc < 0 ? rc : load(code, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor), err);
}

static int leave(struct kist_buf *code, bool allow, struct kist_error *err)
{
    int rc = emit(code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow, err);

    return rc < 0 ? rc : emit(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0, err);
}

/* Jumps that leave the rule get their distance once its length is known. */
static int rule(struct kist_buf *code, const struct port_device_rule *r, struct kist_error *err)
{
    const int all = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
    const int access = (r->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (r->read ? BPF_DEVCG_ACC_READ : 0) |
                       (r->write ? BPF_DEVCG_ACC_WRITE : 0);
    const size_t start = code->len;
    int rc = 0;

    if (r->type != 'a') {
        rc = emit(code, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0,
                  r->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK, err);
    }
    if (rc == 0 && access != all) {
        /* allowed is what stays within the rule; forbidden what touches it */
        rc = emit(code, BPF_ALU64 | BPF_MOV | BPF_X, R_TMP, R_ACCESS, 0, 0, err);
        rc = rc < 0 ? rc
                    : emit(code, BPF_ALU64 | BPF_AND | BPF_K, R_TMP, 0, 0, r->allow ? all & ~access : access,
                           err);
        rc = rc < 0 ? rc : emit(code, BPF_JMP | (r->allow ? BPF_JNE : BPF_JEQ) | BPF_K, R_TMP, 0, 0, 0, err);
    }
    if (rc == 0 && r->major >= 0) {
        rc = emit(code, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int32_t)r->major, err);
    }
    if (rc == 0 && r->minor >= 0) {
        rc = emit(code, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int32_t)r->minor, err);
    }
    rc = rc < 0 ? rc : leave(code, r->allow, err);
    for (size_t at = start; rc == 0 && at < code->len; at += sizeof(struct bpf_insn)) {
        struct bpf_insn insn;

        memcpy(&insn, code->data + at, sizeof(insn));
        if (BPF_CLASS(insn.code) == BPF_JMP && BPF_OP(insn.code) != BPF_EXIT) {
            insn.off = (int16_t)((code->len - at) / sizeof(insn) - 1);
            memcpy(code->data + at, &insn, sizeof(insn));
        }
    }
    return rc;
}

/* It speaks of every device and every use: no rule before it counts, and the kernel refuses code it cannot
 * reach. */
static bool is_final(const struct port_device_rule *r)
{
    return r->type == 'a' && r->major < 0 && r->minor < 0 && r->read && r->write && r->mknod;
}

static int assemble(struct kist_buf *code, const struct port_device_rule *rules, size_t count,
                    struct kist_error *err)
{
    int rc = prologue(code, err);

    for (size_t i = count; rc == 0 && i-- > 0;) {
        rc = rule(code, &rules[i], err);
        if (is_final(&rules[i])) {
            return rc;
        }
    }
    return rc < 0 ? rc : leave(code, false, err);
}

static int load_program(const struct kist_buf *code)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};

    attr.insn_cnt = (uint32_t)(code->len / sizeof(struct bpf_insn));
    attr.insns = (uint64_t)(uintptr_t)code->data;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* A kernel without such programs (CONFIG_CGROUP_BPF) refuses the shortest one too. */
bool port_device_lacking(void)
{
    KIST_AUTO(buf) struct kist_buf code = KIST_BUF_INIT(PROGRAM_MAX);
    KIST_AUTO(fd) int program = leave(&code, true, NULL) == 0 ? load_program(&code) : -1;

    return program < 0;
}

int port_device_filter(int group, const struct port_device_rule *rules, size_t count, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf code = KIST_BUF_INIT(PROGRAM_MAX);
    union bpf_attr attr = {.attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
    int rc = assemble(&code, rules, count, err), number;

    if (rc < 0) {
        return rc;
    }
    KIST_AUTO(fd) int program = load_program(&code);

    number = program < 0 ? errno : 0;
    if (number != 0 && port_device_lacking()) {
        /* what is left is that no filesystem in there takes device nodes */
        kist_log(KIST_LOG_WARN, "no device rules: this kernel has no programs for them (CONFIG_CGROUP_BPF)");
        return 0;
    }
    attr.target_fd = (uint32_t)group;
    attr.attach_bpf_fd = (uint32_t)program;
    if (number == 0 && syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0) {
        number = errno;
    }
    return number == 0 ? 0 : kist_error_sys(err, KIST_E_IO, number, "cannot set the device rules");
}
