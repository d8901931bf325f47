#include "container/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/archive.h"
#include "container/rootfs.h"
#include "container/spec.h"
#include "layer/view.h"

/* A directory on the way, which is told of when something in it is. */
struct step {
    struct step *up; /* NULL: the root, of which nothing is told */
    struct port_dir *in;
    const char *name;
    const struct port_node *node;
    size_t len; /* of its path */
    enum kist_change kind;
    bool told, opaque;
};

/* What the image has at a path. */
struct below {
    bool there, directory;
    bool same; /* as what is there now, contents and a directory's time apart */
};

struct walk {
    const struct kist_changes *changes;
    struct kist_view image;
    struct kist_spec spec; /* where all there is was copied */
    struct kist_strv places;
    struct kist_buf path; /* relative, "" the root */
    int (*tell)(struct walk *w, struct step *s, struct kist_error *err);
    /* of a listing */
    int (*each)(void *arg, enum kist_change kind, const char *path, struct kist_error *err);
    void *arg;
    /* of a tar */
    struct kist_archive archive;
    bool any;
};

/* ---- telling ---- */

/* s, and first all that it is in. */
static int tell(struct walk *w, struct step *s, struct kist_error *err)
{
    const char cut = w->path.data[s->len];
    int rc = s->up ? tell(w, s->up, err) : 0;

    if (rc == 0 && s->up && !s->told) {
        s->told = true;
        w->path.data[s->len] = '\0';
        rc = w->tell(w, s, err);
        w->path.data[s->len] = cut;
    }
    return rc;
}

static int list_step(struct walk *w, struct step *s, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 2];

    return kist_str_format(path, sizeof(path), "/%s", w->path.data)
               ? w->each(w->arg, s->kind, path, err)
               : kist_error_set(err, KIST_E_UNSUPPORTED, "the path '%.80s...' in the container is too long", w->path.data);
}

/* An empty file of root's: name in the directory of path, or in path where that is one. */
static int put_mark(struct walk *w, const char *dir, size_t len, const char *mark, const char *name, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    const struct kist_tar_entry e = {.type = KIST_TAR_FILE, .name = path, .mode = 0600};

    return kist_str_format(path, sizeof(path), "%.*s%s%s%s", (int)len, dir, len > 0 ? "/" : "", mark, name)
               ? kist_tar_writer_entry(&w->archive.writer, &e, err)
               : kist_error_set(err, KIST_E_UNSUPPORTED, "the path '%.80s...' in the container is too long", dir);
}

static int put_step(struct walk *w, struct step *s, struct kist_error *err)
{
    const char *path = w->path.data;
    struct port_node n;
    int rc;

    w->any = true;
    if (s->kind == KIST_CHANGE_DELETED) {
        const char *name = kist_path_base(path);

        return put_mark(w, path, name > path ? (size_t)(name - path) - 1 : 0, KIST_WHITEOUT_PREFIX, name, err);
    }
    if (kist_str_starts(s->name, KIST_WHITEOUT_PREFIX)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "'/%.200s' cannot be kept: in a layer such a name is what is deleted", path);
    }
    n = *s->node;
    if (w->changes->epoch >= 0) {
        n.mtime = KIST_MIN(n.mtime, w->changes->epoch);
    }
    rc = n.type == PORT_NODE_SOCKET ? 0 : kist_archive_node(&w->archive, 0, s->in, s->name, path, &n, err);
    return rc == 0 && s->opaque ? put_mark(w, path, s->len, KIST_WHITEOUT_OPAQUE, "", err) : rc;
}

/* ---- looking ---- */

/* Where mounts are, with the image's links followed. */
static int find_places(struct walk *w, struct kist_error *err)
{
    KIST_AUTO(free) char *path = malloc(KIST_MAX_PATH + 1);
    const cJSON *mount;
    int rc = path ? 0 : kist_error_nomem(err);

    cJSON_ArrayForEach(mount, kist_json_array(w->changes->config, "mounts"))
    {
        const char *to = kist_json_string(mount, "destination");

        rc = rc < 0 || !to ? rc : kist_view_resolve(&w->image, path, to, true, err);
        if (rc >= 0 && to) {
            rc = kist_strv_add(&w->places, path, err);
        }
        rc = rc == KIST_E_NOT_FOUND ? 0 : rc; /* links without end: nothing was mounted there */
    }
    return KIST_MIN(rc, 0);
}

/* kist made it, for a mount to be there: path is a mount's place or on the way to one. */
static bool is_place(const struct walk *w, const char *path)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < w->places.n; i++) {
        const char *to = w->places.v[i];

        if (strncmp(to, path, len) == 0 && (to[len] == '\0' || to[len] == '/')) {
            return true;
        }
    }
    return false;
}

