/* What a container shares with the host or with another container: --network, --pid, --ipc, --uts. */
#include <string.h>
#include <unistd.h>

#include "container/container.h"
#include "container/generate_private.h"

#define SHM "/dev/shm"
#define OTHERS "container:" /* how a flag begins that names another container */

/* Low ports and ping without privileges, in the container's own network only, on kernels (4.11) that know of them. */
static const char sysctls[] =
    "{\"net.ipv4.ip_unprivileged_port_start\":\"0\",\"net.ipv4.ping_group_range\":\"0 2147483647\"}";

static const char *owner_of(const char *flag)
{
    return flag && kist_str_starts(flag, OTHERS) ? flag + strlen(OTHERS) : NULL;
}

static bool is_host(const char *flag)
{
    return flag && strcmp(flag, "host") == 0;
}

/* owner: the ID of another container; NULL: a new one. */
static int add(cJSON *spaces, const char *type, const char *owner, struct kist_error *err)
{
    cJSON *space = cJSON_CreateObject();
    char path[sizeof(KIST_CONTAINER_SOURCE) + KIST_CONTAINER_ID_MAX];
    int rc = kist_json_append(spaces, space, err);

    rc = rc < 0 ? rc : kist_json_put_string(space, "type", type, err);
    if (rc < 0 || !owner) {
        return rc;
    }
    return kist_str_format(path, sizeof(path), KIST_CONTAINER_SOURCE "%s", owner)
               ? kist_json_put_string(space, "path", path, err)
               : kist_error_set(err, KIST_E_FAIL, "a container ID is too long");
}

static int add_by_flag(cJSON *spaces, const char *type, const char *flag, struct kist_error *err)
{
    static const char *const ipc[] = {"shareable", "none"};
    const char *owner = owner_of(flag);
    bool own = !flag || *flag == '\0' || strcmp(flag, "private") == 0 || (owner && *owner != '\0');

    if (is_host(flag)) {
        return 0;
    }
    for (size_t i = 0; !own && strcmp(type, "ipc") == 0 && i < KIST_COUNT(ipc); i++) {
        own = strcmp(flag, ipc[i]) == 0;
    }
    return own ? add(spaces, type, owner, err)
               : kist_error_set(err, KIST_E_USAGE, "invalid --%s '%.100s': host, private or container:NAME%s", type, flag,
                                strcmp(type, "ipc") == 0 ? ", shareable or none" : "");
}

static cJSON *default_shm(const cJSON *spec)
{
    cJSON *mount;

    cJSON_ArrayForEach(mount, kist_json_array(spec, "mounts"))
    {
        const char *place = kist_json_string(mount, "destination"), *source = kist_json_string(mount, "source");

        if (place && source && strcmp(place, SHM) == 0 && strcmp(source, "shm") == 0) {
            return mount;
        }
    }
    return NULL;
}

/* A default /dev/shm is that of whom the IPC namespace is; "none" has none. */
static int put_shm(cJSON *spec, const char *flag, struct kist_error *err)
{
    static const char *const options[] = {"rbind", "rprivate", "nosuid", "nodev", "noexec"},
                             *const replaced[] = {"type", "source", "options"};
    const bool others = owner_of(flag) != NULL;
    cJSON *shm = default_shm(spec);
    int rc;

    if (shm && flag && strcmp(flag, "none") == 0) {
        cJSON_Delete(cJSON_DetachItemViaPointer(cJSON_GetObjectItemCaseSensitive(spec, "mounts"), shm));
        return 0;
    }
    if (!shm || (!others && !is_host(flag))) {
        return 0;
    }
    for (size_t i = 0; i < KIST_COUNT(replaced); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(shm, replaced[i]);
    }
    rc = kist_json_put_string(shm, "type", "bind", err);
    rc = rc < 0 ? rc : kist_json_put_string(shm, "source", others ? KIST_CONTAINER_SOURCE "shm" : SHM, err);
    return rc < 0 ? rc : kist_generate_strings(shm, "options", options, KIST_COUNT(options), err);
}

int kist_generate_namespaces(cJSON *spec, cJSON *linux_part, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    const bool own_network = o->network == KIST_NETWORK_NONE || o->network == KIST_NETWORK_BRIDGE;
    cJSON *spaces = cJSON_CreateArray();
    int rc = kist_json_put(linux_part, "namespaces", spaces, err);

    if (o->hostname && (is_host(o->uts) || owner_of(o->uts))) {
        return kist_error_set(err, KIST_E_USAGE, "conflicting options: hostname and the UTS mode");
    }
    rc = rc < 0 ? rc : add(spaces, "mount", NULL, err);
    rc = rc < 0 ? rc : add_by_flag(spaces, "uts", o->uts, err);
    rc = rc < 0 ? rc : add_by_flag(spaces, "pid", o->pid, err);
    rc = rc < 0 ? rc : add_by_flag(spaces, "ipc", o->ipc, err);
    rc = rc < 0 ? rc : add(spaces, "cgroup", NULL, err);
    if (rc == 0 && o->network != KIST_NETWORK_HOST) {
        rc = add(spaces, "network", o->network == KIST_NETWORK_CONTAINER ? o->network_of : NULL, err);
    }
    if (is_host(o->uts) || owner_of(o->uts)) {
        cJSON_DeleteItemFromObjectCaseSensitive(spec, "hostname");
    }
    rc = rc < 0 ? rc : put_shm(spec, o->ipc, err);
    if (rc == 0 && own_network && access("/proc/sys/net/ipv4/ip_unprivileged_port_start", F_OK) == 0) {
        rc = kist_generate_literal(linux_part, "sysctl", sysctls, err);
    }
    return rc;
}
