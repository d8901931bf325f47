#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk.h"

static struct sim_place place_of(const struct port_dir *dir, const char *verb, const char *name)
{
    return (struct sim_place){.verb = verb, .at = dir->path, .name = name, .process = dir->process};
}

static struct sim_node *node_of(uint32_t node)
{
    return &sim_disk.now.nodes[node];
}

static bool is_dir(uint32_t node)
{
    return node_of(node)->type == PORT_TYPE_DIRECTORY;
}

/* path of the new handle is at and, where given, name. */
static int dir_new(struct port_dir **out, uint32_t node, const char *at, const char *name,
                   struct kist_error *err)
{
    size_t size = strlen(at) + (name ? strlen(name) + 1 : 0) + 1;
    struct port_dir *dir = malloc(sizeof(*dir) + size);

    if (!dir) {
        return kist_error_nomem(err);
    }
    dir->node = node;
    dir->process = sim_process();
    if (!name) {
        memcpy(dir->path, at, size);
    } else if (!kist_path_join(dir->path, size, at, name)) {
        free(dir);
        return kist_error_set(err, KIST_E_FAIL, "path of '%s' is too long", name);
    }
    sim_handle_count(1);
    *out = dir;
    return 0;
}

/* A new directory, as one operation; its node, or an error. */
static int make_dir(uint32_t in, const char *name, const struct sim_place *place, uint32_t *node,
                    struct kist_error *err)
{
    int rc = sim_enter(place, SIM_TAKES_SPACE, err);

    if (rc < 0) {
        return rc;
    }
    *node = sim_node_new(PORT_TYPE_DIRECTORY);
    sim_do(&(struct sim_op){.kind = SIM_LINK, .dir = in, .name = (char *)(uintptr_t)name, .node = *node});
    return sim_leave(place, 0, err);
}

/* Goes one name down from *at; as with port/linux, a directory that is made here is synced in the one above.
 */
static int step(uint32_t *at, const char *name, bool create, const struct sim_place *place,
                struct kist_error *err)
{
    uint32_t next = sim_find(&sim_disk.now, *at, name);
    int rc = 0;

    if (next == SIM_NONE && !create) {
        return sim_error(err, ENOENT, place);
    }
    if (next == SIM_NONE) {
        rc = make_dir(*at, name, place, &next, err);
        if (rc == 0 && (rc = sim_enter(place, SIM_CHANGES, err)) == 0 &&
            (rc = sim_leave(place, 0, err)) == 0) {
            sim_sync_dir(*at);
        }
    }
    if (rc == 0 && !is_dir(next)) {
        return sim_error(err, ENOTDIR, place);
    }
    *at = next;
    return rc;
}

int port_dir_open(struct port_dir **out, const char *path, bool create, struct kist_error *err)
{
    struct sim_place place = {.verb = "open directory", .at = path, .process = sim_process()};
    KIST_AUTO(free) char *copy = sim_text(path);
    uint32_t at = 0;
    char *rest = NULL;
    int rc = sim_enter(&place, SIM_READS, err);

    for (char *part = strtok_r(copy, "/", &rest); part && rc == 0; part = strtok_r(NULL, "/", &rest)) {
        rc = step(&at, part, create, &place, err);
    }
    return rc < 0 ? rc : dir_new(out, at, path, NULL, err);
}

int port_dir_open_at(struct port_dir **out, struct port_dir *at, const char *name, bool create,
                     struct kist_error *err)
{
    struct sim_place place = place_of(at, "open directory", name);
    uint32_t node;
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc < 0) {
        return rc;
    }
    if (!sim_name_ok(name)) {
        return sim_error(err, EINVAL, &place);
    }
    node = sim_find(&sim_disk.now, at->node, name);
    if (node == SIM_NONE && create) {
        rc = make_dir(at->node, name, &place, &node, err);
    } else if (node == SIM_NONE || !is_dir(node)) {
        rc = sim_error(err, node == SIM_NONE ? ENOENT : ENOTDIR, &place);
    }
    return rc < 0 ? rc : dir_new(out, node, at->path, name, err);
}

