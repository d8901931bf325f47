/* config.json's mounts: Docker's own, those of -v and --tmpfs over them, the image's volumes; parents before
 * what is in them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/container.h"
#include "container/generate_private.h"
#include "container/volume.h"

/* A mount in the making: the list is what is sorted, the objects become config.json's. */
struct mount {
    cJSON *object;
    const char *destination; /* the object's own */
    bool user;               /* from a flag: hides a default at its place */
    unsigned depth, order;
};

struct mounts {
    struct mount *v;
    size_t n;
    unsigned anonymous; /* volumes numbered so far */
};

/*
 * Docker's, in its order. "dev" on devpts, because the engine makes everything else nodev. cgroup and sysfs
 * stay as they are when privileged, but for "ro".
 */
static const char defaults[] =
    "[{\"destination\":\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
    "\"options\":[\"nosuid\",\"noexec\",\"dev\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=67108864\"]},"
    "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"etc/resolv.conf\","
    "\"options\":[\"rbind\",\"rprivate\"]},"
    "{\"destination\":\"/etc/hostname\",\"type\":\"bind\",\"source\":\"etc/hostname\","
    "\"options\":[\"rbind\",\"rprivate\"]},"
    "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"etc/hosts\","
    "\"options\":[\"rbind\",\"rprivate\"]}]";

static unsigned depth_of(const char *path)
{
    unsigned depth = 0;

    for (; *path != '\0'; path++) {
        depth += path[0] == '/' && path[1] != '\0';
    }
    return depth;
}

/* Takes ownership of object always. */
static int add(struct mounts *m, cJSON *object, bool user, struct kist_error *err)
{
    struct mount *v = object ? realloc(m->v, (m->n + 1) * sizeof(*v)) : NULL;

    if (!v) {
        cJSON_Delete(object);
        return kist_error_nomem(err);
    }
    m->v = v;
    v += m->n;
    *v = (struct mount){.object = object, .user = user, .order = (unsigned)m->n};
    v->destination = kist_json_string(object, "destination");
    v->depth = depth_of(v->destination);
    m->n++;
    return 0;
}

static void release(struct mounts *m)
{
    for (size_t i = 0; i < m->n; i++) {
        cJSON_Delete(m->v[i].object);
    }
    free(m->v);
}

static bool is_taken(const struct mounts *m, const char *destination)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i].user && strcmp(m->v[i].destination, destination) == 0) {
            return true;
        }
    }
    return false;
}

