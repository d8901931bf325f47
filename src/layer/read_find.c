#include "layer/read.h"

#include <string.h>

static int not_found(const char *path, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "no '%s' in the layer", path);
}

int kist_read_step(struct kist_layer *l, struct kist_read_inode *inode, const char *name, size_t len,
                   struct kist_error *err)
{
    struct kist_read_dir dir;
    struct kist_read_name found;
    int result;

    if (inode->type != KIST_SQUASHFS_DIRECTORY || len > KIST_READ_NAME_MAX)
        return 0;
    result = kist_read_dir_open(l, &dir, inode, err);
    if (result >= 0)
        result = kist_read_dir_skip(l, &dir, inode, name, len, err);
    while (result >= 0 && (result = kist_read_dir_next(l, &dir, &found, err)) > 0) {
        int order = memcmp(found.text, name, KIST_MIN(found.len, len));

        if (order > 0)
            return 0;
        if (order == 0 && found.len == len) {
            result = kist_read_dir_inode(l, &found, inode, err);
            return result < 0 ? result : 1;
        }
    }
    return result;
}

int kist_read_path(struct kist_layer *l, const char *path, struct kist_read_inode *inode,
                   struct kist_error *err)
{
    const char *name = path;
    int result = kist_read_inode(l, l->super.root, inode, err);

    while (result >= 0 && *name) {
        size_t len = strcspn(name, "/");

        result = kist_read_step(l, inode, name, len, err);
        if (result == 0)
            return not_found(path, err);
        name += len;
        if (*name == '/')
            name++;
    }
    return result < 0 ? result : 0;
}

int kist_read_is_implied(struct kist_layer *l, const char *path, bool *implied, struct kist_error *err)
{
    struct kist_read_implied i;
    int result = 0;

    *implied = false;
    kist_read_implied_open(l, &i);
    while (!*implied && (result = kist_read_implied_next(&i, err)) > 0)
        *implied = strcmp(i.path, path) == 0;
    kist_read_implied_close(&i);
    return result;
}

int kist_layer_find(struct kist_layer *l, const char *path,
                    int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err),
                    void *arg, struct kist_error *err)
{
    struct kist_read_inode inode;
    struct kist_read_entry e;
    int result = kist_read_path(l, path, &inode, err);

    if (result < 0)
        return result;
    kist_read_entry_init(&e);
    result = kist_read_entry_fill(l, &e, &inode, err);
    e.entry.path = path;
    if (result >= 0 && e.entry.type == KIST_LAYER_DIRECTORY)
        result = kist_read_is_implied(l, path, &e.entry.implied, err);
    if (result >= 0)
        result = each(arg, &e.entry, err);
    kist_read_entry_release(&e);
    return result;
}
