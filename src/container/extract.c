#include "container/extract.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "codec/tar.h"
#include "port/node.h"
#include "port/place.h"

#define HOLE_MIN 4096 /* no filesystem has smaller ones */

struct kist_extract {
    const struct kist_extract_how *how;
    struct kist_tar *tar;
    struct port_dir *top, *at; /* at: the last member's directory, */
    char *at_path;             /* and its path below top */
    struct port_file *file;    /* being written */
    uint64_t offset;           /* in it */
    struct port_node node;     /* what it becomes */
    struct port_node_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct kist_buf xattr_data; /* what they point into */
    struct kist_buf times;      /* exact: of directories, each an int64_t and the path with its NUL */
    uint64_t bytes;             /* of files */
};

/* Changes its owner to what that is on disk. */
static int shift(const struct kist_extract *u, struct port_node *n, struct kist_error *err)
{
    const struct port_ids *ids = u->how->ids;

    return !ids || (port_id_outside(&ids->users, n->uid, &n->uid) && port_id_outside(&ids->groups, n->gid, &n->gid))
               ? 0
               : kist_error_set(err, KIST_E_USAGE, "the container's user namespace has no user %u or no group %u", (unsigned)n->uid,
                                (unsigned)n->gid);
}

/* ---- where ---- */

/* The directory at path below top, with those on the way that are missing. */
static int enter_made(struct kist_extract *u, struct port_dir **out, const char *path, struct kist_error *err)
{
    struct port_node missing = {.type = PORT_NODE_DIRECTORY, .mode = 0755, .uid = u->how->uid, .gid = u->how->gid};
    int rc = port_place_enter(out, u->top, path, err);

    if (rc == KIST_E_NOT_FOUND && path[0]) {
        const char *base = kist_path_base(path);
        KIST_AUTO(free) char *above = strndup(path, (size_t)(base - path - (base > path)));
        struct port_file *file;
        struct port_dir *up;

        rc = above ? shift(u, &missing, err) : kist_error_nomem(err);
        rc = rc < 0 ? rc : enter_made(u, &up, above, err);
        if (rc == 0) {
            rc = port_node_put(up, base, &missing, &file, err);
            port_dir_close(up);
        }
        rc = rc == 0 ? port_place_enter(out, u->top, path, err) : rc;
    }
    return rc;
}

/* Cleans a member's name into path; u->at becomes its directory, *base its name there, "" the top itself. */
static int go_to(struct kist_extract *u, char path[KIST_MAX_PATH + 1], const char *name, const char **base, struct kist_error *err)
{
    struct port_dir *dir;
    int rc;

    if (!kist_path_clean(path, KIST_MAX_PATH + 1, name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "the member '%.200s' leads out of the archive, or its name is too long", name);
    }
    *base = kist_path_base(path);
    KIST_AUTO(free) char *above = strndup(path, (size_t)(*base - path - (*base > path)));
    if (!above) {
        return kist_error_nomem(err);
    }
    if (u->at && strcmp(above, u->at_path) == 0) {
        return 0;
    }
    rc = enter_made(u, &dir, above, err);
    if (rc == 0) {
        port_dir_close(u->at);
        free(u->at_path);
        u->at = dir;
        u->at_path = above;
        above = NULL;
    }
    return rc;
}

/* ---- what ---- */

static int put_link(struct kist_extract *u, const char *name, const struct kist_tar_entry *e, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    KIST_AUTO(free) char *above = NULL;
    struct port_dir *old = NULL;
    const char *base;
    int rc;

    if (!kist_path_clean(path, sizeof(path), e->link_name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "the link '%.200s' leads out of the archive", e->link_name);
    }
    base = kist_path_base(path);
    above = strndup(path, (size_t)(base - path));
    rc = above ? port_place_enter(&old, u->top, above, err) : kist_error_nomem(err);
    if (rc == 0) {
        rc = port_node_link(u->at, name, old, base, err);
        port_dir_close(old);
    }
    return rc;
}

/* They are needed once more when the file is written, and the entry is gone then. */
static int keep_xattrs(struct kist_extract *u, const struct kist_tar_entry *e, struct kist_error *err)
{
    size_t at = 0;
    int rc = 0;

    u->xattr_data.len = 0;
    for (size_t i = 0; rc == 0 && i < e->xattr_count; i++) {
        rc = kist_buf_add(&u->xattr_data, e->xattrs[i].name, strlen(e->xattrs[i].name) + 1, err);
        rc = rc < 0 ? rc : kist_buf_add(&u->xattr_data, e->xattrs[i].value, e->xattrs[i].size, err);
    }
    for (size_t i = 0; rc == 0 && i < e->xattr_count; i++) {
        char *name = u->xattr_data.data + at;

        at += strlen(name) + 1;
        u->xattrs[i] = (struct port_node_xattr){name, u->xattr_data.data + at, e->xattrs[i].size};
        at += e->xattrs[i].size;
    }
    u->node.xattrs = u->xattrs;
    u->node.xattr_count = rc < 0 ? 0 : e->xattr_count;
    return rc;
}

/* What is made in a directory later changes its time. */
static int keep_time(struct kist_extract *u, const char *path, int64_t mtime, struct kist_error *err)
{
    int rc = kist_buf_add(&u->times, &mtime, sizeof(mtime), err);

    return rc < 0 ? rc : kist_buf_add(&u->times, path, strlen(path) + 1, err);
}

