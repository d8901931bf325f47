/*
 * Files into and out of a container. Whoever runs in it may change its files meanwhile, so nothing of it is reached but by
 * descriptors below its root (port/place.h). One side becomes a tar, the other is made of one: a pipe into or out of kist is the half of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "container/archive.h"
#include "container/extract.h"
#include "container/spec.h"
#include "container/standin.h"
#include "port/place.h"

#define LINKS_MAX 40

/* Where a path led. */
struct found {
    struct port_dir *dir;
    char *name;            /* in dir, the last part of the path; NULL: dir itself */
    char given[KIST_MAX_PATH + 1]; /* that part as it was asked for, "" where it has none */
    struct port_node node; /* what is there, */
    bool there;            /* if anything */
    bool contents;         /* the path said: what is in it */
    bool directory;        /* the path said it is one */
};

/* root NULL: our own. */
static int enter(struct port_dir **out, struct port_dir *root, const char *path, struct kist_error *err)
{
    return root ? port_place_enter(out, root, path, err) : port_dir_open(out, path[0] ? path : ".", false, err);
}

static void release_found(struct found *f)
{
    port_dir_close(f->dir);
    free(f->name);
    port_node_release(&f->node);
    f->dir = NULL;
    f->name = NULL;
    f->node = (struct port_node){.target = NULL};
}

/* Takes slashes and "/." off the end. */
static void strip(char *path, struct found *f)
{
    for (size_t len = strlen(path); len > 1; path[len] = '\0') {
        if (path[len - 1] == '/') {
            f->directory = true;
            len--;
        } else if (path[len - 1] == '.' && path[len - 2] == '/') {
            f->directory = f->contents = true;
            len -= len > 2 ? 2 : 1;
        } else {
            break;
        }
    }
}

/* One step: the directory, and what is there. */
static int look(struct found *f, struct port_dir *root, const char *path, struct kist_error *err)
{
    const char *base = kist_path_base(path);
    bool self = base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0;
    KIST_AUTO(free) char *folder = strndup(path, self ? strlen(path) : (size_t)(base - path));
    int rc = folder ? enter(&f->dir, root, folder, err) : kist_error_nomem(err);

    if (rc == 0 && !self && !(f->name = strdup(base))) {
        rc = kist_error_nomem(err);
    }
    f->contents |= self;
    if (rc == 0) {
        rc = port_node_read(f->dir, f->name, &f->node, err);
        f->there = rc == 0;
        rc = rc == KIST_E_NOT_FOUND && !self ? 0 : rc;
    }
    return rc;
}

/* Release f whatever comes back. */
static int find(struct found *f, struct port_dir *root, const char *path, bool follow, struct kist_error *err)
{
    char at[KIST_MAX_PATH + 1], next[KIST_MAX_PATH + 1];
    int rc = 0;

    if (!kist_str_copy(at, sizeof(at), path)) {
        return kist_error_set(err, KIST_E_USAGE, "a path is longer than %d bytes", KIST_MAX_PATH);
    }
    for (unsigned i = 0;; i++) {
        strip(at, f);
        rc = look(f, root, at, err);
        if (i == 0 && f->name) {
            memcpy(f->given, f->name, strlen(f->name) + 1);
        }
        if (rc < 0 || !f->there || f->node.type != PORT_NODE_SYMLINK || !(follow || f->directory)) {
            break;
        }
        if (i == LINKS_MAX || !kist_str_format(next, sizeof(next), "%.*s%s", f->node.target[0] == '/' ? 0 : (int)(kist_path_base(at) - at),
                                               at, f->node.target)) {
            return kist_error_set(err, KIST_E_FAIL, "'%s': too many symbolic links", path);
        }
        release_found(f);
        memcpy(at, next, sizeof(at));
    }
    if (rc == 0 && f->there && f->directory && f->node.type != PORT_NODE_DIRECTORY) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "'%s' is no directory", path);
    }
    return rc;
}

/* ---- a tar of what is there ---- */

