#include "layer/read.h"

#include <stdlib.h>
#include <string.h>

#define OPAQUE "trusted.overlay.opaque"

/* A tar entry's xattrs come from its own header and a global one. */
#define XATTR_BYTES_MAX (2 * KIST_MAX_TAR_HEADER)

void kist_read_xattrs_init(struct kist_read_xattrs *x)
{
    *x = (struct kist_read_xattrs){.bytes = KIST_BUF_INIT(XATTR_BYTES_MAX)};
}

void kist_read_xattrs_release(struct kist_read_xattrs *x)
{
    kist_buf_release(&x->bytes);
    free(x->list);
    kist_read_xattrs_init(x);
}

/* len bytes at the cursor, added to the bytes. */
static int take(struct kist_layer *l, struct kist_read_xattrs *x, struct kist_read_cursor *at, uint64_t len,
                struct kist_error *err)
{
    int result;

    if (len + x->bytes.len >= XATTR_BYTES_MAX)
        return KIST_READ_DAMAGED(err, "a file's xattrs take more than %u bytes", XATTR_BYTES_MAX);
    result = kist_buf_reserve(&x->bytes, (size_t)len, err);
    if (result >= 0)
        result = kist_read_meta(l, at, x->bytes.data + x->bytes.len, len, err);
    if (result >= 0)
        x->bytes.len += (size_t)len;
    return result;
}

static int take_name(struct kist_layer *l, struct kist_read_xattrs *x, struct kist_read_cursor *at,
                     unsigned type, unsigned len, struct kist_error *err)
{
    static const char *const prefixes[] = {
        [KIST_SQUASHFS_XATTR_USER] = "user.",
        [KIST_SQUASHFS_XATTR_TRUSTED] = "trusted.",
        [KIST_SQUASHFS_XATTR_SECURITY] = "security.",
    };
    size_t start = x->bytes.len;
    int result;

    if ((type & ~KIST_SQUASHFS_XATTR_ELSEWHERE) >= KIST_COUNT(prefixes))
        return KIST_READ_DAMAGED(err, "an xattr of type %u", type);
    result = kist_buf_puts(&x->bytes, prefixes[type & ~KIST_SQUASHFS_XATTR_ELSEWHERE], err);
    if (result >= 0)
        result = take(l, x, at, len, err);
    if (result >= 0)
        result = kist_buf_add(&x->bytes, "", 1, err);
    if (result >= 0 && strlen(x->bytes.data + start) != x->bytes.len - start - 1)
        return KIST_READ_DAMAGED(err, "an xattr's name has a NUL in it");
    return result;
}

static int take_value(struct kist_layer *l, struct kist_read_xattrs *x, struct kist_read_cursor *at,
                      bool elsewhere, size_t *size, struct kist_error *err)
{
    struct kist_read_cursor there;
    unsigned char raw[8];
    int result = kist_read_meta(l, at, raw, 4, err);

    if (result >= 0 && elsewhere) {
        if (kist_le32_get(raw) != 8)
            return KIST_READ_DAMAGED(err, "an xattr's reference has %" PRIu32 " bytes", kist_le32_get(raw));
        result = kist_read_meta(l, at, raw, 8, err);
        if (result < 0)
            return result;
        there = kist_read_cursor(l->xattr_start, at->end, kist_le64_get(raw), at->what);
        at = &there;
        result = kist_read_meta(l, at, raw, 4, err);
    }
    if (result < 0)
        return result;
    *size = kist_le32_get(raw);
    return take(l, x, at, *size, err);
}

static int list_grow(struct kist_read_xattrs *x, struct kist_error *err)
{
    size_t room = x->room ? 2 * x->room : 8;
    struct kist_layer_xattr *list;

    if (x->count < x->room)
        return 0;
    list = realloc(x->list, room * sizeof(*list));
    if (!list)
        return kist_error_nomem(err);
    x->list = list;
    x->room = room;
    return 0;
}

/* The bytes have stopped moving: each name, NUL, value gets its pointers, the opaque mark is left out. */
static void list_point(struct kist_read_xattrs *x, bool *opaque)
{
    const char *at = x->bytes.data;
    size_t kept = 0;

    for (size_t i = 0; i < x->count; i++) {
        struct kist_layer_xattr one = {.name = at, .value = at + strlen(at) + 1, .size = x->list[i].size};

        at = (const char *)one.value + one.size;
        if (strcmp(one.name, OPAQUE) == 0)
            *opaque = one.size == 1 && *(const char *)one.value == 'y';
        else
            x->list[kept++] = one;
    }
    x->count = kept;
}

int kist_read_xattrs(struct kist_layer *l, struct kist_read_xattrs *x, uint32_t set, bool *opaque,
                     struct kist_error *err)
{
    unsigned char row[KIST_SQUASHFS_XATTR_SET_SIZE];
    struct kist_read_cursor at;
    uint32_t count;
    int result;

    x->count = 0;
    *opaque = false;
    kist_buf_clear(&x->bytes);
    if (set == KIST_SQUASHFS_NO_XATTR)
        return 0;
    if (set >= l->xattr_sets)
        return KIST_READ_DAMAGED(err, "there is no set %" PRIu32 " of xattrs", set);
    result = kist_read_row(l, l->super.xattr_table + KIST_SQUASHFS_XATTR_HEADER_SIZE, set, row, sizeof(row),
                           "xattr table", err);
    if (result < 0)
        return result;
    at = kist_read_cursor(l->xattr_start, l->super.xattr_table, kist_le64_get(row), "xattr table");
    count = kist_le32_get(row + 8);
    for (uint32_t i = 0; i < count; i++) {
        unsigned char head[4];

        if ((result = list_grow(x, err)) < 0 ||
            (result = kist_read_meta(l, &at, head, sizeof(head), err)) < 0 ||
            (result = take_name(l, x, &at, kist_le16_get(head), kist_le16_get(head + 2), err)) < 0 ||
            (result = take_value(l, x, &at, kist_le16_get(head) & KIST_SQUASHFS_XATTR_ELSEWHERE,
                                 &x->list[x->count].size, err)) < 0)
            return result;
        x->count++;
    }
    list_point(x, opaque);
    return 0;
}
