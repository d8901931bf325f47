#include "layer/xattrs.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define NAME_MAX_BYTES 255    /* XATTR_NAME_MAX */
#define VALUE_MAX_BYTES 65536 /* XATTR_SIZE_MAX */

static const struct {
    const char *text;
    enum kist_squashfs_xattr_prefix prefix;
} prefixes[] = {
    {"user.", KIST_SQUASHFS_XATTR_USER},
    {"trusted.", KIST_SQUASHFS_XATTR_TRUSTED},
    {"security.", KIST_SQUASHFS_XATTR_SECURITY},
};

void kist_xattrs_init(struct kist_xattrs *x, struct kist_budget *budget)
{
    *x = (struct kist_xattrs){.budget = budget, .bytes = KIST_BUF_INIT(UINT32_MAX / 2)};
    memset(x->buckets, 0xff, sizeof(x->buckets));
}

void kist_xattrs_release(struct kist_xattrs *x)
{
    kist_buf_release(&x->bytes);
    free(x->sets);
}

static bool overlay_own(const char *name)
{
    return kist_str_starts(name, "trusted.overlay.") || kist_str_starts(name, "user.overlay.");
}

static int add(struct kist_xattrs *x, enum kist_squashfs_xattr_prefix prefix, const char *name,
               const void *value, size_t size, struct kist_error *err)
{
    unsigned char head[4];
    unsigned char length[4];
    int rc;

    kist_le16_put(head, prefix);
    kist_le16_put(head + 2, (uint16_t)strlen(name));
    kist_le32_put(length, (uint32_t)size);
    rc = kist_buf_add(&x->bytes, head, sizeof(head), err);
    if (rc == 0) {
        rc = kist_buf_add(&x->bytes, name, strlen(name), err);
    }
    if (rc == 0) {
        rc = kist_buf_add(&x->bytes, length, sizeof(length), err);
    }
    return rc < 0 ? rc : kist_buf_add(&x->bytes, value, size, err);
}

static uint32_t hash_of(const char *p, size_t len)
{
    uint32_t h = 2166136261U;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)p[i]) * 16777619U;
    }
    return h;
}

/* Makes a set of the bytes from at on, or finds the one there is and takes the bytes back. */
static int close_set(struct kist_xattrs *x, uint32_t at, uint32_t keys, uint32_t *set, struct kist_error *err)
{
    const char *p = x->bytes.data + at;
    uint32_t len = (uint32_t)x->bytes.len - at;
    uint32_t hash = hash_of(p, len);
    uint32_t *bucket = &x->buckets[hash % KIST_XATTR_BUCKETS];
    int rc;

    for (uint32_t i = *bucket; i != KIST_SQUASHFS_NO_XATTR; i = x->sets[i].next) {
        const struct kist_xattr_set *s = &x->sets[i];

        if (s->hash == hash && s->len == len && memcmp(x->bytes.data + s->at, p, len) == 0) {
            x->bytes.len = at;
            *set = i;
            return 0;
        }
    }
    rc = kist_budget_take(x->budget, len, err);
    if (rc == 0) {
        rc = kist_budget_count(x->budget, x->count, err);
    }
    if (rc == 0) {
        rc = kist_array_grow(&x->sets, &x->size, x->count + 1, sizeof(*x->sets), err);
    }
    if (rc < 0) {
        return rc;
    }
    x->sets[x->count] =
        (struct kist_xattr_set){.at = at, .len = len, .keys = keys, .hash = hash, .next = *bucket};
    *bucket = (uint32_t)x->count++;
    *set = *bucket;
    return 0;
}

static void warn(struct kist_xattrs *x, const char *name)
{
    char safe[64];

    if (!x->warned) {
        kist_log(KIST_LOG_WARN, "xattr '%s' and such cannot be kept in a layer's filesystem",
                 kist_str_printable(safe, sizeof(safe), name));
        x->warned = true;
    }
}

static bool repeated(const struct kist_tar_xattr *xattrs, size_t i, size_t n)
{
    for (size_t later = i + 1; later < n; later++) {
        if (strcmp(xattrs[i].name, xattrs[later].name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds one to the bytes; *keys counts it. Leaves out what the kernel must not see or cannot hold. */
static int keep(struct kist_xattrs *x, const struct kist_tar_xattr *xattr, uint32_t *keys,
                struct kist_error *err)
{
    if (overlay_own(xattr->name)) {
        return 0;
    }
    for (size_t i = 0; i < KIST_COUNT(prefixes); i++) {
        size_t len = strlen(prefixes[i].text);

        if (kist_str_starts(xattr->name, prefixes[i].text) && xattr->name[len] != '\0' &&
            strlen(xattr->name) <= NAME_MAX_BYTES && xattr->size <= VALUE_MAX_BYTES) {
            ++*keys;
            return add(x, prefixes[i].prefix, xattr->name + len, xattr->value, xattr->size, err);
        }
    }
    warn(x, xattr->name);
    return 0;
}

int kist_xattrs_find(struct kist_xattrs *x, const struct kist_tar_xattr *xattrs, size_t n, uint32_t *set,
                     struct kist_error *err)
{
    uint32_t at = (uint32_t)x->bytes.len;
    uint32_t keys = 0;

    *set = KIST_SQUASHFS_NO_XATTR;
    for (size_t i = 0; i < n; i++) {
        int rc = repeated(xattrs, i, n) ? 0 : keep(x, &xattrs[i], &keys, err);

        if (rc < 0) {
            return rc;
        }
    }
    return keys > 0 ? close_set(x, at, keys, set, err) : 0;
}

int kist_xattrs_opaque(struct kist_xattrs *x, uint32_t base, uint32_t *set, struct kist_error *err)
{
    uint32_t at = (uint32_t)x->bytes.len;
    uint32_t keys = 1;
    int rc = 0;

    if (base != KIST_SQUASHFS_NO_XATTR) {
        struct kist_xattr_set s = x->sets[base];

        rc = kist_buf_reserve(&x->bytes, s.len, err); /* before the address is taken: it may move */
        if (rc == 0) {
            rc = kist_buf_add(&x->bytes, x->bytes.data + s.at, s.len, err);
        }
        keys += s.keys;
    }
    if (rc == 0) {
        rc = add(x, KIST_SQUASHFS_XATTR_TRUSTED, "overlay.opaque", "y", 1, err);
    }
    return rc < 0 ? rc : close_set(x, at, keys, set, err);
}
