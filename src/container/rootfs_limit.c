#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/rootfs.h"
#include "port/program.h"
#include "port/quota.h"
#include "store/quota.h"

#define IMAGE "rw.img"
#define IMAGE_MIN (1ULL << 20) /* mkfs.ext4 makes nothing of use out of less */
#define REMEDY "mount it with prjquota (ext4: after 'tune2fs -O quota,project'), or use --rootfs tmpfs"

static int make_image(struct port_dir *dir, uint64_t size, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf output = KIST_BUF_INIT(0);
    char path[KIST_MAX_PATH + 1];
    const char *const argv[] = {"mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", path, NULL};
    struct port_file *f;
    int status = 0, rc;

    if (!kist_path_join(path, sizeof(path), port_dir_path(dir), IMAGE)) {
        return kist_error_set(err, KIST_E_FAIL, "the path of '" IMAGE "' is too long");
    }
    rc = port_file_create(&f, dir, IMAGE, true, err);
    if (rc < 0) {
        return rc;
    }
    rc = port_quota_reserve(f, size, err);
    port_file_discard(f);
    rc = rc < 0 ? rc : port_program_run(argv, NULL, 0, &output, &status, err);
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "a limit needs quotas of projects, which the store's filesystem has none of, or mkfs.ext4, "
                                                       "which is not there either: " REMEDY);
    }
    return rc == 0 && status != 0 ? kist_error_set(err, KIST_E_FAIL, "mkfs.ext4 failed, with %d", status) : rc;
}

/* Its room is taken first, and all of it with the file: what is written into that later takes no more. */
static int put_image(struct kist_store *store, const char *id, struct port_dir *dir, uint64_t size, struct kist_error *err)
{
    struct kist_store_room *room;
    int rc;

    if (size < IMAGE_MIN) {
        return kist_error_set(err, KIST_E_USAGE, "a size of %llu bytes is too small for a filesystem, which what is written has of its own here",
                              (unsigned long long)size);
    }
    rc = kist_store_room_take(store, "containers", id, kist_store_cost(store, size), NULL, &room, err);
    if (rc == 0) {
        rc = make_image(dir, size, err);
        kist_store_room_free(room);
    }
    return rc;
}

int kist_rootfs_limit(struct kist_store *store, const char *id, struct port_dir *dir, enum kist_rootfs kind, uint64_t size,
                      struct kist_error *err)
{
    struct port_dir *rw = NULL;
    uint32_t hint = 0;
    int rc;

    if (kind == KIST_ROOTFS_TMPFS) {
        return 0;
    }
    for (const char *p = id; *p != '\0'; p++) {
        hint = hint * 31 + (unsigned char)*p;
    }
    rc = port_dir_open_at(&rw, dir, "rw", true, err);
    if (rc == 0) {
        rc = port_quota_limit(rw, hint, size, err);
        port_dir_close(rw);
    }
    if (rc == KIST_E_UNSUPPORTED && kind == KIST_ROOTFS_COPY) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "with --rootfs copy a limit needs quotas of projects, which the store's filesystem has none "
                                                     "of: " REMEDY);
    } else if (rc == KIST_E_UNSUPPORTED) {
        rc = put_image(store, id, dir, size, err);
    }
    return rc < 0 ? kist_error_wrap(err, "--storage-opt size") : 0;
}

int kist_rootfs_image(struct port_file **out, struct port_dir *dir, struct kist_error *err)
{
    struct port_stat st;

    *out = NULL;
    return port_dir_stat(dir, IMAGE, &st, NULL) < 0 ? 0 : port_file_open_rw(out, dir, IMAGE, err);
}
