/*
 * Blocks that are kept for the day on which others have filled the disk: the next index.json of a removal is written into them and takes
 * its place by the same steps as any other, but needs no block that is free. Where a filesystem can give no file blocks before they
 * are written, there is none, and that day ends with KIST_E_NO_SPACE.
 */
#include "private.h"

#define SPARE "spare"
#define MOST(need) (4 * (need) + (64U << 10)) /* more than that is given back: images went since */

uint64_t kist_store_spare_bytes(struct kist_store *s)
{
    struct port_stat st;

    return port_dir_stat(s->root, SPARE, &st, NULL) == 0 && st.type == PORT_TYPE_FILE ? st.allocated : 0;
}

void kist_store_spare_keep(struct kist_store *s)
{
    struct kist_store_space space;
    struct port_stat st;
    uint64_t need, have = kist_store_spare_bytes(s);

    if (port_dir_stat(s->root, "index.json", &st, NULL) < 0) {
        return;
    }
    need = kist_store_rounded(s, st.size) + s->block;
    if (have > MOST(need) && port_dir_unlink(s->root, SPARE, NULL) == 0) {
        have = 0;
    }
    /* it comes out of what is kept for this anyway */
    if (have < need && kist_store_space_locked(s, &space, NULL) == 0 &&
        need - have + space.over <= space.left + space.kept) {
        (void)!port_dir_reserve(s->root, SPARE, need, NULL);
    }
}

static int write_all(struct port_file *f, const void *data, size_t len)
{
    int rc = port_file_write_at(f, 0, data, len, NULL), closed;

    rc = rc < 0 ? rc : port_file_truncate(f, len, NULL);
    rc = rc < 0 ? rc : port_file_sync(f, NULL);
    closed = port_file_close(f, NULL);
    return rc < 0 ? rc : closed;
}

int kist_store_spare_commit(struct kist_store *s, const void *data, size_t len, struct kist_error *err)
{
    struct port_file *f;

    if (kist_store_spare_bytes(s) < kist_store_rounded(s, len) || port_file_open_rw(&f, s->root, SPARE, NULL) < 0 ||
        write_all(f, data, len) < 0 || port_dir_rename(s->root, SPARE, s->root, "index.json", NULL) < 0) {
        return KIST_E_NO_SPACE;
    }
    return port_dir_sync(s->root, err);
}
