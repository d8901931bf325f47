/*
 * config.json's linux: namespaces, devices, rules, kernel parameters, filter (runtime-spec config-linux.md).
 */
#include <string.h>

#include "base/limits.h"
#include "container/container.h"
#include "container/limits.h"
#include "container/spec_private.h"

static const struct {
    const char *type;
    unsigned own;
} namespaces[] = {
    {"mount", PORT_OWN_MOUNTS}, {"pid", PORT_OWN_PIDS},        {"uts", PORT_OWN_HOSTNAME},
    {"ipc", PORT_OWN_IPC},      {"network", PORT_OWN_NETWORK}, {"cgroup", PORT_OWN_CGROUPS},
    {"user", PORT_OWN_USERS},
};

static bool is_joined(const struct kist_spec *spec, unsigned what)
{
    for (size_t i = 0; i < spec->sandbox.join_count; i++) {
        if (spec->joins[i].what == what) {
            return true;
        }
    }
    return false;
}

/* Of a file: "/...", or another container's (container.h). */
static int parse_join(struct kist_spec *spec, unsigned what, const char *path, struct kist_error *err)
{
    struct port_sandbox_spec *s = &spec->sandbox;

    if ((what & (PORT_OWN_MOUNTS | PORT_OWN_CGROUPS)) != 0) {
        return kist_spec_refuse("linux.namespaces.path", err);
    }
    if ((path[0] != '/' && !kist_str_starts(path, KIST_CONTAINER_SOURCE)) || is_joined(spec, what)) {
        return kist_spec_wrong("linux.namespaces.path", err);
    }
    spec->joins[s->join_count++] = (struct port_join){.what = what, .path = path};
    s->joins = spec->joins;
    return 0;
}

static int parse_namespace(struct kist_spec *spec, const cJSON *item, struct kist_error *err)
{
    const char *type = kist_json_string(item, "type"), *path = kist_json_string(item, "path");

    if (!type) {
        return kist_spec_wrong("linux.namespaces", err);
    }
    for (size_t i = 0; i < KIST_COUNT(namespaces); i++) {
        if (strcmp(type, namespaces[i].type) == 0) {
            if (path && *path != '\0') {
                return parse_join(spec, namespaces[i].own, path, err);
            }
            spec->sandbox.own |= namespaces[i].own;
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_UNSUPPORTED, "config.json: a '%s' namespace is not supported", type);
}

static int parse_namespaces(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    const cJSON *item;
    int rc = 0;

    cJSON_ArrayForEach(item, kist_json_array(part, "namespaces"))
    {
        rc = rc < 0 ? rc : parse_namespace(spec, item, err);
    }
    if (rc == 0 && (spec->sandbox.own & PORT_OWN_MOUNTS) == 0) {
        return kist_error_set(err, KIST_E_USAGE,
                              "config.json: a container needs a mount namespace of its own");
    }
    for (size_t i = 0; rc == 0 && i < spec->sandbox.join_count; i++) {
        rc = (spec->sandbox.own & spec->joins[i].what) != 0 ? kist_spec_wrong("linux.namespaces", err) : 0;
    }
    if (rc == 0 && (spec->sandbox.own & PORT_OWN_HOSTNAME) == 0 &&
        (spec->sandbox.hostname || spec->sandbox.domainname)) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: a hostname needs a uts namespace");
    }
    return rc;
}

/* ---- devices ---- */

/* Those that every container has (config-linux.md, "Default Devices"). */
static const struct port_device defaults[] = {
    {'c', 1, 3, 0666, 0, 0, "/dev/null"},    {'c', 1, 5, 0666, 0, 0, "/dev/zero"},
    {'c', 1, 7, 0666, 0, 0, "/dev/full"},    {'c', 1, 8, 0666, 0, 0, "/dev/random"},
    {'c', 1, 9, 0666, 0, 0, "/dev/urandom"}, {'c', 5, 0, 0666, 0, 0, "/dev/tty"},
};

static const struct port_link links[] = {
    {"/dev/ptmx", "pts/ptmx"},          {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},
};

/* The container's /dev is a filesystem made for it: the image's own, or the host's, is not written to. */
static bool has_own_dev(const struct kist_spec *spec)
{
    for (size_t i = 0; i < spec->sandbox.mount_count; i++) {
        if (strcmp(spec->mounts[i].target, "/dev") == 0) {
            return spec->mounts[i].kind == PORT_MOUNT_FS;
        }
    }
    return false;
}

