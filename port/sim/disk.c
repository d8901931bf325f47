#include "disk.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct port_sim_disk sim_disk;

/* volatile: compilers take it that no allocator looks at it, but that of a test does */
static volatile unsigned allocating;

bool port_sim_allocating(void)
{
    return allocating > 0;
}

void *sim_alloc(void *old, size_t size)
{
    void *new;

    if (old && malloc_usable_size(old) >= size) {
        return old;
    }
    if (old) {
        size += size / 2; /* what grows does so again */
    }
    allocating++;
    new = realloc(old, size ? size : 1);
    allocating--;
    if (!new) {
        abort(); /* a test's machine that is out of memory has nothing to say about kist */
    }
    return new;
}

char *sim_text(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(sim_alloc(NULL, size), text, size);
}

static void *duplicate(const void *data, size_t size)
{
    void *copy = sim_alloc(NULL, size);

    return size ? memcpy(copy, data, size) : copy;
}

/* ---- states ---- */

static void state_clear(struct sim_state *state)
{
    for (size_t i = 0; i < state->node_count; i++) {
        struct sim_node *node = &state->nodes[i];

        for (size_t k = 0; k < node->entry_count; k++) {
            free(node->entries[k].name);
        }
        free(node->entries);
        free(node->data);
    }
    free(state->nodes);
    *state = (struct sim_state){.nodes = NULL};
}

void sim_state_copy(struct sim_state *to, const struct sim_state *from)
{
    state_clear(to);
    to->node_count = from->node_count;
    to->nodes = sim_alloc(NULL, from->node_count * sizeof(*to->nodes));
    for (size_t i = 0; i < from->node_count; i++) {
        const struct sim_node *source = &from->nodes[i];
        struct sim_node *node = &to->nodes[i];

        *node = *source;
        node->data = duplicate(source->data, source->size);
        node->entries = sim_alloc(NULL, source->entry_count * sizeof(*node->entries));
        for (size_t k = 0; k < source->entry_count; k++) {
            node->entries[k] = (struct sim_entry){sim_text(source->entries[k].name), source->entries[k].node};
        }
    }
}

static void state_add(struct sim_state *state, enum port_type type)
{
    state->nodes = sim_alloc(state->nodes, (state->node_count + 1) * sizeof(*state->nodes));
    state->nodes[state->node_count++] = (struct sim_node){
        .type = type, .mtime = sim_disk.clock / 1000, .mode = type == PORT_TYPE_DIRECTORY ? 0700 : 0600};
}

uint32_t sim_node_new(enum port_type type)
{
    state_add(&sim_disk.now, type);
    state_add(&sim_disk.medium, type); /* empty there, and without a name */
    return (uint32_t)sim_disk.now.node_count - 1;
}

static size_t find_entry(const struct sim_node *dir, const char *name)
{
    size_t i = 0;

    while (i < dir->entry_count && strcmp(dir->entries[i].name, name) != 0) {
        i++;
    }
    return i;
}

uint32_t sim_find(const struct sim_state *state, uint32_t dir, const char *name)
{
    const struct sim_node *node = &state->nodes[dir];
    size_t i = find_entry(node, name);

    return i < node->entry_count ? node->entries[i].node : SIM_NONE;
}

uint32_t sim_walk(const struct sim_state *state, const char *path)
{
    KIST_AUTO(free) char *copy = sim_text(path);
    uint32_t at = 0;
    char *rest = NULL;

    for (char *part = strtok_r(copy, "/", &rest); part && at != SIM_NONE; part = strtok_r(NULL, "/", &rest)) {
        at = sim_find(state, at, part);
    }
    return at;
}

static void set_entry(struct sim_state *state, uint32_t dir, const char *name, uint32_t node)
{
    struct sim_node *d = &state->nodes[dir];
    size_t i = find_entry(d, name);

    if (i == d->entry_count) {
        d->entries = sim_alloc(d->entries, (i + 1) * sizeof(*d->entries));
        d->entries[i].name = sim_text(name);
        d->entry_count++;
    }
    d->entries[i].node = node;
}

/* Only where name still stands for node: on a medium that lost operations it may be another's. */
static void drop_entry(struct sim_state *state, uint32_t dir, const char *name, uint32_t node)
{
    struct sim_node *d = &state->nodes[dir];
    size_t i = find_entry(d, name);

    if (i < d->entry_count && d->entries[i].node == node) {
        free(d->entries[i].name);
        d->entry_count--;
        memmove(&d->entries[i], &d->entries[i + 1], (d->entry_count - i) * sizeof(*d->entries));
    }
}

void sim_resize(struct sim_node *file, size_t size)
{
    file->data = sim_alloc(file->data, size);
    if (size > file->size) {
        memset(file->data + file->size, 0, size - file->size);
    }
    file->size = size;
}

