#include "container/limits.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

#define MEMORY_MIN (6U << 20)
#define MEMORY_MAX (1ULL << 52) /* with as much swap it still is a number that JSON has exactly */
#define PERIOD 100000U
#define NANO 1000000000ULL
/* A JSON number that means "no limit". */
#define ANY (-1.0)

static cJSON *member(cJSON *object, const char *name)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

    return found ? found : cJSON_AddObjectToObject(object, name);
}

static int put(cJSON *resources, const char *part, const char *name, cJSON *value, struct kist_error *err)
{
    cJSON *object = member(resources, part);

    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return kist_json_put(object, name, value, err);
}

static int put_number(cJSON *resources, const char *part, const char *name, double value, struct kist_error *err)
{
    return put(resources, part, name, cJSON_CreateNumber(value), err);
}

/* ---- flags ---- */

static int read_size(const char *flag, const char *text, bool any, double *bytes, struct kist_error *err)
{
    uint64_t value;

    if (any && strcmp(text, "-1") == 0) {
        *bytes = ANY;
        return 0;
    }
    if (!kist_str_bytes(text, &value)) {
        return kist_error_set(err, KIST_E_USAGE, "invalid size for --%s: '%.100s'", flag, text);
    }
    if (value > MEMORY_MAX) {
        return kist_error_set(err, KIST_E_USAGE, "invalid size for --%s: '%.100s' is more than 4PiB", flag, text);
    }
    *bytes = (double)value;
    return 0;
}

static double memory_of(const cJSON *resources)
{
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(kist_json_object(resources, "memory"), "limit");

    return cJSON_IsNumber(limit) ? limit->valuedouble : 0;
}

/* Without a word on swap, as much of it as of memory: as Docker has it. */
static int put_swap(cJSON *resources, const struct kist_limit_options *o, bool with_memory, struct kist_error *err)
{
    const double memory = memory_of(resources);
    double swap = 2 * memory;
    int rc = o->memory_swap ? read_size("memory-swap", o->memory_swap, true, &swap, err) : 0;

    if (rc < 0 || (!o->memory_swap && !with_memory)) {
        return rc;
    }
    if (memory == 0 && swap != ANY) {
        return kist_error_set(err, KIST_E_USAGE, "you should always set the memory limit when using --memory-swap");
    }
    if (swap != ANY && swap < memory) {
        return kist_error_set(err, KIST_E_USAGE, "minimum --memory-swap should be larger than the memory limit");
    }
    return put_number(resources, "memory", "swap", swap, err);
}

static int put_memory(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err)
{
    double bytes = 0;
    int rc = 0;

    if (o->memory) {
        rc = read_size("memory", o->memory, false, &bytes, err);
        if (rc == 0 && bytes > 0 && bytes < MEMORY_MIN) {
            return kist_error_set(err, KIST_E_USAGE, "minimum memory limit allowed is 6MB");
        }
        rc = rc < 0 || bytes == 0 ? rc : put_number(resources, "memory", "limit", bytes, err);
    }
    rc = rc < 0 ? rc : put_swap(resources, o, bytes > 0, err);
    if (rc == 0 && o->memory_reservation) {
        rc = read_size("memory-reservation", o->memory_reservation, false, &bytes, err);
        if (rc == 0 && memory_of(resources) > 0 && bytes > memory_of(resources)) {
            return kist_error_set(err, KIST_E_USAGE, "--memory-reservation must not be larger than the memory limit");
        }
        rc = rc < 0 ? rc : put_number(resources, "memory", "reservation", bytes, err);
    }
    return rc;
}

/* "1.5" -> billionths, exactly. */
static bool read_cpus(const char *text, uint64_t *nano)
{
    char whole[12];
    size_t len = strcspn(text, ".");
    uint64_t value, unit = NANO / 10;

    if (len >= sizeof(whole)) {
        return false;
    }
    memcpy(whole, text, len);
    whole[len] = '\0';
    if (!kist_str_u64(len > 0 ? whole : "0", 100000, &value)) {
        return false;
    }
    *nano = value * NANO;
    for (text += len + (text[len] == '.'); *text != '\0'; text++, unit /= 10) {
        if (!isdigit((unsigned char)*text) || unit == 0) {
            return false;
        }
        *nano += (uint64_t)(*text - '0') * unit;
    }
    return *nano > 0;
}

static int put_cpus(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err)
{
    uint64_t nano;
    int rc;

    if (o->cpu_quota || o->cpu_period != 0) {
        return kist_error_set(err, KIST_E_USAGE, "conflicting options: --cpus cannot be set with --cpu-period or --cpu-quota");
    }
    if (!read_cpus(o->cpus, &nano)) {
        return kist_error_set(err, KIST_E_USAGE, "invalid value for --cpus: '%.100s' (expected a number such as 1.5)", o->cpus);
    }
    rc = put_number(resources, "cpu", "period", PERIOD, err);
    return rc < 0 ? rc : put_number(resources, "cpu", "quota", (double)KIST_MAX(nano / (NANO / PERIOD), 1000U), err);
}