static int parse_device(struct port_device *d, const cJSON *item, struct kist_error *err)
{
    const char *type = kist_json_string(item, "type");
    int64_t major = 0, minor = 0, mode = 0666, uid = 0, gid = 0;

    d->path = kist_json_string(item, "path");
    d->type = !type || type[0] == '\0' || type[1] != '\0' ? '\0' : type[0] == 'u' ? 'c' : type[0];
    if (!d->path || d->path[0] != '/' || !strchr("cbp", d->type) || d->type == '\0' ||
        (d->type != 'p' && (!kist_spec_number(item, "major", 0, 4095, &major) ||
                            !kist_spec_number(item, "minor", 0, (1 << 20) - 1, &minor))) ||
        (cJSON_GetObjectItemCaseSensitive(item, "fileMode") &&
         !kist_spec_number(item, "fileMode", 0, 0177777, &mode)) ||
        (cJSON_GetObjectItemCaseSensitive(item, "uid") &&
         !kist_spec_number(item, "uid", 0, UINT32_MAX - 1, &uid)) ||
        (cJSON_GetObjectItemCaseSensitive(item, "gid") &&
         !kist_spec_number(item, "gid", 0, UINT32_MAX - 1, &gid))) {
        return kist_spec_wrong("linux.devices", err);
    }
    d->major = (uint32_t)major;
    d->minor = (uint32_t)minor;
    d->mode = (uint32_t)mode & 0777;
    d->uid = (uint32_t)uid;
    d->gid = (uint32_t)gid;
    return 0;
}

