/* A layer whose writer died is gone on with, and gets the bytes it would have had. */
#include "layer_write_fixture.h"

#define BLOCK ((size_t)128 << 10)

/* Bytes that look random but are the same every time. */
static void fill(unsigned char *p, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525U + 1013904223U;
        p[i] = (unsigned char)(seed >> 24) & (seed & 0x400 ? 0xff : 0x1f);
    }
}

static void add_file(struct kist_buf *tar, const char *name, size_t size, size_t zeros_from, size_t zeros)
{
    unsigned char *data = malloc(size + 1);

    if (!data)
        abort();
    fill(data, size, (uint32_t)size);
    memset(data + zeros_from, 0, zeros);
    maker_body(tar, '0', name, data, size);
    free(data);
}

/* A sparse file of GNU's old form: 3 stretches in 700,000 bytes. */
static void add_sparse(struct kist_buf *tar)
{
    static const size_t stretches[][2] = {{0, 512}, {BLOCK * 2, 200000}, {600000, 100000}};
    unsigned char *data = malloc(300512);
    size_t at = maker_header(tar, 'S', "sparse", 300512);
    char field[12] = "";

    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++) {
            maker_octal(field, 11, stretches[i][k]);
            maker_set(tar, at, 386 + 24 * i + 12 * k, field, 12);
        }
    maker_octal(field, 11, 700000);
    maker_set(tar, at, 483, field, 12);
    fill(data, 300512, 3);
    maker_add(tar, data, 300512);
    maker_pad(tar);
    free(data);
}

/* All that a writer can be in the middle of; the recipe of many headers fills more than one chunk. */
static void make_tar(struct kist_buf *tar, unsigned many)
{
    static const char *const few[] = {
        "d bin",        "f bin/a text", "l bin/b a",   "h bin/c bin/a",        "@ user.note=value",
        "f bin/d more", "d dev 700",    "c dev/n 1,3", "f dir/.wh..wh..opq x", "f dir/.wh.gone x",
        "p fifo",       "f bin/a again"};
    char name[100];

    for (size_t i = 0; i < KIST_COUNT(few); i++)
        fixture_member(tar, few[i]);
    add_file(tar, "tail", 3 * BLOCK - 77, 0, 0);
    add_file(tar, "zeros", 5 * BLOCK + 3, 0, 5 * BLOCK + 3);
    add_file(tar, "hole", 4 * BLOCK, BLOCK + 1, 2 * BLOCK);
    add_sparse(tar);
    add_file(tar, "block", BLOCK, 0, 0);
    for (unsigned i = 0; i < many; i++) {
        (void)snprintf(name, sizeof(name), "many/%u/%s%u", i % 7,
                       "a name that makes it longer than it need be, for the recipe ", i);
        maker_file(tar, name, i % 2 ? "text" : "");
        if (i % 200 == 0)
            add_file(tar, "many/large", 60000 + i, 0, 0);
    }
    maker_end(tar);
    maker_add(tar, "follows", 7);
}

struct target {
    struct fixture f;
    struct port_file *file, *journal;
    struct kist_digest subject;
    const struct kist_layer_options *options;
};

static void open_files(struct target *t)
{
    if (port_file_open_rw(&t->file, t->f.dir, "resumed", &t->f.err) < 0 ||
        port_file_open_rw(&t->journal, t->f.dir, "journal", &t->f.err) < 0)
        abort();
}

static void close_files(struct target *t)
{
    port_file_discard(t->file);
    port_file_discard(t->journal);
}

static int take_mark(struct kist_layer_writer *w, uint64_t at, bool sync, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    int rc = kist_layer_writer_state(w, &state, err);

    if (rc == 0)
        rc = kist_buf_add(&state, &at, sizeof(at), err);
    return rc < 0 ? rc : kist_layer_writer_mark(w, &state, sync, err);
}

/*
 * From where it can be gone on, in pieces, with a mark after every so many, up to byte end, where the process
 * dies; at the tar's end the layer is sealed. *from is where it began.
 */
