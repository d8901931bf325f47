/* Profiles in Docker's JSON (github.com/moby/profiles, seccomp.go): conditions resolved, the rest handed on
 * as it is. */
#include <stdlib.h>
#include <string.h>

#include "container/capability.h"
#include "container/seccomp_private.h"

static bool has_text(const cJSON *array, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_capability(const cJSON *name, const struct kist_seccomp_facts *facts)
{
    unsigned number;

    return cJSON_IsString(name) && kist_capability_find(name->valuestring, &number) &&
           (facts->capabilities & KIST_CAPABILITY_BIT(number)) != 0;
}

/* "major.minor": this kernel is that old or newer. */
static int kernel_is(const char *wanted, const struct kist_seccomp_facts *facts, bool *is,
                     struct kist_error *err)
{
    struct kist_seccomp_facts want;

    if (wanted[0] < '0' || wanted[0] > '9' || !strchr(wanted, '.')) {
        return kist_error_set(err, KIST_E_USAGE, "'minKernel' is '%s', not a version", wanted);
    }
    kist_seccomp_kernel(&want, wanted);
    *is = facts->kernel_major > want.kernel_major ||
          (facts->kernel_major == want.kernel_major && facts->kernel_minor >= want.kernel_minor);
    return 0;
}

/* How many of a condition's parts (arches, caps, minKernel) are there, and how many of them hold. */
struct verdict {
    unsigned parts, held, capabilities, capabilities_held;
};

static int judge(struct verdict *v, const cJSON *condition, const struct kist_seccomp_facts *facts,
                 struct kist_error *err)
{
    const cJSON *item, *archs = kist_json_array(condition, "arches"),
                       *caps = kist_json_array(condition, "caps");
    const char *kernel = kist_json_string(condition, "minKernel");
    bool is = false;
    int rc = 0;

    *v = (struct verdict){0};
    if (cJSON_GetArraySize(archs) > 0) {
        v->parts++;
        v->held += kist_seccomp_native.count > 0 && has_text(archs, kist_seccomp_native.archs[0]->docker);
    }
    cJSON_ArrayForEach(item, caps)
    {
        v->capabilities++;
        v->capabilities_held += has_capability(item, facts);
    }
    if (kernel) {
        rc = kernel_is(kernel, facts, &is, err);
        v->parts++;
        v->held += is;
    }
    return rc;
}

/* A rule counts when nothing of its excludes holds, and all of its includes. */
static int counts(bool *result, const cJSON *rule, const struct kist_seccomp_facts *facts,
                  struct kist_error *err)
{
    struct verdict v;
    int rc = judge(&v, kist_json_object(rule, "excludes"), facts, err);

    *result = v.held == 0 && v.capabilities_held == 0;
    if (rc == 0) {
        rc = judge(&v, kist_json_object(rule, "includes"), facts, err);
        *result = *result && v.held == v.parts && v.capabilities_held == v.capabilities;
    }
    return rc;
}

/* "name" is the old way to write a list of one. */
static int copy_names(cJSON *to, const cJSON *from, struct kist_error *err)
{
    const cJSON *names = kist_json_array(from, "names");
    const char *name = kist_json_string(from, "name");

    if (name && *name != '\0' && cJSON_GetArraySize(names) > 0) {
        return kist_error_set(err, KIST_E_USAGE, "a rule has both 'name' and 'names'");
    }
    if (!name || *name == '\0') {
        return names ? kist_json_put(to, "names", cJSON_Duplicate(names, true), err) : 0;
    }
    return kist_json_put(to, "names", cJSON_CreateStringArray(&name, 1), err);
}

/* Members of these names, where they are and are not null. */
static int copy_members(cJSON *to, const cJSON *from, const char *const *names, size_t n,
                        struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, names[i]);

        if (item && !cJSON_IsNull(item)) {
            rc = kist_json_put(to, names[i], cJSON_Duplicate(item, true), err);
        }
    }
    return rc;
}

static int copy_rules(cJSON *syscalls, const cJSON *profile, const struct kist_seccomp_facts *facts,
                      struct kist_error *err)
{
    static const char *const members[] = {"action", "errnoRet", "args"};
    const cJSON *rule;
    int rc = 0;

