/* A directory that may be large, deep and changed meanwhile: of its tree one directory is open at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/path.h"
#include "base/str.h"
#include "build/context_private.h"
#include "port/place.h"

#define CHUNK ((size_t)64 << 10)

struct walk {
    struct kist_context *context;
    kist_context_each *each;
    void *arg;
    bool begun; /* the first name was there: others may be taken away meanwhile */
    char path[KIST_MAX_PATH + 1];
};

/* Names of one directory, in order. */
struct names {
    struct kist_buf text; /* each with its NUL */
    char **v;
    size_t n;
};

/* Opens the directory at path; c keeps it, and closes it when it goes to the next. */
static int reach(struct kist_context *c, const char *path, struct port_dir **out, struct kist_error *err)
{
    int rc;

    if (!c->reached || strcmp(c->reached_path, path) != 0) {
        port_dir_close(c->reached);
        c->reached = NULL;
        rc = port_place_enter(&c->reached, c->dir, path, err);
        if (rc < 0) {
            return rc;
        }
        memcpy(c->reached_path, path, strlen(path) + 1);
    }
    *out = c->reached;
    return 0;
}

/* The directory that path is in, and its name there; NULL for the top itself. */
static int reach_parent(struct kist_context *c, const char *path, struct port_dir **dir, const char **name, struct kist_error *err)
{
    char parent[KIST_MAX_PATH + 1];
    size_t len;

    if (path[0] == '\0') {
        *name = NULL;
        return reach(c, "", dir, err);
    }
    *name = kist_path_base(path);
    len = (size_t)(*name - path);
    len -= len > 0;
    memcpy(parent, path, len);
    parent[len] = '\0';
    return reach(c, parent, dir, err);
}

static void describe(struct kist_layer_entry *e, const char *path, const struct port_node *n)
{
    static const enum kist_layer_type types[] = {
        [PORT_NODE_FILE] = KIST_LAYER_FILE,   [PORT_NODE_DIRECTORY] = KIST_LAYER_DIRECTORY, [PORT_NODE_SYMLINK] = KIST_LAYER_SYMLINK,
        [PORT_NODE_CHAR] = KIST_LAYER_CHAR,   [PORT_NODE_BLOCK] = KIST_LAYER_BLOCK,         [PORT_NODE_FIFO] = KIST_LAYER_FIFO,
        [PORT_NODE_SOCKET] = KIST_LAYER_FIFO, /* never told */
    };

    *e = (struct kist_layer_entry){
        .path = path, .type = types[n->type], .mode = n->mode, .uid = n->uid, .gid = n->gid, .mtime = n->mtime,
        .size = n->type == PORT_NODE_FILE ? n->size : 0, .major = n->major, .minor = n->minor, .place = n->inode,
        .links = n->links, .target = n->target,
    };
}

/* ---- listing ---- */

