/* The tar of a plan: where things go in the image, in order, with the directories on the way. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "build/copy_write.h"
#include "container/user.h"

static const struct kist_view nothing = {NULL, 0};

/* ---- owners ---- */

static int look_up_owner(struct kist_copy_writing *w, struct kist_error *err)
{
    KIST_AUTO(user) struct kist_user user = {.home = NULL};
    const char *chown = w->copy->options->chown;
    uint64_t id;
    int rc;

    if (!chown) {
        return 0;
    }
    rc = kist_user_lookup(&user, chown, kist_view_read_file, &w->image, err);
    w->owner = true;
    w->uid = user.uid;
    w->gid = kist_str_u64(chown, KIST_USER_ID_MAX, &id) ? user.uid : user.gid; /* a number alone is both */
    return rc;
}

/* Owner, mode and time as the options have them; owned: who owned it may stay. */
static void dress(const struct kist_copy_writing *w, struct kist_tar_entry *e, bool owned)
{
    if (w->owner || !owned) {
        e->uid = w->uid;
        e->gid = w->gid;
    }
    if (w->copy->mode && e->type != KIST_TAR_SYMLINK) {
        e->mode = kist_mode_apply(w->copy->mode, e->mode, e->type == KIST_TAR_DIRECTORY);
    }
    e->mtime = KIST_MIN(e->mtime, w->copy->options->epoch);
}

/* ---- directories on the way ---- */

/* What the image has at path: an enum kist_path_kind. */
static int look(struct kist_copy_writing *w, const char *path, struct kist_error *err)
{
    size_t len = strlen(w->absent);
    int what;

    if (len > 0 && strncmp(path, w->absent, len) == 0 && (path[len] == '/' || path[len] == '\0')) {
        return KIST_PATH_NOTHING;
    }
    what = kist_view_look(&w->image, path, w->target, err);
    if (what == KIST_PATH_NOTHING) {
        memcpy(w->absent, path, strlen(path) + 1);
    }
    return what;
}

/* The image's own directory is named again as it is, since others make what a layer does not name as they like. */
static int repeat(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_copy_writing *w = arg;
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct kist_tar_entry t = {.type = KIST_TAR_DIRECTORY, .name = e->path, .mode = e->mode, .uid = e->uid, .gid = e->gid,
                               .mtime = KIST_MIN(e->mtime, w->copy->options->epoch), .xattrs = xattrs};

    (void)from;
    for (; t.xattr_count < e->xattr_count && t.xattr_count < KIST_COUNT(xattrs); t.xattr_count++) {
        const struct kist_layer_xattr *x = &e->xattrs[t.xattr_count];

        xattrs[t.xattr_count] = (struct kist_tar_xattr){x->name, x->value, x->size};
    }
    return e->implied ? 0 : kist_tar_writer_entry(&w->tar, &t, err);
}

static int make_directory(struct kist_copy_writing *w, const char *path, struct kist_error *err)
{
    struct kist_tar_entry e = {.type = KIST_TAR_DIRECTORY, .name = path, .mode = 0755, .uid = w->uid, .gid = w->gid,
                               .mtime = w->copy->newest};
    int what = look(w, path, err);

    if (what == KIST_PATH_DIRECTORY) {
        return kist_view_find(&w->image, path, repeat, w, err);
    }
    if (what > 0) {
        return kist_error_set(err, KIST_E_FAIL, "cannot copy to non-directory: /%s", path);
    }
    return what < 0 ? what : kist_tar_writer_entry(&w->tar, &e, err);
}

/* Bytes of path's directories that are directories of the chain, too. */
static size_t common(const char *chain, const char *path)
{
    size_t same = 0;

    for (size_t i = 0;; i++) {
        bool ends = chain[i] == '\0' || chain[i] == '/';

        if (ends && path[i] == '/') {
            same = i;
        }
        if (chain[i] == '\0' || chain[i] != path[i]) {
            return same;
        }
    }
}

