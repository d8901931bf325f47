/* Sets of extended attributes in squashfs form, equal ones kept once. */
#ifndef KIST_LAYER_XATTRS_H
#define KIST_LAYER_XATTRS_H

#include <stdbool.h>

#include "base/buf.h"
#include "codec/tar.h"
#include "layer/budget.h"
#include "layer/squashfs.h"

struct kist_xattr_set {
    uint32_t at, len; /* its keys and values in bytes */
    uint32_t keys;
    uint32_t hash;
    uint32_t next; /* of the same bucket, or KIST_SQUASHFS_NO_XATTR */
};

#define KIST_XATTR_BUCKETS 1024

struct kist_xattrs {
    struct kist_budget *budget;
    struct kist_buf bytes;
    struct kist_xattr_set *sets;
    size_t count, size;
    uint32_t buckets[KIST_XATTR_BUCKETS];
    bool warned; /* that some cannot be kept */
};

void kist_xattrs_init(struct kist_xattrs *x, struct kist_budget *budget);
void kist_xattrs_release(struct kist_xattrs *x);

/*
 * The set of those among n that squashfs can hold and the kernel may see: user, trusted and security, without
 * overlayfs's own. KIST_SQUASHFS_NO_XATTR when none is left. Of two with one name the later counts.
 */
int kist_xattrs_find(struct kist_xattrs *x, const struct kist_tar_xattr *xattrs, size_t n, uint32_t *set,
                     struct kist_error *err) KIST_CHECKED;
/* The set as base (which may be none) with trusted.overlay.opaque = "y" added. */
int kist_xattrs_opaque(struct kist_xattrs *x, uint32_t base, uint32_t *set,
                       struct kist_error *err) KIST_CHECKED;

#endif