static int add_new(struct mounts *m, const char *destination, const char *type, const char *source,
                   const char *const *options, size_t n, struct kist_error *err)
{
    cJSON *object = cJSON_CreateObject();
    int rc = object ? kist_json_put_string(object, "destination", destination, err) : kist_error_nomem(err);

    if (rc == 0) {
        rc = kist_json_put_string(object, "type", type, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(object, "source", source, err);
    }
    if (rc == 0) {
        rc = kist_generate_strings(object, "options", options, n, err);
    }
    if (rc < 0) {
        cJSON_Delete(object);
        return rc;
    }
    return add(m, object, true, err);
}

static int refuse_twice(const struct mounts *m, const char *destination, struct kist_error *err)
{
    return is_taken(m, destination)
               ? kist_error_set(err, KIST_E_USAGE, "duplicate mount point: %s", destination)
               : 0;
}

/* A volume: one of the store's, or where it goes with the container, one in the bundle (container.h). */
static int add_volume_mount(struct mounts *m, const char *destination, const char *source, bool nocopy, bool read_only,
                            struct kist_error *err)
{
    const char *options[4] = {"rbind", "rprivate"};
    size_t n = 2;

    if (!nocopy) {
        options[n++] = "copy";
    }
    if (read_only) {
        options[n++] = "ro";
    }
    return add_new(m, destination, "bind", source, options, n, err);
}

/* Its name comes from the container's ID, so that it is known before there is a container, and is nobody else's. */
static int add_anonymous(struct mounts *m, const struct kist_generation *g, const char *destination, bool nocopy,
                         bool read_only, struct kist_error *err)
{
    char source[KIST_DIGEST_HEX_MAX + 16], text[KIST_DIGEST_HEX_MAX + 16], hex[KIST_DIGEST_HEX_MAX];
    struct kist_digest name;
    bool fits;

    if (g->context->transient) {
        fits = kist_str_format(source, sizeof(source), "volumes/%u", m->anonymous++);
    } else {
        fits = kist_str_format(text, sizeof(text), "%s/%u", g->context->id, m->anonymous++);
        kist_digest_of(&name, text, strlen(text));
        fits = fits && kist_str_format(source, sizeof(source), KIST_VOLUME_SOURCE "%s", kist_digest_hex(hex, &name));
    }
    return fits ? add_volume_mount(m, destination, source, nocopy, read_only, err)
                : kist_error_set(err, KIST_E_FAIL, "too many volumes");
}

static int add_named(struct mounts *m, const struct kist_volume *v, struct kist_error *err)
{
    char source[KIST_VOLUME_NAME_MAX + 8];

    return kist_str_format(source, sizeof(source), KIST_VOLUME_SOURCE "%s", v->name)
               ? add_volume_mount(m, v->destination, source, v->nocopy, v->read_only, err)
               : kist_error_set(err, KIST_E_USAGE, "--volume: the name '%s' is too long", v->name);
}

/* Makes the directory path where nothing is yet, with its parents. */
static int make_source(const char *path, struct kist_error *err)
{
    char part[KIST_MAX_PATH + 2];
    struct stat st;

    if (stat(path, &st) == 0) {
        return 0;
    }
    for (const char *end = strchr(path + 1, '/');; end = strchr(end + 1, '/')) {
        size_t len = end ? (size_t)(end - path) : strlen(path);

        if (!kist_str_format(part, sizeof(part), "%.*s", (int)len, path)) {
            return kist_error_set(err, KIST_E_USAGE, "--volume: path too long");
        }
        if (mkdir(part, 0755) < 0 && errno != EEXIST) {
            return kist_error_sys(err, KIST_E_USAGE, errno, "--volume: cannot make '%s' on the host", part);
        }
        if (!end) {
            return 0;
        }
    }
}

/* A shared or slave mount needs a root that lets events through. */
static void note_propagation(struct kist_generation *g, const char *propagation)
{
    if (strstr(propagation, "shared")) {
        g->rootfs_propagation = "shared";
    } else if (strstr(propagation, "slave") && strcmp(g->rootfs_propagation, "shared") != 0) {
        g->rootfs_propagation = "rslave";
    }
}

/* kind: "bind" or "rbind". */
static int add_bind(struct mounts *m, struct kist_generation *g, const struct kist_volume *v, const char *kind, struct kist_error *err)
{
    const char *options[] = {kind, v->propagation, "ro"};

    note_propagation(g, v->propagation);
    return add_new(m, v->destination, "bind", v->source, options, KIST_COUNT(options) - !v->read_only, err);
}

static int add_volume(struct mounts *m, struct kist_generation *g, const char *text, struct kist_error *err)
{
    KIST_AUTO(volume) struct kist_volume v = {0};
    int rc = kist_volume_parse(&v, text, err);

    if (rc == 0) {
        rc = refuse_twice(m, v.destination, err);
    }
    if (rc == 0 && !v.source) {
        return v.name ? add_named(m, &v, err) : add_anonymous(m, g, v.destination, v.nocopy, false, err);
    }
    if (rc == 0) {
        rc = make_source(v.source, err);
    }
    return rc < 0 ? rc : add_bind(m, g, &v, "rbind", err);
}

static int add_mounted_tmpfs(struct mounts *m, const struct kist_mount *t, struct kist_error *err)
{
    const char *options[6] = {"noexec", "nosuid", "nodev"};
    char size[32], mode[32];
    size_t n = 3;

    if (!kist_str_format(size, sizeof(size), "size=%" PRIu64, t->size) || !kist_str_format(mode, sizeof(mode), "mode=%o", (unsigned)t->mode)) {
        return kist_error_set(err, KIST_E_FAIL, "a size is too long");
    }
    if (t->size > 0) {
        options[n++] = size;
    }
    if (t->mode >= 0) {
        options[n++] = mode;
    }
    if (t->volume.read_only) {
        options[n++] = "ro";
    }
    return add_new(m, t->volume.destination, "tmpfs", "tmpfs", options, n, err);
}

/* --mount; a bind's source has to be there, other than with -v. */
static int add_mount(struct mounts *m, struct kist_generation *g, const char *text, struct kist_error *err)
{
    struct kist_mount mount;
    struct kist_volume *v = &mount.volume;
    struct stat st;
    int rc = kist_mount_parse(&mount, text, err);

    if (rc < 0) {
        return rc;
    }
    rc = refuse_twice(m, v->destination, err);
    if (rc == 0 && mount.type == KIST_MOUNT_TMPFS) {
        rc = add_mounted_tmpfs(m, &mount, err);
    } else if (rc == 0 && v->source) {
        rc = stat(v->source, &st) < 0 ? kist_error_set(err, KIST_E_USAGE, "--mount: bind source path does not exist: %s", v->source)
                                      : add_bind(m, g, v, mount.single ? "bind" : "rbind", err);
    } else if (rc == 0) {
        rc = v->name ? add_named(m, v, err) : add_anonymous(m, g, v->destination, v->nocopy, v->read_only, err);
    }
    kist_volume_release(v);
    return rc;
}

static int add_tmpfs(struct mounts *m, const char *text, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv options = {0};
    KIST_AUTO(free) char *destination = NULL;
    int rc = kist_tmpfs_parse(&destination, &options, text, err);

    if (rc == 0) {
        rc = refuse_twice(m, destination, err);
    }
    if (rc == 0) {
        rc = add_new(m, destination, "tmpfs", "tmpfs", (const char *const *)options.v, options.n, err);
    }
    return rc;
}

/* The image's volumes, where no flag has put something else. */
static int add_image_volumes(struct mounts *m, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_strv *volumes = &g->image->volumes;
    int rc = 0;

    for (size_t i = 0; i < volumes->n && rc == 0; i++) {
        char path[KIST_MAX_PATH + 2] = "/";

        if (!kist_path_clean(path + 1, sizeof(path) - 1, volumes->v[i]) || path[1] == '\0') {
            return kist_error_set(err, KIST_E_CORRUPT,
                                  "the image has a volume at '%.200s', which is no place for one",
                                  volumes->v[i]);
        }
        if (!is_taken(m, path)) {
            rc = add_anonymous(m, g, path, false, false, err);
        }
    }
    return rc;
}

/* Takes option out of a mount's options. */
static void drop_option(cJSON *object, const char *option)
{
    cJSON *options = cJSON_GetObjectItemCaseSensitive(object, "options"), *item;

    cJSON_ArrayForEach(item, options)
    {
        if (strcmp(cJSON_GetStringValue(item), option) == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(options, item));
            return;
        }
    }
}