struct level {
    struct kist_archive *archive;
    const struct port_ids *ids; /* of the container; NULL: it is our side */
    struct kist_buf *path; /* of the member */
    struct port_dir *dir;
};

static int pack(void *arg, const char *name, struct kist_error *err);

static int pack_below(const struct level *at, struct port_dir *dir, struct kist_error *err)
{
    struct level inside = {at->archive, at->ids, at->path, dir};

    return port_dir_list(dir, pack, &inside, err);
}

/* name NULL: the directory itself. */
static int pack_one(const struct level *at, const char *name, struct kist_error *err)
{
    struct port_dir *inside;
    struct port_node n;
    int rc = port_node_read(at->dir, name, &n, err);

    if (at->ids) { /* what the namespace has no number for stays what it is */
        (void)port_id_inside(&at->ids->users, n.uid, &n.uid);
        (void)port_id_inside(&at->ids->groups, n.gid, &n.gid);
    }
    if (rc == 0 && n.type != PORT_NODE_SOCKET) {
        rc = kist_archive_node(at->archive, 0, at->dir, name, at->path->data, &n, err);
    }
    if (rc == 0 && n.type == PORT_NODE_DIRECTORY && !name) {
        rc = pack_below(at, at->dir, err);
    } else if (rc == 0 && n.type == PORT_NODE_DIRECTORY && (rc = port_dir_open_at(&inside, at->dir, name, false, err)) == 0) {
        rc = pack_below(at, inside, err);
        port_dir_close(inside);
    }
    port_node_release(&n);
    return rc;
}

static int pack(void *arg, const char *name, struct kist_error *err)
{
    const struct level *at = arg;
    const size_t len = at->path->len;
    int rc = kist_buf_printf(at->path, err, "/%s", name);

    rc = rc == 0 ? pack_one(at, name, err) : rc;
    at->path->len = len;
    at->path->data[len] = '\0';
    return rc == KIST_E_NOT_FOUND ? 0 : rc; /* taken away meanwhile */
}

/* What f found, called name, into sink, without its finish; ids as struct level has them. */
static int pack_found(const struct found *f, const struct port_ids *ids, const char *name, struct kist_sink *sink, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH + 1);
    struct kist_archive archive = {.link_count = 0};
    const struct level top = {&archive, ids, &path, f->dir};
    int rc = kist_buf_puts(&path, name, err);

    kist_tar_writer_init(&archive.writer, sink);
    rc = rc == 0 ? pack_one(&top, f->name, err) : rc;
    rc = rc == 0 ? kist_tar_writer_end(&archive.writer, err) : rc;
    kist_archive_release(&archive);
    return rc;
}

/* ---- Docker's rules ---- */

/* Where in to things go, *top (to's, or made of it), and what the first is called there. */
static int aim(const struct found *from, struct found *to, const struct kist_copy *c, struct port_dir **top, const char **name,
               struct kist_error *err)
{
    const bool directory = to->there && to->node.type == PORT_NODE_DIRECTORY;
    const char *path = c->in ? c->inside : c->outside;

    if (c->feed && !directory) {
        return kist_error_set(err, to->there ? KIST_E_CONFLICT : KIST_E_NOT_FOUND, "the destination '%s' must be a directory", path);
    }
    if (!directory && !c->feed) {
        if (from->node.type != PORT_NODE_DIRECTORY && to->directory) {
            return kist_error_set(err, KIST_E_NOT_FOUND, "there is no directory '%s'", path);
        }
        if (from->node.type == PORT_NODE_DIRECTORY && to->there) {
            return kist_error_set(err, KIST_E_CONFLICT, "cannot copy a directory over the file '%s'", path);
        }
        *top = to->dir;
        *name = to->name;
        to->dir = NULL;
        return 0;
    }
    *name = from->contents || !from->given[0] ? "." : from->given;
    if (to->name) {
        return port_dir_open_at(top, to->dir, to->name, false, err);
    }
    *top = to->dir;
    to->dir = NULL;
    return 0;
}

