/* config.json's linux: namespaces, masked paths, devices, filter (runtime-spec config-linux.md). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "container/generate_private.h"
#include "container/host_file.h"
#include "container/seccomp.h"

static const char masked_paths[] =
    "[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\",\"/proc/keys\",\"/proc/"
    "latency_stats\","
    "\"/proc/sched_debug\",\"/proc/scsi\",\"/proc/timer_list\",\"/proc/timer_stats\","
    "\"/sys/devices/virtual/powercap\",\"/sys/firmware\"]";

static const char readonly_paths[] =
    "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]";

/*
 * What Docker and runc allow together: any node may be made; null, zero, full, random, urandom, tty, console,
 * ptmx and the pseudo-terminals may be used.
 */
static const char device_rules[] =
    "[{\"allow\":false,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"access\":\"m\"},"
    "{\"allow\":true,\"type\":\"b\",\"access\":\"m\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":5,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":7,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":8,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":9,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":5,\"minor\":0,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":5,\"minor\":1,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":5,\"minor\":2,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":136,\"access\":\"rwm\"}]";

/* Each core tells how hot it gets, and with it what others compute. */
static int mask_thermal(cJSON *masked, struct kist_error *err)
{
    static const char detail[] = "/thermal_throttle";
    char path[64];
    int rc = 0;

    for (unsigned cpu = 0; rc == 0; cpu++) {
        int len = snprintf(path, sizeof(path) - sizeof(detail), "/sys/devices/system/cpu/cpu%u", cpu);

        if (access(path, F_OK) < 0) {
            break;
        }
        memcpy(path + len, detail, sizeof(detail));
        if (access(path, F_OK) == 0) {
            rc = kist_json_append(masked, cJSON_CreateString(path), err);
        }
    }
    return rc;
}

static int put_paths(cJSON *linux_part, const struct kist_generation *g, struct kist_error *err)
{
    cJSON *masked;
    int rc;

    if (g->options->privileged || g->security.all_paths) {
        return 0;
    }
    masked = cJSON_Parse(masked_paths);
    rc = kist_json_put(linux_part, "maskedPaths", masked, err);
    if (rc == 0) {
        rc = mask_thermal(masked, err);
    }
    return rc < 0 ? rc : kist_generate_literal(linux_part, "readonlyPaths", readonly_paths, err);
}

static int put_resources(cJSON *linux_part, const struct kist_generation *g, struct kist_error *err)
{
    cJSON *resources = cJSON_CreateObject();
    int rc = kist_json_put(linux_part, "resources", resources, err);

    rc = rc < 0 ? rc
                : kist_generate_literal(
                      resources, "devices",
                      g->options->privileged ? "[{\"allow\":true,\"access\":\"rwm\"}]" : device_rules, err);
    return rc < 0 ? rc : kist_limits_generate(resources, &g->options->limits, err);
}

/* As Docker: privileged means no filter unless a profile is named; a kernel without filters is fatal only
 * then. */
static int put_seccomp(cJSON *linux_part, const struct kist_generation *g, struct kist_error *err)
{
    struct kist_seccomp_facts facts = {.capabilities = g->capabilities};
    const char *file = g->security.seccomp_file;
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    cJSON *seccomp = NULL;
    int rc;

    if (g->security.no_seccomp || (g->options->privileged && !file)) {
        return 0;
    }
    if (!g->context->seccomp && file) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "--security-opt seccomp=%s: this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)", file);
    }
    if (!g->context->seccomp) {
        kist_log(KIST_LOG_WARN,
                 "this kernel has no seccomp filters: the container runs without the default profile");
        return 0;
    }
    kist_seccomp_kernel(&facts, g->context->kernel);
    if (file) {
        rc = kist_host_file_read(&text, file, "seccomp profile", err);
        if (rc == 0) {
            rc = kist_seccomp_profile(&seccomp, kist_buf_text(&text), text.len, file, &facts, err);
        }
    } else {
        rc = kist_seccomp_default(&seccomp, &facts, err);
    }
    return rc < 0 || !seccomp ? rc : kist_json_put(linux_part, "seccomp", seccomp, err);
}

static int put_group(cJSON *linux_part, const struct kist_generation *g, struct kist_error *err)
{
    const char *parent = g->options->cgroup_parent && g->options->cgroup_parent[0] != '\0' ? g->options->cgroup_parent : "/kist";
    char path[PORT_CGROUP_NAME_MAX + 1];
    size_t len;

    parent += parent[0] == '/';
    len = strlen(parent);
    len -= len > 0 && parent[len - 1] == '/';
    return kist_str_format(path, sizeof(path), "/%.*s/%s", (int)len, parent, g->context->id) && port_cgroup_name_ok(path + 1)
               ? kist_json_put_string(linux_part, "cgroupsPath", path, err)
               : kist_error_set(err, KIST_E_USAGE, "invalid --cgroup-parent '%.200s' (expected a path below the hierarchies of control groups)",
                                g->options->cgroup_parent);
}

int kist_generate_linux(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    static int (*const parts[])(cJSON *, const struct kist_generation *, struct kist_error *) = {
        put_paths,
        put_resources,
        put_seccomp,
    };
    cJSON *linux_part = cJSON_CreateObject();
    int rc = kist_json_put(spec, "linux", linux_part, err);

    rc = rc < 0 ? rc : put_group(linux_part, g, err);
    if (rc == 0) {
        rc = kist_json_put_string(linux_part, "rootfsPropagation", g->rootfs_propagation, err);
    }
    rc = rc < 0 ? rc : kist_generate_namespaces(spec, linux_part, g, err);
    for (size_t i = 0; i < KIST_COUNT(parts) && rc == 0; i++) {
        rc = parts[i](linux_part, g, err);
    }
    return rc;
}
