#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "codec/collect.h"
#include "build/context_private.h"
#include "build/filter.h"
#include "build/unpack.h"

/* ---- opening ---- */

static int context_new(struct kist_context **out, struct kist_error *err)
{
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : kist_error_nomem(err);
}

int kist_context_open(struct kist_context **out, const char *path, struct kist_error *err)
{
    int rc = context_new(out, err);

    if (rc == 0 && (rc = port_dir_open(&(*out)->dir, path, false, err)) < 0) {
        kist_context_close(*out);
        *out = NULL;
        if (rc == KIST_E_NOT_FOUND) {
            return kist_error_set(err, KIST_E_USAGE, "unable to prepare context: path '%s' not found", path);
        }
        if (err && err->sys_errno == ENOTDIR) {
            return kist_error_set(err, KIST_E_USAGE, "unable to prepare context: context must be a directory: %s", path);
        }
        return kist_error_wrap(err, "unable to prepare context");
    }
    return rc;
}

int kist_context_open_empty(struct kist_context **out, struct kist_error *err)
{
    return context_new(out, err);
}

int kist_context_open_view(struct kist_context **out, const struct kist_view *view, struct kist_error *err)
{
    int rc = context_new(out, err);

    if (rc == 0) {
        (*out)->view = *view;
        (*out)->owned = true;
    }
    return rc;
}

void kist_context_close(struct kist_context *c)
{
    if (c) {
        kist_context_tar_free(c->tar);
        port_dir_close(c->reached);
        port_dir_close(c->dir);
        free(c);
    }
}

void kist_context_auto(struct kist_context **c)
{
    kist_context_close(*c);
}

void kist_context_ignore(struct kist_context *c, struct kist_ignore *ignore)
{
    c->ignore = ignore;
}

bool kist_context_owned(const struct kist_context *c)
{
    return c->owned;
}

bool kist_context_is_whole(const struct kist_context *c)
{
    return !c->ignore;
}

struct port_dir *kist_context_dir(const struct kist_context *c)
{
    return c->dir;
}

const struct kist_view *kist_context_layers(const struct kist_context *c)
{
    return &c->view;
}

bool kist_context_is_tar(const void *data, size_t len)
{
    return kist_archive_kind(data, len) != KIST_ARCHIVE_NONE;
}

/* ---- layers, told as a directory is ---- */

struct told {
    const struct kist_view *view;
    kist_context_each *each;
    void *arg;
    struct kist_sink *sink; /* for contents; NULL: none are wanted */
};

/* Inodes are told apart by place, in all layers. */
static struct kist_layer_entry identified(const struct told *t, const struct kist_layer *from, const struct kist_layer_entry *e)
{
    struct kist_layer_entry copy = *e;

    for (uint64_t i = 0; i < t->view->count; i++) {
        if (t->view->layers[i] == from) {
            copy.place |= i << 56;
        }
    }
    return copy;
}

static int tell(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    const struct told *t = arg;
    struct kist_layer_entry copy = identified(t, from, e);

    return t->each(t->arg, &copy, err);
}

/* Passes on all but the finish that reading a layer ends with. */
struct unfinished {
    struct kist_sink sink;
    struct kist_sink *next;
};

static int unfinished_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_sink_write(KIST_CONTAINER_OF(sink, struct unfinished, sink)->next, data, len, err);
}

static int unfinished_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static int read_entry(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {unfinished_write, unfinished_finish};
    const struct told *t = arg;
    struct unfinished unfinished = {{&ops}, t->sink};
    struct kist_layer_entry copy = identified(t, from, e);
    int rc = t->each(t->arg, &copy, err);

    return rc == 0 ? kist_layer_read_entry(from, e, &unfinished.sink, err) : rc;
}

/* ---- both ---- */

static int not_found(const char *path, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "there is no '%s'", path);
}

int kist_context_list(struct kist_context *c, const char *path, kist_context_each *each, void *arg, struct kist_error *err)
{
    struct kist_filter filter = {.ignore = c->ignore, .each = each, .arg = arg};
    struct told told = {.view = &c->view, .each = kist_filter_take, .arg = &filter};
    int rc = c->dir ? kist_context_dir_list(c, path, kist_filter_take, &filter, err)
                    : kist_view_list(&c->view, path, tell, &told, err);

    kist_filter_release(&filter);
    return rc == 0 && !filter.told ? not_found(path, err) : rc;
}

static int look(void *arg, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err)
{
    struct kist_context *c = arg;
    int what = c->dir ? kist_context_dir_look(c, path, target, err) : kist_view_look(&c->view, path, target, err);

    if (what == KIST_PATH_DIRECTORY ? kist_ignore_skips(c->ignore, path) : what > 0 && kist_ignore_match(c->ignore, path)) {
        return KIST_PATH_NOTHING;
    }
    return what;
}

int kist_context_resolve(struct kist_context *c, char out[KIST_MAX_PATH + 1], const char *path, bool follow, struct kist_error *err)
{
    return kist_path_resolve(out, path, follow, look, c, err);
}

int kist_context_read(struct kist_context *c, const char *path, kist_context_each *begin, void *arg, struct kist_sink *sink,
                      struct kist_error *err)
{
    struct told told = {&c->view, begin, arg, sink};

    return c->dir ? kist_context_dir_read(c, path, begin, arg, sink, err) : kist_view_find(&c->view, path, read_entry, &told, err);
}

static int any(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)arg, (void)e, (void)err;
    return 0;
}

int kist_context_text(struct kist_context *c, const char *path, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(free) char *at = malloc(KIST_MAX_PATH + 1);
    struct kist_ignore *ignore = c->ignore;
    struct kist_collect collect;
    int rc;

    if (!at) {
        return kist_error_nomem(err);
    }
    kist_collect_init(&collect, out);
    c->ignore = NULL;
    rc = kist_context_resolve(c, at, path, true, err);
    c->ignore = ignore;
    if (rc == KIST_PATH_NOTHING) {
        return not_found(path, err);
    }
    return rc == KIST_PATH_OTHER       ? kist_context_read(c, at, any, NULL, &collect.sink, err)
           : rc == KIST_PATH_DIRECTORY ? kist_error_set(err, KIST_E_USAGE, "'%s' is a directory", path)
                                           : rc;
}