static int put_quota(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err)
{
    uint64_t quota;

    if (strcmp(o->cpu_quota, "-1") == 0) {
        return put_number(resources, "cpu", "quota", ANY, err);
    }
    if (!kist_str_u64(o->cpu_quota, UINT32_MAX, &quota) || quota < 1000) {
        return kist_error_set(err, KIST_E_USAGE, "CPU cfs quota can not be less than 1ms (i.e. 1000), not '%.100s'", o->cpu_quota);
    }
    return put_number(resources, "cpu", "quota", (double)quota, err);
}

static int put_set(cJSON *resources, const char *name, const char *flag, const char *list, struct kist_error *err)
{
    if (list[0] == '\0' || list[strspn(list, "0123456789,-")] != '\0' || strlen(list) > 200) {
        return kist_error_set(err, KIST_E_USAGE, "invalid value '%.100s' for --%s", list, flag);
    }
    return put(resources, "cpu", name, cJSON_CreateString(list), err);
}

static int put_cpu(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err)
{
    int rc = o->cpus ? put_cpus(resources, o, err) : 0;

    if (rc == 0 && o->cpu_period != 0 && (o->cpu_period < 1000 || o->cpu_period > 1000000)) {
        return kist_error_set(err, KIST_E_USAGE, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    }
    if (rc == 0 && o->cpu_shares > 262144) {
        return kist_error_set(err, KIST_E_USAGE, "the maximum allowed cpu-shares is 262144");
    }
    rc = rc < 0 || o->cpu_period == 0 ? rc : put_number(resources, "cpu", "period", (double)o->cpu_period, err);
    rc = rc < 0 || !o->cpu_quota ? rc : put_quota(resources, o, err);
    rc = rc < 0 || o->cpu_shares == 0 ? rc : put_number(resources, "cpu", "shares", (double)KIST_MAX(o->cpu_shares, 2U), err);
    rc = rc < 0 || !o->cpuset_cpus ? rc : put_set(resources, "cpus", "cpuset-cpus", o->cpuset_cpus, err);
    return rc < 0 || !o->cpuset_mems ? rc : put_set(resources, "mems", "cpuset-mems", o->cpuset_mems, err);
}

int kist_limits_generate(cJSON *resources, const struct kist_limit_options *o, struct kist_error *err)
{
    uint64_t pids = 0;
    int rc = put_memory(resources, o, err);

    rc = rc < 0 ? rc : put_cpu(resources, o, err);
    if (rc == 0 && o->pids_limit) {
        bool any = strcmp(o->pids_limit, "-1") == 0 || strcmp(o->pids_limit, "0") == 0;

        if (!any && !kist_str_u64(o->pids_limit, 1U << 22, &pids)) {
            return kist_error_set(err, KIST_E_USAGE, "invalid value for --pids-limit: '%.100s'", o->pids_limit);
        }
        rc = put_number(resources, "pids", "limit", any ? ANY : (double)pids, err);
    }
    if (rc == 0 && o->blkio_weight != 0) {
        if (o->blkio_weight < 10 || o->blkio_weight > 1000) {
            return kist_error_set(err, KIST_E_USAGE, "range of blkio weight is from 10 to 1000");
        }
        rc = put_number(resources, "blockIO", "weight", (double)o->blkio_weight, err);
    }
    return rc;
}

/* ---- config.json ---- */

static bool read_number(uint64_t *value, const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!item || cJSON_IsNull(item)) {
        return true;
    }
    if (cJSON_IsNumber(item) && item->valuedouble < 0) {
        *value = UINT64_MAX;
        return true;
    }
    return kist_json_u64(object, name, value);
}

static bool read_text(const char **value, const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *value = cJSON_IsString(item) && item->valuestring[0] != '\0' ? item->valuestring : NULL;
    return !item || cJSON_IsString(item) || cJSON_IsNull(item);
}

int kist_limits_parse(struct port_limits *l, const cJSON *resources, struct kist_error *err)
{
    static const char *const refused[] = {"hugepageLimits", "network", "rdma", "unified"};
    const cJSON *memory = kist_json_object(resources, "memory"), *cpu = kist_json_object(resources, "cpu"),
                *pids = kist_json_object(resources, "pids"), *io = kist_json_object(resources, "blockIO");

    *l = (struct port_limits){.memory = 0};
    for (size_t i = 0; i < KIST_COUNT(refused); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(resources, refused[i]);

        if (item && (cJSON_GetArraySize(item) > 0)) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "config.json: the limit '%s' is not supported", refused[i]);
        }
    }
    if (!read_number(&l->memory, memory, "limit") || !read_number(&l->memory_swap, memory, "swap") ||
        !read_number(&l->memory_reservation, memory, "reservation") || !read_number(&l->cpu_shares, cpu, "shares") ||
        !read_number(&l->cpu_quota, cpu, "quota") || !read_number(&l->cpu_period, cpu, "period") ||
        !read_text(&l->cpus, cpu, "cpus") || !read_text(&l->mems, cpu, "mems") || !read_number(&l->pids, pids, "limit") ||
        !read_number(&l->io_weight, io, "weight")) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: linux.resources makes no sense");
    }
    return 0;
}