    cJSON_ArrayForEach(rule, kist_json_array(profile, "syscalls"))
    {
        cJSON *copy;
        bool wanted;

        rc = counts(&wanted, rule, facts, err);
        if (rc == 0 && wanted) {
            copy = cJSON_CreateObject();
            rc = kist_json_append(syscalls, copy, err);
            if (rc == 0) {
                rc = copy_names(copy, rule, err);
            }
            if (rc == 0) {
                rc = copy_members(copy, rule, members, KIST_COUNT(members), err);
            }
        }
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

/* archMap says what this machine's architecture runs besides; `architectures` says it outright. */
static int copy_architectures(cJSON *out, const cJSON *profile, struct kist_error *err)
{
    static const char *const list[] = {"architectures"}, *const sub[] = {"subArchitectures"};
    const cJSON *map = kist_json_array(profile, "archMap"), *item;

    if (cJSON_GetArraySize(map) > 0 && cJSON_GetArraySize(kist_json_array(profile, list[0])) > 0) {
        return kist_error_set(err, KIST_E_USAGE, "it has both 'architectures' and 'archMap'");
    }
    if (!map || kist_seccomp_native.count == 0) {
        return copy_members(out, profile, list, 1, err);
    }
    cJSON_ArrayForEach(item, map)
    {
        const char *name = kist_json_string(item, "architecture");

        if (name && strcmp(name, kist_seccomp_native.archs[0]->name) == 0) {
            KIST_AUTO(json) cJSON *copy = cJSON_CreateObject();
            int rc = copy ? copy_members(copy, item, sub, 1, err) : kist_error_nomem(err);
            cJSON *archs = rc == 0 ? cJSON_DetachItemFromObjectCaseSensitive(copy, sub[0]) : NULL;

            return rc < 0 || !archs ? rc : kist_json_put(out, list[0], archs, err);
        }
    }
    return 0;
}

static int resolve(cJSON *out, const cJSON *profile, const struct kist_seccomp_facts *facts,
                   struct kist_error *err)
{
    static const char *const members[] = {"defaultAction", "defaultErrnoRet", "flags"};
    cJSON *syscalls = NULL;
    int rc = copy_members(out, profile, members, KIST_COUNT(members), err);

    if (rc == 0) {
        rc = copy_architectures(out, profile, err);
    }
    if (rc == 0) {
        syscalls = cJSON_CreateArray();
        rc = kist_json_put(out, "syscalls", syscalls, err);
    }
    return rc == 0 ? copy_rules(syscalls, profile, facts, err) : rc;
}

/* The rest is checked by making the program: who reads the object later finds it sound. */
static int check(const cJSON *seccomp, struct kist_error *err)
{
    KIST_AUTO(seccomp_program) struct kist_seccomp_program program = {0};

    return kist_seccomp_assemble(&program, seccomp, err);
}

int kist_seccomp_profile(cJSON **out, const char *text, size_t len, const char *name,
                         const struct kist_seccomp_facts *facts, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *profile = NULL;
    KIST_AUTO(json) cJSON *seccomp = cJSON_CreateObject();
    const char *action;
    int rc = seccomp ? kist_json_parse(&profile, text, len, "it", err) : kist_error_nomem(err);

    *out = NULL;
    if (rc == 0 && !cJSON_IsObject(profile)) {
        rc = kist_error_set(err, KIST_E_USAGE, "it is not a JSON object");
    }
    if (rc == 0) {
        action = kist_json_string(profile, "defaultAction");
        if ((!action || *action == '\0') && cJSON_GetArraySize(kist_json_array(profile, "syscalls")) == 0) {
            return 0;
        }
        rc = resolve(seccomp, profile, facts, err);
    }
    if (rc == 0) {
        rc = check(seccomp, err);
    }
    if (rc == 0) {
        *out = seccomp;
        seccomp = NULL;
        return 0;
    }
    (void)kist_error_wrap(err, "seccomp profile '%s'", name);
    if (rc == KIST_E_CORRUPT) {
        rc = KIST_E_USAGE;
        if (err) {
            err->code = KIST_E_USAGE;
        }
    }
    return rc;
}
