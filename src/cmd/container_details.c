/* 'inspect' of a container: Docker's shape, filled from what is known here; what has no meaning here is left out. */
#include <string.h>

#include "base/path.h"
#include "cmd/container_view.h"
#include "container/etc.h"
#include "container/plan.h"

/* An object in the making: once memory is short, it stays so. */
struct maker {
    cJSON *object;
    bool *good;
};

static void text(struct maker m, const char *name, const char *value)
{
    *m.good = *m.good && cJSON_AddStringToObject(m.object, name, value ? value : "");
}

static void flag(struct maker m, const char *name, bool value)
{
    *m.good = *m.good && cJSON_AddBoolToObject(m.object, name, value);
}

static void number(struct maker m, const char *name, double value)
{
    *m.good = *m.good && cJSON_AddNumberToObject(m.object, name, value);
}

static void item(struct maker m, const char *name, cJSON *value)
{
    if (!value || !cJSON_AddItemToObject(m.object, name, value)) {
        cJSON_Delete(value);
        *m.good = false;
    }
}

static void copy(struct maker m, const char *name, const cJSON *value)
{
    item(m, name, value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
}

static struct maker object(struct maker m, const char *name)
{
    const struct maker made = {cJSON_CreateObject(), m.good};

    item(m, name, made.object);
    return made;
}

static void time_of(struct maker m, const char *name, int64_t seconds)
{
    char value[KIST_STR_TIME_MAX];

    text(m, name, seconds ? kist_str_rfc3339(value, seconds) : "0001-01-01T00:00:00Z");
}

static void put_state(struct maker details, const struct kist_container *c, cJSON *health)
{
    struct maker m = object(details, "State");

    text(m, "Status", kist_container_state_name(c));
    flag(m, "Running", kist_container_is_up(c));
    flag(m, "Paused", c->status == KIST_CONTAINER_PAUSED);
    flag(m, "Restarting", c->status == KIST_CONTAINER_RESTARTING);
    flag(m, "OOMKilled", c->out_of_memory);
    flag(m, "Dead", false);
    number(m, "Pid", c->pid);
    number(m, "ExitCode", c->exit_status);
    text(m, "Error", "");
    time_of(m, "StartedAt", c->started);
    time_of(m, "FinishedAt", c->finished);
    if (health) {
        item(m, "Health", health);
    }
}

/* Docker's word for whose namespace it has; own: for one of its own. */
static const char *mode_of(const cJSON *config, const char *wanted, const char *own, char room[KIST_CONTAINER_ID_MAX + 16])
{
    const cJSON *space;

    cJSON_ArrayForEach(space, kist_json_array(kist_json_object(config, "linux"), "namespaces"))
    {
        const char *type = kist_json_string(space, "type"), *path = kist_json_string(space, "path");

        if (type && strcmp(type, wanted) == 0) {
            return path && kist_str_starts(path, KIST_CONTAINER_SOURCE) &&
                           kist_str_format(room, KIST_CONTAINER_ID_MAX + 16, "container:%s", kist_path_base(path))
                       ? room
                       : own;
        }
    }
    return "host";
}

static const char *network_mode(const cJSON *config, char room[KIST_CONTAINER_ID_MAX + 16])
{
    const char *kind = kist_plan_note(config, "kist.network");

    return mode_of(config, "network", kind ? kind : "none", room);
}

static void put_parent(struct maker m, const cJSON *config)
{
    const char *group = kist_json_string(kist_json_object(config, "linux"), "cgroupsPath");
    char parent[KIST_CONTAINER_GROUP_MAX];

    group = group ? group : "";
    text(m, "CgroupParent", kist_str_format(parent, sizeof(parent), "%.*s", (int)KIST_MAX(0, kist_path_base(group) - group - 1), group) && strcmp(parent, "/kist") != 0 ? parent : "");
}

static void put_modes(struct maker m, const cJSON *config)
{
    const cJSON *score = cJSON_GetObjectItemCaseSensitive(kist_json_object(config, "process"), "oomScoreAdj");
    const char *ipc = kist_plan_note(config, "kist.ipc");
    char room[KIST_CONTAINER_ID_MAX + 16];

    text(m, "NetworkMode", network_mode(config, room));
    text(m, "PidMode", mode_of(config, "pid", "", room));
    text(m, "IpcMode", mode_of(config, "ipc", ipc ? ipc : "private", room));
    text(m, "UTSMode", mode_of(config, "uts", "", room));
    text(m, "UsernsMode", strcmp(mode_of(config, "user", "private", room), "host") == 0 ? "" : "private"); /* Docker has no word for one's own */
    text(m, "CgroupnsMode", mode_of(config, "cgroup", "private", room));
    number(m, "OomScoreAdj", cJSON_IsNumber(score) ? score->valuedouble : 0);
}

static int parse_port(void *arg, const char *word, struct kist_error *err)
{
    return kist_publish_parse(arg, word, err);
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]} */
static int add_binding(void *arg, const struct port_published *port, const char *address, struct kist_error *err)
{
    const struct maker *ports = arg;
    char name[16], host[8];
    struct maker binding = {cJSON_CreateObject(), ports->good};
    const size_t len = strlen(address);
    cJSON *list;

    if (!kist_str_format(name, sizeof(name), "%u/%s", (unsigned)port->container, port->udp ? "udp" : "tcp") ||
        !kist_str_format(host, sizeof(host), "%u", (unsigned)port->host)) {
        cJSON_Delete(binding.object);
        return kist_error_set(err, KIST_E_FAIL, "a port is too long");
    }
    list = cJSON_GetObjectItemCaseSensitive(ports->object, name);
    if (!list) {
        list = cJSON_AddArrayToObject(ports->object, name);
    }
    if (!list || !binding.object || !cJSON_AddItemToArray(list, binding.object)) {
        cJSON_Delete(binding.object);
        return kist_error_nomem(err);
    }
    if (address[0] == '[' && len < PORT_PROXY_ADDRESS_MAX) {
        char bare[PORT_PROXY_ADDRESS_MAX];

        memcpy(bare, address + 1, len - 2);
        bare[len - 2] = '\0';
        text(binding, "HostIp", bare);
    } else {
        text(binding, "HostIp", address);
    }
    text(binding, "HostPort", host);
    return 0;
}

