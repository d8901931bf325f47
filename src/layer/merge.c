#include "layer/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec/tar_write.h"

#define NONE UINT32_MAX
#define NOWHERE 0xff /* no layer: there are at most 128 */
#define FIRST_SLOTS 1024

/* One path, as the topmost layer has it that says something of it. */
struct node {
    uint32_t next; /* with the same hash */
    uint32_t path; /* its offset in the names */
    uint8_t layer; /* the layer its metadata, and its contents, are from */
    uint8_t block; /* layers below this one have nothing to say of what is in it */
    bool directory, whiteout;
};

struct merge {
    const struct kist_layer_options *limits;
    struct node *nodes;
    uint32_t count, size;
    char *names;
    size_t names_len, names_size;
    uint32_t *slots;
    uint32_t slot_count; /* a power of two */
    uint32_t *stack; /* the nodes of the directories that the listing is in, the root first; NONE for one that is hidden */
    size_t depth, stack_size;
    /* of the layer at work: */
    struct kist_layer *layer;
    uint8_t number;
    bool directories;   /* these are written now, else all the rest */
    uint32_t *first;    /* inode -> the node that was written for it, NONE */
    uint32_t inodes;
    struct kist_tar_writer tar;
    struct kist_sink data; /* a file's contents on their way into the tar */
    int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err); /* is told, and nothing written; or NULL */
    void *arg;
};

/* ---- paths ---- */

static uint32_t hash(const char *path)
{
    uint32_t h = 2166136261U;

    while (*path != '\0') {
        h = (h ^ (unsigned char)*path++) * 16777619U;
    }
    return h;
}

static uint32_t find(const struct merge *m, const char *path)
{
    uint32_t i = m->slot_count > 0 ? m->slots[hash(path) & (m->slot_count - 1)] : NONE;

    while (i != NONE && strcmp(m->names + m->nodes[i].path, path) != 0) {
        i = m->nodes[i].next;
    }
    return i;
}

/* At least twice as many slots; all nodes find their places anew. */
static int grow_slots(struct merge *m, struct kist_error *err)
{
    uint32_t count = m->slot_count > 0 ? 2 * m->slot_count : FIRST_SLOTS;
    uint32_t *slots = malloc(count * sizeof(*slots));

    if (!slots) {
        return kist_error_nomem(err);
    }
    free(m->slots);
    m->slots = slots;
    m->slot_count = count;
    memset(slots, 0xff, count * sizeof(*slots)); /* NONE */
    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t *slot = &slots[hash(m->names + m->nodes[i].path) & (count - 1)];

        m->nodes[i].next = *slot;
        *slot = i;
    }
    return 0;
}

static int grow_nodes(struct merge *m, struct kist_error *err)
{
    uint32_t size = m->size > 0 ? 2 * m->size : FIRST_SLOTS;
    struct node *nodes = realloc(m->nodes, size * sizeof(*nodes));

    if (!nodes) {
        return kist_error_nomem(err);
    }
    m->nodes = nodes;
    m->size = size;
    return grow_slots(m, err);
}

static int add_name(struct merge *m, const char *path, struct kist_error *err)
{
    size_t len = strlen(path) + 1, size = m->names_size > 0 ? m->names_size : 65536;
    char *names;

    while (size - m->names_len < len) {
        size *= 2;
    }
    if (size != m->names_size) {
        names = realloc(m->names, size);
        if (!names) {
            return kist_error_nomem(err);
        }
        m->names = names;
        m->names_size = size;
    }
    memcpy(m->names + m->names_len, path, len);
    m->names_len += len;
    return 0;
}

static int add_node(struct merge *m, const char *path, uint32_t *added, struct kist_error *err)
{
    uint32_t max_nodes = m->limits->max_inodes ? m->limits->max_inodes : KIST_MAX_LAYER_INODES;
    uint64_t max_names = m->limits->max_names ? m->limits->max_names : KIST_MAX_LAYER_NAMES;
    uint32_t *slot, offset = (uint32_t)m->names_len;
    int rc = 0;

    if (m->count >= max_nodes || m->names_len + strlen(path) >= KIST_MIN(max_names, (uint64_t)NONE)) {
        return kist_error_set(err, KIST_E_NO_SPACE, "the layers name more files than 'mem' allows");
    }
    if (m->count == m->size) {
        rc = grow_nodes(m, err);
    }
    if (rc < 0 || (rc = add_name(m, path, err)) < 0) {
        return rc;
    }
    slot = &m->slots[hash(path) & (m->slot_count - 1)];
    m->nodes[m->count] = (struct node){.next = *slot, .path = offset, .layer = NOWHERE, .block = NOWHERE};
    *slot = *added = m->count++;
    return 0;
}