void port_dir_close(struct port_dir *dir)
{
    if (dir) {
        sim_handle_count(-1);
        free(dir);
    }
}

int port_dir_sync(struct port_dir *dir, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "sync directory", NULL);
    int rc = sim_enter(&place, SIM_CHANGES, err);

    if (rc == 0 && (rc = sim_leave(&place, 0, err)) == 0) {
        sim_sync_dir(dir->node);
    }
    return rc;
}

int port_dir_list(struct port_dir *dir, int (*each)(void *arg, const char *name, struct kist_error *err),
                  void *arg, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "list directory", NULL);
    int rc = sim_enter(&place, SIM_READS, err);
    size_t count;
    char **names;

    if (rc < 0) {
        return rc;
    }
    count = node_of(dir->node)->entry_count;
    /* each may change the directory */
    names = sim_alloc(NULL, count * sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        names[i] = sim_text(node_of(dir->node)->entries[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        rc = rc == 0 && !port_sim_halted() ? each(arg, names[i], err) : rc;
        free(names[i]);
    }
    free(names);
    return rc;
}

int port_dir_stat(struct port_dir *dir, const char *name, struct port_stat *st, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "look at", name);
    const struct sim_node *node;
    uint32_t at;
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc < 0) {
        return rc;
    }
    at = !name ? dir->node : sim_name_ok(name) ? sim_find(&sim_disk.now, dir->node, name) : SIM_NONE;
    if (at == SIM_NONE) {
        return sim_error(err, sim_name_ok(name) ? ENOENT : EINVAL, &place);
    }
    node = node_of(at);
    *st = (struct port_stat){
        .type = node->type,
        .size = node->size,
        .allocated = sim_allocated(at),
        .mtime = node->mtime,
        .mode = node->mode,
    };
    return 0;
}

int port_dir_space(struct port_dir *dir, struct port_space *space, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "ask for the free space of", NULL);
    uint64_t used = sim_used();
    int rc = sim_enter(&place, SIM_READS, err);

    *space = (struct port_space){
        .total = sim_disk.capacity,
        .available = used < sim_disk.capacity ? sim_disk.capacity - used : 0,
        .block = SIM_BLOCK,
    };
    return rc;
}

int port_dir_usage(struct port_dir *dir, const char *name, uint64_t *bytes, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "count", name);
    uint32_t node = name ? sim_find(&sim_disk.now, dir->node, name) : dir->node;
    int rc = sim_enter(&place, SIM_READS, err);

    *bytes = rc < 0 || node == SIM_NONE ? 0 : name ? sim_usage(node) : SIM_BLOCK;
    return rc;
}

/* What rename(2) says of replacing target by node; 0: it may be done. */
static int rename_errno(uint32_t node, uint32_t target)
{
    if (node == SIM_NONE) {
        return ENOENT;
    }
    if (target == SIM_NONE || target == node) {
        return 0;
    }
    if (is_dir(node) != is_dir(target)) {
        return is_dir(target) ? EISDIR : ENOTDIR;
    }
    return node_of(target)->entry_count > 0 ? ENOTEMPTY : 0;
}

int port_dir_rename(struct port_dir *from, const char *name, struct port_dir *to, const char *new_name,
                    struct kist_error *err)
{
    struct sim_place place = place_of(from, "rename", name);
    int rc = sim_enter(&place, SIM_TAKES_SPACE, err), why;
    uint32_t node, target;

    if (rc < 0) {
        return rc;
    }
    node = sim_find(&sim_disk.now, from->node, name);
    target = sim_find(&sim_disk.now, to->node, new_name);
    why = !sim_name_ok(name) || !sim_name_ok(new_name) ? EINVAL : rename_errno(node, target);
    if (why != 0) {
        rc = sim_error(err, why, &place);
    } else if (target != node) {
        sim_do(&(struct sim_op){
            .kind = SIM_RENAME,
            .dir = from->node,
            .name = (char *)(uintptr_t)name,
            .to = to->node,
            .new_name = (char *)(uintptr_t)new_name,
            .node = node,
        });
    }
    return sim_leave(&place, rc, err);
}

