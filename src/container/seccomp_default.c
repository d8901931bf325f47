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

/* socket: neither AF_ALG (38) nor AF_VSOCK (40); personality: only those that weaken nothing, and the
 * question which it is. */
static const char special_rules[] = "[{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                    "\"index\":0,\"value\":38,\"op\":\"SCMP_CMP_LT\"}]},"
                                    "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                    "\"index\":0,\"value\":39,\"op\":\"SCMP_CMP_EQ\"}]},"
                                    "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                    "\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_GT\"}]},"
                                    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                                    "\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]},"
                                    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                                    "\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"
                                    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                                    "\"args\":[{\"index\":0,\"value\":131072,\"op\":\"SCMP_CMP_EQ\"}]},"
                                    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                                    "\"args\":[{\"index\":0,\"value\":131080,\"op\":\"SCMP_CMP_EQ\"}]},"
                                    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                                    "\"args\":[{\"index\":0,\"value\":4294967295,\"op\":\"SCMP_CMP_EQ\"}]}]";

/*
 * Without CAP_SYS_ADMIN no new namespaces: clone's flags are looked at (CLONE_NEW..., 0x7e020000, all clear),
 * clone3's are in memory that a filter cannot see, so that it has to seem absent.
 */
static const char no_admin_rules[] =
    "[{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\","
    "\"args\":[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
    "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}]";

/* Moves the elements of an array given as JSON text to the end of syscalls. */
static int append_literal(cJSON *syscalls, const char *text, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *rules = cJSON_Parse(text);
    int rc = rules ? 0 : kist_error_nomem(err);

    while (rc == 0 && rules->child) {
        rc = kist_json_append(syscalls, cJSON_DetachItemViaPointer(rules, rules->child), err);
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
static int put_allowed(cJSON *syscalls, const struct kist_seccomp_facts *facts, struct kist_error *err)
{
    bool admin = (facts->capabilities & KIST_CAPABILITY_BIT(KIST_CAP_SYS_ADMIN)) != 0;
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
    if (rc == 0) {
        rc = kist_json_put_string(rule, "action", "SCMP_ACT_ALLOW", err);
    }
    return rc == 0 && !admin ? append_literal(syscalls, no_admin_rules, err) : rc;
}

int kist_seccomp_default(cJSON **out, const struct kist_seccomp_facts *facts, struct kist_error *err)
{
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
        rc = put_allowed(syscalls, facts, err);
    }
    if (rc == 0) {
        rc = append_literal(syscalls, special_rules, err);
    }
    if (rc == 0) {
        *out = seccomp;
        seccomp = NULL;
    }
    return rc;
}