void sim_apply(struct sim_state *state, const struct sim_op *op)
{
    struct sim_node *node = &state->nodes[op->node];

    switch (op->kind) {
    case SIM_WRITE:
        if (op->offset + op->len > node->size) {
            sim_resize(node, (size_t)op->offset + op->len);
        }
        if (op->len > 0) {
            memcpy(node->data + op->offset, op->data, op->len);
        }
        break;
    case SIM_TRUNCATE:
        sim_resize(node, (size_t)op->offset);
        break;
    case SIM_LINK:
        set_entry(state, op->dir, op->name, op->node);
        break;
    case SIM_UNLINK:
        drop_entry(state, op->dir, op->name, op->node);
        break;
    case SIM_RENAME:
        drop_entry(state, op->dir, op->name, op->node);
        set_entry(state, op->to, op->new_name, op->node);
        break;
    }
}

uint64_t sim_allocated(uint32_t at)
{
    const struct sim_node *node = &sim_disk.now.nodes[at];

    return node->type == PORT_TYPE_DIRECTORY ? SIM_BLOCK
                                             : ((uint64_t)node->size + SIM_BLOCK - 1) / SIM_BLOCK * SIM_BLOCK;
}

uint64_t sim_usage(uint32_t at)
{
    const struct sim_node *node = &sim_disk.now.nodes[at];
    uint64_t used = sim_allocated(at);

    for (size_t i = 0; i < node->entry_count; i++) {
        used += sim_usage(node->entries[i].node);
    }
    return used;
}

uint64_t sim_used(void)
{
    return sim_usage(0) - SIM_BLOCK;
}

/* ---- pending operations ---- */

void sim_op_release(struct sim_op *op)
{
    free(op->name);
    free(op->new_name);
    free(op->data);
}

static struct sim_op op_copy(const struct sim_op *op)
{
    struct sim_op copy = *op;

    copy.name = op->name ? sim_text(op->name) : NULL;
    copy.new_name = op->new_name ? sim_text(op->new_name) : NULL;
    copy.data = op->data ? duplicate(op->data, op->len) : NULL;
    return copy;
}

void sim_do(const struct sim_op *op)
{
    sim_apply(&sim_disk.now, op);
    sim_watch();
    sim_disk.ops = sim_alloc(sim_disk.ops, (sim_disk.op_count + 1) * sizeof(*sim_disk.ops));
    sim_disk.ops[sim_disk.op_count++] = op_copy(op);
}

bool sim_names(const struct sim_op *op)
{
    return op->kind == SIM_LINK || op->kind == SIM_UNLINK || op->kind == SIM_RENAME;
}

/* Puts the pending operations that are due on the medium, in their order. */
static void settle(const bool *due)
{
    size_t kept = 0;

    for (size_t i = 0; i < sim_disk.op_count; i++) {
        if (due[i]) {
            sim_apply(&sim_disk.medium, &sim_disk.ops[i]);
            sim_op_release(&sim_disk.ops[i]);
        } else {
            sim_disk.ops[kept++] = sim_disk.ops[i];
        }
    }
    sim_disk.op_count = kept;
}

void sim_sync_file(uint32_t node)
{
    KIST_AUTO(free) bool *due = sim_alloc(NULL, sim_disk.op_count * sizeof(*due));

    for (size_t i = 0; i < sim_disk.op_count; i++) {
        due[i] = !sim_names(&sim_disk.ops[i]) && sim_disk.ops[i].node == node;
    }
    settle(due);
}

static bool touches(const struct sim_op *op, uint32_t dir, const char *name)
{
    return (op->dir == dir && strcmp(op->name, name) == 0) ||
           (op->kind == SIM_RENAME && op->to == dir && strcmp(op->new_name, name) == 0);
}

static bool same_name(const struct sim_op *a, const struct sim_op *b)
{
    return touches(a, b->dir, b->name) || (b->kind == SIM_RENAME && touches(a, b->to, b->new_name));
}

/* Names in one directory, and what happened to these names before: a name has one history. */
void sim_sync_dir(uint32_t node)
{
    KIST_AUTO(free) bool *due = sim_alloc(NULL, sim_disk.op_count * sizeof(*due));

    for (size_t i = sim_disk.op_count; i > 0; i--) {
        const struct sim_op *op = &sim_disk.ops[i - 1];

        due[i - 1] = sim_names(op) && (op->dir == node || (op->kind == SIM_RENAME && op->to == node));
        for (size_t k = i; k < sim_disk.op_count && sim_names(op) && !due[i - 1]; k++) {
            due[i - 1] = due[k] && same_name(op, &sim_disk.ops[k]);
        }
    }
    settle(due);
}

/* ---- whole disks ---- */

void sim_disk_clear(struct port_sim_disk *disk)
{
    state_clear(&disk->now);
    state_clear(&disk->medium);
    for (size_t i = 0; i < disk->op_count; i++) {
        sim_op_release(&disk->ops[i]);
    }
    free(disk->ops);
    *disk = (struct port_sim_disk){.ops = NULL};
}

void sim_disk_copy(struct port_sim_disk *to, const struct port_sim_disk *from)
{
    struct sim_op *ops = sim_alloc(NULL, from->op_count * sizeof(*ops));

    for (size_t i = 0; i < from->op_count; i++) {
        ops[i] = op_copy(&from->ops[i]);
    }
    sim_disk_clear(to);
    sim_state_copy(&to->now, &from->now);
    sim_state_copy(&to->medium, &from->medium);
    to->ops = ops;
    to->op_count = from->op_count;
    to->capacity = from->capacity;
    to->random = from->random;
    to->clock = from->clock;
}
