#include "codec/tar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar_parts.h"

enum tar_state {
    STATE_HEADER,
    STATE_BODY,        /* of an extended header, or of a member that is skipped */
    STATE_SPARSE_OLD,  /* further blocks of the old GNU map, before the data */
    STATE_SPARSE_TEXT, /* the map of pax form 1.0, in front of the data */
    STATE_DATA,
    STATE_PADDING,
    STATE_TAIL, /* after the end blocks: anything */
};

struct kist_tar {
    struct kist_sink sink;
    const struct kist_tar_handler *handler;
    void *arg;

    enum tar_state state;
    uint64_t left;  /* bytes of body, data or padding still to come */
    size_t padding; /* bytes that follow body or data up to a whole block */
    bool started;   /* a first header was read */
    bool blank;     /* the last block was the first of the two end blocks */

    const unsigned char *chunk; /* of the write going on */
    const unsigned char *raw;   /* in it, the first byte not yet told of */
    uint64_t passed;            /* bytes of the stream before chunk */
    uint64_t header_at;         /* where the last header began */

    unsigned char block[KIST_TAR_BLOCK_SIZE]; /* a block that came in pieces */
    size_t block_len;

    struct kist_tar_extended extended;
    struct kist_tar_header header; /* the last one */
    struct kist_tar_entry entry;   /* the member it is, once that is told by its type */
    struct kist_tar_map map;
};

static int bad(struct kist_tar *t, struct kist_error *err, const char *what)
{
    return kist_error_set(err, KIST_E_CORRUPT, "damaged tar member at offset %" PRIu64 ": %s", t->header_at,
                          what);
}

static int in_member(struct kist_tar *t, struct kist_error *err, int rc)
{
    if (rc == KIST_E_CORRUPT) {
        (void)kist_error_wrap(err, "damaged tar member at offset %" PRIu64, t->header_at);
    }
    return rc;
}

/* Tells of the bytes before p that have not been told of. */
static int flush_raw(struct kist_tar *t, const unsigned char *p, struct kist_error *err)
{
    const unsigned char *from = t->raw;

    t->raw = p;
    return p > from ? t->handler->raw(t->arg, from, (size_t)(p - from), err) : 0;
}

/* The next block, p moved past it, or NULL while it is not whole. */
static const unsigned char *take_block(struct kist_tar *t, const unsigned char **p, const unsigned char *end)
{
    const unsigned char *block = *p;
    size_t take;

    if (t->block_len == 0 && (size_t)(end - *p) >= KIST_TAR_BLOCK_SIZE) {
        *p += KIST_TAR_BLOCK_SIZE;
        return block;
    }
    take = KIST_MIN((size_t)(end - *p), KIST_TAR_BLOCK_SIZE - t->block_len);
    memcpy(t->block + t->block_len, *p, take);
    *p += take;
    t->block_len += take;
    if (t->block_len < KIST_TAR_BLOCK_SIZE) {
        return NULL;
    }
    t->block_len = 0;
    return t->block;
}

/* What comes next are size bytes in state, and the padding to a whole block. */
static void expect(struct kist_tar *t, enum tar_state state, uint64_t size)
{
    t->state = state;
    t->left = size;
    t->padding = (size_t)(-size % KIST_TAR_BLOCK_SIZE);
}

static void expect_padding(struct kist_tar *t)
{
    t->state = t->padding > 0 ? STATE_PADDING : STATE_HEADER;
    t->left = t->padding;
}

/* ---- extended headers, and members that are skipped ---- */

static int end_body(struct kist_tar *t, struct kist_error *err)
{
    expect_padding(t);
    if (!kist_tar_extended_type(t->header.type)) {
        return 0;
    }
    return in_member(t, err, kist_tar_extended_end(&t->extended, t->header.type, &t->map, err));
}

static int begin_extended(struct kist_tar *t, struct kist_error *err)
{
    int rc = in_member(t, err, kist_tar_extended_begin(&t->extended, t->header.size, err));

    expect(t, STATE_BODY, t->header.size);
    return rc == 0 && t->left == 0 ? end_body(t, err) : rc;
}

static int begin_skipped(struct kist_tar *t, struct kist_error *err)
{
    const struct kist_tar_pax *pax = kist_tar_extended_pax(&t->extended);

    expect(t, STATE_BODY, (pax->said & KIST_TAR_SIZE) != 0 ? pax->size : t->header.size);
    kist_tar_extended_used(&t->extended);
    return t->left == 0 ? end_body(t, err) : 0;
}

static int feed_body(struct kist_tar *t, const unsigned char **p, const unsigned char *end,
                     struct kist_error *err)
{
    size_t take = (size_t)KIST_MIN(t->left, (uint64_t)(end - *p));
    int rc = kist_tar_extended_type(t->header.type) ? kist_buf_add(&t->extended.body, *p, take, err) : 0;

    *p += take;
    t->left -= take;
    return rc == 0 && t->left == 0 ? end_body(t, err) : rc;
}

/* ---- members ---- */

static int end_data(struct kist_tar *t, struct kist_error *err)
{
    expect_padding(t);
    return t->handler->end(t->arg, err);
}

