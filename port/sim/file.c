#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk.h"
#include "port/clock.h"

enum lock { UNLOCKED, SHARED, EXCLUSIVE };

struct port_file {
    uint32_t node;
    unsigned process;
    bool writable;
    uint64_t end; /* where the next append goes */
    enum lock lock;
    struct port_file *next;
    char path[];
};

/* All that are open, for their locks. */
static struct port_file *open_files;

static struct sim_place place_of(const struct port_file *f, const char *verb)
{
    return (struct sim_place){.verb = verb, .at = f->path, .process = f->process};
}

static struct sim_node *node_of(const struct port_file *f)
{
    return &sim_disk.now.nodes[f->node];
}

/* ---- opening and closing ---- */

static int file_new(struct port_file **out, uint32_t node, const struct sim_place *place, bool writable,
                    struct kist_error *err)
{
    size_t size = strlen(place->at) + strlen(place->name) + 2;
    struct port_file *f = malloc(sizeof(*f) + size);

    if (!f) {
        return kist_error_nomem(err);
    }
    *f = (struct port_file){.node = node, .process = sim_process(), .writable = writable, .next = open_files};
    if (!kist_path_join(f->path, size, place->at, place->name)) {
        free(f);
        return kist_error_set(err, KIST_E_FAIL, "path of '%s' is too long", place->name);
    }
    f->end = node_of(f)->size;
    open_files = f;
    sim_handle_count(1);
    *out = f;
    return 0;
}

static void file_free(struct port_file *f)
{
    struct port_file **at = &open_files;

    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    sim_handle_count(-1);
    free(f);
}

/* A new, empty file, as one operation. */
static int make_file(struct port_dir *dir, const char *name, const struct sim_place *place, uint32_t *node,
                     struct kist_error *err)
{
    int rc = sim_enter(place, SIM_TAKES_SPACE, err);

    if (rc == 0) {
        *node = sim_node_new(PORT_TYPE_FILE);
        sim_do(&(struct sim_op){
            .kind = SIM_LINK, .dir = dir->node, .name = (char *)(uintptr_t)name, .node = *node});
        rc = sim_leave(place, 0, err);
    }
    return rc;
}

enum missing { MISSING_FAILS, MISSING_IS_MADE };
enum there { THERE_IS_OPENED, THERE_IS_EMPTIED, THERE_FAILS };

static int empty(uint32_t node, const struct sim_place *place, struct kist_error *err)
{
    int rc = sim_enter(place, SIM_CHANGES, err);

    if (rc == 0) {
        sim_do(&(struct sim_op){.kind = SIM_TRUNCATE, .node = node});
        rc = sim_leave(place, 0, err);
    }
    return rc;
}

static int open_plain(struct port_file **out, struct port_dir *dir, const char *name, const char *verb,
                      enum missing missing, enum there there, bool writable, struct kist_error *err)
{
    struct sim_place place = {.verb = verb, .at = dir->path, .name = name, .process = dir->process};
    uint32_t node;
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc < 0) {
        return rc;
    }
    if (!sim_name_ok(name)) {
        return sim_error(err, EINVAL, &place);
    }
    node = sim_find(&sim_disk.now, dir->node, name);
    if (node == SIM_NONE) {
        rc = missing == MISSING_FAILS ? sim_error(err, ENOENT, &place)
                                      : make_file(dir, name, &place, &node, err);
    } else if (there == THERE_FAILS) {
        rc = sim_error(err, EEXIST, &place);
    } else if (sim_disk.now.nodes[node].type != PORT_TYPE_FILE) {
        rc =
            kist_error_set(err, KIST_E_CORRUPT, "cannot %s '%s/%s': not a plain file", verb, dir->path, name);
    } else if (there == THERE_IS_EMPTIED) {
        rc = empty(node, &place, err);
    }
    return rc < 0 ? rc : file_new(out, node, &place, writable, err);
}

/* There is one process only, and it has no descriptors. */
int port_file_adopt(struct port_file **out, int fd, const char *name, struct kist_error *err)
{
    *out = NULL;
    return kist_error_set(err, KIST_E_FAIL, "descriptor %d is not '%s'", fd, name);
}

int port_file_create(struct port_file **out, struct port_dir *dir, const char *name, bool replace,
                     struct kist_error *err)
{
    return open_plain(out, dir, name, "create", MISSING_IS_MADE, replace ? THERE_IS_EMPTIED : THERE_FAILS,
                      true, err);
}

