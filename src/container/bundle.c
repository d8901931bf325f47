#include "container/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/etc.h"
#include "layer/layer.h"
#include "store/quota.h"

/* ---- layers ---- */

static int add_implied(void *arg, const char *path, struct kist_error *err)
{
    return kist_strv_add(arg, path, err);
}

static int compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

int kist_bundle_layer_take(struct port_layer *layer, struct kist_strv *implied, struct port_file *file, struct kist_error *err)
{
    struct kist_layer *reader;
    int rc;

    layer->fd = fcntl(port_file_fd(file), F_DUPFD_CLOEXEC, 0);
    if (layer->fd < 0) {
        port_file_discard(file);
        return kist_error_sys(err, KIST_E_IO, errno, "cannot keep layer '%s' open", layer->name);
    }
    rc = kist_layer_open(&reader, file, err);
    if (rc < 0) {
        return kist_error_wrap(err, "layer '%s'", layer->name);
    }
    rc = kist_layer_implied(reader, add_implied, implied, err);
    kist_layer_close(reader);
    if (rc == 0 && implied->n > 0) {
        qsort(implied->v, implied->n, sizeof(*implied->v), compare);
        layer->implied = (const char *const *)implied->v;
        layer->implied_count = implied->n;
    }
    return rc;
}

int kist_bundle_layers_open(struct kist_bundle_layers *l, struct kist_store *store,
                            const struct kist_container_fixed *fixed, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = 0;

    *l = (struct kist_bundle_layers){.v = calloc(fixed->layer_count + 1, sizeof(*l->v)),
                                     .implied = calloc(fixed->layer_count + 1, sizeof(*l->implied))};
    if (!l->v || !l->implied) {
        kist_bundle_layers_close(l);
        return kist_error_nomem(err);
    }
    while (rc == 0 && l->n < fixed->layer_count) {
        struct port_layer *layer = &l->v[l->n];
        struct port_file *file;

        layer->fd = -1;
        rc = kist_strv_add(&l->names, kist_digest_text(text, &fixed->layers[l->n]), err);
        layer->name = rc < 0 ? "" : l->names.v[l->n];
        rc = rc < 0 ? rc : kist_store_layer_open(store, &fixed->layers[l->n], &file, err);
        rc = rc < 0 ? rc : kist_bundle_layer_take(layer, &l->implied[l->n], file, err);
        l->n++;
    }
    if (rc < 0) {
        kist_bundle_layers_close(l);
    }
    return rc;
}

void kist_bundle_layers_close(struct kist_bundle_layers *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].fd >= 0) {
            (void)close(l->v[i].fd);
        }
        kist_strv_release(&l->implied[i]);
    }
    free(l->v);
    free(l->implied);
    kist_strv_release(&l->names);
    *l = (struct kist_bundle_layers){.v = NULL};
}

/* ---- files and directories that mounts show ---- */

/* Names as the containers' directories allow them. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

/* To the container's root, where that is somebody else than ours. */
static int give(const char *path, const struct port_ids *ids, struct kist_error *err)
{
    uint32_t uid, gid;

    return ids->users.n == 0 || (port_id_outside(&ids->users, 0, &uid) && port_id_outside(&ids->groups, 0, &gid) && chown(path, uid, gid) == 0)
               ? 0
               : kist_error_sys(err, KIST_E_IO, errno, "cannot give '%s' to the container's root", path);
}

static int make_volume(const char *name, const char *path, const struct port_ids *ids, struct port_dir *dir, struct kist_error *err)
{
    struct port_dir *volumes, *volume = NULL;
    struct port_stat st;
    bool is_new;
    int rc = port_dir_open_at(&volumes, dir, "volumes", true, err);

    if (rc < 0) {
        return rc;
    }
    is_new = port_dir_stat(volumes, name, &st, NULL) == KIST_E_NOT_FOUND;
    rc = port_dir_open_at(&volume, volumes, name, true, err);
    port_dir_close(volumes);
    port_dir_close(volume);
    /* the store's directories are for root alone, a volume for whoever runs in the container */
    if (rc == 0 && is_new && chmod(path, 0755) < 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot open up '%s'", path);
    }
    return rc == 0 && is_new ? give(path, ids, err) : rc;
}

static int note_entry(void *arg, const char *name, struct kist_error *err)
{
    (void)arg;
    (void)name;
    (void)err;
    return 1;
}