/* The member is known in full; its data begins at p. */
static int begin_data(struct kist_tar *t, const unsigned char *p, struct kist_error *err)
{
    struct kist_tar_entry *e = &t->entry;
    int rc;

    if (e->sparse) {
        if (t->map.end > e->size || t->map.stored != e->stored) {
            return bad(t, err, "sparse map does not add up");
        }
        e->extents = t->map.extents;
        e->extent_count = t->map.count;
    }
    expect(t, STATE_DATA, e->stored);
    rc = flush_raw(t, p, err);
    if (rc == 0) {
        rc = t->handler->entry(t->arg, e, err);
    }
    kist_tar_extended_used(&t->extended);
    return rc == 0 && t->left == 0 ? end_data(t, err) : rc;
}

static int begin_sparse_old(struct kist_tar *t, const unsigned char *block, const unsigned char *p,
                            struct kist_error *err)
{
    const size_t at_map = 386, at_more = 482, at_size = 483;
    int64_t size;
    int rc;

    if (!kist_tar_number(block + at_size, 12, &size) || size < 0) {
        return bad(t, err, "size is not a number");
    }
    t->entry.sparse = true;
    t->entry.size = (uint64_t)size;
    kist_tar_map_clear(&t->map);
    rc = in_member(t, err, kist_tar_map_add_old(&t->map, block + at_map, 4, err));
    if (rc == 0 && block[at_more] != 0) {
        t->state = STATE_SPARSE_OLD;
        return 0;
    }
    return rc == 0 ? begin_data(t, p, err) : rc;
}

static int on_sparse_old(struct kist_tar *t, const unsigned char *block, const unsigned char *p,
                         struct kist_error *err)
{
    const size_t at_more = 504;
    int rc = in_member(t, err, kist_tar_map_add_old(&t->map, block, 21, err));

    return rc == 0 && block[at_more] == 0 ? begin_data(t, p, err) : rc;
}

static int on_sparse_text(struct kist_tar *t, const unsigned char *block, const unsigned char *p,
                          struct kist_error *err)
{
    int rc;

    if (t->entry.stored < KIST_TAR_BLOCK_SIZE) {
        return bad(t, err, "sparse map is longer than the data");
    }
    t->entry.stored -= KIST_TAR_BLOCK_SIZE;
    rc = in_member(t, err, kist_tar_map_add_block(&t->map, block, err));
    return rc > 0 ? begin_data(t, p, err) : rc;
}

/* A file whose pax records may say that it is sparse. */
static int begin_file(struct kist_tar *t, const unsigned char *p, struct kist_error *err)
{
    const struct kist_tar_pax *pax = kist_tar_extended_pax(&t->extended);
    const unsigned version = KIST_TAR_SPARSE_MAJOR | KIST_TAR_SPARSE_MINOR;
    struct kist_tar_entry *e = &t->entry;

    if ((pax->said & (version | KIST_TAR_SPARSE_MAP)) == 0) {
        return begin_data(t, p, err);
    }
    e->sparse = true;
    if ((pax->said & KIST_TAR_REAL_SIZE) != 0) {
        e->size = pax->real_size;
    }
    if ((pax->said & version) == version && pax->sparse_major == 1 && pax->sparse_minor == 0) {
        kist_tar_map_clear(&t->map);
        t->state = STATE_SPARSE_TEXT;
        return 0;
    }
    if ((pax->said & version) != 0 && (pax->sparse_major != 0 || pax->sparse_minor > 1)) {
        return bad(t, err, "unknown form of sparse map");
    }
    return begin_data(t, p, err);
}

static int begin_member(struct kist_tar *t, const unsigned char *block, const unsigned char *p,
                        struct kist_error *err)
{
    int rc = in_member(t, err, kist_tar_extended_apply(&t->extended, &t->header, &t->entry, err));

    if (rc < 0) {
        return rc;
    }
    if (t->header.type == 'S') {
        return begin_sparse_old(t, block, p, err);
    }
    return t->entry.type == KIST_TAR_FILE ? begin_file(t, p, err) : begin_data(t, p, err);
}

static int feed_data(struct kist_tar *t, const unsigned char **p, const unsigned char *end,
                     struct kist_error *err)
{
    size_t take = (size_t)KIST_MIN(t->left, (uint64_t)(end - *p));
    int rc = t->handler->data(t->arg, *p, take, err);

    *p += take;
    t->raw = *p;
    t->left -= take;
    return rc == 0 && t->left == 0 ? end_data(t, err) : rc;
}

uint64_t kist_tar_data_left(const struct kist_tar *t)
{
    return t->state == STATE_DATA ? t->left : 0;
}

int kist_tar_data_skip(struct kist_tar *t, uint64_t len, struct kist_error *err)
{
    int rc = 0;

    if (len == 0 || len > kist_tar_data_left(t)) {
        return len == 0 ? 0 : bad(t, err, "less data than is passed over");
    }
    while (rc == 0 && len > 0) {
        size_t take = (size_t)KIST_MIN(len, (uint64_t)1 << 30);

        rc = t->handler->data(t->arg, NULL, take, err);
        t->passed += take;
        t->left -= take;
        len -= take;
    }
    return rc == 0 && t->left == 0 ? end_data(t, err) : rc;
}

