#include "build/cache_mount.h"

#include <string.h>

#include "base/path.h"
#include "port/clock.h"
#include "port/node.h"
#include "store/quota.h"

#define LOCK "lock"
#define DATA "data"
#define DIRECTORIES 4
#define PRIVATE_MAX 256 /* that are used at the same time */
#define NAME_MAX_CACHE (KIST_DIGEST_HEX_MAX + 8)

static int open_all(struct port_dir **out, struct kist_store *s, bool create, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];

    return kist_path_join(path, sizeof(path), kist_store_root(s), "cache/mounts")
               ? port_dir_open(out, path, create, err)
               : kist_error_set(err, KIST_E_FAIL, "the store's path is too long");
}

/* The lock of the cache in dir; KIST_E_CONFLICT: it is held, and not waited for. */
static int take_lock(struct port_file **out, struct port_dir *dir, bool exclusive, int wait_ms, struct kist_error *err)
{
    struct port_file *lock;
    int rc = port_file_open_rw(&lock, dir, LOCK, err);

    if (rc < 0) {
        return rc;
    }
    rc = port_file_lock(lock, exclusive, wait_ms, err);
    if (rc == 0 && !port_file_is(lock, dir, LOCK)) {
        rc = 1; /* it was removed meanwhile */
    }
    if (rc != 0) {
        port_file_discard(lock);
        return rc;
    }
    *out = lock;
    return 0;
}

static int hold(struct kist_cache_mount *c, struct port_dir *all, const char *name, const struct kist_run_mount *m, struct kist_error *err)
{
    const struct port_node node = {.type = PORT_NODE_DIRECTORY, .mode = m->mode, .uid = m->uid, .gid = m->gid,
                                   .mtime = port_clock_now()};
    const bool alone = m->sharing != KIST_RUN_MOUNT_SHARED;
    struct port_file *none;
    struct port_stat st;
    struct port_dir *dir;
    int rc;

    do {
        rc = port_dir_open_at(&dir, all, name, true, err);
        if (rc < 0) {
            return rc;
        }
        rc = take_lock(&c->lock, dir, alone, m->sharing == KIST_RUN_MOUNT_PRIVATE ? 0 : -1, err);
        if (rc == 0 && port_dir_stat(dir, DATA, &st, NULL) == KIST_E_NOT_FOUND) {
            rc = port_node_put(dir, DATA, &node, &none, err);
        }
        if (rc == 0) {
            rc = port_dir_touch(dir, LOCK, err);
        }
        if (rc == 0 && !kist_path_join(c->path, sizeof(c->path), port_dir_path(dir), DATA)) {
            rc = kist_error_set(err, KIST_E_FAIL, "the store's path is too long");
        }
        port_dir_close(dir);
    } while (rc == 1);
    return rc;
}

int kist_cache_mount_hold(struct kist_cache_mount *c, struct kist_store *s, const struct kist_run_mount *m, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX], name[NAME_MAX_CACHE];
    struct kist_store_room *room;
    struct kist_digest digest;
    struct port_dir *all;
    int rc = kist_store_room_take(s, "cache", "mounts", DIRECTORIES * kist_store_cost(s, 0), NULL, &room, err);

    c->lock = NULL;
    if (rc < 0) {
        return rc;
    }
    kist_digest_of(&digest, m->id, strlen(m->id));
    rc = open_all(&all, s, true, err);
    if (rc == 0) {
        rc = hold(c, all, kist_digest_hex(hex, &digest), m, err);
        for (unsigned i = 1; rc == KIST_E_CONFLICT && i < PRIVATE_MAX && kist_str_format(name, sizeof(name), "%s.%u", hex, i); i++) {
            rc = hold(c, all, name, m, err);
        }
        port_dir_close(all);
    }
    kist_store_room_free(room);
    if (rc < 0) {
        kist_cache_mount_release(c);
        return kist_error_wrap(err, "cache '%.100s'", m->id);
    }
    return 0;
}

void kist_cache_mount_release(struct kist_cache_mount *c)
{
    port_file_discard(c->lock);
    c->lock = NULL;
}

/* ---- pruning ---- */

struct pruning {
    struct port_dir *all;
    int64_t until;
    uint64_t *freed;
};

static int prune_one(void *arg, const char *name, struct kist_error *err)
{
    const struct pruning *p = arg;
    struct port_file *lock = NULL;
    struct port_dir *dir;
    struct port_stat st;
    uint64_t bytes = 0;
    int rc = port_dir_open_at(&dir, p->all, name, false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = take_lock(&lock, dir, true, 0, err);
    if (rc == 0 && (rc = port_dir_stat(dir, LOCK, &st, err)) == 0 && st.mtime < p->until) {
        rc = port_dir_usage(p->all, name, &bytes, err);
        rc = rc < 0 ? rc : port_dir_remove_tree(p->all, name, err);
        *p->freed += rc < 0 ? 0 : bytes;
    }
    port_file_discard(lock);
    port_dir_close(dir);
    return rc == KIST_E_CONFLICT || rc > 0 ? 0 : rc;
}

int kist_cache_mount_prune(struct kist_store *s, int64_t until, uint64_t *freed, struct kist_error *err)
{
    struct pruning p = {.until = until, .freed = freed};
    int rc = open_all(&p.all, s, false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_dir_list(p.all, prune_one, &p, err);
    port_dir_close(p.all);
    return rc;
}
