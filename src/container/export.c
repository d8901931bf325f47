/*
 * A container's root as one tar, without mounting anything: first the names of the layers and of the writable directory are laid over
 * one another, as overlayfs does it, then each is brought from where it is.
 */
#include <string.h>

#include "base/limits.h"
#include "container/archive.h"
#include "container/engine.h"
#include "container/export_tree.h"
#include "container/layers.h"
#include "container/rootfs.h"
#include "container/spec.h"
#include "port/node.h"

struct export {
    struct kist_layers layers;
    struct kist_spec spec; /* where upper is all there is */
    cJSON *config;         /* the same */
    struct port_dir *upper; /* the writable directory; NULL: there is none yet */
    struct kist_export_node *root;
    unsigned source; /* being laid over */
    struct kist_archive archive;
};

/* ---- names ---- */

static int add_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct export *x = arg;

    if (e->type == KIST_LAYER_WHITEOUT) {
        kist_export_hide(x->root, e->path);
        return 0;
    }
    return kist_export_put(x->root, e->path, x->source, e->type == KIST_LAYER_DIRECTORY, e->opaque, e->implied, err);
}

static bool is_opaque(const struct port_node *n)
{
    for (size_t i = 0; i < n->xattr_count; i++) {
        if (strcmp(n->xattrs[i].name, KIST_OVERLAY_PREFIX "opaque") == 0) {
            return n->xattrs[i].size == 1 && memcmp(n->xattrs[i].value, "y", 1) == 0;
        }
    }
    return false;
}

struct place {
    struct export *export;
    struct port_dir *dir;
    const char *path; /* of dir, "" the top */
};

static int add_name(void *arg, const char *name, struct kist_error *err)
{
    const struct place *at = arg;
    struct export *x = at->export;
    char path[KIST_MAX_PATH + 1];
    struct place inside = {.export = x, .path = path};
    struct port_node n;
    bool directory;
    int rc = port_node_read(at->dir, name, &n, err);

    if (rc == 0 && !kist_str_format(path, sizeof(path), "%s%s%s", at->path, at->path[0] ? "/" : "", name)) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "the path of '%.80s' in the container is too long", name);
    }
    directory = n.type == PORT_NODE_DIRECTORY;
    if (rc == 0 && n.type == PORT_NODE_CHAR && n.major == 0 && n.minor == 0) {
        kist_export_hide(x->root, path);
    } else if (rc == 0 && n.type != PORT_NODE_SOCKET) { /* which no tar can hold */
        rc = kist_export_put(x->root, path, x->source, directory, is_opaque(&n), false, err);
        if (rc == 0 && directory && (rc = port_dir_open_at(&inside.dir, at->dir, name, false, err)) == 0) {
            rc = port_dir_list(inside.dir, add_name, &inside, err);
            port_dir_close(inside.dir);
        }
    }
    port_node_release(&n);
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* a running container took it away */
}

static int add_names(struct export *x, struct kist_error *err)
{
    struct place top = {.export = x, .dir = x->upper, .path = ""};
    int rc = 0;

    for (; x->source < x->layers.n && rc == 0; x->source++) {
        rc = kist_layer_list(x->layers.v[x->source], add_entry, x, err);
    }
    return rc == 0 && x->upper ? port_dir_list(x->upper, add_name, &top, err) : rc;
}

/* ---- members ---- */

struct wanted {
    struct export *export;
    unsigned source;
};

static int put_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const enum kist_tar_type types[] = {
        [KIST_LAYER_FILE] = KIST_TAR_FILE,       [KIST_LAYER_DIRECTORY] = KIST_TAR_DIRECTORY,
        [KIST_LAYER_SYMLINK] = KIST_TAR_SYMLINK, [KIST_LAYER_CHAR] = KIST_TAR_CHAR,
        [KIST_LAYER_BLOCK] = KIST_TAR_BLOCK,     [KIST_LAYER_FIFO] = KIST_TAR_FIFO,
        [KIST_LAYER_WHITEOUT] = KIST_TAR_FIFO, /* never asked for */
    };
    const struct wanted *w = arg;
    struct export *x = w->export;
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct kist_tar_entry entry = {.type = types[e->type], .name = e->path, .link_name = e->target, .mode = e->mode,
                                   .uid = e->uid, .gid = e->gid, .mtime = e->mtime, .stored = e->size,
                                   .major = e->major, .minor = e->minor, .xattrs = xattrs};
    int rc;

    for (size_t i = 0; i < e->xattr_count && i < KIST_COUNT(xattrs); i++) {
        xattrs[entry.xattr_count++] = (struct kist_tar_xattr){e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size};
    }
    rc = kist_archive_header(&x->archive, &entry, w->source, e->inode, e->links, err);
    return rc == 0 && e->type == KIST_LAYER_FILE && e->size > 0
               ? kist_layer_read_entry(x->layers.v[w->source], e, &x->archive.writer.data, err)
               : KIST_MIN(rc, 0);
}