static void put_limits(struct maker m, const cJSON *config)
{
    const cJSON *resources = kist_json_object(kist_json_object(config, "linux"), "resources"),
                *cpu = kist_json_object(resources, "cpu");
    static const struct {
        const char *name, *part, *member;
    } rows[] = {{"Memory", "memory", "limit"},     {"MemorySwap", "memory", "swap"}, {"MemoryReservation", "memory", "reservation"},
                {"CpuShares", "cpu", "shares"},    {"CpuPeriod", "cpu", "period"},   {"CpuQuota", "cpu", "quota"},
                {"PidsLimit", "pids", "limit"},    {"BlkioWeight", "blockIO", "weight"}};
    double values[KIST_COUNT(rows)];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(kist_json_object(resources, rows[i].part), rows[i].member);

        values[i] = cJSON_IsNumber(value) ? value->valuedouble : 0;
        number(m, rows[i].name, values[i]);
    }
    number(m, "NanoCpus", values[4] > 0 && values[5] > 0 ? values[5] / values[4] * 1e9 : 0);
    text(m, "CpusetCpus", kist_json_string(cpu, "cpus"));
    text(m, "CpusetMems", kist_json_string(cpu, "mems"));
}

static void put_host(struct maker details, const struct kist_container *c, const struct kist_plan *plan, const cJSON *config)
{
    const char *devices = kist_plan_note(config, "kist.devices"), *init = kist_plan_note(config, "kist.init");
    struct maker m = object(details, "HostConfig"), policy = object(m, "RestartPolicy"), log = object(m, "LogConfig"),
                 options = object(log, "Config"), bindings;
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    char size[KIST_STR_SIZE_MAX];

    text(policy, "Name", kist_restart_name(plan->restart));
    number(policy, "MaximumRetryCount", (double)plan->max_restarts);
    text(log, "Type", plan->log_dir ? "local" : "none");
    if (plan->log_dir && kist_str_format(size, sizeof(size), "%llu", (unsigned long long)plan->log_size)) {
        text(options, "max-size", size);
    }
    flag(m, "AutoRemove", c->transient);
    flag(m, "Privileged", devices && strcmp(devices, "all") == 0);
    flag(m, "Init", init && strcmp(init, "true") == 0);
    flag(m, "ReadonlyRootfs", kist_json_bool(kist_json_object(config, "root"), "readonly", false));
    put_modes(m, config);
    if (kist_plan_note(config, "kist.rootfs.size")) {
        text(object(m, "StorageOpt"), "size", kist_plan_note(config, "kist.rootfs.size"));
    }
    put_parent(m, config);
    bindings = object(m, "PortBindings");
    *m.good = *m.good && kist_etc_each_word(kist_plan_note(config, "kist.publish"), parse_port, &ports, NULL) == 0 &&
              kist_publish_each(&ports, add_binding, &bindings, NULL) == 0;
    put_limits(m, config);
    copy(m, "MaskedPaths", kist_json_array(kist_json_object(config, "linux"), "maskedPaths"));
    copy(m, "ReadonlyPaths", kist_json_array(kist_json_object(config, "linux"), "readonlyPaths"));
}