static bool has_device(const struct kist_spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->sandbox.device_count; i++) {
        if (strcmp(spec->devices[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static int parse_devices(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    const cJSON *array = kist_json_array(part, "devices"), *item;
    size_t *n = &spec->sandbox.device_count;
    void *room;
    int rc = kist_spec_room(&room, array, sizeof(*spec->devices) * (1 + KIST_COUNT(defaults)), err);

    spec->devices = room;
    cJSON_ArrayForEach(item, array)
    {
        rc = rc < 0 ? rc : parse_device(&spec->devices[(*n)++], item, err);
    }
    if (rc == 0 && has_own_dev(spec)) {
        for (size_t i = 0; i < KIST_COUNT(defaults); i++) {
            if (!has_device(spec, defaults[i].path)) {
                spec->devices[(*n)++] = defaults[i];
            }
        }
        spec->sandbox.links = links;
        spec->sandbox.link_count = KIST_COUNT(links);
    }
    spec->sandbox.devices = spec->devices;
    return rc;
}

/* ---- resources ---- */

static int parse_rule(struct port_device_rule *r, const cJSON *item, struct kist_error *err)
{
    const char *type = kist_json_string(item, "type"), *access = kist_json_string(item, "access");

    access = access ? access : "rwm";
    r->allow = kist_json_bool(item, "allow", false);
    r->type = type && type[0] != '\0' ? type[0] : 'a';
    r->major = r->minor = -1;
    if (!strchr("abc", r->type) || access[strspn(access, "rwm")] != '\0' ||
        (kist_spec_has(item, "major") && !kist_spec_number(item, "major", -1, 4095, &r->major)) ||
        (kist_spec_has(item, "minor") && !kist_spec_number(item, "minor", -1, (1 << 20) - 1, &r->minor))) {
        return kist_spec_wrong("linux.resources.devices", err);
    }
    r->read = strchr(access, 'r') != NULL;
    r->write = strchr(access, 'w') != NULL;
    r->mknod = strchr(access, 'm') != NULL;
    return 0;
}

static int parse_resources(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    const cJSON *resources = kist_json_object(part, "resources"),
                *array = kist_json_array(resources, "devices"), *item;
    void *room;
    int rc = kist_spec_room(&room, array, sizeof(*spec->rules), err);

    spec->rules = room;
    rc = rc < 0 ? rc : kist_limits_parse(&spec->sandbox.cgroup.limits, resources, err);
    cJSON_ArrayForEach(item, array)
    {
        rc = rc < 0 ? rc : parse_rule(&spec->rules[spec->sandbox.cgroup.rule_count++], item, err);
    }
    spec->sandbox.cgroup.rules = spec->rules;
    return rc;
}

/* ---- kernel parameters ---- */

/* Those that belong to a namespace; any other would be the host's. */
static const struct {
    const char *name; /* ends in "." where all below it are meant */
    unsigned own;
} parameters[] = {
    {"net.", PORT_OWN_NETWORK},
    {"fs.mqueue.", PORT_OWN_IPC},
    {"kernel.msgmax", PORT_OWN_IPC},
    {"kernel.msgmnb", PORT_OWN_IPC},
    {"kernel.msgmni", PORT_OWN_IPC},
    {"kernel.sem", PORT_OWN_IPC},
    {"kernel.shmall", PORT_OWN_IPC},
    {"kernel.shmmax", PORT_OWN_IPC},
    {"kernel.shmmni", PORT_OWN_IPC},
    {"kernel.shm_rmid_forced", PORT_OWN_IPC},
    {"kernel.domainname", PORT_OWN_HOSTNAME},
};

static bool is_own(const char *name, unsigned own)
{
    for (size_t i = 0; i < KIST_COUNT(parameters); i++) {
        const char *known = parameters[i].name;

        if ((own & parameters[i].own) != 0 &&
            (kist_str_ends(known, ".") ? kist_str_starts(name, known) : strcmp(name, known) == 0)) {
            return !strstr(name, "..") && !strchr(name, '/');
        }
    }
    return false;
}

static int parse_sysctls(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    const cJSON *object = kist_json_object(part, "sysctl"), *item;
    void *room;
    int rc = kist_spec_room(&room, object, sizeof(*spec->sysctls), err);

    spec->sysctls = room;
    cJSON_ArrayForEach(item, object)
    {
        if (rc == 0 && (!cJSON_IsString(item) || !is_own(item->string, spec->sandbox.own))) {
            rc = kist_error_set(
                err, KIST_E_USAGE,
                "config.json: kernel parameter '%s' is not the container's own, so it cannot be set for it",
                item->string);
        }
        if (rc == 0) {
            spec->sysctls[spec->sandbox.sysctl_count++] =
                (struct port_sysctl){item->string, item->valuestring};
        }
    }
    spec->sandbox.sysctls = spec->sysctls;
    return rc;
}

/* ---- the rest ---- */

static int parse_paths(const char *const **out, const char ***owned, const cJSON *part, const char *name,
                       struct kist_error *err)
{
    char **paths;
    size_t n;
    int rc = kist_spec_strings(&paths, &n, part, name, err);

    *owned = (const char **)paths;
    *out = *owned;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (paths[i][0] != '/' || strlen(paths[i]) > KIST_MAX_PATH) {
            rc = kist_spec_wrong(name, err);
        }
    }
    return rc;
}

static int parse_seccomp(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    const cJSON *seccomp = kist_json_object(part, "seccomp");
    int rc = seccomp ? kist_seccomp_assemble(&spec->seccomp, seccomp, err) : 0;

    spec->sandbox.command.seccomp = spec->seccomp.insns;
    spec->sandbox.command.seccomp_count = spec->seccomp.count;
    spec->sandbox.command.seccomp_flags = spec->seccomp.flags;
    return rc;
}

static int refuse_rest(const cJSON *part, struct kist_error *err)
{
    static const char *const refused[] = {"intelRdt", "personality", "mountLabel", "timeOffsets"};

    for (size_t i = 0; i < KIST_COUNT(refused); i++) {
        if (kist_spec_has(part, refused[i])) {
            return kist_spec_refuse(refused[i], err);
        }
    }
    return 0;
}

const char *kist_spec_group(const cJSON *config)
{
    const char *path = kist_json_string(kist_json_object(config, "linux"), "cgroupsPath");

    path = path && path[0] == '/' ? path + 1 : path;
    return path && port_cgroup_name_ok(path) ? path : NULL;
}

/* One that has to be told from the others': its last part is the container's ID where kist made it. */
static int parse_group(struct kist_spec *spec, const cJSON *config, const cJSON *part, struct kist_error *err)
{
    spec->sandbox.cgroup.name = kist_spec_group(config);
    return spec->sandbox.cgroup.name || !kist_spec_has(part, "cgroupsPath") ? 0 : kist_spec_wrong("linux.cgroupsPath", err);
}

int kist_spec_parse_linux(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    const cJSON *part = kist_json_object(config, "linux");
    const char *propagation = kist_json_string(part, "rootfsPropagation");
    struct port_sandbox_spec *s = &spec->sandbox;
    int rc = part ? refuse_rest(part, err) : kist_spec_wrong("linux", err);

    if (rc == 0 && propagation && propagation[0] != '\0' &&
        !kist_spec_propagation(propagation, &s->root.propagation)) {
        rc = kist_spec_refuse("linux.rootfsPropagation", err);
    }
    rc = rc < 0 ? rc : parse_group(spec, config, part, err);
    rc = rc < 0 ? rc : parse_namespaces(spec, part, err);
    rc = rc < 0 ? rc : kist_spec_parse_users(spec, part, err);
    rc = rc < 0 ? rc : parse_devices(spec, part, err);
    rc = rc < 0 ? rc : parse_resources(spec, part, err);
    rc = rc < 0 ? rc : parse_sysctls(spec, part, err);
    rc = rc < 0 ? rc : parse_paths(&s->masked, &spec->masked, part, "maskedPaths", err);
    rc = rc < 0 ? rc : parse_paths(&s->read_only, &spec->read_only, part, "readonlyPaths", err);
    return rc < 0 ? rc : parse_seccomp(spec, part, err);
}
