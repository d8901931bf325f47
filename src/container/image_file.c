#include "container/image_file.h"

#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "codec/collect.h"

#define MAX_LINKS 40 /* as the kernel follows */

/* What a layer says of one path. */
struct found {
    enum kist_layer_type type;
    bool opaque;
    char target[KIST_MAX_PATH + 1]; /* of a symlink */
};

/* Where a walk is: at is the directory reached, todo what is left of the path. */
struct walk {
    const struct kist_image_layers *layers;
    char at[KIST_MAX_PATH + 1];
    char todo[KIST_MAX_PATH + 1];
    size_t floor; /* layers below this one do not show in at */
    unsigned links;
};

static int keep(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct found *f = arg;

    f->type = e->type;
    f->opaque = e->opaque;
    if (e->type == KIST_LAYER_SYMLINK && !kist_str_copy(f->target, sizeof(f->target), e->target)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the target of symlink '%s' is too long", e->path);
    }
    return 0;
}

/*
 * The layer whose entry shows at path, and for a directory the lowest layer that shows in it: *floor. KIST_E_NOT_FOUND
 * when none has it.
 */
static int topmost(const struct walk *w, const char *path, struct found *top, size_t *layer, size_t *floor,
                   struct kist_error *err)
{
    struct found below;
    bool seen = false;

    *floor = w->floor;
    for (size_t i = w->layers->n; i-- > w->floor;) {
        int rc = kist_layer_find(w->layers->v[i], path, keep, seen ? &below : top, err);
        const struct found *f = seen ? &below : top;

        if (rc == KIST_E_NOT_FOUND) {
            continue;
        }
        if (rc < 0) {
            return rc;
        }
        if (!seen) {
            *layer = i;
            seen = true;
            if (f->type == KIST_LAYER_WHITEOUT) {
                break;
            }
        } else if (f->type != KIST_LAYER_DIRECTORY) {
            *floor = i + 1;
            return 0;
        }
        if (f->type != KIST_LAYER_DIRECTORY) {
            return 0;
        }
        if (f->opaque) {
            *floor = i;
            return 0;
        }
    }
    if (!seen || top->type == KIST_LAYER_WHITEOUT) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the image has no '/%s'", path);
    }
    return 0;
}

/* The target takes the place of the link in what is left to walk. */
static int follow(struct walk *w, const char *target, struct kist_error *err)
{
    char rest[KIST_MAX_PATH + 1];
    size_t skip;

    if (++w->links > MAX_LINKS) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "too many symlinks in the image");
    }
    if (!kist_str_format(rest, sizeof(rest), "%s/%s", target, w->todo)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "a path through symlinks is too long");
    }
    if (target[0] == '/') {
        w->at[0] = '\0';
    }
    /* From the root again, so that the layers that show are found anew. */
    if (w->at[0] != '\0') {
        if (!kist_str_format(w->todo, sizeof(w->todo), "%s/%s", w->at, rest)) {
            return kist_error_set(err, KIST_E_NOT_FOUND, "a path through symlinks is too long");
        }
        w->at[0] = '\0';
    } else {
        skip = strspn(rest, "/");
        memmove(w->todo, rest + skip, strlen(rest + skip) + 1);
    }
    w->floor = 0;
    return 0;
}

/* ".." from the directory reached: its parent, found again from the root. */
static int climb(struct walk *w, struct kist_error *err)
{
    char *slash = strrchr(w->at, '/');
    char rest[KIST_MAX_PATH + 1];

    *(slash ? slash : w->at) = '\0';
    if (!kist_str_format(rest, sizeof(rest), "%s/%s", w->at, w->todo)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "a path of the image is too long");
    }
    memcpy(w->todo, rest, sizeof(rest));
    w->at[0] = '\0';
    w->floor = 0;
    return ++w->links > MAX_LINKS ? kist_error_set(err, KIST_E_NOT_FOUND, "too many '..' in a path of the image") : 0;
}

/* Takes the next component off todo; false at the end. */
static bool next_component(struct walk *w, char name[256])
{
    size_t skip = strspn(w->todo, "/"), len = strcspn(w->todo + skip, "/");

    if (len == 0 || len > 255) {
        return false;
    }
    memcpy(name, w->todo + skip, len);
    name[len] = '\0';
    memmove(w->todo, w->todo + skip + len, strlen(w->todo + skip + len) + 1);
    return true;
}

int kist_image_file_read(const struct kist_image_layers *layers, const char *path, struct kist_buf *out,
                         struct kist_error *err)
{
    struct kist_collect collect;
    struct walk w = {.layers = layers};
    char name[256], here[KIST_MAX_PATH + 1];

    kist_collect_init(&collect, out);
    if (!kist_str_copy(w.todo, sizeof(w.todo), path)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the path '%.60s...' is too long", path);
    }
    while (next_component(&w, name)) {
        struct found f;
        size_t layer = 0, floor;
        int rc;

        if (strcmp(name, ".") == 0) {
            continue;
        }
        if (strcmp(name, "..") == 0) {
            if ((rc = climb(&w, err)) < 0) {
                return rc;
            }
            continue;
        }
        if (!kist_str_format(here, sizeof(here), "%s%s%s", w.at, w.at[0] ? "/" : "", name)) {
            return kist_error_set(err, KIST_E_NOT_FOUND, "a path of the image is too long");
        }
        rc = topmost(&w, here, &f, &layer, &floor, err);
        if (rc < 0) {
            return rc;
        }
        if (f.type == KIST_LAYER_SYMLINK) {
            rc = follow(&w, f.target, err);
        } else if (f.type == KIST_LAYER_DIRECTORY) {
            memcpy(w.at, here, sizeof(here));
            w.floor = floor;
        } else if (f.type == KIST_LAYER_FILE && w.todo[strspn(w.todo, "/")] == '\0') {
            return kist_layer_read(layers->v[layer], here, &collect.sink, err);
        } else {
            break;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return kist_error_set(err, KIST_E_NOT_FOUND, "the image has no plain file '%s'", path);
}

int kist_image_file_reader(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    return kist_image_file_read(arg, path, out, err);
}