static void put_config(struct maker details, const struct kist_container *c, const struct kist_plan *plan, const cJSON *config)
{
    const cJSON *process = kist_json_object(config, "process"), *user = kist_json_object(process, "user");
    const char *health = kist_plan_note(config, "kist.health"), *stop, *input = kist_plan_note(config, "kist.stdin");
    struct maker m = object(details, "Config"), none;
    uint64_t uid = 0, gid = 0;
    char name[32];

    (void)(kist_json_u64(user, "uid", &uid) && kist_json_u64(user, "gid", &gid));
    stop = kist_plan_note(config, "org.opencontainers.image.stopSignal");
    text(m, "Hostname", kist_json_string(config, "hostname"));
    text(m, "User",
         kist_str_format(name, sizeof(name), "%llu:%llu", (unsigned long long)uid, (unsigned long long)gid) ? name : "");
    flag(m, "Tty", kist_json_bool(process, "terminal", false));
    flag(m, "OpenStdin", input && strcmp(input, "true") == 0);
    copy(m, "Env", kist_json_array(process, "env"));
    copy(m, "Cmd", kist_json_array(process, "args"));
    copy(m, "Entrypoint", NULL);
    text(m, "Image", c->image_name);
    text(m, "WorkingDir", kist_json_string(process, "cwd"));
    text(m, "StopSignal", stop ? stop : "SIGTERM");
    number(m, "StopTimeout", plan->stop_seconds);
    if (health) {
        item(m, "Healthcheck", cJSON_Parse(health));
    }
    if (c->labels) {
        copy(m, "Labels", c->labels);
    } else {
        none = object(m, "Labels");
        (void)none;
    }
}

