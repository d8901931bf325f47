#include "layer/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "codec/collect.h"
#include "layer/read.h"

/* What one layer has at a path. */
struct part {
    size_t layer;
    struct kist_read_inode inode;
};

/* ---- one path ---- */

static bool is_directory(const struct kist_read_inode *inode)
{
    return inode->type == KIST_SQUASHFS_DIRECTORY;
}

static bool is_whiteout(const struct kist_read_inode *inode)
{
    return inode->type == KIST_SQUASHFS_CHAR && inode->device == 0;
}

static int is_opaque(struct kist_layer *l, const struct kist_read_inode *inode, bool *opaque, struct kist_error *err)
{
    struct kist_read_xattrs x;
    int rc;

    kist_read_xattrs_init(&x);
    *opaque = false;
    rc = inode->xattr != KIST_SQUASHFS_NO_XATTR ? kist_read_xattrs(l, &x, inode->xattr, opaque, err) : 0;
    kist_read_xattrs_release(&x);
    return rc;
}

/* 1: *inode is what the layer has at path; 0: it has nothing there. *last: layers below have nothing that shows there. */
static int probe(struct kist_layer *l, const char *path, struct kist_read_inode *inode, bool *last, struct kist_error *err)
{
    int rc = kist_read_inode(l, l->super.root, inode, err);

    *last = false;
    while (rc >= 0 && *path != '\0') {
        size_t len = strcspn(path, "/");

        if (!is_directory(inode)) {
            *last = true;
            return 0;
        }
        if (!*last && (rc = is_opaque(l, inode, last, err)) < 0) {
            return rc;
        }
        rc = kist_read_step(l, inode, path, len, err);
        if (rc <= 0) {
            return rc;
        }
        path += len;
        path += *path == '/';
    }
    if (rc >= 0 && !*last) {
        rc = is_directory(inode) ? is_opaque(l, inode, last, err) : 0;
        *last = *last || !is_directory(inode);
    }
    return rc < 0 ? rc : 1;
}

/* All that shows at path, the top first: several are directories. *n is 0 where nothing is. */
static int locate(const struct kist_view *v, const char *path, struct part *parts, size_t *n, struct kist_error *err)
{
    bool last = false;

    *n = 0;
    for (size_t i = v->count; i-- > 0 && !last;) {
        struct part *part = &parts[*n];
        int rc = probe(v->layers[i], path, &part->inode, &last, err);

        if (rc < 0) {
            return rc;
        }
        part->layer = i;
        if (rc == 1 && (*n == 0 ? !is_whiteout(&part->inode) : is_directory(&part->inode))) {
            ++*n;
        }
    }
    return 0;
}

static int not_found(const char *path, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "the image has no '/%s'", path);
}

static int locate_new(const struct kist_view *v, const char *path, struct part **parts, size_t *n, struct kist_error *err)
{
    int rc;

    *parts = malloc((v->count + 1) * sizeof(**parts));
    rc = *parts ? locate(v, path, *parts, n, err) : kist_error_nomem(err);
    return rc == 0 && *n == 0 ? not_found(path, err) : rc;
}

/* ---- walking ---- */

/* A layer's implied directories, read along with the walk, which comes by in the same order. */
struct implied {
    struct kist_read_implied list;
    bool more;
};

struct walk {
    const struct kist_view *view;
    kist_view_each *each;
    void *arg;
    struct implied **implied; /* of each layer, once it was asked */
    struct kist_read_entry entry;
    char path[KIST_MAX_PATH + 1];
};

/* A part of the directory that the walk is in, and the name in it that is next. */
struct cursor {
    size_t layer;
    struct kist_read_dir dir;
    struct kist_read_name name;
    bool more;
};

static int is_implied(struct walk *w, size_t layer, bool *implied, struct kist_error *err)
{
    struct implied *i = w->implied[layer];
    int rc = 1;

    if (!i) {
        w->implied[layer] = i = calloc(1, sizeof(*i));
        if (!i) {
            return kist_error_nomem(err);
        }
        kist_read_implied_open(w->view->layers[layer], &i->list);
        rc = kist_read_implied_next(&i->list, err);
        i->more = rc > 0;
    }
    while (rc >= 0 && i->more && kist_path_order(i->list.path, w->path) < 0) {
        rc = kist_read_implied_next(&i->list, err);
        i->more = rc > 0;
    }
    *implied = rc >= 0 && i->more && strcmp(i->list.path, w->path) == 0;
    return rc < 0 ? rc : 0;
}

