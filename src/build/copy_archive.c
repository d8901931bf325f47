/* ADD of an archive: what is in it becomes members of the layer's tar as it comes. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "build/copy_write.h"
#include "build/unpack.h"

/* ---- telling one ---- */

/* The first bytes that come; then no more are wanted. */
struct head {
    struct kist_sink sink;
    unsigned char data[KIST_ARCHIVE_HEAD];
    size_t len;
};

static int head_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct head *h = KIST_CONTAINER_OF(sink, struct head, sink);
    size_t n = KIST_MIN(len, sizeof(h->data) - h->len);

    memcpy(h->data + h->len, data, n);
    h->len += n;
    return h->len < sizeof(h->data) ? 0 : kist_error_set(err, KIST_E_FAIL, "enough was read");
}

static int head_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static int begin(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)arg, (void)e, (void)err;
    return 0;
}

static int read_head(struct kist_copy_plan *c, const char *path, struct head *h, struct kist_sink *sink, struct kist_error *err)
{
    int rc = kist_context_read(c->from, path, begin, NULL, sink, err);

    rc = rc == 0 ? kist_sink_finish(sink, err) : rc; /* a stage may have held it all until now */
    return h->len == sizeof(h->data) ? 0 : rc;
}

static int cannot_unpack(struct kist_copy_plan *c, const char *path, const char *what, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_UNSUPPORTED,
                          "%s failed: '%s' is packed with %s, which kist cannot unpack (pack it with gzip or zstd, or use COPY)", c->name,
                          path, what);
}

int kist_copy_is_archive(struct kist_copy_plan *c, const char *path, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {head_write, head_finish};
    struct head h = {.sink = {&ops}};
    struct kist_unpack_sink unpack;
    int rc = read_head(c, path, &h, &h.sink, err);

    if (rc < 0) {
        return err && err->sys_errno != 0 ? kist_error_wrap(err, "%s failed", c->name)
                                          : kist_error_wrap(err, "%s failed: cannot read '%s'", c->name, path);
    }
    switch (kist_archive_kind(h.data, h.len)) {
    case KIST_ARCHIVE_TAR:
        return 1;
    case KIST_ARCHIVE_XZ:
        return cannot_unpack(c, path, "xz", err);
    case KIST_ARCHIVE_BZIP2:
        return cannot_unpack(c, path, "bzip2", err);
    case KIST_ARCHIVE_PACKED:
        break;
    case KIST_ARCHIVE_NONE:
    default:
        return 0;
    }
    h.len = 0;
    rc = kist_unpack_sink_init(&unpack, &h.sink, err);
    if (rc == 0) {
        /* what cannot be unpacked is no archive, whatever it begins with */
        rc = read_head(c, path, &h, &unpack.sink, NULL) == 0 && kist_archive_kind(h.data, h.len) == KIST_ARCHIVE_TAR;
    }
    kist_unpack_sink_release(&unpack);
    return rc;
}

/* ---- unpacking one ---- */

struct unpacking {
    struct kist_copy_writing *writing;
    bool passed_over; /* the member at hand is */
    uint64_t size, at; /* bytes of the file, and how many the tar has */
    struct kist_tar_extent *extents; /* of a sparse file, at is in the first of those left; or NULL */
    size_t extent, extent_count;
    char name[KIST_MAX_PATH + 1], link[KIST_MAX_PATH + 1];
};

/* Where a name of the archive goes; "" is the destination itself. */
static int place(struct unpacking *u, const char *name, char dst[KIST_MAX_PATH + 1], struct kist_error *err)
{
    const char *dest = u->writing->dest;
    char clean[KIST_MAX_PATH + 1];

    if (!kist_path_clean(clean, sizeof(clean), name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "its member '%.200s' leads out of it", name);
    }
    if (kist_str_starts(kist_path_base(clean), ".wh.")) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "a layer cannot hold its member '%.200s': names with .wh. delete", name);
    }
    if (!kist_str_format(dst, KIST_MAX_PATH + 1, "%s%s%s", dest, *dest && *clean ? "/" : "", clean)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the path of its member '%.200s' is too long", name);
    }
    return clean[0] == '\0';
}

static int keep_extents(struct unpacking *u, const struct kist_tar_entry *e, struct kist_error *err)
{
    free(u->extents);
    u->extents = NULL;
    u->extent = 0;
    u->extent_count = e->extent_count;
    if (e->sparse) {
        u->extents = malloc((e->extent_count + 1) * sizeof(*u->extents));
        if (!u->extents) {
            return kist_error_nomem(err);
        }
        memcpy(u->extents, e->extents, e->extent_count * sizeof(*u->extents));
    }
    return 0;
}

