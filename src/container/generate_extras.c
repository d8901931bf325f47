/* Flags that change one thing each in what the other parts have made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "container/generate_private.h"

/* ---- --ulimit NAME=SOFT[:HARD] ---- */

static const char *const ulimits[] = {"as",     "core",    "cpu",  "data",   "fsize", "locks",   "memlock",   "msgqueue",
                                      "nice",   "nofile",  "nproc", "rss",   "rtprio", "rttime", "sigpending", "stack"};

static bool ulimit_value(const char *text, double *value)
{
    uint64_t number;

    if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
        *value = 18446744073709551615.0; /* RLIM_INFINITY, as runc writes it */
        return true;
    }
    *value = kist_str_u64(text, 1ULL << 53, &number) ? (double)number : -1;
    return *value >= 0;
}

/* copy is the flag's, to be cut. */
static int put_ulimit(cJSON *limits, const char *flag, char *copy, struct kist_error *err)
{
    char *soft = strchr(copy, '='), *hard, name[24] = "RLIMIT_";
    cJSON *limit;
    double values[2];
    bool known = false;
    int rc;

    if (!soft) {
        return kist_error_set(err, KIST_E_USAGE, "invalid ulimit argument: '%.100s' (expected NAME=SOFT[:HARD])", flag);
    }
    *soft++ = '\0';
    hard = strchr(soft, ':');
    if (hard) {
        *hard++ = '\0';
    }
    for (size_t i = 0; i < KIST_COUNT(ulimits); i++) {
        known = known || strcmp(copy, ulimits[i]) == 0;
    }
    if (!known) {
        return kist_error_set(err, KIST_E_USAGE, "invalid ulimit type: '%.100s'", copy);
    }
    if (!ulimit_value(soft, &values[0]) || !ulimit_value(hard ? hard : soft, &values[1])) {
        return kist_error_set(err, KIST_E_USAGE, "invalid ulimit argument: '%.100s' (expected numbers)", flag);
    }
    if (values[0] > values[1]) {
        return kist_error_set(err, KIST_E_USAGE, "ulimit soft limit must be less than or equal to hard limit: '%.100s'", flag);
    }
    for (size_t i = 0; copy[i] != '\0'; i++) {
        name[7 + i] = (char)(copy[i] - 'a' + 'A');
        name[8 + i] = '\0';
    }
    limit = cJSON_CreateObject();
    rc = kist_json_append(limits, limit, err);
    rc = rc < 0 ? rc : kist_json_put_string(limit, "type", name, err);
    rc = rc < 0 ? rc : kist_json_put(limit, "soft", cJSON_CreateNumber(values[0]), err);
    return rc < 0 ? rc : kist_json_put(limit, "hard", cJSON_CreateNumber(values[1]), err);
}

static int put_ulimits(cJSON *process, const struct kist_strv *flags, struct kist_error *err)
{
    cJSON *limits;
    int rc = 0;

    if (flags->n == 0) {
        return 0;
    }
    limits = cJSON_CreateArray();
    rc = kist_json_put(process, "rlimits", limits, err);
    for (size_t i = 0; rc == 0 && i < flags->n; i++) {
        KIST_AUTO(free) char *copy = strdup(flags->v[i]);

        rc = copy ? put_ulimit(limits, flags->v[i], copy, err) : kist_error_nomem(err);
    }
    return rc;
}

/* ---- --device HOST[:CONTAINER][:rwm] ---- */

static int put_node(cJSON *linux_part, const char *path, const struct stat *st, const char *access, struct kist_error *err)
{
    cJSON *resources = cJSON_GetObjectItemCaseSensitive(linux_part, "resources"), *devices, *node = cJSON_CreateObject(),
          *rule = cJSON_CreateObject(), *const both[] = {node, rule};
    const char *type = S_ISCHR(st->st_mode) ? "c" : "b";
    int rc;

    devices = cJSON_GetObjectItemCaseSensitive(linux_part, "devices");
    devices = devices ? devices : cJSON_AddArrayToObject(linux_part, "devices");
    rc = kist_json_append(devices, node, err);
    if (kist_json_append(cJSON_GetObjectItemCaseSensitive(resources, "devices"), rule, err) < 0 || rc < 0) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(both); i++) {
        rc = kist_json_put_string(both[i], "type", type, err);
        rc = rc < 0 ? rc : kist_json_put_u64(both[i], "major", major(st->st_rdev), err);
        rc = rc < 0 ? rc : kist_json_put_u64(both[i], "minor", minor(st->st_rdev), err);
    }
    rc = rc < 0 ? rc : kist_json_put_string(node, "path", path, err);
    rc = rc < 0 ? rc : kist_json_put_u64(node, "fileMode", st->st_mode & 0777, err);
    rc = rc < 0 ? rc : kist_json_put_u64(node, "uid", st->st_uid, err);
    rc = rc < 0 ? rc : kist_json_put_u64(node, "gid", st->st_gid, err);
    rc = rc < 0 ? rc : kist_json_put_bool(rule, "allow", true, err);
    return rc < 0 ? rc : kist_json_put_string(rule, "access", access, err);
}