/* ---- what is seen: the topmost layer first ---- */

static size_t depth_of(const char *path)
{
    size_t depth = *path != '\0';

    for (; *path != '\0'; path++) {
        depth += *path == '/';
    }
    return depth;
}

static int push(struct merge *m, uint32_t node, struct kist_error *err)
{
    if (m->depth == m->stack_size) {
        size_t size = m->stack_size > 0 ? 2 * m->stack_size : 64;
        uint32_t *stack = realloc(m->stack, size * sizeof(*stack));

        if (!stack) {
            return kist_error_nomem(err);
        }
        m->stack = stack;
        m->stack_size = size;
    }
    m->stack[m->depth++] = node;
    return 0;
}

/* A layer below had something at this path already, or nobody had: what e adds to it. */
static void take(struct merge *m, struct node *n, const struct kist_layer_entry *e, bool new)
{
    bool directory = e->type == KIST_LAYER_DIRECTORY;

    if (new) {
        n->directory = directory;
        n->whiteout = e->type == KIST_LAYER_WHITEOUT;
    }
    if (n->layer == NOWHERE && directory == n->directory && !e->implied) {
        n->layer = m->number;
    }
    /* overlayfs looks no further down than an opaque directory, or what is no directory */
    if (n->block == NOWHERE && (!directory || e->opaque)) {
        n->block = m->number;
    }
}

static int see(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct merge *m = arg;
    size_t depth = depth_of(e->path);
    uint32_t parent, node = NONE;
    int rc = 0;

    if (depth > m->depth) {
        return kist_error_set(err, KIST_E_CORRUPT, "damaged layer file: '%s' comes before its directory", e->path);
    }
    m->depth = depth;
    parent = depth > 0 ? m->stack[depth - 1] : 0;
    if (depth == 0 || (parent != NONE && (m->nodes[parent].block == NOWHERE || m->nodes[parent].block <= m->number))) {
        bool new = (node = find(m, e->path)) == NONE;

        if (new && (rc = add_node(m, e->path, &node, err)) < 0) {
            return rc;
        }
        take(m, &m->nodes[node], e, new);
        node = m->nodes[node].directory ? node : NONE;
    }
    return e->type == KIST_LAYER_DIRECTORY ? push(m, node, err) : 0;
}

/* ---- what is written ---- */

static int data_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_tar_writer_data(&KIST_CONTAINER_OF(sink, struct merge, data)->tar, data, len, err);
}

static int data_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static const struct kist_sink_ops data_ops = {.write = data_write, .finish = data_finish};

static int describe(const struct kist_layer_entry *e, struct kist_tar_entry *t, struct kist_tar_xattr *xattrs,
                    struct kist_error *err)
{
    static const enum kist_tar_type types[] = {
        [KIST_LAYER_FILE] = KIST_TAR_FILE,       [KIST_LAYER_DIRECTORY] = KIST_TAR_DIRECTORY,
        [KIST_LAYER_SYMLINK] = KIST_TAR_SYMLINK, [KIST_LAYER_CHAR] = KIST_TAR_CHAR,
        [KIST_LAYER_BLOCK] = KIST_TAR_BLOCK,     [KIST_LAYER_FIFO] = KIST_TAR_FIFO,
    };

    if (e->xattr_count > KIST_MAX_TAR_XATTRS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "'%s' has more than %d xattrs", e->path, KIST_MAX_TAR_XATTRS);
    }
    for (size_t i = 0; i < e->xattr_count; i++) {
        xattrs[i] = (struct kist_tar_xattr){e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size};
    }
    *t = (struct kist_tar_entry){
        .type = types[e->type],
        .name = e->path[0] != '\0' ? e->path : ".",
        .link_name = e->type == KIST_LAYER_SYMLINK ? e->target : NULL,
        .mode = e->mode,
        .uid = e->uid,
        .gid = e->gid,
        .mtime = e->mtime,
        .size = e->type == KIST_LAYER_FILE ? e->size : 0,
        .stored = e->type == KIST_LAYER_FILE ? e->size : 0,
        .major = e->major,
        .minor = e->minor,
        .xattrs = xattrs,
        .xattr_count = e->xattr_count,
    };
    return 0;
}

