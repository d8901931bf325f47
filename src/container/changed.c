/* A container's changes, from its ID. */
#include "container/changes.h"
#include "container/engine.h"
#include "container/rootfs.h"

struct opened {
    struct port_dir *dir;
    struct kist_container_fixed fixed;
    struct kist_layers layers;
    struct kist_rootfs_written written;
    cJSON *config;
};

static int open_all(struct opened *o, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    int rc = kist_store_container_open(e->store, id, &o->dir, err);

    rc = rc < 0 ? rc : kist_container_read_fixed(o->dir, &o->fixed, err);
    rc = rc < 0 ? rc : kist_layers_open(&o->layers, e->store, o->fixed.layers, o->fixed.layer_count, err);
    rc = rc < 0 ? rc : kist_rootfs_written(&o->written, e, id, o->dir, err);
    return rc < 0 ? rc : kist_container_read_config(o->dir, &o->config, err);
}

static void close_all(struct opened *o)
{
    cJSON_Delete(o->config);
    kist_layers_close(&o->layers);
    kist_container_fixed_release(&o->fixed);
    port_dir_close(o->written.dir);
    port_dir_close(o->dir);
}

int kist_container_changes(const struct kist_engine *e, const char *id, bool pause,
                           int (*use)(void *arg, const struct kist_changes *c, struct kist_error *err), void *arg,
                           struct kist_error *err)
{
    struct opened o = {.dir = NULL};
    struct kist_error ignored;
    int rc = open_all(&o, e, id, err);

    if (rc == 0 && pause) {
        rc = kist_container_pause(e, id, true, err);
        pause = rc == 0;
        rc = rc == KIST_E_CONFLICT ? 0 : rc; /* it has ended, or another has paused it: so much the better */
    }
    if (rc == 0) {
        const struct kist_changes c = {.dir = o.dir, .written = o.written.dir, .whole = o.written.whole, .layers = &o.layers,
                                       .diff_ids = o.fixed.layers, .config = o.config, .epoch = -1};

        rc = use(arg, &c, err);
        if (pause) {
            (void)!kist_container_pause(e, id, false, &ignored);
        }
    }
    close_all(&o);
    return rc;
}
