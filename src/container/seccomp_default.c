/* Docker's default profile, and profiles in Docker's JSON, as OCI objects. */
#include <stdlib.h>
#include <string.h>

#include "container/capability.h"
#include "container/seccomp_private.h"

void kist_seccomp_kernel(struct kist_seccomp_facts *facts, const char *release)
{
    char *end;
    unsigned long major = strtoul(release, &end, 10), minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

    facts->kernel_major = (unsigned)KIST_MIN(major, 9999UL);
    facts->kernel_minor = (unsigned)KIST_MIN(minor, 9999UL);
}

/*
 * Calls that are let through when their first argument, under mask, is value. Docker's profile says the same,
 * but compares all 64 bits: its "above 40" lets 0x100000028 through, of which the kernel takes the lower
 * half, and that is AF_VSOCK. So here it is the lower half that counts.
 */
static const struct {
    const char *name;
    uint32_t mask, value;
} special[] = {
    /* all families but AF_ALG (38), AF_VSOCK (40) and those from 64, which no kernel has */
    {"socket", 0xffffffe0, 0},
    {"socket", 0xfffffffc, 32},
    {"socket", 0xfffffffe, 36},
    {"socket", 0xffffffff, 39},
    {"socket", 0xffffffff, 41},
    {"socket", 0xfffffffe, 42},
    {"socket", 0xfffffffc, 44},
    {"socket", 0xfffffff0, 48},
    /* PER_LINUX, PER_LINUX32, UNAME26 with either, and the question which it is */
    {"personality", 0xffffffff, 0},
    {"personality", 0xffffffff, 8},
    {"personality", 0xffffffff, 0x20000},
    {"personality", 0xffffffff, 0x20008},
    {"personality", 0xffffffff, 0xffffffff},
    /* no new namespaces: CLONE_NEW... all clear; the last one, left out with CAP_SYS_ADMIN */
    {"clone", 0x7e020000, 0},
};

static int put_rule(cJSON *syscalls, const char *name, const char *action, cJSON **rule,
                    struct kist_error *err)
{
    int rc;

    *rule = cJSON_CreateObject();
    rc = kist_json_append(syscalls, *rule, err);
    if (rc == 0) {
        rc = kist_json_put(*rule, "names", cJSON_CreateStringArray(&name, 1), err);
    }
    return rc == 0 ? kist_json_put_string(*rule, "action", action, err) : rc;
}

static int put_masked(cJSON *rule, uint32_t mask, uint32_t value, struct kist_error *err)
{
    cJSON *args = cJSON_CreateArray(), *arg = NULL;
    int rc = kist_json_put(rule, "args", args, err);

    if (rc == 0) {
        arg = cJSON_CreateObject();
        rc = kist_json_append(args, arg, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(arg, "index", 0, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(arg, "value", mask, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(arg, "valueTwo", value, err);
    }
    return rc == 0 ? kist_json_put_string(arg, "op", "SCMP_CMP_MASKED_EQ", err) : rc;
}

/* clone3 has its flags in memory that a filter cannot see, so that without CAP_SYS_ADMIN it has to seem
 * absent. */
static int put_special(cJSON *syscalls, bool admin, struct kist_error *err)
{
    size_t count = KIST_COUNT(special) - admin;
    cJSON *rule;
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = put_rule(syscalls, special[i].name, "SCMP_ACT_ALLOW", &rule, err);
        if (rc == 0) {
            rc = put_masked(rule, special[i].mask, special[i].value, err);
        }
    }
    if (rc == 0 && !admin) {
        rc = put_rule(syscalls, "clone3", "SCMP_ACT_ERRNO", &rule, err);
        if (rc == 0) {
            rc = kist_json_put_u64(rule, "errnoRet", 38, err);
        }
    }
    return rc;
}

/* The machine's architectures, as Docker's archMap has them: its own and those it runs besides. */
static int put_architectures(cJSON *out, struct kist_error *err)
{
    cJSON *array = cJSON_CreateArray();
    int rc = kist_json_put(out, "architectures", array, err);

    for (size_t i = 0; i < kist_seccomp_native.count && rc == 0; i++) {
        rc = kist_json_append(array, cJSON_CreateString(kist_seccomp_native.archs[i]->name), err);
    }
    return rc;
}

/* One rule for all that is let through whatever its arguments. */
static int put_allowed(cJSON *syscalls, const struct kist_seccomp_facts *facts, bool admin,
                       struct kist_error *err)
{
    cJSON *rule = cJSON_CreateObject(), *names = NULL;
    struct kist_syscalls calls;
    int rc = kist_json_append(syscalls, rule, err);

    if (rc == 0) {
        names = cJSON_CreateArray();
        rc = kist_json_put(rule, "names", names, err);
    }
    kist_syscalls_init(&calls);
    for (unsigned row = 0; row < KIST_SYSCALL_COUNT && rc == 0; row++) {
        if (kist_syscalls_allowed(row, facts) ||
            (admin && (row == KIST_SYSCALL_clone || row == KIST_SYSCALL_clone3))) {
            rc = kist_json_append(names, cJSON_CreateStringReference(kist_syscalls_name(&calls, row)), err);
        }
    }
    return rc == 0 ? kist_json_put_string(rule, "action", "SCMP_ACT_ALLOW", err) : rc;
}

int kist_seccomp_default(cJSON **out, const struct kist_seccomp_facts *facts, struct kist_error *err)
{
    bool admin = (facts->capabilities & KIST_CAPABILITY_BIT(KIST_CAP_SYS_ADMIN)) != 0;
    KIST_AUTO(json) cJSON *seccomp = cJSON_CreateObject();
    cJSON *syscalls = NULL;
    int rc = seccomp ? 0 : kist_error_nomem(err);

    *out = NULL;
    if (rc == 0) {
        rc = kist_json_put_string(seccomp, "defaultAction", "SCMP_ACT_ERRNO", err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(seccomp, "defaultErrnoRet", 1, err);
    }
    if (rc == 0) {
        rc = put_architectures(seccomp, err);
    }
    if (rc == 0) {
        syscalls = cJSON_CreateArray();
        rc = kist_json_put(seccomp, "syscalls", syscalls, err);
    }
    if (rc == 0) {
        rc = put_allowed(syscalls, facts, admin, err);
    }
    if (rc == 0) {
        rc = put_special(syscalls, admin, err);
    }
    if (rc == 0) {
        *out = seccomp;
        seccomp = NULL;
    }
    return rc;
}