static int add_name(void *arg, const char *name, struct kist_error *err)
{
    struct names *names = arg;

    names->n++;
    return kist_buf_add(&names->text, name, strlen(name) + 1, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct port_dir *dir, struct names *names, struct kist_error *err)
{
    char *at;
    int rc = port_dir_list(dir, add_name, names, err);

    if (rc == KIST_E_FAIL) {
        return kist_error_set(err, KIST_E_NO_SPACE, "directory '%s' has names of more than %u bytes", port_dir_path(dir),
                              KIST_MAX_LAYER_NAMES);
    }
    names->v = rc == 0 ? malloc((names->n + 1) * sizeof(*names->v)) : NULL;
    if (!names->v) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    at = names->text.data;
    for (size_t i = 0; i < names->n; i++) {
        names->v[i] = at;
        at += strlen(at) + 1;
    }
    qsort(names->v, names->n, sizeof(*names->v), by_name);
    return 0;
}

static int visit(struct walk *w, struct kist_error *err);

/* Puts name behind the first len bytes of the path; false: it does not fit. Done for each name there is. */
static bool append(struct walk *w, size_t len, const char *name)
{
    const size_t slash = len > 0, more = strlen(name);

    if (len + slash + more > KIST_MAX_PATH) {
        return false;
    }
    w->path[len] = '/';
    memcpy(w->path + len + slash, name, more + 1);
    return true;
}

static int visit_directory(struct walk *w, struct kist_error *err)
{
    struct names names = {.text = KIST_BUF_INIT(KIST_MAX_LAYER_NAMES)};
    size_t len = strlen(w->path);
    struct port_dir *dir;
    int rc = reach(w->context, w->path, &dir, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = read_names(dir, &names, err);
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if (!append(w, len, names.v[i])) {
            rc = kist_error_set(err, KIST_E_UNSUPPORTED, "a path in '%.80s...' is longer than %d bytes", w->path, KIST_MAX_PATH);
        } else {
            rc = visit(w, err);
        }
        w->path[len] = '\0';
    }
    free(names.v);
    kist_buf_release(&names.text);
    return rc;
}

static int visit(struct walk *w, struct kist_error *err)
{
    struct kist_layer_entry e = {.path = ""};
    struct port_node n = {.target = NULL};
    struct port_dir *dir;
    const char *name;
    int rc = reach_parent(w->context, w->path, &dir, &name, err);

    rc = rc == 0 ? port_node_look(dir, name, &n, err) : rc;
    if (rc < 0) {
        port_node_release(&n);
        return rc == KIST_E_NOT_FOUND && w->begun ? 0 : rc;
    }
    w->begun = true;
    w->context->told = n;
    if (n.type != PORT_NODE_SOCKET) {
        describe(&e, w->path, &n);
        rc = w->each(w->arg, &e, err);
    }
    port_node_release(&n);
    if (rc == 0 && e.type == KIST_LAYER_DIRECTORY) {
        rc = visit_directory(w, err);
    }
    return rc == KIST_VIEW_SKIP ? 0 : rc;
}

int kist_context_dir_list(struct kist_context *c, const char *path, kist_context_each *each, void *arg, struct kist_error *err)
{
    KIST_AUTO(free) struct walk *w = malloc(sizeof(*w));

    if (!w) {
        return kist_error_nomem(err);
    }
    w->context = c;
    w->each = each;
    w->arg = arg;
    w->begun = false;
    memcpy(w->path, path, strlen(path) + 1);
    return visit(w, err);
}

/* ---- one path ---- */

bool kist_context_stamp(const struct kist_context *c, unsigned char stamp[KIST_CONTEXT_STAMP])
{
    const struct port_node *n = &c->told;
    const uint64_t parts[] = {n->device, n->inode, n->size, (uint64_t)n->mtime, (uint64_t)n->changed};
    unsigned char text[8 * KIST_COUNT(parts)];
    struct kist_digest whole;

    if (!c->dir || n->type != PORT_NODE_FILE || n->changed == 0) {
        return false;
    }
    for (size_t i = 0; i < KIST_COUNT(parts); i++) {
        kist_le64_put(text + 8 * i, parts[i]);
    }
    kist_digest_of(&whole, text, sizeof(text));
    memcpy(stamp, whole.bytes, KIST_CONTEXT_STAMP);
    return true;
}

int kist_context_dir_look(struct kist_context *c, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err)
{
    struct port_node n = {.target = NULL};
    struct port_dir *dir;
    const char *name;
    int rc = reach_parent(c, path, &dir, &name, err);

    rc = rc == 0 ? port_node_look(dir, name, &n, err) : rc;
    if (rc == 0) {
        rc = n.type == PORT_NODE_DIRECTORY ? KIST_PATH_DIRECTORY
             : n.type == PORT_NODE_SYMLINK ? KIST_PATH_LINK
                                           : KIST_PATH_OTHER;
        if (n.target && !kist_str_copy(target, KIST_MAX_PATH + 1, n.target)) {
            rc = kist_error_set(err, KIST_E_NOT_FOUND, "the target of '%s' is too long", path);
        }
    }
    port_node_release(&n);
    return rc == KIST_E_NOT_FOUND ? KIST_PATH_NOTHING : rc;
}

/* size bytes, or as many as there still are. */
static int copy_data(struct port_file *file, uint64_t size, struct kist_sink *sink, struct kist_error *err)
{
    const size_t most = (size_t)KIST_MIN(size, (uint64_t)CHUNK);
    KIST_AUTO(free) char *chunk = malloc(most + 1);
    size_t got = 1;
    int rc = chunk ? 0 : kist_error_nomem(err);

    for (uint64_t at = 0; rc == 0 && at < size && got > 0; at += got) {
        rc = port_file_read_at(file, at, chunk, (size_t)KIST_MIN(size - at, (uint64_t)most), &got, err);
        if (rc == 0 && got > 0) {
            rc = kist_sink_write(sink, chunk, got, err);
        }
    }
    return rc;
}

int kist_context_dir_read(struct kist_context *c, const char *path, kist_context_each *begin, void *arg, struct kist_sink *sink,
                          struct kist_error *err)
{
    struct kist_layer_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct port_file *file = NULL;
    struct port_node n = {.target = NULL};
    struct kist_layer_entry e;
    struct port_dir *dir;
    const char *name;
    int rc = reach_parent(c, path, &dir, &name, err);

    if (rc == 0 && (rc = port_node_open(dir, name, &n, &file, err)) == 0) {
        c->told = n;
        describe(&e, path, &n);
        e.xattrs = xattrs;
        for (; e.xattr_count < n.xattr_count && e.xattr_count < KIST_COUNT(xattrs); e.xattr_count++) {
            const struct port_node_xattr *x = &n.xattrs[e.xattr_count];

            xattrs[e.xattr_count] = (struct kist_layer_xattr){x->name, x->value, x->size};
        }
        rc = begin(arg, &e, err);
        rc = rc == 0 ? copy_data(file, n.size, sink, err) : rc;
        port_file_discard(file);
    }
    port_node_release(&n);
    return rc;
}