static int put_device(cJSON *linux_part, const char *flag, char *copy, struct kist_error *err)
{
    char *words[3] = {copy, NULL, NULL};
    const char *path = copy, *access = "rwm";
    struct stat st;
    size_t n = 1;

    for (char *colon = copy; n < 3 && (colon = strchr(colon, ':')); n++) {
        *colon++ = '\0';
        words[n] = colon;
    }
    if (n == 3 || (n == 2 && words[1][0] != '/')) {
        access = words[n - 1];
    }
    path = n > 1 && words[1][0] == '/' ? words[1] : copy;
    if (copy[0] != '/' || *access == '\0' || access[strspn(access, "rwm")] != '\0' || (n == 3 && words[1][0] != '/')) {
        return kist_error_set(err, KIST_E_USAGE, "invalid device '%.200s' (expected HOST[:CONTAINER][:rwm])", flag);
    }
    if (stat(copy, &st) < 0) {
        return kist_error_sys(err, KIST_E_USAGE, errno, "no such device on the host: '%.200s'", copy);
    }
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) {
        return kist_error_set(err, KIST_E_USAGE, "'%.200s' is not a device", copy);
    }
    return put_node(linux_part, path, &st, access, err);
}

static int put_devices(cJSON *linux_part, const struct kist_strv *flags, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < flags->n; i++) {
        KIST_AUTO(free) char *copy = strdup(flags->v[i]);

        rc = copy ? put_device(linux_part, flags->v[i], copy, err) : kist_error_nomem(err);
    }
    return rc;
}

/* ---- --sysctl, --group-add, --shm-size, --oom-score-adj ---- */

static int put_sysctls(cJSON *linux_part, const struct kist_strv *flags, struct kist_error *err)
{
    cJSON *all = cJSON_GetObjectItemCaseSensitive(linux_part, "sysctl");
    int rc = 0;

    if (flags->n > 0 && !all) {
        all = cJSON_AddObjectToObject(linux_part, "sysctl");
    }
    for (size_t i = 0; rc == 0 && i < flags->n; i++) {
        KIST_AUTO(free) char *name = strdup(flags->v[i]);
        char *equals = name ? strchr(name, '=') : NULL;

        if (!name) {
            return kist_error_nomem(err);
        }
        if (!equals || equals == name) {
            return kist_error_set(err, KIST_E_USAGE, "invalid --sysctl '%.200s' (expected NAME=VALUE)", flags->v[i]);
        }
        *equals++ = '\0';
        cJSON_DeleteItemFromObjectCaseSensitive(all, name);
        rc = kist_json_put_string(all, name, equals, err);
    }
    return rc;
}

/* A number, or a name that the image's /etc/group knows. */
static int put_groups(cJSON *process, const struct kist_generation *g, struct kist_error *err)
{
    cJSON *groups = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(process, "user"), "additionalGids");
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < g->options->group_add.n; i++) {
        KIST_AUTO(user) struct kist_user user = {.uid = 0};
        char both[300];

        if (!kist_str_format(both, sizeof(both), "0:%s", g->options->group_add.v[i])) {
            return kist_error_set(err, KIST_E_USAGE, "the name of a group is too long");
        }
        rc = kist_user_lookup(&user, both, g->context->read_file, g->context->read_file_arg, err);
        rc = rc < 0 ? rc : kist_json_append(groups, cJSON_CreateNumber(user.gid), err);
    }
    return rc;
}

static int put_shm(cJSON *spec, uint64_t size, struct kist_error *err)
{
    const cJSON *mount;
    char text[32];

    if (size == 0) {
        return 0;
    }
    if (!kist_str_format(text, sizeof(text), "size=%llu", (unsigned long long)size)) {
        return kist_error_set(err, KIST_E_FAIL, "a size is too long");
    }
    cJSON_ArrayForEach(mount, kist_json_array(spec, "mounts"))
    {
        cJSON *options = cJSON_GetObjectItemCaseSensitive(mount, "options");
        const char *destination = kist_json_string(mount, "destination"), *type = kist_json_string(mount, "type");

        if (destination && type && strcmp(destination, "/dev/shm") == 0 && strcmp(type, "tmpfs") == 0) {
            return kist_json_append(options, cJSON_CreateString(text), err);
        }
    }
    return 0;
}

static int put_score(cJSON *process, const char *text, struct kist_error *err)
{
    char *end;
    long score;

    if (!text) {
        return 0;
    }
    score = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || score < -1000 || score > 1000) {
        return kist_error_set(err, KIST_E_USAGE, "invalid value %.100s, range for oom score adj is [-1000, 1000]", text);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(process, "oomScoreAdj");
    return kist_json_put(process, "oomScoreAdj", cJSON_CreateNumber((double)score), err);
}

int kist_generate_extras(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    cJSON *process = cJSON_GetObjectItemCaseSensitive(spec, "process"), *linux_part = cJSON_GetObjectItemCaseSensitive(spec, "linux");
    int rc = put_ulimits(process, &o->ulimits, err);

    rc = rc < 0 ? rc : put_groups(process, g, err);
    rc = rc < 0 ? rc : put_score(process, o->oom_score, err);
    rc = rc < 0 ? rc : put_devices(linux_part, &o->devices, err);
    rc = rc < 0 ? rc : put_sysctls(linux_part, &o->sysctls, err);
    rc = rc < 0 ? rc : put_shm(spec, o->shm_size, err);
    return rc < 0 ? rc : kist_generate_users(linux_part, o, err);
}
