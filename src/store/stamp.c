#include <string.h>

#include "port/clock.h"
#include "private.h"

#define DEPTH 3 /* blobs/sha256/<hex> */

struct stamp {
    struct kist_store *store;
    struct port_dir *dir;
    int depth;
};

void kist_store_fix_time(struct kist_store *s, int64_t now)
{
    s->time_fixed = true;
    s->time = now;
}

int64_t kist_store_now(const struct kist_store *s)
{
    return s->time_fixed ? s->time : port_clock_now();
}

static int stamp_all(struct kist_store *s, struct port_dir *dir, int depth, struct kist_error *err);

/* What is inside first: that a name in it is touched changes a directory's own time. */
static int stamp_one(void *arg, const char *name, struct kist_error *err)
{
    const struct stamp *at = arg;
    struct port_dir *inside;
    struct port_stat st;
    int rc = port_dir_stat(at->dir, name, &st, err);

    if (rc == 0 && st.type == PORT_TYPE_DIRECTORY && at->depth < DEPTH && strcmp(name, "containers") != 0 &&
        strcmp(name, "volumes") != 0 && (rc = port_dir_open_at(&inside, at->dir, name, false, err)) == 0) {
        rc = stamp_all(at->store, inside, at->depth + 1, err);
        port_dir_close(inside);
    }
    return rc == 0 ? port_dir_set_time(at->dir, name, kist_store_now(at->store), err) : rc;
}

static int stamp_all(struct kist_store *s, struct port_dir *dir, int depth, struct kist_error *err)
{
    struct stamp at = {s, dir, depth};

    return port_dir_list(dir, stamp_one, &at, err);
}

int kist_store_stamp(struct kist_store *s, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    int rc = kist_store_lock(s, true, &lock, err);

    if (rc == 0) {
        rc = stamp_all(s, s->root, 0, err);
    }
    return rc == 0 ? port_dir_set_time(s->root, NULL, kist_store_now(s), err) : rc;
}
