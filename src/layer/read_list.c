#include "layer/read.h"

#include <stdlib.h>
#include <string.h>

/* A directory that the walk is in. */
struct frame {
    struct kist_read_dir dir;
    size_t path_len;
    bool begun; /* the path continues with the name last visited */
};

struct walk {
    struct kist_layer *layer;
    int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err);
    void *arg;
    struct frame *frames;
    size_t depth, room;
    unsigned char *seen; /* a bit an inode: a damaged directory may lead back to one above it */
    struct kist_read_name name;
    struct kist_read_implied implied;
    bool more_implied;
    struct kist_read_entry entry;
    char path[KIST_MAX_PATH + 1];
};

static int walk_enter(struct walk *w, const struct kist_read_inode *inode, struct kist_error *err)
{
    unsigned char bit = (unsigned char)(1U << (inode->number % 8)), *seen = &w->seen[inode->number / 8];
    struct frame *f;

    if (*seen & bit)
        return KIST_READ_DAMAGED(err, "directory inode %" PRIu32 " has two names, one of them '%s'",
                                 inode->number, w->path);
    *seen |= bit;
    if (w->depth == w->room) {
        size_t room = w->room ? 2 * w->room : 32;
        struct frame *frames = realloc(w->frames, room * sizeof(*frames));

        if (!frames)
            return kist_error_nomem(err);
        w->frames = frames;
        w->room = room;
    }
    f = &w->frames[w->depth++];
    f->path_len = strlen(w->path);
    f->begun = false;
    return kist_read_dir_open(w->layer, &f->dir, inode, err);
}

/* Puts the name behind the directory's path, in place of the one before, which must be a lesser one. */
static int walk_path(struct walk *w, struct frame *f, struct kist_error *err)
{
    size_t start = f->path_len ? f->path_len + 1 : 0;

    if (f->begun && strcmp(w->path + start, w->name.text) >= 0)
        return KIST_READ_DAMAGED(err, "'%s' comes before '%s' in its directory", w->path, w->name.text);
    if (w->name.len > KIST_MAX_PATH - start)
        return KIST_READ_DAMAGED(err, "a path has more than %u bytes", KIST_MAX_PATH);
    f->begun = true;
    if (start)
        w->path[start - 1] = '/';
    memcpy(w->path + start, w->name.text, w->name.len + 1);
    return 0;
}

static int walk_implied(struct walk *w, struct kist_error *err)
{
    struct kist_layer_entry *e = &w->entry.entry;
    int result;

    if (e->type != KIST_LAYER_DIRECTORY || !w->more_implied || strcmp(w->implied.path, w->path) != 0)
        return 0;
    e->implied = true;
    result = kist_read_implied_next(&w->implied, err);
    w->more_implied = result > 0;
    return result;
}

/* The inode at the path: brought to each, and entered if it is a directory. */
static int walk_visit(struct walk *w, const struct kist_read_inode *inode, struct kist_error *err)
{
    int result = kist_read_entry_fill(w->layer, &w->entry, inode, err);

    if (result >= 0)
        result = walk_implied(w, err);
    if (result < 0)
        return result;
    w->entry.entry.path = w->path;
    result = w->each(w->arg, &w->entry.entry, err);
    if (result != 0)
        return result;
    return inode->type == KIST_SQUASHFS_DIRECTORY ? walk_enter(w, inode, err) : 0;
}

static int walk_next(struct walk *w, struct kist_error *err)
{
    struct frame *f = &w->frames[w->depth - 1];
    struct kist_read_inode inode;
    int result = kist_read_dir_next(w->layer, &f->dir, &w->name, err);

    if (result == 0) {
        w->path[f->path_len] = '\0';
        w->depth--;
    }
    if (result <= 0)
        return result;
    if ((result = walk_path(w, f, err)) < 0 ||
        (result = kist_read_dir_inode(w->layer, &w->name, &inode, err)) < 0)
        return result;
    return walk_visit(w, &inode, err);
}

static int walk_begin(struct walk *w, struct kist_error *err)
{
    struct kist_read_inode root;
    int result;

    w->seen = calloc((size_t)w->layer->super.inodes / 8 + 1, 1);
    if (!w->seen)
        return kist_error_nomem(err);
    kist_read_implied_open(w->layer, &w->implied);
    result = kist_read_implied_next(&w->implied, err);
    if (result < 0)
        return result;
    w->more_implied = result > 0;
    result = kist_read_inode(w->layer, w->layer->super.root, &root, err);
    if (result < 0)
        return result;
    if (root.type != KIST_SQUASHFS_DIRECTORY)
        return KIST_READ_DAMAGED(err, "its root is no directory");
    return walk_visit(w, &root, err);
}

int kist_layer_list(struct kist_layer *l,
                    int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err),
                    void *arg, struct kist_error *err)
{
    struct walk *w = calloc(1, sizeof(*w));
    int result;

    if (!w)
        return kist_error_nomem(err);
    w->layer = l;
    w->each = each;
    w->arg = arg;
    kist_read_entry_init(&w->entry);
    result = walk_begin(w, err);
    while (result == 0 && w->depth > 0)
        result = walk_next(w, err);
    if (result == 0 && w->more_implied)
        result = KIST_READ_DAMAGED(err, "there is no implied directory '%s'", w->implied.path);
    kist_read_implied_close(&w->implied);
    kist_read_entry_release(&w->entry);
    free(w->frames);
    free(w->seen);
    free(w);
    return result;
}
