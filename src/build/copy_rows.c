/* Where in the image a plan's entries go. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "build/copy_write.h"

/* Whether what was written means a directory, be it there or not. */
static bool means_directory(const char *dest)
{
    return kist_str_ends(dest, "/") || kist_str_ends(dest, "/.") || strcmp(dest, ".") == 0;
}

int kist_copy_find_destination(struct kist_copy_writing *w, struct kist_error *err)
{
    const struct kist_copy_plan *c = w->copy;
    const char *workdir = c->dest[0] != '/' && c->options->workdir ? c->options->workdir : "";
    char whole[KIST_MAX_PATH + 1];
    bool into = means_directory(c->dest) || c->item_count > 1 || c->items[0].kind == KIST_COPY_PARENTS ||
                c->items[0].kind == KIST_COPY_ARCHIVE;
    int what;

    if (!kist_str_format(whole, sizeof(whole), "%s/%s", workdir, c->dest)) {
        return kist_error_set(err, KIST_E_USAGE, "the destination '%.80s' is too long", c->dest);
    }
    what = kist_view_resolve(&w->image, w->dest, whole, true, err);
    if (what < 0) {
        return what;
    }
    if (what == KIST_PATH_OTHER && (into || c->items[0].kind == KIST_COPY_DIRECTORY)) {
        return kist_error_set(err, KIST_E_FAIL, "cannot copy to non-directory: /%s", w->dest);
    }
    w->made = what != KIST_PATH_DIRECTORY;
    w->directory = into || !w->made;
    return 0;
}

static int add_path(struct kist_copy_writing *w, const char *a, const char *b, const char *d, size_t *at, struct kist_error *err)
{
    const char *parts[] = {a, b, d};
    size_t begin = w->paths.len;
    int rc = 0;

    for (size_t i = 0; i < KIST_COUNT(parts) && rc == 0; i++) {
        if (parts[i][0] != '\0') {
            rc = kist_buf_printf(&w->paths, err, "%s%s", w->paths.len > begin ? "/" : "", parts[i]);
        }
    }
    if (rc == 0 && w->paths.len - begin > KIST_MAX_PATH) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "a path in '/%.80s' is too long", w->dest);
    }
    *at = begin;
    return rc == 0 ? kist_buf_add(&w->paths, "", 1, err) : rc;
}

/* The top of a directory goes where there is none, with its looks; else only what is in it. */
static bool is_wanted(const struct kist_copy_writing *w, const struct kist_copy_item *item, const struct kist_copy_entry *e)
{
    bool top = e->path == 0 && e->type == KIST_LAYER_DIRECTORY;

    if (item->kind == KIST_COPY_PARENTS) {
        return e->path != 0;
    }
    return !top || (w->made && w->dest[0] != '\0' && !means_directory(w->copy->dest) && item->kind == KIST_COPY_DIRECTORY);
}

/* Rows with the offsets of their paths, until there is no more to be added to these. */
static int add_rows(struct kist_copy_writing *w, const struct kist_copy_item *item, size_t *offsets, struct kist_error *err)
{
    const struct kist_copy_plan *c = w->copy;
    bool file = item->kind == KIST_COPY_FILE || item->kind == KIST_COPY_TEXT || item->kind == KIST_COPY_URL;
    const char *base = file && w->directory ? kist_copy_text(c, item->base) : "";
    bool made = item->kind == KIST_COPY_TEXT || item->kind == KIST_COPY_URL;
    int rc = 0;

    if (item->kind == KIST_COPY_ARCHIVE) {
        return 0;
    }
    for (uint32_t i = 0; i < (made ? 1 : item->count) && rc == 0; i++) {
        const struct kist_copy_entry *e = made ? NULL : &c->entries[item->first + i];

        if (!e || is_wanted(w, item, e)) {
            rc = add_path(w, w->dest, base, e ? kist_copy_text(c, e->path) : "", &offsets[w->row_count], err);
            w->rows[w->row_count++] = (struct kist_copy_row){.item = item, .entry = e};
        }
    }
    return rc;
}