/* ---- the stream ---- */

/* Types that stand for no file: volume labels, continued volumes, dumps of directories. */
static bool is_vendor(unsigned char type)
{
    return type >= 'A' && type <= 'Z' && type != 'S';
}

static int on_blank(struct kist_tar *t, struct kist_error *err)
{
    if (kist_tar_extended_pending(&t->extended)) {
        return bad(t, err, "extended header without a member");
    }
    if (t->blank) {
        t->state = STATE_TAIL;
    }
    t->blank = true;
    return 0;
}

static int on_header(struct kist_tar *t, const unsigned char *block, const unsigned char *p,
                     struct kist_error *err)
{
    int rc;

    t->header_at = t->passed + (uint64_t)(p - t->chunk) - KIST_TAR_BLOCK_SIZE;
    if (kist_tar_header_blank(block)) {
        return on_blank(t, err);
    }
    if (!kist_tar_header_valid(block)) {
        return t->started ? bad(t, err, "wrong checksum")
                          : kist_error_set(err, KIST_E_CORRUPT, "not a tar archive");
    }
    if (t->blank) {
        return bad(t, err, "it follows an end block");
    }
    t->started = true;
    rc = in_member(t, err, kist_tar_header_read(&t->header, block, err));
    if (rc < 0) {
        return rc;
    }
    if (kist_tar_extended_type(t->header.type)) {
        return begin_extended(t, err);
    }
    if (is_vendor(t->header.type)) {
        return begin_skipped(t, err);
    }
    return begin_member(t, block, p, err);
}

static int feed_block(struct kist_tar *t, const unsigned char **p, const unsigned char *end,
                      struct kist_error *err)
{
    const unsigned char *block = take_block(t, p, end);

    if (!block) {
        return 0;
    }
    switch (t->state) {
    case STATE_SPARSE_OLD:
        return on_sparse_old(t, block, *p, err);
    case STATE_SPARSE_TEXT:
        return on_sparse_text(t, block, *p, err);
    default:
        return on_header(t, block, *p, err);
    }
}

static void feed_padding(struct kist_tar *t, const unsigned char **p, const unsigned char *end)
{
    size_t take = (size_t)KIST_MIN(t->left, (uint64_t)(end - *p));

    *p += take;
    t->left -= take;
    if (t->left == 0) {
        t->state = STATE_HEADER;
    }
}

static int tar_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_tar *t = KIST_CONTAINER_OF(sink, struct kist_tar, sink);
    const unsigned char *p = data, *end = p + len;
    int rc = 0;

    t->chunk = t->raw = p;
    while (rc == 0 && p < end) {
        switch (t->state) {
        case STATE_HEADER:
        case STATE_SPARSE_OLD:
        case STATE_SPARSE_TEXT:
            rc = feed_block(t, &p, end, err);
            break;
        case STATE_BODY:
            rc = feed_body(t, &p, end, err);
            break;
        case STATE_DATA:
            rc = feed_data(t, &p, end, err);
            break;
        case STATE_PADDING:
            feed_padding(t, &p, end);
            break;
        case STATE_TAIL:
            p = end;
            break;
        }
    }
    t->passed += len;
    return rc == 0 ? flush_raw(t, end, err) : rc;
}

/* Some writers end without end blocks, or after the first of them, or without the padding before. */
static bool may_end(const struct kist_tar *t)
{
    switch (t->state) {
    case STATE_HEADER:
        return t->block_len == 0 || (t->blank && memcmp(t->block, kist_zeros, t->block_len) == 0);
    case STATE_PADDING:
    case STATE_TAIL:
        return true;
    default:
        return false;
    }
}

static int tar_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_tar *t = KIST_CONTAINER_OF(sink, struct kist_tar, sink);

    if (!may_end(t)) {
        return t->started ? kist_error_set(err, KIST_E_CORRUPT,
                                           "tar archive is truncated at %" PRIu64 " bytes", t->passed)
                          : kist_error_set(err, KIST_E_CORRUPT, "not a tar archive");
    }
    if (kist_tar_extended_pending(&t->extended)) {
        return bad(t, err, "extended header without a member");
    }
    return t->handler->finish(t->arg, err);
}

int kist_tar_new(struct kist_tar **out, const struct kist_tar_handler *handler, void *arg,
                 struct kist_error *err)
{
    static const struct kist_sink_ops ops = {tar_write, tar_finish};
    struct kist_tar *t = calloc(1, sizeof(*t));

    *out = t;
    if (!t) {
        return kist_error_nomem(err);
    }
    t->sink.ops = &ops;
    t->handler = handler;
    t->arg = arg;
    kist_tar_extended_init(&t->extended);
    return 0;
}

void kist_tar_free(struct kist_tar *t)
{
    if (!t) {
        return;
    }
    kist_tar_extended_release(&t->extended);
    kist_tar_map_release(&t->map);
    free(t);
}

struct kist_sink *kist_tar_sink(struct kist_tar *t)
{
    return &t->sink;
}
