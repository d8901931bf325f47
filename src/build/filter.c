#include "build/filter.h"

#include <stdlib.h>
#include <string.h>

/* A directory that is left out, unless something in it is not. */
struct kist_filter_held {
    char *path;
    struct kist_layer_entry entry;
};

static bool is_above(const char *dir, const char *path)
{
    size_t len = strlen(dir);

    return len == 0 || (strncmp(dir, path, len) == 0 && path[len] == '/');
}

static void let_go(struct kist_filter *f, size_t from)
{
    while (f->count > from) {
        free(f->held[--f->count].path);
    }
}

static int hold(struct kist_filter *f, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_filter_held *held;

    if (f->count == f->size) {
        size_t size = f->size ? 2 * f->size : 8;

        held = realloc(f->held, size * sizeof(*held));
        if (!held) {
            return kist_error_nomem(err);
        }
        f->held = held;
        f->size = size;
    }
    held = &f->held[f->count];
    *held = (struct kist_filter_held){.path = strdup(e->path), .entry = *e};
    if (!held->path) {
        return kist_error_nomem(err);
    }
    held->entry.path = held->path;
    held->entry.xattrs = NULL;
    held->entry.xattr_count = 0;
    f->count++;
    return 0;
}

/* The directories that hold what is told now; SKIP of one of them can no longer be heeded. */
static int tell_held(struct kist_filter *f, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < f->count && rc >= 0; i++) {
        rc = f->each(f->arg, &f->held[i].entry, err);
    }
    let_go(f, 0);
    return rc < 0 ? rc : 0;
}

int kist_filter_take(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_filter *f = arg;
    bool directory = e->type == KIST_LAYER_DIRECTORY;
    const char *seen = e->path + strnlen(e->path, f->skip);
    size_t above = 0;
    int rc;

    seen += *seen == '/';
    while (above < f->count && is_above(f->held[above].path, e->path)) {
        above++;
    }
    let_go(f, above);
    if (f->ignore && *seen != '\0' && kist_ignore_match(f->ignore, seen)) {
        return !directory ? 0 : kist_ignore_skips(f->ignore, seen) ? KIST_VIEW_SKIP : hold(f, e, err);
    }
    rc = tell_held(f, err);
    f->told = true;
    return rc == 0 ? f->each(f->arg, e, err) : rc;
}

void kist_filter_release(struct kist_filter *f)
{
    let_go(f, 0);
    free(f->held);
}