/* Tells what is at w->path: the topmost part that its layer names. */
static int tell(struct walk *w, const struct part *parts, size_t n, struct kist_error *err)
{
    bool implied = is_directory(&parts[0].inode);
    size_t at = 0;
    int rc = 0;

    for (size_t i = 0; i < n && implied && rc == 0; i++) {
        rc = is_implied(w, parts[i].layer, &implied, err);
        at = implied ? at : i;
    }
    if (rc == 0) {
        rc = kist_read_entry_fill(w->view->layers[parts[at].layer], &w->entry, &parts[at].inode, err);
    }
    if (rc < 0) {
        return rc;
    }
    w->entry.entry.path = w->path;
    w->entry.entry.implied = implied;
    w->entry.entry.opaque = false;
    return w->each(w->arg, w->view->layers[parts[at].layer], &w->entry.entry, err);
}

/* cursors to the directory's first names. */
static int open_directory(const struct walk *w, const struct part *parts, size_t n, struct cursor *cursors, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc >= 0; i++) {
        struct kist_layer *l = w->view->layers[parts[i].layer];

        cursors[i].layer = parts[i].layer;
        rc = kist_read_dir_open(l, &cursors[i].dir, &parts[i].inode, err);
        rc = rc < 0 ? rc : kist_read_dir_next(l, &cursors[i].dir, &cursors[i].name, err);
        cursors[i].more = rc > 0;
    }
    return rc < 0 ? rc : 0;
}

/* A name that comes before the one just passed would let a damaged directory lead us in circles. */
static int advance(const struct walk *w, struct cursor *c, const char *passed, struct kist_error *err)
{
    int rc = kist_read_dir_next(w->view->layers[c->layer], &c->dir, &c->name, err);

    c->more = rc > 0;
    if (rc > 0 && strcmp(c->name.text, passed) <= 0) {
        return KIST_READ_DAMAGED(err, "'%s' comes before '%s' in its directory", passed, c->name.text);
    }
    return rc < 0 ? rc : 0;
}

/* The least name of all: its parts into parts, and the cursors behind it. *n is 0 where it is hidden. */
static int take_name(const struct walk *w, struct cursor *cursors, size_t count, const char *name, struct part *parts, size_t *n,
                     struct kist_error *err)
{
    bool last = false;
    int rc = 0;

    *n = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct cursor *c = &cursors[i];
        struct part *part = &parts[*n];

        if (!c->more || strcmp(c->name.text, name) != 0) {
            continue;
        }
        if (!last) {
            struct kist_layer *l = w->view->layers[c->layer];

            part->layer = c->layer;
            rc = kist_read_dir_inode(l, &c->name, &part->inode, err);
            last = rc >= 0 && !is_directory(&part->inode);
            if (rc >= 0 && !last) {
                rc = is_opaque(l, &part->inode, &last, err);
            }
            if (rc >= 0 && (*n == 0 ? !is_whiteout(&part->inode) : is_directory(&part->inode))) {
                ++*n;
            }
        }
        rc = rc < 0 ? rc : advance(w, c, name, err);
    }
    return rc;
}

static const char *least_name(const struct cursor *cursors, size_t count)
{
    const char *least = NULL;

    for (size_t i = 0; i < count; i++) {
        if (cursors[i].more && (!least || strcmp(cursors[i].name.text, least) < 0)) {
            least = cursors[i].name.text;
        }
    }
    return least;
}

static int visit(struct walk *w, const struct part *parts, size_t n, struct kist_error *err);

/* The least name of the directory that ends at byte len of the path. 1: there was one. */
static int visit_next(struct walk *w, size_t len, struct cursor *cursors, size_t count, struct part *parts, struct kist_error *err)
{
    const char *name = least_name(cursors, count);
    size_t slash = len > 0, n;
    char *end = w->path + len;
    int rc;

    if (!name) {
        return 0;
    }
    if (len + slash + strlen(name) > KIST_MAX_PATH) {
        return KIST_READ_DAMAGED(err, "a path has more than %u bytes", KIST_MAX_PATH);
    }
    memcpy(end, "/", slash);
    memcpy(end + slash, name, strlen(name) + 1);
    rc = take_name(w, cursors, count, end + slash, parts, &n, err);
    if (rc == 0 && n > 0) {
        rc = visit(w, parts, n, err);
    }
    *end = '\0';
    return rc == 0 ? 1 : rc;
}