static int unpack_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    struct unpacking *u = arg;
    struct kist_tar_entry t = *e;
    int rc = place(u, e->name, u->name, err);

    u->passed_over = rc == 1;
    if (rc != 0) {
        return KIST_MIN(rc, 0);
    }
    t.name = u->name;
    if (e->type == KIST_TAR_HARDLINK) {
        rc = place(u, e->link_name, u->link, err);
        if (rc != 0) {
            return rc < 0 ? rc : kist_error_set(err, KIST_E_CORRUPT, "its member '%.200s' is a link to a directory", e->name);
        }
        t.link_name = u->link;
    }
    u->size = t.stored = e->type == KIST_TAR_FILE ? e->size : 0;
    u->at = 0;
    t.mtime = KIST_MIN(t.mtime, u->writing->copy->options->epoch); /* chown and chmod are not for what is unpacked */
    rc = keep_extents(u, e, err);
    return rc == 0 ? kist_tar_writer_entry(&u->writing->tar, &t, err) : rc;
}

/* A hole of a sparse file. */
static int put_zeros(struct unpacking *u, uint64_t to, struct kist_error *err)
{
    int rc = 0;

    while (rc == 0 && u->at < to) {
        size_t n = (size_t)KIST_MIN(to - u->at, sizeof(kist_zeros));

        rc = kist_tar_writer_data(&u->writing->tar, kist_zeros, n, err);
        u->at += n;
    }
    return rc;
}

static int unpack_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct unpacking *u = arg;
    const char *from = data;
    int rc = 0;

    while (rc == 0 && len > 0 && !u->passed_over) {
        size_t n = len;

        if (u->extents && u->extent < u->extent_count) {
            const struct kist_tar_extent *x = &u->extents[u->extent];

            rc = put_zeros(u, x->offset, err);
            n = (size_t)KIST_MIN((uint64_t)len, x->offset + x->length - u->at);
            u->extent += u->at + n == x->offset + x->length;
        }
        rc = rc == 0 ? kist_tar_writer_data(&u->writing->tar, from, n, err) : rc;
        u->at += n;
        from += n;
        len -= n;
    }
    return rc;
}

static int unpack_end(void *arg, struct kist_error *err)
{
    struct unpacking *u = arg;

    return u->passed_over ? 0 : put_zeros(u, u->size, err);
}

static int unpack_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    (void)arg, (void)data, (void)len, (void)err;
    return 0;
}

static int unpack_finish(void *arg, struct kist_error *err)
{
    (void)arg, (void)err;
    return 0;
}

static int unpack(struct unpacking *u, const struct kist_copy_item *item, struct kist_sink *sink, struct kist_error *err)
{
    struct kist_copy_plan *c = u->writing->copy;
    const struct kist_copy_entry *e = &c->entries[item->first];
    const char *path = kist_copy_text(c, item->from);
    struct kist_copy_reading r = {.next = sink, .limit = e->size};
    unsigned char sum[KIST_COPY_SUM];
    int rc = kist_copy_read(c, path, &r, sum, err);

    if (rc == 0 && (rc = kist_sink_finish(sink, err)) < 0) {
        return kist_error_wrap(err, "cannot unpack '%s'", path);
    }
    if (rc == 0 && (r.bytes != e->size || memcmp(sum, e->sum, sizeof(sum)) != 0)) {
        return kist_error_set(err, KIST_E_FAIL, "'%s' changed while the build read it", path);
    }
    return rc;
}

int kist_copy_write_archive(struct kist_copy_writing *w, const struct kist_copy_item *item, struct kist_error *err)
{
    static const struct kist_tar_handler handler = {
        .raw = unpack_raw, .entry = unpack_entry, .data = unpack_data, .end = unpack_end, .finish = unpack_finish,
    };
    struct unpacking *u = calloc(1, sizeof(*u));
    struct kist_unpack_sink sink = {.decoder = NULL};
    struct kist_tar *tar = NULL;
    int rc = u ? kist_tar_new(&tar, &handler, u, err) : kist_error_nomem(err);

    if (rc == 0) {
        u->writing = w;
        rc = kist_unpack_sink_init(&sink, kist_tar_sink(tar), err);
    }
    rc = rc == 0 ? unpack(u, item, &sink.sink, err) : rc;
    kist_unpack_sink_release(&sink);
    kist_tar_free(tar);
    if (u) {
        free(u->extents);
    }
    free(u);
    return rc;
}