static bool same_xattrs(const struct port_node *n, const struct kist_layer_entry *e)
{
    size_t count = 0;

    for (size_t i = 0; i < n->xattr_count; i++) {
        const struct port_node_xattr *x = &n->xattrs[i];
        bool found = kist_str_starts(x->name, KIST_OVERLAY_PREFIX);

        count += !found;
        for (size_t k = 0; k < e->xattr_count && !found; k++) {
            found = strcmp(x->name, e->xattrs[k].name) == 0 && x->size == e->xattrs[k].size &&
                    memcmp(x->value, e->xattrs[k].value, x->size) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return count == e->xattr_count;
}

struct looking {
    const struct port_node *n;
    struct below *below;
};

static int compare_entry(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const enum port_node_type types[] = {
        [KIST_LAYER_FILE] = PORT_NODE_FILE,   [KIST_LAYER_DIRECTORY] = PORT_NODE_DIRECTORY, [KIST_LAYER_SYMLINK] = PORT_NODE_SYMLINK,
        [KIST_LAYER_CHAR] = PORT_NODE_CHAR,   [KIST_LAYER_BLOCK] = PORT_NODE_BLOCK,         [KIST_LAYER_FIFO] = PORT_NODE_FIFO,
        [KIST_LAYER_WHITEOUT] = PORT_NODE_CHAR, /* never told */
    };
    const struct looking *look = arg;
    const struct port_node *n = look->n;
    struct below *b = look->below;

    (void)from;
    (void)err;
    b->there = true;
    b->directory = e->type == KIST_LAYER_DIRECTORY;
    b->same = n->type == types[e->type] && n->mode == e->mode && n->uid == e->uid && n->gid == e->gid && n->major == e->major &&
              n->minor == e->minor && (b->directory || n->mtime == e->mtime) &&
              (e->type != KIST_LAYER_FILE || n->size == e->size) && (!n->target || strcmp(n->target, e->target) == 0) &&
              same_xattrs(n, e);
    return 0;
}

static int look_below(const struct walk *w, const struct port_node *n, struct below *below, struct kist_error *err)
{
    struct looking look = {n, below};
    int rc = kist_view_find(&w->image, w->path.data, compare_entry, &look, err);

    return rc == KIST_E_NOT_FOUND ? 0 : rc;
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

static int walk_dir(struct walk *w, struct port_dir *dir, struct step *at, const struct below *below, struct kist_error *err);

/* A name of the image that an opaque directory hides, or a copy lost, and has nothing in its place. */
struct hidden {
    struct walk *walk;
    struct port_dir *dir;
    struct step *at;
};

static int list_hidden(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    const struct hidden *h = arg;
    const char *name = kist_path_base(e->path);
    struct walk *w = h->walk;
    struct port_stat st;
    int rc;

    (void)from;
    if (strlen(e->path) == h->at->len) {
        return 0; /* the directory */
    }
    rc = port_dir_stat(h->dir, name, &st, err);
    if (rc == KIST_E_NOT_FOUND && (rc = kist_buf_printf(&w->path, err, "%s%s", w->path.len > 0 ? "/" : "", name)) == 0) {
        struct step gone = {.up = h->at, .name = name, .len = w->path.len, .kind = KIST_CHANGE_DELETED};

        rc = tell(w, &gone, err);
        w->path.len = h->at->len;
        w->path.data[w->path.len] = '\0';
    }
    return rc < 0 ? rc : KIST_VIEW_SKIP;
}

static int enter(struct walk *w, struct step *s, const struct below *below, struct kist_error *err)
{
    struct below none = {.there = false};
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, s->in, s->name, false, err);

    if (rc == 0) {
        struct hidden h = {w, dir, s};

        rc = (s->opaque && w->each) || (w->changes->whole && below->directory) ? kist_view_list(&w->image, w->path.data, list_hidden, &h, err) : 0;
        /* in a tar nothing is left of what was below; a list tells of what shows */
        rc = rc == 0 ? walk_dir(w, dir, s, (s->opaque && !w->each) || !below->directory ? &none : below, err) : rc;
        port_dir_close(dir);
    }
    return rc;
}

/* What is at the path now. s is to be told of, or its kind and opacity are set for later. */
static int judge(struct walk *w, struct step *s, const struct below *below, struct kist_error *err)
{
    const struct port_node *n = s->node;
    const bool directory = n->type == PORT_NODE_DIRECTORY;

    if (n->type == PORT_NODE_CHAR && n->major == 0 && n->minor == 0) {
        s->kind = KIST_CHANGE_DELETED;
        return below->there ? tell(w, s, err) : 0;
    }
    s->kind = below->there ? KIST_CHANGE_MODIFIED : KIST_CHANGE_ADDED;
    s->opaque = directory && below->directory && (is_opaque(n) || (w->each && s->up->opaque));
    if (!below->there && (directory || (n->type == PORT_NODE_FILE && n->size == 0)) && is_place(w, w->path.data)) {
        return 0;
    }
    /* a file is written anew for every change to it, and what is in it may differ where nothing else does; a list tells of what
     * shows, as Docker's */
    return below->same && (directory || w->each || w->changes->whole) && !s->opaque ? 0 : tell(w, s, err);
}

static int walk_name(struct walk *w, struct port_dir *dir, struct step *up, const struct below *around, const char *name,
                     struct kist_error *err)
{
    const size_t len = w->path.len;
    struct below below = {.there = false};
    struct port_node n;
    int rc = port_node_read(dir, name, &n, err);

    kist_rootfs_inside(&w->spec.sandbox.command.ids, &n);
    rc = rc == 0 ? kist_buf_printf(&w->path, err, "%s%s", len > 0 ? "/" : "", name) : rc;
    if (rc == 0 && around->directory) {
        rc = look_below(w, &n, &below, err);
    }
    if (rc == 0) {
        struct step s = {.up = up, .in = dir, .name = name, .node = &n, .len = w->path.len};

        rc = judge(w, &s, &below, err);
        if (rc == 0 && n.type == PORT_NODE_DIRECTORY) {
            rc = enter(w, &s, &below, err);
        }
    }
    w->path.len = len;
    w->path.data[len] = '\0';
    port_node_release(&n);
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* a running container took it away */
}

static int add_name(void *arg, const char *name, struct kist_error *err)
{
    return kist_strv_add(arg, name, err);
}

static int compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

static int walk_dir(struct walk *w, struct port_dir *dir, struct step *at, const struct below *below, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv names = {.v = NULL};
    int rc = port_dir_list(dir, add_name, &names, err);

    if (names.n > 0) {
        qsort(names.v, names.n, sizeof(*names.v), compare);
    }
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        rc = walk_name(w, dir, at, below, names.v[i], err);
    }
    return rc;
}

static int walk_all(struct walk *w, struct kist_error *err)
{
    struct step root = {.up = NULL};
    struct below below = {.there = true, .directory = true};
    struct port_dir *rw = NULL, *upper = NULL, *top = w->changes->written;
    struct hidden h = {w, top, &root};
    int rc = kist_buf_puts(&w->path, "", err);

    rc = rc < 0 ? rc : find_places(w, err);
    if (rc == 0 && !top) {
        rc = port_dir_open_at(&rw, w->changes->dir, "rw", false, err);
        rc = rc < 0 ? rc : port_dir_open_at(&upper, rw, "upper", false, err);
        port_dir_close(rw);
        top = upper;
    }
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* it was never started */
    }
    rc = w->changes->whole ? kist_spec_parse(&w->spec, w->changes->config, err) : 0;
    rc = rc == 0 && w->changes->whole ? kist_view_list(&w->image, "", list_hidden, &h, err) : rc;
    rc = rc < 0 ? rc : walk_dir(w, top, &root, &below, err);
    port_dir_close(upper);
    kist_spec_release(&w->spec);
    return rc;
}

int kist_changes_list(const struct kist_changes *c,
                      int (*each)(void *arg, enum kist_change kind, const char *path, struct kist_error *err), void *arg,
                      struct kist_error *err)
{
    struct walk w = {.changes = c, .image = {c->layers->v, c->layers->n}, .path = KIST_BUF_INIT(KIST_MAX_PATH), .tell = list_step, .each = each, .arg = arg};
    int rc = walk_all(&w, err);

    kist_buf_release(&w.path);
    kist_strv_release(&w.places);
    return rc;
}

int kist_changes_tar(const struct kist_changes *c, struct kist_sink *sink, bool *any, struct kist_error *err)
{
    struct walk w = {.changes = c, .image = {c->layers->v, c->layers->n}, .path = KIST_BUF_INIT(KIST_MAX_PATH), .tell = put_step};
    int rc;

    kist_tar_writer_init(&w.archive.writer, sink);
    rc = walk_all(&w, err);
    rc = rc < 0 ? rc : kist_tar_writer_end(&w.archive.writer, err);
    rc = rc < 0 ? rc : kist_sink_finish(sink, err);
    *any = w.any;
    kist_archive_release(&w.archive);
    kist_buf_release(&w.path);
    kist_strv_release(&w.places);
    return rc;
}