static void drop_name(uint32_t dir, const char *name, uint32_t node)
{
    sim_do(&(struct sim_op){.kind = SIM_UNLINK, .dir = dir, .name = (char *)(uintptr_t)name, .node = node});
}

int port_dir_unlink(struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "remove", name);
    uint32_t node;
    int rc = sim_enter(&place, SIM_CHANGES, err);

    if (rc < 0) {
        return rc;
    }
    node = sim_find(&sim_disk.now, dir->node, name);
    if (node == SIM_NONE || is_dir(node)) {
        rc = sim_error(err, node == SIM_NONE ? ENOENT : EISDIR, &place);
    } else {
        drop_name(dir->node, name, node);
    }
    return sim_leave(&place, rc, err);
}

/* One operation for each name, what is below a directory before it. */
static int remove_below(uint32_t dir, const char *name, uint32_t node, const struct sim_place *place,
                        struct kist_error *err)
{
    int rc = 0;

    while (rc == 0 && node_of(node)->entry_count > 0) {
        const struct sim_entry *entry = &node_of(node)->entries[0];
        KIST_AUTO(free) char *below = sim_text(entry->name);

        rc = remove_below(node, below, entry->node, place, err);
    }
    if (rc < 0 || (rc = sim_enter(place, SIM_CHANGES, err)) < 0) {
        return rc;
    }
    drop_name(dir, name, node);
    return sim_leave(place, 0, err);
}

int port_dir_remove_tree(struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "remove", name);
    uint32_t node;
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc < 0) {
        return rc;
    }
    if (!sim_name_ok(name)) {
        return sim_error(err, EINVAL, &place);
    }
    node = sim_find(&sim_disk.now, dir->node, name);
    return node == SIM_NONE ? 0 : remove_below(dir->node, name, node, &place, err);
}

/* On the medium at once: nobody may count on a mode being lost with the name that it was set under. */
int port_dir_chmod(struct port_dir *dir, const char *name, unsigned mode, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "set the mode of", name);
    uint32_t node;
    int rc = sim_enter(&place, SIM_CHANGES, err);

    if (rc == 0) {
        node = sim_find(&sim_disk.now, dir->node, name);
        if (node == SIM_NONE) {
            rc = sim_error(err, ENOENT, &place);
        } else {
            node_of(node)->mode = mode;
            sim_disk.medium.nodes[node].mode = mode;
        }
    }
    return sim_leave(&place, rc, err);
}

static int set_time(struct port_dir *dir, const char *name, int64_t mtime, struct kist_error *err)
{
    struct sim_place place = place_of(dir, "touch", name);
    uint32_t node;
    int rc = sim_enter(&place, SIM_CHANGES, err);

    if (rc == 0) {
        node = name ? sim_find(&sim_disk.now, dir->node, name) : dir->node;
        if (node == SIM_NONE) {
            rc = sim_error(err, ENOENT, &place);
        } else {
            node_of(node)->mtime = mtime;
        }
    }
    return sim_leave(&place, rc, err);
}

int port_dir_touch(struct port_dir *dir, const char *name, struct kist_error *err)
{
    return set_time(dir, name, sim_disk.clock / 1000, err);
}

int port_dir_set_time(struct port_dir *dir, const char *name, int64_t mtime, struct kist_error *err)
{
    return set_time(dir, name, mtime, err);
}

/* As on a filesystem that writes nothing in place. */
int port_dir_reserve(struct port_dir *dir, const char *name, uint64_t size, struct kist_error *err)
{
    (void)size;
    return kist_error_set(err, KIST_E_UNSUPPORTED, "cannot keep blocks for '%s/%s'", dir->path, name);
}

const char *port_dir_path(const struct port_dir *dir)
{
    return dir->path;
}
