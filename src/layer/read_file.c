#include "layer/read.h"

/* A file's size words stand behind its inode. */
struct words {
    struct kist_read_run run;
    struct kist_layer *layer;
    struct kist_read_cursor first, at;
};

static int word_next(struct kist_read_run *run, uint32_t *word, struct kist_error *err)
{
    struct words *w = KIST_CONTAINER_OF(run, struct words, run);
    unsigned char raw[4] = {0};
    int result = kist_read_meta(w->layer, &w->at, raw, sizeof(raw), err);

    *word = kist_le32_get(raw);
    return result;
}

static int word_rewind(struct kist_read_run *run, struct kist_error *err)
{
    struct words *w = KIST_CONTAINER_OF(run, struct words, run);

    (void)err;
    w->at = w->first;
    return 0;
}

static int read_contents(struct kist_layer *l, const struct kist_read_inode *inode, const char *path,
                         struct kist_sink *sink, struct kist_error *err)
{
    struct words w = {.layer = l, .first = inode->tail, .at = inode->tail};
    int result;

    if (inode->type != KIST_SQUASHFS_FILE)
        return kist_error_set(err, KIST_E_FAIL, "'%s' in the layer is %s", path,
                              inode->type == KIST_SQUASHFS_SYMLINK     ? "a symlink"
                              : inode->type == KIST_SQUASHFS_DIRECTORY ? "a directory"
                                                                       : "no plain file");
    w.run = (struct kist_read_run){.size = inode->size,
                                   .first = inode->start,
                                   .fragment = inode->fragment,
                                   .fragment_offset = inode->fragment_offset,
                                   .next = word_next,
                                   .rewind = word_rewind};
    kist_read_run_begin(&w.run);
    result = kist_read_run_copy(l, &w.run, 0, inode->size, sink, err);
    return result < 0 ? result : kist_sink_finish(sink, err);
}

int kist_layer_read(struct kist_layer *l, const char *path, struct kist_sink *sink, struct kist_error *err)
{
    struct kist_read_inode inode;
    int result = kist_read_path(l, path, &inode, err);

    if (result < 0)
        return result;
    if (inode.type == KIST_SQUASHFS_CHAR && inode.device == 0)
        return kist_error_set(err, KIST_E_NOT_FOUND, "no '%s' in the layer", path);
    return read_contents(l, &inode, path, sink, err);
}

int kist_layer_read_entry(struct kist_layer *l, const struct kist_layer_entry *e, struct kist_sink *sink,
                          struct kist_error *err)
{
    struct kist_read_inode inode;
    int result = kist_read_inode(l, e->place, &inode, err);

    return result < 0 ? result : read_contents(l, &inode, e->path, sink, err);
}