static int go_on(struct target *t, const struct kist_buf *tar, size_t piece, size_t every, size_t end,
                 uint64_t *from)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct kist_layer_writer *w;
    struct kist_digest diff_id;
    size_t at, own, n = 0;
    int rc;

    open_files(t);
    *from = 0;
    rc = kist_layer_writer_resume(&w, t->file, t->journal, &t->subject, t->options, &state, &own, &t->f.err);
    if (rc > 0) {
        CHECK_INT(state.len - own, sizeof(*from));
        memcpy(from, state.data + own, sizeof(*from));
        rc = 0;
    }
    for (at = (size_t)*from; rc == 0 && at < end;) {
        size_t len = KIST_MIN(piece, end - at);

        rc = kist_sink_write(kist_layer_writer_sink(w), tar->data + at, len, &t->f.err);
        at += len;
        if (rc == 0 && ++n % every == 0)
            rc = take_mark(w, at, n % 2, &t->f.err);
    }
    if (rc == 0 && end == tar->len) {
        rc = kist_sink_finish(kist_layer_writer_sink(w), &t->f.err);
        kist_digest_of(&diff_id, tar->data, tar->len);
        if (rc == 0)
            rc = kist_layer_writer_seal(w, &diff_id, NULL, &t->f.err);
    }
    kist_layer_writer_free(w);
    close_files(t);
    return rc;
}

static void read_all(struct fixture *f, const char *name, struct kist_buf *out)
{
    struct port_file *file;
    uint64_t size = 0;
    size_t got = 0;

    kist_buf_clear(out);
    if (port_file_open(&file, f->dir, name, &f->err) < 0)
        return;
    if (port_file_size(file, &size, &f->err) < 0 || kist_buf_reserve(out, (size_t)size + 1, NULL) < 0 ||
        port_file_read_at(file, 0, out->data, (size_t)size, &got, &f->err) < 0)
        abort();
    out->len = got;
    port_file_discard(file);
}

static void write_all(struct fixture *f, const char *name, const void *data, size_t len)
{
    struct port_file *file;

    if (port_file_create(&file, f->dir, name, true, &f->err) < 0 ||
        port_file_append(file, data, len, &f->err) < 0)
        abort();
    port_file_discard(file);
}

static void target_init(struct target *t, const struct kist_buf *tar,
                        const struct kist_layer_options *options, struct kist_buf *want)
{
    if (!fixture_init(&t->f))
        abort();
    t->options = options;
    kist_digest_of(&t->subject, "subject", 7);
    CHECK_OK(fixture_write(&t->f, tar, SIZE_MAX / 2, options), t->f.err);
    read_all(&t->f, "layer", want);
}

static void check_same(struct target *t, const struct kist_buf *want)
{
    KIST_AUTO(buf) struct kist_buf got = MAKER_INIT;

    read_all(&t->f, "resumed", &got);
    CHECK_INT(got.len, want->len);
    if (got.len == want->len)
        CHECK_MEM(got.data, want->data, want->len);
}

static void check_dying(const char *label, const struct kist_layer_options *options, size_t piece,
                        size_t every)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf want = MAKER_INIT;
    struct target t;
    uint64_t from, before = 0;
    size_t step;

    TEST_CASE(label);
    make_tar(&tar, 1500);
    target_init(&t, &tar, options, &want);
    step = tar.len / 9;
    for (size_t end = step; end < tar.len; end += step) {
        CHECK_OK(go_on(&t, &tar, piece, every, end, &from), t.f.err);
        CHECK(from + piece * every > before); /* no more is lost than what came since the last mark */
        CHECK(from <= before);
        before = end;
    }
    CHECK_OK(go_on(&t, &tar, piece, every, tar.len, &from), t.f.err);
    CHECK(from + piece * every > before);
    check_same(&t, &want);
    fixture_release(&t.f);
}

TEST(goes_on_after_each_death)
{
    static const struct kist_layer_options zstd = {.compressor = KIST_LAYER_ZSTD, .level = 1},
                                           gzip = {.compressor = KIST_LAYER_GZIP, .level = 1},
                                           threads = {
                                               .compressor = KIST_LAYER_ZSTD, .level = 1, .workers = 3};

    check_dying("zstd", &zstd, 4096, 7);
    check_dying("odd pieces", &zstd, 1777, 31);
    check_dying("gzip", &gzip, 7001, 11);
    check_dying("threads", &threads, 10007, 5);
}

TEST(goes_on_from_every_place)
{
    static const struct kist_layer_options options = {.compressor = KIST_LAYER_GZIP, .level = 1};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf want = MAKER_INIT;
    struct target t;
    uint64_t from;

    for (unsigned i = 0; i < 3; i++)
        fixture_member(&tar, i == 0 ? "@ user.a=b" : i == 1 ? "f a text" : "l b a");
    add_file(&tar, "c", 700, 100, 300);
    maker_end(&tar);
    target_init(&t, &tar, &options, &want);
    for (size_t end = 1; end<tar.len; end += end % 512> 8 && end % 512 < 500 ? 61 : 1) {
        write_all(&t.f, "journal", "", 0);
        CHECK_OK(go_on(&t, &tar, end, 1, end, &from), t.f.err);
        CHECK_OK(go_on(&t, &tar, tar.len, 1, tar.len, &from), t.f.err);
        CHECK_INT(from, end);
        check_same(&t, &want);
    }
    fixture_release(&t.f);
}

