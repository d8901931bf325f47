/* How a container's root comes about, and where what it writes is. */
#ifndef KIST_CONTAINER_ROOTFS_H
#define KIST_CONTAINER_ROOTFS_H

#include "container/engine.h"
#include "port/idmap.h"
#include "port/node.h"
#include "port/signals.h"

/* config.json's annotation "kist.rootfs". */
enum kist_rootfs {
    KIST_ROOTFS_OVERLAY, /* its layers mounted, under rw/upper (and rw/work) */
    KIST_ROOTFS_TMPFS,   /* the same with these two on a tmpfs: gone when it ends */
    KIST_ROOTFS_COPY,    /* its layers unpacked to rw/root, at the first start: nothing of the kernel is needed */
};

/* "overlay", "tmpfs", "copy"; NULL is the first. False for others. */
bool kist_rootfs_parse(const char *text, enum kist_rootfs *kind);

struct kist_rootfs_copy {
    struct kist_store *store;
    const char *id;
    struct port_dir *rw; /* its rw/ */
    const struct kist_container_fixed *fixed;
    bool transient;               /* it need not survive a power cut */
    struct port_signals *signals; /* one that asks to stop is KIST_E_INTERRUPTED; NULL: none does */
    bool alone;                   /* there is no owner but root */
    const struct port_ids *ids;   /* of its user namespace, whose owners the files get; NULL: they are ours */
};

/*
 * rw/root becomes what the layers come to, unless it is there: as a whole or not at all, whatever dies meanwhile. All that it can take is
 * counted before the first byte is written. KIST_E_NO_SPACE: that does not fit.
 */
int kist_rootfs_copy(const struct kist_rootfs_copy *c, struct kist_error *err) KIST_CHECKED;

/*
 * A container that is being made may write no more than size bytes to its root: by a quota of its rw/ where the filesystem of the store has
 * such, else by an ext4 image of that size in rw.img. Of a tmpfs, which has a size of its own, nothing is to be made.
 * KIST_E_UNSUPPORTED says what there would have to be; KIST_E_NO_SPACE.
 */
int kist_rootfs_limit(struct kist_store *store, const char *id, struct port_dir *dir, enum kist_rootfs kind, uint64_t size,
                      struct kist_error *err) KIST_CHECKED;
/* rw.img, for writing; NULL: there is none. */
int kist_rootfs_image(struct port_file **out, struct port_dir *dir, struct kist_error *err) KIST_CHECKED;

/* What it has written so far. */
struct kist_rootfs_written {
    struct port_dir *dir; /* what lies over its layers; NULL: it has never run, or what it wrote is gone with its tmpfs */
    bool whole;           /* dir is all of its root: its layers do not matter */
};

/* Of a file of a whole one, as it is on disk: the owner becomes what the container's user namespace, ids, has it as. */
void kist_rootfs_inside(const struct port_ids *ids, struct port_node *n);
/* dir: containers/<id>/. port_dir_close written->dir. */
int kist_rootfs_written(struct kist_rootfs_written *written, const struct kist_engine *e, const char *id, struct port_dir *dir,
                        struct kist_error *err) KIST_CHECKED;

#endif