int port_file_open(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
{
    return open_plain(out, dir, name, "open", MISSING_FAILS, THERE_IS_OPENED, false, err);
}

int port_file_open_rw(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
{
    return open_plain(out, dir, name, "open", MISSING_IS_MADE, THERE_IS_OPENED, true, err);
}

int port_file_close(struct port_file *f, struct kist_error *err)
{
    struct sim_place place = place_of(f, "close");
    /* some filesystems notice only now that there is no room */
    int rc = sim_enter(&place, f->writable ? SIM_TAKES_SPACE : SIM_READS, err);

    rc = rc < 0 ? rc : sim_leave(&place, 0, err);
    file_free(f);
    return rc;
}

void port_file_discard(struct port_file *f)
{
    if (f) {
        file_free(f);
    }
}

/* ---- contents ---- */

static void put(const struct port_file *f, uint64_t offset, const void *data, size_t len)
{
    sim_do(&(struct sim_op){
        .kind = SIM_WRITE, .node = f->node, .offset = offset, .data = (void *)(uintptr_t)data, .len = len});
    sim_disk.now.nodes[f->node].mtime = sim_disk.clock / 1000;
}

static bool fits(const struct port_file *f, uint64_t offset, uint64_t len)
{
    uint64_t size = node_of(f)->size, more;

    if (offset > sim_disk.capacity || len > sim_disk.capacity) {
        return false;
    }
    more = offset + len > size ? (offset + len - size + SIM_BLOCK - 1) / SIM_BLOCK * SIM_BLOCK : 0;
    return more == 0 || sim_used() + more <= sim_disk.capacity;
}

int port_file_write_at(struct port_file *f, uint64_t offset, const void *data, size_t len,
                       struct kist_error *err)
{
    struct sim_place place = place_of(f, "write");
    int rc;

    if (!f->writable || len == 0) {
        return len == 0 ? 0 : sim_error(err, EBADF, &place);
    }
    rc = sim_enter(&place, SIM_TAKES_SPACE, err);
    if (rc == 0 && !fits(f, offset, len)) {
        rc = sim_error(err, ENOSPC, &place);
    }
    if (rc < 0 && rc != KIST_E_NO_SPACE) {
        return rc;
    }
    /* a full disk takes what it can, and the end of the file is behind that */
    len = rc < 0 ? len / 2 : len;
    if (fits(f, offset, len)) {
        put(f, offset, data, len);
        f->end = KIST_MAX(f->end, offset + len);
    }
    return sim_leave(&place, rc, err);
}

int port_file_append(struct port_file *f, const void *data, size_t len, struct kist_error *err)
{
    return port_file_write_at(f, f->end, data, len, err);
}

int port_file_read_at(struct port_file *f, uint64_t offset, void *data, size_t len, size_t *got,
                      struct kist_error *err)
{
    struct sim_place place = place_of(f, "read");
    int rc = sim_enter(&place, SIM_READS, err);

    *got = 0;
    if (rc == 0 && offset < node_of(f)->size) {
        *got = KIST_MIN(len, node_of(f)->size - (size_t)offset);
        if (*got > 0) {
            memcpy(data, node_of(f)->data + offset, *got);
        }
    }
    return rc;
}

int port_file_size(struct port_file *f, uint64_t *size, struct kist_error *err)
{
    struct sim_place place = place_of(f, "look at");
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc == 0) {
        *size = node_of(f)->size;
    }
    return rc;
}

int port_file_truncate(struct port_file *f, uint64_t size, struct kist_error *err)
{
    struct sim_place place = place_of(f, "truncate");
    int rc = sim_enter(&place, SIM_CHANGES, err);

    if (rc == 0 && (!f->writable || size > sim_disk.capacity)) {
        rc = sim_error(err, f->writable ? EFBIG : EINVAL, &place);
    }
    if (rc == 0) {
        sim_do(&(struct sim_op){.kind = SIM_TRUNCATE, .node = f->node, .offset = size});
        f->end = size;
        rc = sim_leave(&place, 0, err);
    }
    return rc;
}

int port_file_sync(struct port_file *f, struct kist_error *err)
{
    struct sim_place place = place_of(f, "sync");
    int rc = sim_enter(&place, SIM_TAKES_SPACE, err);

    if (rc == 0 && (rc = sim_leave(&place, 0, err)) == 0) {
        sim_sync_file(f->node);
    }
    return rc;
}

/* ---- what a file is, and its locks ---- */

int port_file_fd(const struct port_file *f)
{
    (void)f;
    return -1;
}

void port_file_uncache(struct port_file *f)
{
    (void)f;
}

bool port_file_is(const struct port_file *f, struct port_dir *dir, const char *name)
{
    return f->process == sim_process() && !port_sim_halted() &&
           sim_find(&sim_disk.now, dir->node, name) == f->node;
}

static bool contended(const struct port_file *f, enum lock lock)
{
    for (const struct port_file *other = open_files; other; other = other->next) {
        if (other != f && other->node == f->node && other->process == sim_process() &&
            other->lock != UNLOCKED && (lock == EXCLUSIVE || other->lock == EXCLUSIVE)) {
            return true;
        }
    }
    return false;
}

int port_file_lock(struct port_file *f, bool exclusive, int wait_ms, struct kist_error *err)
{
    struct sim_place place = place_of(f, "lock");
    enum lock lock = exclusive ? EXCLUSIVE : SHARED;
    int rc = sim_enter(&place, SIM_READS, err);

    if (rc < 0) {
        return rc;
    }
    if (contended(f, lock)) {
        if (wait_ms < 0) {
            fprintf(stderr, "port/sim: '%s' is waited for, and there is nobody who would ever unlock it\n",
                    f->path);
            abort();
        }
        port_clock_sleep((uint64_t)wait_ms);
        return kist_error_set(err, KIST_E_CONFLICT, "'%s' is locked by another process", f->path);
    }
    f->lock = lock;
    return 0;
}

int port_file_lock_holder(const struct port_file *f, char *command, size_t size)
{
    (void)size;
    command[0] = '\0';
    return contended(f, EXCLUSIVE) ? (int)f->process : 0;
}
