#include "build/run_mount.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"

enum { OF_BIND = 1 << KIST_RUN_MOUNT_BIND, OF_CACHE = 1 << KIST_RUN_MOUNT_CACHE, OF_TMPFS = 1 << KIST_RUN_MOUNT_TMPFS,
       OF_SECRET = 1 << KIST_RUN_MOUNT_SECRET, OF_ALL = OF_BIND | OF_CACHE | OF_TMPFS | OF_SECRET };

static const char *const types[] = {"bind", "cache", "tmpfs", "secret"};  /* as in enum kist_run_mount_type */
static const char *const sharings[] = {"shared", "private", "locked"};    /* as in enum kist_run_mount_sharing */

enum key { KEY_TYPE, KEY_TARGET, KEY_SOURCE, KEY_FROM, KEY_ID, KEY_ENV, KEY_SHARING, KEY_MODE, KEY_UID, KEY_GID, KEY_SIZE, KEY_RO, KEY_RW,
           KEY_REQUIRED };

static const struct {
    const char *name;
    enum key key;
    unsigned of; /* what types have it */
} keys[] = {
    {"type", KEY_TYPE, OF_ALL},
    {"target", KEY_TARGET, OF_ALL},
    {"dst", KEY_TARGET, OF_ALL},
    {"destination", KEY_TARGET, OF_ALL},
    {"source", KEY_SOURCE, OF_BIND | OF_CACHE},
    {"src", KEY_SOURCE, OF_BIND | OF_CACHE},
    {"from", KEY_FROM, OF_BIND | OF_CACHE},
    {"id", KEY_ID, OF_CACHE | OF_SECRET},
    {"env", KEY_ENV, OF_SECRET},
    {"sharing", KEY_SHARING, OF_CACHE},
    {"mode", KEY_MODE, OF_CACHE | OF_SECRET},
    {"uid", KEY_UID, OF_CACHE | OF_SECRET},
    {"gid", KEY_GID, OF_CACHE | OF_SECRET},
    {"size", KEY_SIZE, OF_TMPFS},
    {"readonly", KEY_RO, OF_BIND | OF_CACHE},
    {"ro", KEY_RO, OF_BIND | OF_CACHE},
    {"readwrite", KEY_RW, OF_BIND | OF_CACHE},
    {"rw", KEY_RW, OF_BIND | OF_CACHE},
    {"required", KEY_REQUIRED, OF_SECRET},
};

static int keep(char **member, const char *text, struct kist_error *err)
{
    free(*member);
    *member = strdup(text);
    return *member ? 0 : kist_error_nomem(err);
}

static int invalid(const char *key, const char *value, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "invalid value for %s: '%.200s'", key, value);
}

