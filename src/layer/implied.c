#include "layer/implied.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static bool is_implied(const struct kist_tree *t, uint32_t name)
{
    return !(t->names[name].flags & KIST_TREE_DEAD) &&
           (kist_tree_inode_of(t, name)->flags & KIST_TREE_IMPLIED);
}

static unsigned depth_of(const struct kist_tree *t, uint32_t name)
{
    unsigned depth = 0;

    for (; name != KIST_TREE_ROOT; name = t->names[name].parent)
        depth++;
    return depth;
}

/* A directory before what is in it, names by their bytes. */
static int compare(const void *a, const void *b, void *tree)
{
    const struct kist_tree *t = tree;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    unsigned deep_x = depth_of(t, x), deep_y = depth_of(t, y), depth;
    const struct kist_tree_name *p, *q;
    int c;

    for (depth = deep_x; depth > deep_y; depth--)
        x = t->names[x].parent;
    for (depth = deep_y; depth > deep_x; depth--)
        y = t->names[y].parent;
    if (x == y)
        return (deep_x > deep_y) - (deep_x < deep_y);
    while (t->names[x].parent != t->names[y].parent) {
        x = t->names[x].parent;
        y = t->names[y].parent;
    }
    p = &t->names[x];
    q = &t->names[y];
    c = memcmp(kist_tree_text(t, p->text), kist_tree_text(t, q->text), KIST_MIN(p->len, q->len));
    return c != 0 ? c : (int)p->len - (int)q->len;
}

static int write_path(const struct kist_tree *t, uint32_t name, struct kist_chunks *chunks,
                      struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH);
    int rc = kist_tree_path(t, name, &path, err);

    if (rc == 0)
        rc = kist_chunks_reserve(chunks, KIST_LAYER_VARINT_MAX, err);
    if (rc < 0)
        return rc;
    kist_chunks_varint(chunks, path.len);
    return kist_chunks_add(chunks, path.data, path.len, err);
}

int kist_implied_write(const struct kist_tree *t, struct kist_chunks *chunks, uint32_t *count,
                       struct kist_error *err)
{
    KIST_AUTO(free) uint32_t *list = NULL;
    uint32_t n = 0;
    int rc = 0;

    for (uint32_t i = 0; i < t->name_count; i++)
        n += is_implied(t, i);
    *count = n;
    if (n == 0)
        return 0;
    list = malloc(n * sizeof(*list));
    if (!list)
        return kist_error_nomem(err);
    n = 0;
    for (uint32_t i = 0; i < t->name_count; i++)
        if (is_implied(t, i))
            list[n++] = i;
    qsort_r(list, n, sizeof(*list), compare, (void *)(uintptr_t)t);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = write_path(t, list[i], chunks, err);
    return rc;
}