static bool has_option(const cJSON *mount, const char *wanted)
{
    const cJSON *option;

    cJSON_ArrayForEach(option, kist_json_array(mount, "options"))
    {
        if (cJSON_IsString(option) && strcmp(option->valuestring, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* Those that a user or the image asked for: binds and volumes. */
static void put_mounts(struct maker details, const struct kist_container *c, struct kist_store *store, const cJSON *config)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *mount;
    char path[4352];

    item(details, "Mounts", list);
    cJSON_ArrayForEach(mount, kist_json_array(config, "mounts"))
    {
        const char *source = kist_json_string(mount, "source"), *type = kist_json_string(mount, "type");
        const bool is_kept = source && kist_str_starts(source, KIST_VOLUME_SOURCE);
        const bool is_volume = is_kept || (source && kist_str_starts(source, "volumes/"));
        struct maker m = {NULL, details.good};

        if (!source || !type || strcmp(type, "bind") != 0 || (source[0] != '/' && !is_volume)) {
            continue;
        }
        m.object = cJSON_CreateObject();
        if (!*details.good || !m.object || !cJSON_AddItemToArray(list, m.object)) {
            cJSON_Delete(m.object);
            *details.good = false;
            return;
        }
        text(m, "Type", is_volume ? "volume" : "bind");
        if (is_volume) {
            bool fits = is_kept ? kist_store_volume_path(store, kist_path_base(source), path, sizeof(path))
                                : kist_str_format(path, sizeof(path), "%s/containers/%s/%s", kist_store_root(store), c->id, source);

            text(m, "Name", kist_path_base(source));
            source = fits ? path : "";
        }
        text(m, "Source", source);
        copy(m, "Destination", cJSON_GetObjectItemCaseSensitive(mount, "destination"));
        text(m, "Mode", "");
        flag(m, "RW", !has_option(mount, "ro"));
    }
}

static void put_place(struct maker m, const cJSON *place)
{
    uint64_t prefix = 0;

    (void)kist_json_u64(place, "prefix", &prefix);
    text(m, "Gateway", kist_json_string(place, "gateway"));
    text(m, "IPAddress", kist_json_string(place, "ip"));
    number(m, "IPPrefixLen", (double)prefix);
    text(m, "MacAddress", kist_json_string(place, "mac"));
}

static void put_network(struct maker details, const struct kist_container *c, const cJSON *config)
{
    char room[KIST_CONTAINER_ID_MAX + 16];
    const char *mode;
    struct maker m = object(details, "NetworkSettings"), ports = object(m, "Ports"), networks = object(m, "Networks"), one;

    *m.good = *m.good && kist_container_each_port(c, add_binding, &ports, NULL) == 0;
    put_place(m, c->network);
    mode = network_mode(config, room);
    if (kist_str_starts(mode, "container:")) {
        return; /* told of its owner */
    }
    one = object(networks, mode);
    if (c->network) {
        copy(one, "Aliases", kist_json_array(c->network, "names"));
        put_place(one, c->network);
    }
}

static void put_all(struct maker m, const struct kist_engine *engine, const struct kist_container *c,
                    const struct kist_plan *plan, cJSON *config, cJSON *health)
{
    const cJSON *args = kist_json_array(kist_json_object(config, "process"), "args");
    char value[4352], image[KIST_DIGEST_TEXT_MAX];
    cJSON *rest = cJSON_Duplicate(args, true);

    text(m, "Id", c->id);
    time_of(m, "Created", c->created);
    text(m, "Path", cJSON_GetStringValue(cJSON_GetArrayItem(args, 0)));
    cJSON_DeleteItemFromArray(rest, 0);
    item(m, "Args", rest);
    put_state(m, c, health);
    text(m, "Image", kist_digest_text(image, &c->image));
    text(m, "ImageName", c->image_name);
    text(m, "LogPath",
         plan->log_dir && kist_str_format(value, sizeof(value), "%s/%s/log", plan->log_dir, c->id) ? value : "");
    text(m, "Name", kist_str_format(value, sizeof(value), "/%s", c->name) ? value : c->name);
    number(m, "RestartCount", (double)c->restarts);
    text(m, "Driver", "overlayfs");
    text(m, "Platform", "linux");
    put_host(m, c, plan, config);
    put_mounts(m, c, engine->store, config);
    put_config(m, c, plan, config);
    put_network(m, c, config);
    item(m, "RuntimeConfig", config);
}

int kist_container_details(const struct kist_engine *engine, const struct kist_container *c, cJSON **details,
                           struct kist_error *err)
{
    cJSON *config = NULL, *health = NULL;
    struct kist_plan plan;
    bool good = true;
    struct maker m = {NULL, &good};
    int rc = kist_container_config(engine, c->id, &config, err);

    *details = NULL;
    rc = rc < 0 ? rc : kist_plan_read(&plan, config, err);
    if (rc < 0) {
        cJSON_Delete(config);
        return rc;
    }
    rc = kist_container_health(engine, c->id, &health, err);
    m.object = cJSON_CreateObject();
    if (rc == 0 && m.object) {
        put_all(m, engine, c, &plan, config, health);
        config = health = NULL;
    }
    kist_plan_release(&plan);
    cJSON_Delete(config);
    cJSON_Delete(health);
    if (rc < 0 || !m.object || !good) {
        cJSON_Delete(m.object);
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    *details = m.object;
    return 0;
}
