#include <stdlib.h>

#include "base/limits.h"
#include "private.h"
#include "store/check.h"

#define DAMAGED "damaged"
#define CHUNK (64U << 10)

static int drop(void *arg, const char *name, struct kist_error *err)
{
    return port_dir_remove_tree(arg, name, err);
}

int kist_store_damaged(struct kist_store *s, uint64_t bytes, struct port_dir **out, struct kist_error *err)
{
    uint64_t used;
    int rc = port_dir_usage(s->root, DAMAGED, &used, err);

    if (rc == 0 && used == 0) {
        rc = kist_store_fits(s, kist_store_cost(s, 0) + s->block, err);
    }
    if (rc < 0 || (rc = port_dir_open_at(out, s->root, DAMAGED, true, err)) < 0) {
        return rc;
    }
    if (used == 0) {
        rc = port_dir_sync(s->root, err);
    } else if (used + bytes > KIST_MAX_DAMAGED) {
        rc = port_dir_list(*out, drop, *out, err);
    }
    if (rc < 0) {
        port_dir_close(*out);
    }
    return rc;
}

/* As far as it can be read; it need not outlast a power cut. */
static int copy(struct port_dir *dir, struct port_dir *to, const char *name, struct kist_error *err)
{
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    struct port_file *in, *out = NULL;
    uint64_t at = 0;
    size_t got;
    int rc = chunk ? port_file_open(&in, dir, name, err) : kist_error_nomem(err);

    if (rc < 0) {
        return rc;
    }
    rc = port_file_create(&out, to, name, true, err);
    while (rc == 0 && port_file_read_at(in, at, chunk, CHUNK, &got, NULL) == 0 && got > 0) {
        rc = port_file_append(out, chunk, got, err);
        at += got;
    }
    port_file_discard(in);
    if (rc < 0) {
        port_file_discard(out);
        (void)!port_dir_unlink(to, name, NULL);
        return rc;
    }
    return port_file_close(out, err);
}

int kist_store_set_aside(struct kist_store *s, struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct port_dir *damaged;
    struct port_stat st;
    int rc = port_dir_stat(dir, name, &st, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    if (st.type != PORT_TYPE_FILE) {
        return port_dir_remove_tree(dir, name, err); /* nothing of ours, and nothing can be renamed over it */
    }
    if (st.size == 0 || st.size > KIST_MAX_DAMAGED) {
        return 0;
    }
    if ((rc = kist_store_damaged(s, st.size, &damaged, err)) == 0) {
        if ((rc = kist_store_fits(s, kist_store_cost(s, st.size), err)) == 0) {
            rc = copy(dir, damaged, name, err);
        }
        port_dir_close(damaged);
    }
    return rc == KIST_E_NO_SPACE || rc == KIST_E_IO ? 0 : rc;
}

int kist_store_blob_replace(struct kist_store *s, const struct kist_digest *digest, const void *data, size_t len,
                            struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    char hex[KIST_DIGEST_HEX_MAX];
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = kist_store_set_aside(s, s->blobs, kist_digest_hex(hex, digest), err)) < 0) {
        return rc;
    }
    return kist_store_write_locked(s, s->blobs, hex, data, len, err);
}
