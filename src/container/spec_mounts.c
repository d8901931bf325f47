/* config.json's mounts (runtime-spec config.md, "Mounts"). */
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/path.h"
#include "container/spec_private.h"

/* Bytes of the options that a filesystem reads itself; the kernel takes a page. */
#define DATA_MAX 4095

static const struct {
    const char *name;
    unsigned set, clear;
} options[] = {
    {"defaults", 0, 0},
    {"ro", PORT_MOUNT_RDONLY, 0},
    {"rro", PORT_MOUNT_RDONLY, 0},
    {"rw", 0, PORT_MOUNT_RDONLY},
    {"nosuid", PORT_MOUNT_NOSUID, 0},
    {"suid", 0, PORT_MOUNT_NOSUID},
    {"nodev", PORT_MOUNT_NODEV, 0},
    {"dev", 0, PORT_MOUNT_NODEV},
    {"noexec", PORT_MOUNT_NOEXEC, 0},
    {"exec", 0, PORT_MOUNT_NOEXEC},
    {"noatime", PORT_MOUNT_NOATIME, PORT_MOUNT_STRICTATIME},
    {"atime", 0, PORT_MOUNT_NOATIME},
    {"nodiratime", PORT_MOUNT_NODIRATIME, 0},
    {"diratime", 0, PORT_MOUNT_NODIRATIME},
    {"relatime", 0, PORT_MOUNT_STRICTATIME | PORT_MOUNT_NOATIME},
    {"norelatime", 0, 0},
    {"strictatime", PORT_MOUNT_STRICTATIME, PORT_MOUNT_NOATIME},
    {"nostrictatime", 0, PORT_MOUNT_STRICTATIME},
    {"sync", PORT_MOUNT_SYNC, 0},
    {"dirsync", PORT_MOUNT_SYNC, 0},
    {"async", 0, PORT_MOUNT_SYNC},
    {"bind", 0, 0},
    {"rbind", PORT_MOUNT_RECURSIVE, 0},
    {"copy", PORT_MOUNT_COPY, 0},
};

static const char *const refused[] = {"tmpcopyup", "idmap", "ridmap", "remount", "unbindable", "runbindable"};

static bool take_flag(struct port_mount *m, const char *option)
{
    for (size_t i = 0; i < KIST_COUNT(options); i++) {
        if (strcmp(option, options[i].name) == 0) {
            m->flags = (m->flags & ~options[i].clear) | options[i].set;
            return true;
        }
    }
    return kist_spec_propagation(option, &m->propagation);
}

static bool is_refused(const char *option)
{
    for (size_t i = 0; i < KIST_COUNT(refused); i++) {
        if (strcmp(option, refused[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* data: what is left for the filesystem. */
static int parse_options(struct port_mount *m, const cJSON *mount, struct kist_buf *data,
                         struct kist_error *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, kist_json_array(mount, "options"))
    {
        const char *option = cJSON_GetStringValue(item);
        int rc = 0;

        if (!option) {
            return kist_spec_wrong("mounts.options", err);
        }
        if (is_refused(option)) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "config.json: mount option '%s' is not supported",
                                  option);
        }
        if (!take_flag(m, option)) {
            rc = kist_buf_printf(data, err, "%s%s", data->len > 0 ? "," : "", option);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static bool has_option(const cJSON *mount, const char *a, const char *b)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, kist_json_array(mount, "options"))
    {
        const char *option = cJSON_GetStringValue(item);

        if (option && (strcmp(option, a) == 0 || strcmp(option, b) == 0)) {
            return true;
        }
    }
    return false;
}

/* As the sandbox wants a place: absolute, without ".", ".." and empty parts. The text is spec's. */
static int parse_target(struct kist_spec *spec, struct port_mount *m, const cJSON *mount,
                        struct kist_error *err)
{
    const char *given = kist_json_string(mount, "destination");
    char path[KIST_MAX_PATH + 2] = "/";
    int rc;

    if (!given || !kist_path_clean(path + 1, sizeof(path) - 1, given) || path[1] == '\0') {
        return kist_spec_wrong("mounts.destination", err);
    }
    rc = kist_strv_add(&spec->texts, path, err);
    m->target = rc < 0 ? NULL : spec->texts.v[spec->texts.n - 1];
    return rc;
}

static int parse_mount(struct kist_spec *spec, struct port_mount *m, const cJSON *mount,
                       struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf data = KIST_BUF_INIT(DATA_MAX);
    int rc = parse_target(spec, m, mount, err);

    /* nodev holds for every mount that does not say "dev" */
    m->flags = PORT_MOUNT_NODEV;
    m->type = kist_json_string(mount, "type");
    m->source = kist_json_string(mount, "source");
    m->kind = PORT_MOUNT_FS;
    rc = rc < 0 ? rc : parse_options(m, mount, &data, err);
    if (rc < 0) {
        return rc;
    }
    if (kist_spec_has(mount, "uidMappings") || kist_spec_has(mount, "gidMappings")) {
        return kist_spec_refuse("mounts.uidMappings", err);
    }
    if ((m->type && strcmp(m->type, "bind") == 0) || has_option(mount, "bind", "rbind")) {
        m->kind = PORT_MOUNT_BIND;
        if (!m->source || m->source[0] == '\0' || data.len > 0) {
            return data.len > 0
                       ? kist_error_set(err, KIST_E_USAGE, "config.json: mount '%s' has unknown options '%s'",
                                        m->target, kist_buf_text(&data))
                       : kist_spec_wrong("mounts.source", err);
        }
        return 0;
    }
    if (!m->type || m->type[0] == '\0') {
        return kist_spec_wrong("mounts.type", err);
    }
    m->kind =
        strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0 ? PORT_MOUNT_CGROUP : PORT_MOUNT_FS;
    m->source = m->source ? m->source : m->type;
    m->flags &= ~(unsigned)PORT_MOUNT_COPY;
    if (data.len > 0) {
        rc = kist_strv_add(&spec->texts, data.data, err);
        m->data = rc < 0 ? NULL : spec->texts.v[spec->texts.n - 1];
    }
    return rc;
}

int kist_spec_parse_mounts(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    const cJSON *array = kist_json_array(config, "mounts"), *item;
    void *room;
    int rc = kist_spec_room(&room, array, sizeof(*spec->mounts), err);

    spec->mounts = room;
    cJSON_ArrayForEach(item, array)
    {
        rc = rc < 0 ? rc : parse_mount(spec, &spec->mounts[spec->sandbox.mount_count++], item, err);
    }
    spec->sandbox.mounts = spec->mounts;
    return rc;
}