/* What an empty one is filled with is held to the store's limit. */
static int limit_fill(struct kist_spec *spec, struct port_mount *m, const char *path, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = port_dir_open(&dir, path, false, err);

    if (rc == 0) {
        rc = port_dir_list(dir, note_entry, NULL, err);
        port_dir_close(dir);
    }
    if (rc == 0) {
        spec->fills = true;
        m->room = &spec->room;
    }
    return KIST_MIN(rc, 0);
}

static int find_volume(struct kist_spec *spec, struct port_mount *m, struct kist_store *store, struct kist_error *err)
{
    const char *name = m->source + strlen(KIST_VOLUME_SOURCE);
    char path[KIST_MAX_PATH + 1];
    struct stat st;
    int rc = kist_store_volume_check(name, err);

    if (rc == 0 && (!kist_store_volume_path(store, name, path, sizeof(path)) || stat(path, &st) < 0)) {
        rc = kist_error_set(err, KIST_E_NOT_FOUND, "volume '%s' is not in the store any more", name);
    }
    if (rc == 0 && (m->flags & PORT_MOUNT_COPY) != 0) {
        rc = limit_fill(spec, m, path, err);
    }
    rc = rc < 0 ? rc : kist_strv_add(&spec->texts, path, err);
    m->source = rc < 0 ? "" : spec->texts.v[spec->texts.n - 1];
    return rc;
}

static int make_etc(const struct kist_spec *spec, const char *name, const char *path, struct port_dir *run, struct kist_error *err)
{
    int rc = spec->etc ? kist_etc_share(name, spec->etc, run, err) : (int)KIST_E_NOT_FOUND;

    if (rc == KIST_E_NOT_FOUND) {
        rc = kist_etc_make(name, &spec->sandbox, spec->config, run, err);
        rc = rc < 0 ? rc : give(path, &spec->sandbox.command.ids, err);
    }
    return rc;
}

static int make_source(struct kist_spec *spec, struct port_mount *m, struct kist_store *store,
                       struct port_dir *dir, struct port_dir *run, struct kist_error *err)
{
    const bool is_etc = kist_str_starts(m->source, "etc/"), is_run = kist_str_starts(m->source, "run/"),
               is_volume = kist_str_starts(m->source, "volumes/");
    const struct port_ids *ids = &spec->sandbox.command.ids;
    const char *name = kist_path_base(m->source);
    char path[KIST_MAX_PATH + 1];
    int rc;

    if (kist_str_starts(m->source, KIST_VOLUME_SOURCE)) {
        return find_volume(spec, m, store, err);
    }
    if ((!is_etc && !is_run && !is_volume) || !is_name(name) || strlen(name) != strlen(m->source) - (is_volume ? 8 : 4)) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: the bundle has no '%s' to mount", m->source);
    }
    if (!kist_path_join(path, sizeof(path), port_dir_path(is_volume ? dir : run), is_volume ? m->source : name)) {
        return kist_error_set(err, KIST_E_FAIL, "the path of '%s' is too long", m->source);
    }
    m->flags |= is_volume ? PORT_MOUNT_FLEETING : 0U;
    rc = is_etc ? make_etc(spec, name, path, run, err) : is_volume ? make_volume(name, path, ids, dir, err) : 0;
    rc = rc < 0 ? rc : kist_strv_add(&spec->texts, path, err);
    m->source = rc < 0 ? "" : spec->texts.v[spec->texts.n - 1];
    return rc;
}

int kist_bundle_sources(struct kist_spec *spec, struct kist_store *store, struct port_dir *dir,
                        struct port_dir *run, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->sandbox.mount_count; i++) {
        struct port_mount *m = &spec->mounts[i];

        if (m->kind == PORT_MOUNT_BIND && m->layer_count == 0 && m->source[0] != '/') {
            rc = make_source(spec, m, store, dir, run, err);
        }
    }
    return rc;
}

int kist_container_config_volumes(const cJSON *config, struct kist_strv *names, struct kist_error *err)
{
    const cJSON *mount;
    int rc = 0;

    cJSON_ArrayForEach(mount, kist_json_array(config, "mounts"))
    {
        const char *source = kist_json_string(mount, "source"), *type = kist_json_string(mount, "type");

        if (rc == 0 && source && type && strcmp(type, "bind") == 0 && kist_str_starts(source, KIST_VOLUME_SOURCE)) {
            rc = kist_strv_add(names, source + strlen(KIST_VOLUME_SOURCE), err);
        }
    }
    return rc;
}
