/* Mounts that show what is in layers, or in one directory of the host. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/bundle.h"

/* A directory, or a layer file that is in no store, is one layer. */
static int open_path(struct kist_bundle_layers *l, const char *path, struct kist_error *err)
{
    struct port_layer *layer;
    struct port_file *file;
    struct port_dir *dir;
    int rc = kist_strv_add(&l->names, path, err);

    l->v = calloc(1, sizeof(*l->v));
    l->implied = calloc(1, sizeof(*l->implied));
    if (rc < 0 || !l->v || !l->implied) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    layer = &l->v[l->n++];
    layer->name = l->names.v[0];
    layer->fd = -1;
    rc = port_dir_open(&dir, path, false, NULL);
    if (rc == 0) {
        port_dir_close(dir);
        return 0;
    }
    KIST_AUTO(free) char *parent = strndup(path, (size_t)(kist_path_base(path) - path));

    rc = parent ? port_dir_open(&dir, parent, false, err) : kist_error_nomem(err);
    if (rc < 0) {
        return rc;
    }
    rc = port_file_open(&file, dir, kist_path_base(path), err);
    port_dir_close(dir);
    return rc < 0 ? rc : kist_bundle_layer_take(layer, &l->implied[0], file, err);
}

static int open_layers(struct kist_bundle_layers *l, struct kist_store *store, const cJSON *from, struct kist_error *err)
{
    struct kist_container_fixed fixed = {.layers = calloc((size_t)cJSON_GetArraySize(from) + 1, sizeof(*fixed.layers))};
    const cJSON *item;
    int rc = fixed.layers ? 0 : kist_error_nomem(err);

    cJSON_ArrayForEach(item, from)
    {
        const char *text = cJSON_GetStringValue(item);

        if (rc == 0 && (!text || fixed.layer_count == KIST_MAX_LAYERS)) {
            rc = kist_error_set(err, KIST_E_USAGE, "config.json: a mount's 'kist.from' makes no sense");
        }
        rc = rc < 0 ? rc : kist_digest_parse(&fixed.layers[fixed.layer_count++], text, err);
    }
    rc = rc < 0 ? rc : kist_bundle_layers_open(l, store, &fixed, err);
    free(fixed.layers);
    return rc;
}

int kist_bundle_inside_open(struct kist_bundle_inside *inside, struct kist_spec *spec, struct kist_store *store,
                            struct kist_error *err)
{
    const cJSON *mount;
    int rc = 0;

    *inside = (struct kist_bundle_inside){.v = calloc(spec->sandbox.mount_count + 1, sizeof(*inside->v))};
    if (!inside->v) {
        return kist_error_nomem(err);
    }
    cJSON_ArrayForEach(mount, kist_json_array(spec->config, "mounts"))
    {
        struct kist_bundle_layers *l = &inside->v[inside->n];
        struct port_mount *m = &spec->mounts[inside->n++];
        const cJSON *from = kist_json_array(mount, "kist.from");
        const char *first = from ? cJSON_GetStringValue(from->child) : NULL;

        if (rc == 0 && first && m->kind == PORT_MOUNT_BIND) {
            rc = first[0] == '/' ? open_path(l, first, err) : open_layers(l, store, from, err);
            m->layers = l->v;
            m->layer_count = l->n;
        }
    }
    return rc;
}

void kist_bundle_inside_close(struct kist_bundle_inside *inside)
{
    for (size_t i = 0; i < inside->n; i++) {
        kist_bundle_layers_close(&inside->v[i]);
    }
    free(inside->v);
    *inside = (struct kist_bundle_inside){.v = NULL};
}