/* Half of a layer, its marks few and small; then what the journal or the layer file has become of it. */
struct damage {
    struct target t;
    struct kist_buf tar, want, journal, half;
};

static void damage_init(struct damage *d)
{
    static const struct kist_layer_options options = {.compressor = KIST_LAYER_ZSTD, .level = 1};
    uint64_t from;

    *d = (struct damage){.tar = MAKER_INIT, .want = MAKER_INIT, .journal = MAKER_INIT, .half = MAKER_INIT};
    fixture_member(&d->tar, "f a text");
    add_file(&d->tar, "large", BLOCK, 0, BLOCK - 300);
    fixture_member(&d->tar, "f b text");
    add_file(&d->tar, "larger", 2 * BLOCK, 0, 2 * BLOCK - 100);
    maker_end(&d->tar);
    target_init(&d->t, &d->tar, &options, &d->want);
    CHECK_OK(go_on(&d->t, &d->tar, 70000, 1, 280000, &from), d->t.f.err);
    read_all(&d->t.f, "journal", &d->journal);
    read_all(&d->t.f, "resumed", &d->half);
}

static void damage_release(struct damage *d)
{
    fixture_release(&d->t.f);
    kist_buf_release(&d->tar);
    kist_buf_release(&d->want);
    kist_buf_release(&d->journal);
    kist_buf_release(&d->half);
}

/* Whatever the two files hold now, the layer becomes what it must. */
static uint64_t check_becomes(struct damage *d, const struct kist_buf *journal, size_t journal_len,
                              const struct kist_buf *half, size_t half_len)
{
    uint64_t from = 0;

    write_all(&d->t.f, "journal", journal->data, journal_len);
    write_all(&d->t.f, "resumed", half->data, half_len);
    CHECK_OK(go_on(&d->t, &d->tar, d->tar.len, 1, d->tar.len, &from), d->t.f.err);
    check_same(&d->t, &d->want);
    return from;
}

TEST(no_byte_of_the_journal_can_be_another)
{
    struct damage d;

    damage_init(&d);
    CHECK_INT(check_becomes(&d, &d.journal, d.journal.len, &d.half, d.half.len), 280000);
    for (size_t i = 0; i < d.journal.len; i++) {
        d.journal.data[i] ^= (char)(1 << i % 8);
        CHECK(check_becomes(&d, &d.journal, d.journal.len, &d.half, d.half.len) < 280000);
        d.journal.data[i] ^= (char)(1 << i % 8);
    }
    for (size_t len = 0; len < d.journal.len; len += 3)
        CHECK(check_becomes(&d, &d.journal, len, &d.half, d.half.len) < 280000);
    damage_release(&d);
}

TEST(no_byte_of_the_layer_can_be_another)
{
    struct damage d;

    damage_init(&d);
    for (size_t i = 96; i < d.half.len; i++) {
        d.half.data[i] ^= 1;
        CHECK(check_becomes(&d, &d.journal, d.journal.len, &d.half, d.half.len) < 280000);
        d.half.data[i] ^= 1;
    }
    for (size_t len = 0; len < d.half.len; len += 3)
        CHECK(check_becomes(&d, &d.journal, d.journal.len, &d.half, len) < 280000);
    damage_release(&d);
}

TEST(another_subject_or_compressor_begins_anew)
{
    static const struct kist_layer_options other = {.compressor = KIST_LAYER_ZSTD, .level = 2};
    const struct kist_layer_options *same;
    struct damage d;
    uint64_t from;

    damage_init(&d);
    same = d.t.options;
    d.t.options = &other;
    CHECK_OK(go_on(&d.t, &d.tar, 1000, 1000, 1000, &from), d.t.f.err);
    CHECK_INT(from, 0);
    d.t.options = same;
    write_all(&d.t.f, "journal", d.journal.data, d.journal.len);
    write_all(&d.t.f, "resumed", d.half.data, d.half.len);
    kist_digest_of(&d.t.subject, "another", 7);
    CHECK_OK(go_on(&d.t, &d.tar, 1000, 1000, 1000, &from), d.t.f.err);
    CHECK_INT(from, 0);
    damage_release(&d);
}