static int by_path(const void *a, const void *b)
{
    const struct kist_copy_row *x = a, *y = b;
    int order = x->item->group != y->item->group ? (x->item->group < y->item->group ? -1 : 1) : kist_path_order(x->path, y->path);

    if (order == 0) {
        order = x->item != y->item ? (x->item < y->item ? -1 : 1) : (x->entry > y->entry) - (x->entry < y->entry);
    }
    return order;
}

static bool is_directory(const struct kist_copy_row *row)
{
    return row->entry && row->entry->type == KIST_LAYER_DIRECTORY;
}

/* Of rows with one path the last stays; below what is no directory there must be none. */
static int settle(struct kist_copy_writing *w, struct kist_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->row_count; i++) {
        const struct kist_copy_row *row = &w->rows[i], *before = kept > 0 ? &w->rows[kept - 1] : NULL;
        size_t len = before && before->item->group == row->item->group ? strlen(before->path) : 0;
        bool same = len > 0 && strcmp(before->path, row->path) == 0;

        if (len > 0 && !is_directory(before) && strncmp(before->path, row->path, len) == 0 &&
            (row->path[len] == '/' || (same && is_directory(row)))) {
            return kist_error_set(err, KIST_E_FAIL, "cannot copy to non-directory: /%s", before->path);
        }
        if (same && is_directory(before) && !is_directory(row)) {
            return kist_error_set(err, KIST_E_FAIL, "cannot replace to directory /%s with file", row->path);
        }
        kept -= same;
        w->rows[kept++] = *row;
    }
    w->row_count = kept;
    return 0;
}

static int by_identity(const void *a, const void *b)
{
    const struct kist_copy_link *x = a, *y = b;

    return x->identity != y->identity ? (x->identity < y->identity ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

static int make_links(struct kist_copy_writing *w, struct kist_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < w->row_count; i++) {
        count += w->rows[i].entry && w->rows[i].entry->linked;
    }
    w->links = malloc((count + 1) * sizeof(*w->links));
    if (!w->links) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < w->row_count; i++) {
        if (w->rows[i].entry && w->rows[i].entry->linked) {
            w->links[w->link_count++] = (struct kist_copy_link){w->rows[i].entry->identity, i};
        }
    }
    qsort(w->links, w->link_count, sizeof(*w->links), by_identity);
    return 0;
}

const char *kist_copy_first_name(const struct kist_copy_writing *w, const struct kist_copy_row *row)
{
    const struct kist_copy_entry *e = row->entry, *other;
    size_t low = 0, high = w->link_count, first;

    if (!e->linked) {
        return NULL;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->links[middle].identity < e->identity) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    first = w->links[low].row;
    other = w->rows[first].entry;
    /* two filesystems may call two files by one number */
    return &w->rows[first] < row && other->type == e->type && other->size == e->size &&
                   memcmp(other->sum, e->sum, sizeof(e->sum)) == 0 && other->mode == e->mode && other->uid == e->uid &&
                   other->gid == e->gid && other->major == e->major && other->minor == e->minor && other->target == e->target
               ? w->rows[first].path
               : NULL;
}

int kist_copy_make_rows(struct kist_copy_writing *w, struct kist_error *err)
{
    const struct kist_copy_plan *c = w->copy;
    size_t most = c->entry_count + c->item_count;
    KIST_AUTO(free) size_t *offsets = malloc((most + 1) * sizeof(*offsets));
    int rc = 0;

    w->rows = malloc((most + 1) * sizeof(*w->rows));
    if (!offsets || !w->rows) {
        return kist_error_nomem(err);
    }
    kist_buf_init(&w->paths, SIZE_MAX / 2);
    for (size_t i = 0; i < c->item_count && rc == 0; i++) {
        rc = add_rows(w, &c->items[i], offsets, err);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < w->row_count; i++) {
        w->rows[i].path = w->paths.data + offsets[i];
    }
    qsort(w->rows, w->row_count, sizeof(*w->rows), by_path);
    rc = settle(w, err);
    return rc == 0 ? make_links(w, err) : rc;
}