/* A default gives way to a flag at its place; all below /dev to a flag for /dev. */
static bool is_wanted(const struct mounts *m, const char *destination)
{
    return !is_taken(m, destination) && !(kist_str_starts(destination, "/dev/") && is_taken(m, "/dev"));
}

static int add_defaults(struct mounts *m, const struct kist_run_options *o, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *array = cJSON_Parse(defaults);
    int rc = array ? 0 : kist_error_nomem(err);

    while (rc == 0 && array->child) {
        cJSON *object = cJSON_DetachItemViaPointer(array, array->child);
        const char *type = kist_json_string(object, "type");

        if (!is_wanted(m, kist_json_string(object, "destination"))) {
            cJSON_Delete(object);
            continue;
        }
        if (o->privileged && (strcmp(type, "sysfs") == 0 || strcmp(type, "cgroup") == 0)) {
            drop_option(object, "ro");
        }
        if (o->read_only && strcmp(type, "bind") == 0) {
            rc = kist_json_append(cJSON_GetObjectItemCaseSensitive(object, "options"),
                                  cJSON_CreateString("ro"), err);
        }
        if (rc < 0) {
            cJSON_Delete(object);
            return rc;
        }
        rc = add(m, object, false, err);
    }
    return rc;
}

static int collect(struct mounts *m, struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    int rc = 0;

    for (size_t i = 0; i < o->volumes.n && rc == 0; i++) {
        rc = add_volume(m, g, o->volumes.v[i], err);
    }
    for (size_t i = 0; i < o->mounts.n && rc == 0; i++) {
        rc = add_mount(m, g, o->mounts.v[i], err);
    }
    for (size_t i = 0; i < o->tmpfs.n && rc == 0; i++) {
        rc = add_tmpfs(m, o->tmpfs.v[i], err);
    }
    if (rc == 0) {
        rc = add_image_volumes(m, g, err);
    }
    return rc == 0 ? add_defaults(m, o, err) : rc;
}

/* Fewer components first; the defaults before the rest, each in its order. */
static int compare(const void *left, const void *right)
{
    const struct mount *a = left, *b = right;

    if (a->depth != b->depth) {
        return a->depth < b->depth ? -1 : 1;
    }
    if (a->user != b->user) {
        return a->user ? 1 : -1;
    }
    return a->order < b->order ? -1 : 1;
}

int kist_generate_mounts(cJSON *spec, struct kist_generation *g, struct kist_error *err)
{
    cJSON *array = cJSON_CreateArray();
    struct mounts m = {0};
    int rc = kist_json_put(spec, "mounts", array, err);

    g->rootfs_propagation = "rprivate";
    if (rc == 0) {
        rc = collect(&m, g, err);
    }
    if (rc == 0) {
        qsort(m.v, m.n, sizeof(*m.v), compare);
        for (size_t i = 0; i < m.n && rc == 0; i++) {
            rc = kist_json_append(array, m.v[i].object, err);
            m.v[i].object = NULL;
        }
    }
    release(&m);
    return rc;
}
