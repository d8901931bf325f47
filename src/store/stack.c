/* Read-only stores below the writable one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "private.h"

int kist_store_trust(struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct port_stat st;
    int rc = port_dir_stat(dir, name, &st, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* told when it is needed */
    }
    if ((st.uid == 0 || st.uid == geteuid()) && (st.mode & 022) == 0) {
        return 0;
    }
    return kist_error_set(err, KIST_E_CORRUPT, "'%s%s%s' cannot be trusted: it %s", port_dir_path(dir), name ? "/" : "",
                          name ? name : "",
                          (st.mode & 022) != 0 ? "can be written by others" : "belongs to another user");
}

/* ---- opening ---- */

/* Each directory on the way to a layer: whoever can write one can put another file there. */
static int open_pair(struct port_dir **out, struct port_dir *root, const char *name, struct kist_error *err)
{
    struct port_dir *middle;
    int rc;

    if ((rc = kist_store_trust(root, name, err)) < 0 || (rc = port_dir_open_at(&middle, root, name, false, err)) < 0) {
        return rc;
    }
    if ((rc = kist_store_trust(middle, "sha256", err)) == 0) {
        rc = port_dir_open_at(out, middle, "sha256", false, err);
    }
    port_dir_close(middle);
    return rc;
}

static int open_below(struct kist_store *below, const char *path, struct kist_error *err)
{
    int rc;

    if ((rc = port_dir_open(&below->root, path, false, err)) < 0 || (rc = kist_store_check_format(below, err)) < 0 ||
        (rc = kist_store_trust(below->root, NULL, err)) < 0 ||
        (rc = kist_store_trust(below->root, "index.json", err)) < 0 ||
        (rc = open_pair(&below->blobs, below->root, "blobs", err)) < 0) {
        return rc;
    }
    return open_pair(&below->layers, below->root, "layers", err);
}

static int add_below(struct kist_store *s, const char *path, struct kist_error *err)
{
    struct kist_store *below;
    int rc;

    if (s->below_count == KIST_COUNT(s->below)) {
        return kist_error_set(err, KIST_E_USAGE, "more than %u read-only stores", KIST_MAX_STORES);
    }
    below = calloc(1, sizeof(*below));
    if (!below) {
        return kist_error_nomem(err);
    }
    below->block = s->block;
    rc = open_below(below, path, err);
    if (rc == KIST_E_NOT_FOUND) {
        kist_log(KIST_LOG_WARN, "there is no read-only store at '%s'", path);
    }
    if (rc < 0) {
        kist_store_close(below);
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    s->below[s->below_count++] = below;
    return 0;
}

int kist_store_stack(struct kist_store *s, const char *paths, struct kist_error *err)
{
    int rc = 0;

    for (const char *p = paths; *p != '\0' && rc == 0; p += *p == ':') {
        size_t len = strcspn(p, ":");
        KIST_AUTO(free) char *path = strndup(p, len);

        if (!path) {
            return kist_error_nomem(err);
        }
        rc = len > 0 ? add_below(s, path, err) : 0;
        p += len;
    }
    return rc;
}

/* ---- blobs and layers ---- */

static bool has(struct port_dir *dir, const char *hex)
{
    struct port_stat st;

    return port_dir_stat(dir, hex, &st, NULL) == 0 && st.type == PORT_TYPE_FILE && st.size > 0;
}

/* A file in a store below has to be trusted too: its directory may hold what root copied there from somebody. */
static bool has_below(struct port_dir *dir, const char *hex)
{
    struct kist_error err;

    if (!has(dir, hex)) {
        return false;
    }
    if (kist_store_trust(dir, hex, &err) < 0) {
        kist_log(KIST_LOG_WARN, "%s", err.message);
        return false;
    }
    return true;
}

struct port_dir *kist_store_blob_dir(struct kist_store *s, const char *hex)
{
    for (size_t i = 0; i < s->below_count && !has(s->blobs, hex); i++) {
        if (has_below(s->below[i]->blobs, hex)) {
            return s->below[i]->blobs;
        }
    }
    return s->blobs;
}

struct port_dir *kist_store_layer_dir(struct kist_store *s, const char *hex)
{
    for (size_t i = 0; i < s->below_count && !has(s->layers, hex); i++) {
        if (has_below(s->below[i]->layers, hex)) {
            return s->below[i]->layers;
        }
    }
    return s->layers;
}

/* ---- images ---- */

static bool is_hidden(const struct kist_image_list *list, const struct kist_image *image)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct kist_image *other = &list->v[i];

        if (image->name ? other->name && strcmp(other->name, image->name) == 0 &&
                              kist_platform_equal(&other->platform, &image->platform)
                        : kist_digest_equal(&other->config, &image->config)) {
            return true;
        }
    }
    return false;
}

int kist_store_below_images(struct kist_store *s, struct kist_image_list *list, struct kist_error *err)
{
    for (size_t b = 0; b < s->below_count; b++) {
        KIST_AUTO(index) struct kist_index index = {.root = NULL};
        struct kist_image *v;
        int rc = kist_store_index_read(s->below[b], &index, err);

        if (rc < 0) {
            return rc;
        }
        v = realloc(list->v, (list->n + index.images.n + 1) * sizeof(*v));
        if (!v) {
            return kist_error_nomem(err);
        }
        list->v = v;
        for (size_t i = 0; i < index.images.n; i++) {
            struct kist_image *image = &index.images.v[i];

            if (!is_hidden(list, image)) {
                v[list->n] = *image;
                v[list->n++].place = kist_store_root(s->below[b]);
                *image = (struct kist_image){.name = NULL};
            }
        }
    }
    return 0;
}

int kist_store_refuse_below(struct kist_store *s, const char *text, const char *verb, int rc, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    const struct kist_image *found;
    char shown[KIST_REFERENCE_TEXT_MAX];

    if (rc != KIST_E_NOT_FOUND || s->below_count == 0 || kist_store_below_images(s, &list, NULL) < 0 ||
        kist_image_list_find(&list, text, NULL, &found, NULL) < 0) {
        return rc;
    }
    return kist_error_set(err, KIST_E_CONFLICT, "image '%s' is in the read-only store '%s', and cannot be %s there",
                          kist_str_printable(shown, sizeof(shown), text), found->place, verb);
}
