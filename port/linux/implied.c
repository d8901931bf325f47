/*
 * Directories that layers imply. overlayfs shows a directory as the topmost layer that has it has it; a layer
 * whose tar never named it knows nothing of owner, mode, xattrs and time, so the writable layer says them,
 * from the nearest layer below that does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct imply {
    const struct port_root *spec;
    const int *layers;
    int upper;
    bool seen[KIST_MAX_LAYERS]; /* layers whose part of the directory at hand is seen */
    int top, source;            /* topmost that has it; topmost that names it, -1 */
};

static int compare(const void *key, const void *member)
{
    const char *const *text = member;

    return strcmp(key, *text);
}

static bool implies(const struct port_layer *layer, const char *path)
{
    return layer->implied_count > 0 &&
           bsearch(path, layer->implied, layer->implied_count, sizeof(layer->implied[0]), compare) != NULL;
}

static const char *openable(const char *path)
{
    return path[0] != '\0' ? path : ".";
}

/* A whiteout's brother: the directory hides what lower layers have below it. */
static bool is_opaque(int dir)
{
    char value[2];

    return fgetxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

/* Narrows what is seen of path's parent down to path; false: no layer shows a directory there. */
static bool look(struct imply *im, const char *path, struct kist_error *err)
{
    bool hidden = false;

    im->top = im->source = -1;
    for (size_t i = im->spec->layer_count; i-- > 0;) {
        if (!im->seen[i] || hidden) {
            im->seen[i] = false;
            continue;
        }
        KIST_AUTO(fd) int dir = openat(im->layers[i], openable(path), OPEN_DIR);

        im->seen[i] = dir >= 0;
        if (dir >= 0) {
            im->top = im->top < 0 ? (int)i : im->top;
            im->source = im->source < 0 && !implies(&im->spec->layers[i], path) ? (int)i : im->source;
            hidden = is_opaque(dir);
        } else if (errno == ENOTDIR || errno == ELOOP) {
            hidden = true; /* a file, a link, a whiteout */
        } else if (errno != ENOENT) {
            (void)kist_error_sys(err, KIST_E_IO, errno, "cannot look at '%s' in layer '%s'", path,
                                 im->spec->layers[i].name);
            im->top = -2;
            return false;
        }
    }
    return im->top >= 0;
}

static int set_times(int dir, const struct stat *st)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};

    return futimens(dir, times);
}

/* The directory at path in upper becomes like the one in layer index. */
static int liken(struct imply *im, int index, const char *path, struct kist_error *err)
{
    KIST_AUTO(fd) int from = openat(im->layers[index], openable(path), OPEN_DIR);
    KIST_AUTO(fd) int to = openat(im->upper, openable(path), OPEN_DIR);
    struct stat st;

    if (from < 0 || to < 0 || fstat(from, &st) < 0 || port_copy_looks(from, to, &st) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set up directory '/%s'", path);
    }
    return 0;
}

/* path is a prefix being walked: in upper it is made, and its parent's time put back. */
static int make(struct imply *im, int index, const char *path, struct kist_error *err)
{
    char parent[KIST_MAX_PATH + 1];
    char *slash;
    struct stat before;
    int rc;

    if (!kist_str_copy(parent, sizeof(parent), path)) {
        return kist_error_set(err, KIST_E_CORRUPT, "a directory's path is too long");
    }
    slash = strrchr(parent, '/');
    *(slash ? slash : parent) = '\0';
    KIST_AUTO(fd) int up = openat(im->upper, openable(parent), OPEN_DIR);

    if (up < 0 || fstat(up, &before) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open directory '/%s'", parent);
    }
    /* it may be there from a first start that was cut short */
    if (mkdirat(im->upper, path, 0700) < 0 && errno != EEXIST) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make directory '/%s'", path);
    }
    rc = liken(im, index, path, err);
    if (rc == 0 && set_times(up, &before) < 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot set the time of directory '/%s'", parent);
    }
    return rc;
}

/*
 * Goes from the root to path. With making, each directory on the way is made in upper. *needed: the topmost
 * layer that has path implies it, and a lower one names it.
 */
static int walk(struct imply *im, const char *path, bool making, bool *needed, struct kist_error *err)
{
    char prefix[KIST_MAX_PATH + 1];
    size_t len = 0;

    *needed = false;
    memset(im->seen, true, sizeof(im->seen));
    do {
        int rc = 0;

        if (len >= sizeof(prefix)) {
            return kist_error_set(err, KIST_E_CORRUPT, "a directory's path is too long");
        }
        memcpy(prefix, path, len);
        prefix[len] = '\0';
        if (!look(im, prefix, err)) {
            return im->top == -2 ? (int)KIST_E_IO : 0; /* hidden by what lies above it */
        }
        if (making && len > 0) {
            rc = make(im, im->source >= 0 ? im->source : im->top, prefix, err);
        }
        if (rc < 0) {
            return rc;
        }
        if (path[len] == '\0') {
            break;
        }
        len += path[len] == '/' && len > 0;
        len += strcspn(path + len, "/");
    } while (true);
    *needed = im->source >= 0 && im->source != im->top;
    return 0;
}

static int imply_root(struct imply *im, struct kist_error *err)
{
    bool needed;
    int rc = walk(im, "", false, &needed, err);

    /* upper is above them all, so the root's own looks are always upper's */
    if (rc == 0 && im->source >= 0) {
        return liken(im, im->source, "", err);
    }
    return rc;
}

int port_root_imply(const struct port_root *spec, const int *layer_fds, int upper, struct kist_error *err)
{
    struct imply im = {.spec = spec, .layers = layer_fds, .upper = upper};
    int rc = imply_root(&im, err);

    for (size_t i = 0; rc == 0 && i < spec->layer_count; i++) {
        const struct port_layer *layer = &spec->layers[i];

        for (size_t k = 0; rc == 0 && k < layer->implied_count; k++) {
            const char *path = layer->implied[k];
            bool needed = false;

            if (path[0] == '\0') {
                continue;
            }
            rc = walk(&im, path, false, &needed, err);
            if (rc == 0 && needed && im.top == (int)i) {
                rc = walk(&im, path, true, &needed, err);
            }
        }
    }
    return rc;
}
