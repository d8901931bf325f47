#include "container/export_tree.h"

#include <stdlib.h>
#include <string.h>

static struct kist_export_node *new_node(const char *name, size_t len, unsigned source, bool directory)
{
    struct kist_export_node *node = calloc(1, sizeof(*node) + len + 1);

    if (node) {
        node->source = source;
        node->directory = directory;
        memcpy(node->name, name, len);
    }
    return node;
}

struct kist_export_node *kist_export_root(void)
{
    return new_node("", 0, 0, true);
}

static void clear(struct kist_export_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        kist_export_free(node->children[i]);
    }
    node->count = 0;
}

void kist_export_free(struct kist_export_node *node)
{
    if (node) {
        clear(node);
        free(node->children);
        free(node);
    }
}

/* Where the name is, or would be. */
static bool find(const struct kist_export_node *node, const char *name, size_t len, size_t *at)
{
    size_t low = 0, high = node->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = node->children[middle]->name;
        int order = strncmp(other, name, len);

        if (order == 0 && other[len] == '\0') {
            *at = middle;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *at = low;
    return false;
}

static struct kist_export_node *insert(struct kist_export_node *node, size_t at, const char *name, size_t len,
                                       unsigned source, bool directory)
{
    struct kist_export_node *child = new_node(name, len, source, directory);

    if (child && node->count == node->size) {
        size_t size = node->size ? 2 * node->size : 4;
        struct kist_export_node **more = realloc(node->children, size * sizeof(*more));

        if (!more) {
            free(child);
            return NULL;
        }
        node->children = more;
        node->size = size;
    }
    if (child) {
        memmove(node->children + at + 1, node->children + at, (node->count - at) * sizeof(*node->children));
        node->children[at] = child;
        node->count++;
    }
    return child;
}

/* The directory that path is in, and path's last name; NULL where something on the way is not there. */
static struct kist_export_node *parent_of(struct kist_export_node *root, const char *path, const char **name)
{
    struct kist_export_node *node = root;

    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        size_t at;

        if (!find(node, path, (size_t)(slash - path), &at)) {
            return NULL;
        }
        node = node->children[at];
    }
    *name = path;
    return node;
}

static void remove_at(struct kist_export_node *node, size_t at)
{
    kist_export_free(node->children[at]);
    node->count--;
    memmove(node->children + at, node->children + at + 1, (node->count - at) * sizeof(*node->children));
}

int kist_export_put(struct kist_export_node *root, const char *path, unsigned source, bool directory, bool opaque,
                    bool implied, struct kist_error *err)
{
    struct kist_export_node *parent, *node;
    const char *name;
    size_t at;

    if (path[0] == '\0') {
        if (opaque) {
            clear(root);
        }
        return 0;
    }
    parent = parent_of(root, path, &name);
    if (!parent || !parent->directory) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%.200s' is in no directory", path);
    }
    if (find(parent, name, strlen(name), &at)) {
        node = parent->children[at];
        if (directory && node->directory) {
            if (opaque) {
                clear(node);
            }
            node->source = implied ? node->source : source;
            return 0;
        }
        remove_at(parent, at);
    }
    return insert(parent, at, name, strlen(name), source, directory) ? 0 : kist_error_nomem(err);
}

void kist_export_hide(struct kist_export_node *root, const char *path)
{
    const char *name;
    struct kist_export_node *parent = parent_of(root, path, &name);
    size_t at;

    if (parent && find(parent, name, strlen(name), &at)) {
        remove_at(parent, at);
    }
}
