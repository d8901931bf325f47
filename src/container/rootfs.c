#include "container/rootfs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/plan.h"
#include "container/extract.h"
#include "container/layers.h"
#include "layer/merge.h"
#include "port/place.h"
#include "port/quota.h"
#include "port/sandbox.h"
#include "store/quota.h"

#define ROOT "root"
#define PARTIAL "root.partial"
#define NAME_RECORD 16 /* bytes a directory's entry takes beside the name, generously */

bool kist_rootfs_parse(const char *text, enum kist_rootfs *kind)
{
    static const char *const names[] = {"overlay", "tmpfs", "copy"};

    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (!text || strcmp(text, names[i]) == 0) {
            *kind = (enum kist_rootfs)i;
            return true;
        }
    }
    return false;
}

/* ---- what was written ---- */

/* Of one that runs, on a filesystem of its own: by its supervisor, which holds it. */
static int open_held(struct port_dir **rw, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, err);

    if (rc >= 0) {
        rc = rc == 1 && running.writable > 0 ? port_place_held(rw, &running.supervisor, running.writable, err) : (int)KIST_E_NOT_FOUND;
    }
    kist_running_release(&running);
    return rc == KIST_E_CONFLICT ? (int)KIST_E_NOT_FOUND : rc;
}

int kist_rootfs_written(struct kist_rootfs_written *written, const struct kist_engine *e, const char *id, struct port_dir *dir,
                        struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    enum kist_rootfs kind;
    struct port_file *image = NULL;
    struct port_dir *rw = NULL;
    int rc = kist_container_read_config(dir, &config, err);

    *written = (struct kist_rootfs_written){.dir = NULL};
    if (rc == 0 && !kist_rootfs_parse(kist_plan_note(config, "kist.rootfs"), &kind)) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "its root is made in a way that is not known");
    }
    if (rc < 0) {
        return rc;
    }
    rc = kist_rootfs_image(&image, dir, err);
    if (rc == 0) {
        rc = kind == KIST_ROOTFS_TMPFS || image ? open_held(&rw, e, id, err) : port_dir_open_at(&rw, dir, "rw", false, err);
    }
    if (rc == KIST_E_NOT_FOUND && image) {
        rc = port_quota_image(&rw, image, err);
    }
    port_file_discard(image);
    rc = rc < 0 ? rc : port_dir_open_at(&written->dir, rw, kind == KIST_ROOTFS_COPY ? ROOT : "upper", false, err);
    port_dir_close(rw);
    written->whole = rc == 0 && kind == KIST_ROOTFS_COPY;
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}

void kist_rootfs_inside(const struct port_ids *ids, struct port_node *n)
{
    (void)port_id_inside(&ids->users, n->uid, &n->uid);
    (void)port_id_inside(&ids->groups, n->gid, &n->gid);
}

/* ---- the plan ---- */

struct plan {
    const struct kist_store *store;
    uint64_t bytes; /* that all takes at most */
    uint64_t names; /* bytes of directories' entries */
};

/* A sum that would wrap fits nowhere, so a part of it must not either. */
static void add(uint64_t *sum, uint64_t bytes)
{
    *sum = *sum > INT64_MAX - KIST_MIN(bytes, (uint64_t)INT64_MAX) ? INT64_MAX : *sum + bytes;
}

static int count(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct plan *p = arg;

    (void)err;
    add(&p->bytes, kist_store_cost(p->store, e->type == KIST_LAYER_FILE ? e->size : e->type == KIST_LAYER_SYMLINK ? strlen(e->target) : 0));
    for (size_t i = 0; i < e->xattr_count; i++) {
        add(&p->bytes, e->xattrs[i].size + strlen(e->xattrs[i].name));
    }
    /* a block of names that was split is half full */
    add(&p->names, 2 * (e->type != KIST_LAYER_DIRECTORY && e->links > 1 ? (uint64_t)e->links * (NAME_MAX + NAME_RECORD)
                                                                        : strlen(kist_path_base(e->path)) + NAME_RECORD));
    return 0;
}

/* ---- carrying it out ---- */

struct copy {
    const struct kist_rootfs_copy *c;
    struct kist_sink watch; /* before the unpacking: looks for signals */
    struct kist_sink *next;
};

static int watch_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    const struct copy *copy = KIST_CONTAINER_OF(sink, struct copy, watch);

    if (copy->c->signals && port_sandbox_stop_asked(copy->c->signals)) {
        return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted before the command ran");
    }
    return kist_sink_write(copy->next, data, len, err);
}

static int watch_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(KIST_CONTAINER_OF(sink, struct copy, watch)->next, err);
}

static int unpack(const struct kist_rootfs_copy *c, const struct kist_layers *l, struct kist_error *err)
{
    static const struct kist_sink_ops watch = {.write = watch_write, .finish = watch_finish};
    static const struct kist_layer_options limits = {.max_inodes = 0};
    const struct kist_extract_how how = {.owners = !c->alone, .exact = true, .ids = c->ids};
    struct port_node top = {.type = PORT_NODE_DIRECTORY, .mode = 0755};
    struct copy copy = {.c = c, .watch = {&watch}};
    struct kist_extract *u = NULL;
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, c->rw, PARTIAL, true, err);

    if (rc < 0) {
        return rc;
    }
    if (c->ids) {
        (void)port_id_outside(&c->ids->users, 0, &top.uid);
        (void)port_id_outside(&c->ids->groups, 0, &top.gid);
    }
    /* as it is where no layer says what the root is like */
    rc = port_node_looks(dir, &top, err);
    rc = rc < 0 ? rc : kist_extract_new(&u, dir, &how, err);
    if (rc == 0) {
        copy.next = kist_extract_sink(u);
        rc = kist_layer_merge(l->v, l->n, &limits, &copy.watch, err);
        rc = rc < 0 ? rc : kist_sink_finish(&copy.watch, err);
        kist_extract_free(u);
    }
    rc = rc < 0 || c->transient ? rc : port_node_settle(dir, err);
    port_dir_close(dir);
    rc = rc < 0 ? rc : port_dir_rename(c->rw, PARTIAL, c->rw, ROOT, err);
    return rc < 0 || c->transient ? rc : port_dir_sync(c->rw, err);
}

int kist_rootfs_copy(const struct kist_rootfs_copy *c, struct kist_error *err)
{
    static const struct kist_layer_options limits = {.max_inodes = 0};
    struct plan plan = {.store = c->store};
    struct kist_store_room *room = NULL;
    struct kist_layers layers;
    struct port_stat st;
    int rc;

    if (port_dir_stat(c->rw, ROOT, &st, NULL) == 0) {
        return 0;
    }
    rc = port_dir_remove_tree(c->rw, PARTIAL, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_layers_open(&layers, c->store, c->fixed->layers, c->fixed->layer_count, err);
    rc = rc < 0 ? rc : kist_layer_merge_list(layers.v, layers.n, &limits, count, &plan, err);
    add(&plan.bytes, plan.names);
    rc = rc < 0 ? rc : kist_store_room_take(c->store, "containers", c->id, plan.bytes, NULL, &room, err);
    if (rc == 0 && (rc = unpack(c, &layers, err)) < 0) {
        (void)!port_dir_remove_tree(c->rw, PARTIAL, NULL);
    }
    kist_store_room_free(room);
    kist_layers_close(&layers);
    return rc < 0 ? kist_error_wrap(err, "cannot unpack the layers") : 0;
}
