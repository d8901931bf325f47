/* --mount: "key=value,...", fields quoted as in CSV where a value holds a comma. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "container/volume.h"
#include "store/store.h"

#define FIELD "--mount: "

/* What a key is good for: bits of enum kist_mount_type, all of them where the type does not matter. */
#define OF(type) (1U << (type))
#define ANY (OF(KIST_MOUNT_BIND) | OF(KIST_MOUNT_VOLUME) | OF(KIST_MOUNT_TMPFS))

static const char *const types[] = {[KIST_MOUNT_VOLUME] = "volume", [KIST_MOUNT_BIND] = "bind", [KIST_MOUNT_TMPFS] = "tmpfs"};

struct parsing {
    struct kist_mount *mount;
    unsigned mixed; /* the types that all keys so far are good for */
    const char *odd; /* of which this was the first not good for all */
    char *source, *target;
};

static int wrong(const char *key, const char *value, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, FIELD "invalid value for %s: %s", key, value);
}

static int keep(char **place, const char *value, struct kist_error *err)
{
    free(*place);
    *place = strdup(value);
    return *place ? 0 : kist_error_nomem(err);
}

static int take_type(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    for (size_t i = 0; i < KIST_COUNT(types); i++) {
        if (strcasecmp(value, types[i]) == 0) {
            p->mount->type = (enum kist_mount_type)i;
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, FIELD "%s must be bind, volume or tmpfs, not '%s'", key, value);
}

static int take_source(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    (void)key;
    return keep(&p->source, value, err);
}

static int take_target(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    (void)key;
    return keep(&p->target, value, err);
}

static int take_read_only(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    return kist_str_bool(value, &p->mount->volume.read_only) ? 0 : wrong(key, value, err);
}

static int take_nocopy(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    return kist_str_bool(value, &p->mount->volume.nocopy) ? 0 : wrong(key, value, err);
}

static int take_nonrecursive(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    return kist_str_bool(value, &p->mount->single) ? 0 : wrong(key, value, err);
}

static int take_propagation(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    p->mount->volume.propagation = kist_propagation_name(value);
    return p->mount->volume.propagation ? 0 : wrong(key, value, err);
}

static int take_driver(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    (void)p;
    return strcmp(value, "local") == 0 ? 0
                                       : kist_error_set(err, KIST_E_UNSUPPORTED, FIELD "%s '%s': there are no drivers but local", key, value);
}

static int take_consistency(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    (void)p;
    return strcmp(value, "default") == 0 || strcmp(value, "consistent") == 0 || strcmp(value, "cached") == 0 ||
                   strcmp(value, "delegated") == 0
               ? 0
               : wrong(key, value, err);
}

static int take_size(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    return kist_str_bytes(value, &p->mount->size) ? 0 : wrong(key, value, err);
}

static int take_mode(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    char *end;
    unsigned long mode = strtoul(value, &end, 8);

    if (value[0] < '0' || value[0] > '7' || *end != '\0' || mode > 07777) {
        return wrong(key, value, err);
    }
    p->mount->mode = (int)mode;
    return 0;
}

static int refuse(struct parsing *p, const char *key, const char *value, struct kist_error *err)
{
    (void)p, (void)value;
    return kist_error_set(err, KIST_E_UNSUPPORTED, FIELD "%s is not supported", key);
}

static const struct {
    const char *key;
    unsigned types;
    bool flag; /* the key alone means true */
    int (*take)(struct parsing *p, const char *key, const char *value, struct kist_error *err);
} keys[] = {
    {"type", ANY, false, take_type},
    {"source", ANY, false, take_source},
    {"src", ANY, false, take_source},
    {"target", ANY, false, take_target},
    {"dst", ANY, false, take_target},
    {"destination", ANY, false, take_target},
    {"readonly", ANY, true, take_read_only},
    {"ro", ANY, true, take_read_only},
    {"consistency", ANY, false, take_consistency},
    {"bind-propagation", OF(KIST_MOUNT_BIND), false, take_propagation},
    {"bind-nonrecursive", OF(KIST_MOUNT_BIND), true, take_nonrecursive},
    {"volume-nocopy", OF(KIST_MOUNT_VOLUME), true, take_nocopy},
    {"volume-driver", OF(KIST_MOUNT_VOLUME), false, take_driver},
    {"volume-label", OF(KIST_MOUNT_VOLUME), false, refuse},
    {"volume-opt", OF(KIST_MOUNT_VOLUME), false, refuse},
    {"volume-subpath", OF(KIST_MOUNT_VOLUME), false, refuse},
    {"tmpfs-size", OF(KIST_MOUNT_TMPFS), false, take_size},
    {"tmpfs-mode", OF(KIST_MOUNT_TMPFS), false, take_mode},
};

static int take_field(struct parsing *p, char *field, struct kist_error *err)
{
    char *value = strchr(field, '=');

    if (value) {
        *value++ = '\0';
    }
    for (size_t i = 0; i < KIST_COUNT(keys); i++) {
        if (strcasecmp(field, keys[i].key) != 0) {
            continue;
        }
        if ((!value && !keys[i].flag) || (value && *value == '\0')) {
            break;
        }
        p->odd = p->odd || (p->mixed & keys[i].types) == p->mixed ? p->odd : keys[i].key;
        p->mixed &= keys[i].types;
        return keys[i].take(p, keys[i].key, value ? value : "true", err);
    }
    return value && *value != '\0'
               ? kist_error_set(err, KIST_E_USAGE, FIELD "unexpected key '%s' in '%s=%s'", field, field, value)
               : kist_error_set(err, KIST_E_USAGE, FIELD "invalid field '%s' must be a key=value pair", field);
}

/* All fields are known: whether they go together. */
static int complete(struct parsing *p, struct kist_error *err)
{
    struct kist_mount *m = p->mount;
    struct kist_volume *v = &m->volume;
    const char *type = types[m->type];

    if (!p->target) {
        return kist_error_set(err, KIST_E_USAGE, FIELD "target is required");
    }
    if ((p->mixed & OF(m->type)) == 0) {
        return kist_error_set(err, KIST_E_USAGE, FIELD "cannot mix '%s' with mount type '%s'", p->odd, type);
    }
    if (m->type == KIST_MOUNT_BIND && !p->source) {
        return kist_error_set(err, KIST_E_USAGE, FIELD "source is required for type 'bind'");
    }
    if (m->type == KIST_MOUNT_TMPFS && p->source) {
        return kist_error_set(err, KIST_E_USAGE, FIELD "a tmpfs has no source, not '%s'", p->source);
    }
    if (m->type == KIST_MOUNT_BIND) {
        int rc = kist_source_parse(&v->source, p->source, "--mount", err);

        if (rc < 0) {
            return rc;
        }
    } else if (p->source) {
        v->name = p->source;
        p->source = NULL;
        if (kist_store_volume_check(v->name, err) < 0) {
            return kist_error_wrap(err, "--mount");
        }
    }
    return kist_destination_parse(&v->destination, p->target, "--mount", err);
}

int kist_mount_parse(struct kist_mount *m, const char *text, struct kist_error *err)
{
    struct parsing p = {.mount = m, .mixed = ANY};
    KIST_AUTO(free) char *copy = strdup(text);
    char *rest = copy, *field;
    int rc = copy ? 0 : kist_error_nomem(err);

    *m = (struct kist_mount){.type = KIST_MOUNT_VOLUME, .mode = -1, .volume.propagation = "rprivate"};
    while (rc == 0 && (field = kist_str_field(&rest))) {
        rc = take_field(&p, field, err);
    }
    if (rc == 0 && rest) {
        rc = kist_error_set(err, KIST_E_USAGE, FIELD "a quote in '%s' has no end", text);
    }
    rc = rc < 0 ? rc : complete(&p, err);
    free(p.source);
    free(p.target);
    if (rc < 0) {
        kist_volume_release(&m->volume);
    }
    return rc;
}