int kist_copy_make_parents(struct kist_copy_writing *w, const char *path, struct kist_error *err)
{
    size_t at = common(w->chain, path);
    int rc = 0;

    w->chain[at] = '\0';
    for (at += at > 0; rc == 0 && path[at += strcspn(path + at, "/")] == '/'; at++) {
        memcpy(w->chain, path, at);
        w->chain[at] = '\0';
        rc = make_directory(w, w->chain, err);
    }
    return rc;
}

int kist_copy_make_destination(struct kist_copy_writing *w, struct kist_error *err)
{
    int rc;

    w->chain[0] = '\0';
    rc = kist_copy_make_parents(w, w->dest, err);
    if (rc == 0 && w->dest[0] != '\0') {
        memcpy(w->chain, w->dest, strlen(w->dest) + 1);
        rc = make_directory(w, w->dest, err);
    }
    return rc;
}

/* ---- members ---- */

static int write_header(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_copy_writing *w = arg;
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];

    for (size_t i = 0; i < e->xattr_count; i++) {
        xattrs[i] = (struct kist_tar_xattr){e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size};
    }
    w->member.xattrs = xattrs;
    w->member.xattr_count = e->xattr_count;
    return kist_tar_writer_entry(&w->tar, &w->member, err);
}

/* The file is what digest read, or the layer would not be what its key says. */
static int write_file(struct kist_copy_writing *w, const struct kist_copy_row *row, struct kist_error *err)
{
    const struct kist_copy_entry *e = row->entry;
    struct kist_copy_reading r = {.begin = write_header, .arg = w, .next = &w->tar.data, .limit = e->size};
    unsigned char sum[KIST_COPY_SUM];
    char path[KIST_MAX_PATH + 1];
    int rc = kist_copy_source_path(w->copy, row->item, e, path, err);

    rc = rc == 0 ? kist_copy_read(w->copy, path, &r, sum, err) : rc;
    if (rc == 0 && (r.bytes != e->size || memcmp(sum, e->sum, sizeof(sum)) != 0)) {
        return kist_error_set(err, KIST_E_FAIL, "'%s' changed while the build read it", path);
    }
    return rc;
}

static int write_entry(struct kist_copy_writing *w, const struct kist_copy_row *row, struct kist_error *err)
{
    static const enum kist_tar_type types[] = {
        [KIST_LAYER_FILE] = KIST_TAR_FILE,       [KIST_LAYER_DIRECTORY] = KIST_TAR_DIRECTORY,
        [KIST_LAYER_SYMLINK] = KIST_TAR_SYMLINK, [KIST_LAYER_CHAR] = KIST_TAR_CHAR,
        [KIST_LAYER_BLOCK] = KIST_TAR_BLOCK,     [KIST_LAYER_FIFO] = KIST_TAR_FIFO,
    };
    const struct kist_copy_entry *e = row->entry;
    const char *first = kist_copy_first_name(w, row);

    w->member = (struct kist_tar_entry){
        .type = types[e->type], .name = row->path, .mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime = e->mtime,
        .stored = e->type == KIST_LAYER_FILE ? e->size : 0, .major = e->major, .minor = e->minor,
        .link_name = e->type == KIST_LAYER_SYMLINK ? kist_copy_text(w->copy, e->target) : NULL,
    };
    dress(w, &w->member, kist_context_owned(w->copy->from));
    if (first) {
        w->member.type = KIST_TAR_HARDLINK;
        w->member.link_name = first;
        w->member.stored = 0;
    }
    return e->type == KIST_LAYER_FILE && !first ? write_file(w, row, err) : kist_tar_writer_entry(&w->tar, &w->member, err);
}