/* path in the writable directory. */
static int put_upper(struct export *x, const char *path, struct kist_error *err)
{
    struct port_dir *at = x->upper, *next;
    const char *name = path;
    struct port_node n;
    int rc = 0;

    for (const char *slash; rc == 0 && (slash = strchr(name, '/')); name = slash + 1) {
        KIST_AUTO(free) char *part = strndup(name, (size_t)(slash - name));

        rc = part ? port_dir_open_at(&next, at, part, false, err) : kist_error_nomem(err);
        if (rc == 0) {
            if (at != x->upper) {
                port_dir_close(at);
            }
            at = next;
        }
    }
    if (rc == 0) {
        rc = port_node_read(at, name, &n, err);
        kist_rootfs_inside(&x->spec.sandbox.command.ids, &n);
        rc = rc == 0 ? kist_archive_node(&x->archive, (unsigned)x->layers.n, at, name, path, &n, err) : rc;
        port_node_release(&n);
    }
    if (at != x->upper) {
        port_dir_close(at);
    }
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* a running container took it away */
}

static int put_tree(struct export *x, const struct kist_export_node *node, struct kist_buf *path, struct kist_error *err)
{
    size_t len = path->len;
    int rc = 0;

    for (size_t i = 0; i < node->count && rc == 0; i++) {
        const struct kist_export_node *child = node->children[i];
        struct wanted w = {x, child->source};

        rc = kist_buf_printf(path, err, "%s%s", len > 0 ? "/" : "", child->name);
        if (rc == 0) {
            rc = child->source < x->layers.n ? kist_layer_find(x->layers.v[child->source], path->data, put_entry, &w, err)
                                                : put_upper(x, path->data, err);
        }
        if (rc == 0) {
            rc = put_tree(x, child, path, err);
        }
        path->len = len;
        path->data[len] = '\0';
    }
    return rc;
}

/* ---- the whole ---- */

static int open_sources(struct export *x, const struct kist_engine *e, const char *id, struct port_dir *dir, struct kist_error *err)
{
    struct kist_container_fixed fixed;
    struct kist_rootfs_written written;
    int rc = kist_rootfs_written(&written, e, id, dir, err);

    x->upper = written.dir;
    if (rc < 0 || written.whole) {
        rc = rc < 0 ? rc : kist_container_read_config(dir, &x->config, err);
        return rc < 0 ? rc : kist_spec_parse(&x->spec, x->config, err);
    }
    rc = kist_container_read_fixed(dir, &fixed, err);
    if (rc == 0) {
        rc = kist_layers_open(&x->layers, e->store, fixed.layers, fixed.layer_count, err);
        kist_container_fixed_release(&fixed);
    }
    return rc;
}

static void release(struct export *x)
{
    kist_archive_release(&x->archive);
    kist_layers_close(&x->layers);
    kist_spec_release(&x->spec);
    cJSON_Delete(x->config);
    port_dir_close(x->upper);
    kist_export_free(x->root);
}

int kist_container_export(const struct kist_engine *e, const char *id, struct kist_sink *sink, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH);
    struct export x = {.root = kist_export_root()};
    struct port_dir *dir;
    int rc = x.root ? kist_buf_puts(&path, "", err) : kist_error_nomem(err);

    kist_tar_writer_init(&x.archive.writer, sink);
    if (rc == 0 && (rc = kist_store_container_open(e->store, id, &dir, err)) == 0) {
        rc = open_sources(&x, e, id, dir, err);
        port_dir_close(dir);
    }
    if (rc == 0 && (rc = add_names(&x, err)) == 0 && (rc = put_tree(&x, x.root, &path, err)) == 0 &&
        (rc = kist_tar_writer_end(&x.archive.writer, err)) == 0) {
        rc = kist_sink_finish(sink, err);
    }
    release(&x);
    return rc;
}