/* Another name of a file that was written: a hard link to that. */
static bool link_to(struct merge *m, const struct kist_layer_entry *e, uint32_t node, struct kist_tar_entry *t)
{
    uint32_t *first = e->links > 1 && e->type != KIST_LAYER_DIRECTORY && e->inode <= m->inodes ? &m->first[e->inode] : NULL;

    if (!first || *first == NONE) {
        if (first) {
            *first = node;
        }
        return false;
    }
    t->type = KIST_TAR_HARDLINK;
    t->link_name = m->names + m->nodes[*first].path;
    t->size = t->stored = t->xattr_count = 0;
    return true;
}

static int write_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct merge *m = arg;
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct kist_tar_entry t;
    uint32_t node = find(m, e->path);
    bool linked;
    int rc;

    if (node == NONE || m->nodes[node].layer != m->number || m->nodes[node].whiteout ||
        m->nodes[node].directory != m->directories) {
        return 0;
    }
    rc = describe(e, &t, xattrs, err);
    if (rc < 0) {
        return rc;
    }
    linked = link_to(m, e, node, &t);
    if (m->each) {
        return linked ? 0 : m->each(m->arg, e, err);
    }
    rc = kist_tar_writer_entry(&m->tar, &t, err);
    return rc == 0 && !linked && e->type == KIST_LAYER_FILE && e->size > 0 ? kist_layer_read_entry(m->layer, e, &m->data, err) : rc;
}

/* Calls each for all entries of layer number. */
static int list(struct merge *m, struct kist_layer *const *layers, size_t number,
                int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err), struct kist_error *err)
{
    m->layer = layers[number];
    m->number = (uint8_t)number;
    m->depth = 0;
    return kist_layer_list(m->layer, each, m, err);
}

static int write_layer(struct merge *m, struct kist_layer *const *layers, size_t number, struct kist_error *err)
{
    int rc;

    m->inodes = kist_layer_info(layers[number])->inodes;
    m->first = malloc(((size_t)m->inodes + 1) * sizeof(*m->first));
    if (!m->first) {
        return kist_error_nomem(err);
    }
    memset(m->first, 0xff, ((size_t)m->inodes + 1) * sizeof(*m->first)); /* NONE */
    rc = list(m, layers, number, write_entry, err);
    free(m->first);
    m->first = NULL;
    return rc;
}

static int merge(struct merge *m, struct kist_layer *const *layers, size_t count, struct kist_error *err)
{
    int rc = count < NOWHERE ? 0 : kist_error_set(err, KIST_E_UNSUPPORTED, "%zu layers are too many", count);

    for (size_t i = count; i > 0 && rc == 0; i--) {
        rc = list(m, layers, i - 1, see, err);
    }
    for (int pass = 0; pass < 2; pass++) {
        m->directories = pass == 0;
        for (size_t i = 0; i < count && rc == 0; i++) {
            rc = write_layer(m, layers, i, err);
        }
    }
    free(m->nodes);
    free(m->names);
    free(m->slots);
    free(m->stack);
    return rc;
}

int kist_layer_merge(struct kist_layer *const *layers, size_t count, const struct kist_layer_options *limits,
                     struct kist_sink *sink, struct kist_error *err)
{
    struct merge m = {.limits = limits, .data = {&data_ops}};
    int rc;

    kist_tar_writer_init(&m.tar, sink);
    rc = merge(&m, layers, count, err);
    return rc < 0 ? rc : kist_tar_writer_end(&m.tar, err);
}

int kist_layer_merge_list(struct kist_layer *const *layers, size_t count, const struct kist_layer_options *limits,
                          int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err), void *arg,
                          struct kist_error *err)
{
    struct merge m = {.limits = limits, .each = each, .arg = arg};

    return merge(&m, layers, count, err);
}