/* A heredoc's text, or what a URL brought. */
static int write_made(struct kist_copy_writing *w, const struct kist_copy_row *row, struct kist_error *err)
{
    const struct kist_copy_source *source = row->item->source;
    bool text = row->item->kind == KIST_COPY_TEXT;
    struct kist_tar_entry e = {.type = KIST_TAR_FILE, .name = row->path, .mode = text ? 0644 : 0600, .mtime = w->copy->newest,
                               .stored = source->len};
    struct kist_copy_fetch_result fetched;
    int rc = text ? 0 : kist_copy_fetch(w->copy, source->path, &fetched, err);

    if (rc == 0 && !text) {
        e.stored = fetched.size;
        e.mtime = fetched.mtime > 0 ? KIST_MIN(fetched.mtime, w->copy->options->epoch) : e.mtime;
    }
    if (rc == 0) {
        dress(w, &e, false);
        rc = kist_tar_writer_entry(&w->tar, &e, err);
    }
    if (rc < 0) {
        return rc;
    }
    return text ? kist_tar_writer_data(&w->tar, source->text, source->len, err) : kist_copy_fetched_read(w->copy, source->path, &w->tar.data, err);
}

static int write_row(struct kist_copy_writing *w, const struct kist_copy_row *row, struct kist_error *err)
{
    bool directory = row->entry && row->entry->type == KIST_LAYER_DIRECTORY;
    int what, rc = kist_copy_make_parents(w, row->path, err);

    if (rc < 0) {
        return rc;
    }
    what = look(w, row->path, err);
    if (what < 0) {
        return what;
    }
    if (directory && what > 0 && what != KIST_PATH_DIRECTORY) {
        return kist_error_set(err, KIST_E_FAIL, "cannot copy to non-directory: /%s", row->path);
    }
    if (!directory && what == KIST_PATH_DIRECTORY) {
        return kist_error_set(err, KIST_E_FAIL, "cannot replace to directory /%s with file", row->path);
    }
    if (directory) {
        memcpy(w->chain, row->path, strlen(row->path) + 1);
    }
    return row->entry ? write_entry(w, row, err) : write_made(w, row, err);
}

/* ---- the whole ---- */

/* The rows of one group, then the archive that ends it. */
static int write_group(struct kist_copy_writing *w, uint32_t group, size_t *at, struct kist_error *err)
{
    int rc = 0;

    w->chain[0] = '\0';
    for (; rc == 0 && *at < w->row_count && w->rows[*at].item->group == group; ++*at) {
        rc = write_row(w, &w->rows[*at], err);
    }
    for (size_t i = 0; i < w->copy->item_count && rc == 0; i++) {
        const struct kist_copy_item *item = &w->copy->items[i];

        if (item->group == group && item->kind == KIST_COPY_ARCHIVE) {
            rc = kist_copy_make_destination(w, err);
            rc = rc == 0 ? kist_copy_write_archive(w, item, err) : rc;
        }
    }
    return rc;
}

static int write_all(struct kist_copy_writing *w, struct kist_error *err)
{
    uint32_t last = w->copy->items[w->copy->item_count - 1].group;
    size_t at = 0;
    int rc = look_up_owner(w, err);

    if (rc == 0 && (rc = kist_copy_find_destination(w, err)) == 0) {
        rc = kist_copy_make_rows(w, err);
    }
    for (uint32_t group = 0; group <= last && rc == 0; group++) {
        rc = write_group(w, group, &at, err);
    }
    if (rc == 0 && w->row_count == 0 && last == 0) {
        rc = kist_copy_make_destination(w, err); /* an empty directory was copied */
    }
    return rc == 0 ? kist_tar_writer_end(&w->tar, err) : rc;
}

int kist_copy_write(struct kist_copy_plan *c, const struct kist_view *image, struct kist_sink *sink, struct kist_error *err)
{
    struct kist_copy_writing *w = calloc(1, sizeof(*w));
    int rc;

    if (!w) {
        return kist_error_nomem(err);
    }
    w->copy = c;
    w->image = c->options->link ? nothing : *image;
    kist_tar_writer_init(&w->tar, sink);
    rc = write_all(w, err);
    free(w->rows);
    free(w->links);
    kist_buf_release(&w->paths);
    free(w);
    return rc < 0 ? kist_error_wrap(err, "%s failed", c->name) : 0;
}