static int describe(struct kist_extract *u, const struct kist_tar_entry *e, const char *path, struct kist_error *err)
{
    static const enum port_node_type types[] = {
        [KIST_TAR_FILE] = PORT_NODE_FILE, [KIST_TAR_HARDLINK] = PORT_NODE_FILE, [KIST_TAR_SYMLINK] = PORT_NODE_SYMLINK,
        [KIST_TAR_CHAR] = PORT_NODE_CHAR, [KIST_TAR_BLOCK] = PORT_NODE_BLOCK,   [KIST_TAR_DIRECTORY] = PORT_NODE_DIRECTORY,
        [KIST_TAR_FIFO] = PORT_NODE_FIFO,
    };
    const struct kist_extract_how *how = u->how;
    const bool device = e->type == KIST_TAR_CHAR || e->type == KIST_TAR_BLOCK;
    int rc;

    /* With another owner set-ID bits would give what nobody meant to give, and so would a device that all may open. */
    u->node = (struct port_node){.type = types[e->type], .mode = how->owners ? e->mode : e->mode & (device ? 0600 : 01777),
                                 .uid = how->owners ? e->uid : how->uid, .gid = how->owners ? e->gid : how->gid,
                                 .mtime = e->mtime, .major = e->major, .minor = e->minor};
    rc = shift(u, &u->node, err);
    if (rc == 0 && how->exact) {
        rc = keep_xattrs(u, e, err);
        rc = rc == 0 && e->type == KIST_TAR_DIRECTORY ? keep_time(u, path, e->mtime, err) : rc;
    }
    return rc;
}

static int make_member(struct kist_extract *u, const struct kist_tar_entry *e, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1], target[KIST_MAX_PATH + 1];
    const char *base = "";
    int rc = go_to(u, path, e->name, &base, err);

    if (rc < 0 || (base[0] == '\0' && !(u->how->exact && e->type == KIST_TAR_DIRECTORY))) {
        return rc;
    }
    if (e->sparse) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "'%.200s' is sparse in the archive (make it without 'tar -S')", e->name);
    }
    if (e->type == KIST_TAR_HARDLINK) {
        return put_link(u, base, e, err);
    }
    if (e->type == KIST_TAR_SYMLINK && !kist_str_copy(target, sizeof(target), e->link_name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "the target of '%.200s' is too long", e->name);
    }
    rc = describe(u, e, path, err);
    if (rc == 0 && base[0] == '\0') {
        return port_node_looks(u->top, &u->node, err);
    }
    u->offset = 0;
    u->node.target = target;
    rc = rc < 0 ? rc : port_node_put(u->at, base, &u->node, &u->file, err);
    u->node.target = NULL;
    return rc;
}

/* ---- the tar's handler ---- */

static int on_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    int rc = make_member(arg, e, err);

    /* what went away here is no source that went away, which who packs passes over */
    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, KIST_E_CONFLICT, "the directory of '%.200s' is not there any more, or a link is broken", e->name) : rc;
}

static int on_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    (void)arg, (void)data, (void)len, (void)err;
    return 0;
}

static bool is_hole(const struct kist_extract *u, const char *data, size_t len)
{
    return u->how->exact && len >= HOLE_MIN && data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int on_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct kist_extract *u = arg;
    int rc = u->file && !is_hole(u, data, len) ? port_file_write_at(u->file, u->offset, data, len, err) : 0;

    u->offset += len;
    u->bytes += len;
    return rc;
}

static int on_end(void *arg, struct kist_error *err)
{
    struct kist_extract *u = arg;
    struct port_file *file = u->file;
    int rc;

    u->file = NULL;
    if (!file) {
        return 0;
    }
    rc = u->how->exact ? port_file_truncate(file, u->offset, err) : 0;
    if (rc < 0) {
        port_file_discard(file);
        return rc;
    }
    return port_node_finish(file, &u->node, err);
}

static int on_finish(void *arg, struct kist_error *err)
{
    struct kist_extract *u = arg;
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < u->times.len;) {
        const char *path = u->times.data + at + sizeof(int64_t);
        struct port_dir *dir;
        int64_t mtime;

        memcpy(&mtime, u->times.data + at, sizeof(mtime));
        at += sizeof(mtime) + strlen(path) + 1;
        rc = port_place_enter(&dir, u->top, path, err);
        if (rc == 0) {
            rc = port_dir_set_time(dir, NULL, mtime, err);
            port_dir_close(dir);
        }
    }
    return rc;
}

/* ---- the whole ---- */

int kist_extract_new(struct kist_extract **out, struct port_dir *top, const struct kist_extract_how *how, struct kist_error *err)
{
    static const struct kist_tar_handler handler = {.raw = on_raw, .entry = on_entry, .data = on_data, .end = on_end, .finish = on_finish};
    struct kist_extract *u = calloc(1, sizeof(*u));
    int rc = u ? kist_tar_new(&u->tar, &handler, u, err) : kist_error_nomem(err);

    if (rc < 0) {
        free(u);
        return rc;
    }
    u->how = how;
    u->top = top;
    kist_buf_init(&u->xattr_data, KIST_MAX_TAR_HEADER + KIST_MAX_TAR_GLOBAL);
    kist_buf_init(&u->times, KIST_MAX_LAYER_NAMES);
    *out = u;
    return 0;
}

struct kist_sink *kist_extract_sink(struct kist_extract *u)
{
    return kist_tar_sink(u->tar);
}

uint64_t kist_extract_bytes(const struct kist_extract *u)
{
    return u->bytes;
}

void kist_extract_free(struct kist_extract *u)
{
    if (u) {
        kist_tar_free(u->tar);
        port_file_discard(u->file);
        port_dir_close(u->at);
        free(u->at_path);
        kist_buf_release(&u->xattr_data);
        kist_buf_release(&u->times);
        free(u);
    }
}