static int unpack_into(const struct kist_copy *c, const struct port_ids *ids, const struct found *from, const char *name, struct port_dir *top,
                       uint64_t *bytes, struct kist_error *err)
{
    const struct kist_extract_how how = {.owners = c->owners, .uid = c->uid, .gid = c->gid, .ids = c->in ? ids : NULL};
    struct kist_extract *u;
    int rc = kist_extract_new(&u, top, &how, err);

    if (rc < 0) {
        return rc;
    }
    if (c->feed) {
        rc = c->feed(c->feed_arg, kist_extract_sink(u), err);
    } else if ((rc = pack_found(from, c->in ? NULL : ids, name, kist_extract_sink(u), err)) == 0) {
        rc = kist_sink_finish(kist_extract_sink(u), err);
    }
    *bytes = kist_extract_bytes(u);
    kist_extract_free(u);
    return rc;
}

/* Of one that does not run, the root of its stand-in. */
static int open_root(struct port_dir **out, struct kist_standin *standin, const struct kist_engine *e, const char *id,
                     struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, err);

    if (rc == 1 && running.process.pid != 0) {
        rc = port_place_root(out, &running.process, err);
    } else if (rc >= 0) {
        rc = kist_standin_open(standin, e, id, err);
        rc = rc < 0 ? rc : port_place_root(out, &standin->process, err);
    }
    kist_running_release(&running);
    return rc < 0 ? kist_error_wrap(err, "container '%.12s'", id) : 0;
}

/* With a user namespace of its own, what comes in is made by its root. */
static int find_ids(struct kist_spec *spec, cJSON **config, const struct kist_engine *e, const char *id, bool in, struct kist_error *err)
{
    int rc = kist_container_config(e, id, config, err);

    rc = rc < 0 ? rc : kist_spec_parse(spec, *config, err);
    return rc < 0 || !in ? rc : port_ids_wear(&spec->sandbox.command.ids, err);
}

int kist_container_copy(const struct kist_engine *e, const char *id, const struct kist_copy *c, uint64_t *bytes, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    const struct port_ids *ids = &spec.sandbox.command.ids;
    struct port_dir *root = NULL, *top = NULL;
    struct found *from = calloc(2, sizeof(*from)), *to = from + 1;
    struct kist_standin standin = {.sandbox = NULL};
    const char *name = ".";
    int rc = from ? open_root(&root, &standin, e, id, err) : kist_error_nomem(err);

    rc = rc < 0 ? rc : find_ids(&spec, &config, e, id, c->in, err);
    if (rc == 0 && !c->feed) {
        const char *path = c->in ? c->outside : c->inside;

        rc = find(from, c->in ? NULL : root, path, c->follow, err);
        if (rc == KIST_E_NOT_FOUND || (rc == 0 && !from->there)) {
            rc = kist_error_set(err, KIST_E_NOT_FOUND, "there is no '%s'%s", path, c->in ? "" : " in the container");
        }
        if (rc == 0 && from->node.type == PORT_NODE_SOCKET) {
            rc = kist_error_set(err, KIST_E_UNSUPPORTED, "'%s' is a socket, which cannot be copied", path);
        }
    }
    if (rc == 0 && c->sink) {
        rc = pack_found(from, ids, from->contents || !from->given[0] ? "." : from->given, c->sink, err);
        rc = rc == 0 ? kist_sink_finish(c->sink, err) : rc;
    } else if (rc == 0) {
        rc = find(to, c->in ? root : NULL, c->in ? c->inside : c->outside, true, err);
        rc = rc == 0 ? aim(from, to, c, &top, &name, err) : rc;
        rc = rc == 0 ? unpack_into(c, ids, from, name, top, bytes, err) : rc;
    }
    if (from) {
        release_found(from);
        release_found(to);
    }
    port_dir_close(top);
    port_dir_close(root);
    kist_standin_close(&standin, e, id);
    free(from);
    return rc;
}