static int visit_directory(struct walk *w, const struct part *parts, size_t n, struct kist_error *err)
{
    KIST_AUTO(free) struct cursor *cursors = malloc(n * sizeof(*cursors));
    KIST_AUTO(free) struct part *inside = malloc(n * sizeof(*inside));
    size_t len = strlen(w->path);
    int rc = cursors && inside ? open_directory(w, parts, n, cursors, err) : kist_error_nomem(err);

    if (rc == 0) {
        do {
            rc = visit_next(w, len, cursors, n, inside, err);
        } while (rc == 1);
    }
    return rc;
}

static int visit(struct walk *w, const struct part *parts, size_t n, struct kist_error *err)
{
    int rc = tell(w, parts, n, err);

    if (rc == 0 && is_directory(&parts[0].inode)) {
        rc = visit_directory(w, parts, n, err);
    }
    return rc == KIST_VIEW_SKIP ? 0 : rc;
}

static int walk(const struct kist_view *v, const char *path, bool deep, kist_view_each *each, void *arg, struct kist_error *err)
{
    KIST_AUTO(free) struct part *parts = NULL;
    struct walk *w = calloc(1, sizeof(*w));
    size_t n;
    int rc = w ? locate_new(v, path, &parts, &n, err) : kist_error_nomem(err);

    if (rc == 0) {
        w->view = v;
        w->each = each;
        w->arg = arg;
        w->implied = calloc(v->count, sizeof(struct implied *));
        kist_read_entry_init(&w->entry);
        memcpy(w->path, path, strlen(path) + 1);
        rc = !w->implied ? kist_error_nomem(err) : deep ? visit(w, parts, n, err) : tell(w, parts, n, err);
        for (size_t i = 0; w->implied && i < v->count; i++) {
            if (w->implied[i]) {
                kist_read_implied_close(&w->implied[i]->list);
                free(w->implied[i]);
            }
        }
        free(w->implied);
        kist_read_entry_release(&w->entry);
    }
    free(w);
    return rc;
}

int kist_view_find(const struct kist_view *v, const char *path, kist_view_each *each, void *arg, struct kist_error *err)
{
    return walk(v, path, false, each, arg, err);
}

int kist_view_list(const struct kist_view *v, const char *path, kist_view_each *each, void *arg, struct kist_error *err)
{
    return walk(v, path, true, each, arg, err);
}

/* ---- links ---- */

int kist_view_look(const struct kist_view *v, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err)
{
    KIST_AUTO(free) struct part *parts = malloc((v->count + 1) * sizeof(*parts));
    const struct kist_read_inode *inode;
    struct kist_read_cursor tail;
    size_t n = 0;
    int rc = parts ? locate(v, path, parts, &n, err) : kist_error_nomem(err);

    if (rc < 0 || n == 0) {
        return rc < 0 ? rc : KIST_PATH_NOTHING;
    }
    inode = &parts[0].inode;
    if (inode->type != KIST_SQUASHFS_SYMLINK) {
        return is_directory(inode) ? KIST_PATH_DIRECTORY : KIST_PATH_OTHER;
    }
    tail = inode->tail;
    rc = kist_read_meta(v->layers[parts[0].layer], &tail, target, inode->size, err);
    target[inode->size] = '\0';
    return rc < 0 ? rc : KIST_PATH_LINK;
}

static int look(void *arg, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err)
{
    return kist_view_look(arg, path, target, err);
}

int kist_view_resolve(const struct kist_view *v, char out[KIST_MAX_PATH + 1], const char *path, bool follow, struct kist_error *err)
{
    struct kist_view copy = *v;

    return kist_path_resolve(out, path, follow, look, &copy, err);
}

/* ---- contents ---- */

struct reading {
    struct kist_sink *sink;
    const char *name; /* as it was asked for */
};

static int read_found(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    const struct reading *r = arg;

    if (e->type != KIST_LAYER_FILE) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the image has no plain file '%s'", r->name);
    }
    return kist_layer_read_entry(from, e, r->sink, err);
}

int kist_view_read(const struct kist_view *v, const char *path, struct kist_sink *sink, struct kist_error *err)
{
    KIST_AUTO(free) char *at = malloc(KIST_MAX_PATH + 1);
    struct reading reading = {sink, path};
    int rc = at ? kist_view_resolve(v, at, path, true, err) : kist_error_nomem(err);

    return rc < 0 ? rc : kist_view_find(v, at, read_found, &reading, err);
}

int kist_view_read_file(void *view, const char *path, struct kist_buf *out, struct kist_error *err)
{
    struct kist_collect collect;

    kist_collect_init(&collect, out);
    return kist_view_read(view, path, &collect.sink, err);
}