/* The place of value among names; -1. */
static int place_of(const char *value, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value, names[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int set_type(struct kist_run_mount *m, const char *value, struct kist_error *err)
{
    const int type = place_of(value, types, KIST_COUNT(types));

    if (type < 0) {
        return strcmp(value, "ssh") == 0
                   ? kist_error_set(err, KIST_E_UNSUPPORTED,
                                    "mount type 'ssh' is not supported: kist gives no build an agent (use type=secret)")
                   : kist_error_set(err, KIST_E_USAGE, "unsupported mount type '%.40s' (bind, cache, tmpfs and secret are)", value);
    }
    m->type = (enum kist_run_mount_type)type;
    return 0;
}

static int set_number(uint32_t *member, const char *key, const char *value, int base, struct kist_error *err)
{
    char *end;
    const unsigned long number = strtoul(value, &end, base);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number > (base == 8 ? 07777U : UINT32_MAX - 1)) {
        return invalid(key, value, err);
    }
    *member = (uint32_t)number;
    return 0;
}

static int set_target(struct kist_run_mount *m, const char *value, const char *workdir, struct kist_error *err)
{
    char path[2 * KIST_MAX_PATH], clean[KIST_MAX_PATH + 2] = "/";

    if (!kist_str_format(path, sizeof(path), "%s/%s", value[0] == '/' ? "" : workdir, value) ||
        !kist_path_clean(clean + 1, sizeof(clean) - 1, path) || clean[1] == '\0') {
        return invalid("target", value, err);
    }
    return keep(&m->target, clean, err);
}

static int set_flag(struct kist_run_mount *m, enum key key, const char *name, const char *value, struct kist_error *err)
{
    bool on = true;

    if (value && !kist_str_bool(value, &on)) {
        return invalid(name, value, err);
    }
    if (key == KEY_REQUIRED) {
        m->required = on;
    } else {
        m->read_only = (key == KEY_RO) == on;
    }
    return 0;
}

static int set(struct kist_run_mount *m, enum key key, const char *name, const char *value, const char *workdir,
               struct kist_error *err)
{
    int place;

    if (key >= KEY_RO) {
        return set_flag(m, key, name, value, err);
    }
    if (!value) {
        return kist_error_set(err, KIST_E_USAGE, "invalid field '%s' must be a key=value pair", name);
    }
    switch (key) {
    case KEY_TARGET:
        return set_target(m, value, workdir, err);
    case KEY_SOURCE:
        return keep(&m->source, value, err);
    case KEY_FROM:
        return keep(&m->from, value, err);
    case KEY_ID:
        return keep(&m->id, value, err);
    case KEY_ENV:
        return strchr(value, '=') ? invalid(name, value, err) : keep(&m->env, value, err);
    case KEY_SHARING:
        place = place_of(value, sharings, KIST_COUNT(sharings));
        m->sharing = (enum kist_run_mount_sharing)KIST_MAX(place, 0);
        return place < 0 ? kist_error_set(err, KIST_E_USAGE, "unsupported sharing value '%.40s' (shared, private and locked are)", value)
                         : 0;
    case KEY_MODE:
        return set_number(&m->mode, name, value, 8, err);
    case KEY_UID:
        return set_number(&m->uid, name, value, 10, err);
    case KEY_GID:
        return set_number(&m->gid, name, value, 10, err);
    case KEY_SIZE:
        return kist_str_bytes(value, &m->size) && m->size > 0 ? 0 : invalid(name, value, err);
    default:
        return 0; /* the type is known already */
    }
}

static int take_field(struct kist_run_mount *m, char *field, bool type_only, const char *workdir, struct kist_error *err)
{
    char *value = strchr(field, '=');

    if (value) {
        *value++ = '\0';
    }
    for (size_t i = 0; i < KIST_COUNT(keys); i++) {
        if (strcmp(field, keys[i].name) != 0) {
            continue;
        }
        if (type_only) {
            return keys[i].key == KEY_TYPE && value ? set_type(m, value, err) : 0;
        }
        if ((keys[i].of & (1U << m->type)) == 0) {
            return kist_error_set(err, KIST_E_USAGE, "'%s' is not allowed for mounts of type '%s'", field, types[m->type]);
        }
        return set(m, keys[i].key, field, value, workdir, err);
    }
    return kist_error_set(err, KIST_E_USAGE, "unexpected key '%.40s' in mount", field);
}

static int take_fields(struct kist_run_mount *m, const char *text, bool type_only, const char *workdir, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text);
    char *rest = copy, *field;
    int rc = copy ? 0 : kist_error_nomem(err);

    while (rc == 0 && (field = kist_str_field(&rest)) != NULL) {
        rc = take_field(m, field, type_only, workdir, err);
    }
    return rc == 0 && rest ? kist_error_set(err, KIST_E_USAGE, "mount '%.200s' has a quote that is not closed, or text behind it", text) : rc;
}

/* What is not said. */
static int complete(struct kist_run_mount *m, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    int rc = 0;

    if (m->type == KIST_RUN_MOUNT_SECRET) {
        if (!m->id && m->target) {
            rc = keep(&m->id, kist_path_base(m->target), err);
        }
        if (rc == 0 && (!m->id || m->id[0] == '\0')) {
            return kist_error_set(err, KIST_E_USAGE, "a secret needs an id or a target");
        }
        if (rc == 0 && !m->target && !m->env) {
            rc = kist_str_format(path, sizeof(path), "run/secrets/%s", kist_path_base(m->id)) ? set_target(m, path, "", err)
                                                                                                : invalid("id", m->id, err);
        }
        return rc;
    }
    if (!m->target) {
        return kist_error_set(err, KIST_E_USAGE, "a mount of type '%s' needs a target", types[m->type]);
    }
    if (m->type == KIST_RUN_MOUNT_CACHE && (m->from || m->source)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "a cache that begins with files of an image is not supported: it begins empty");
    }
    if (m->type == KIST_RUN_MOUNT_CACHE && !m->id) {
        rc = keep(&m->id, m->target, err);
    }
    return rc == 0 && m->type == KIST_RUN_MOUNT_BIND && !m->source ? keep(&m->source, "/", err) : rc;
}

int kist_run_mount_parse(struct kist_run_mount *m, const char *text, const char *workdir, struct kist_error *err)
{
    int rc;

    *m = (struct kist_run_mount){.type = KIST_RUN_MOUNT_BIND};
    rc = take_fields(m, text, true, workdir, err);
    m->read_only = m->type == KIST_RUN_MOUNT_BIND;
    m->mode = m->type == KIST_RUN_MOUNT_SECRET ? 0400 : 0755;
    rc = rc < 0 ? rc : take_fields(m, text, false, workdir, err);
    return rc < 0 ? rc : complete(m, err);
}

void kist_run_mount_release(struct kist_run_mount *m)
{
    free(m->target);
    free(m->from);
    free(m->source);
    free(m->id);
    free(m->env);
    *m = (struct kist_run_mount){.target = NULL};
}
