/* File contents, block by block; what does not depend on threads or pieces; and where the writer stops. */
#include "layer_write_fixture.h"

#define BLOCK ((size_t)128 << 10)

/* Bytes that look random but are the same every time. */
static void fill(unsigned char *p, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525U + 1013904223U;
        p[i] = (unsigned char)(seed >> 24);
    }
}

/* Text: shrinks. */
static void fill_text(unsigned char *p, size_t len, uint32_t seed)
{
    static const char words[] = "layer image block fragment inode table ";

    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)words[(i + i / 97 * seed) % (sizeof(words) - 1)];
}

static void check_contents(struct fixture *f, const char *path, const void *want, size_t len)
{
    KIST_AUTO(buf) struct kist_buf got = MAKER_INIT;
    struct text_sink sink = {{&text_ops}, &got};

    CHECK_OK(kist_layer_read(f->layer, path, &sink.sink, &f->err), f->err);
    CHECK_INT(got.len, len);
    if (got.len == len && len > 0)
        CHECK_MEM(got.data, want, len);
}

static const struct {
    const char *label;
    size_t size;
    size_t zeros_from, zeros; /* a stretch of zeros in it */
    bool text;
} files[] = {
    {"empty", 0, 0, 0, false},
    {"one-byte", 1, 0, 0, false},
    {"one-zero", 1, 0, 1, false},
    {"below", BLOCK - 1, 0, 0, false},
    {"block", BLOCK, 0, 0, false},
    {"above", BLOCK + 1, 0, 0, true},
    {"three", 3 * BLOCK, 0, 0, true},
    {"tail", 3 * BLOCK - 77, 0, 0, true},
    {"hole-first", 3 * BLOCK + 5, 0, BLOCK, false},
    {"hole-between", 4 * BLOCK, BLOCK + 1, 2 * BLOCK, true},
    {"hole-last", 2 * BLOCK + 100, 2 * BLOCK, 100, true},
    {"zeros", 5 * BLOCK + 3, 0, 5 * BLOCK + 3, false},
    {"small-zeros", 5000, 0, 5000, false},
    {"raw-small", 100000, 0, 0, false},
    {"text-small", 100000, 0, 0, true},
};

static unsigned char *make_file(size_t i)
{
    unsigned char *data = malloc(files[i].size + 1);

    if (!data)
        abort();
    if (files[i].text)
        fill_text(data, files[i].size, (uint32_t)i + 1);
    else
        fill(data, files[i].size, (uint32_t)i + 1);
    memset(data + files[i].zeros_from, 0, files[i].zeros);
    return data;
}

static void make_files(struct kist_buf *tar)
{
    for (size_t i = 0; i < KIST_COUNT(files); i++) {
        unsigned char *data = make_file(i);

        maker_body(tar, '0', files[i].label, data, files[i].size);
        free(data);
    }
    maker_end(tar);
}

TEST(contents_come_back)
{
    static const struct kist_layer_options options[] = {{.compressor = KIST_LAYER_ZSTD},
                                                        {.compressor = KIST_LAYER_GZIP, .level = 1}};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_files(&tar);
    for (size_t o = 0; o < KIST_COUNT(options); o++) {
        REQUIRE_OK(fixture_write(&f, &tar, 65536, &options[o]), f.err);
        fixture_check(&f, &tar);
        for (size_t i = 0; i < KIST_COUNT(files); i++) {
            unsigned char *data = make_file(i);

            TEST_CASE(files[i].label);
            check_contents(&f, files[i].label, data, files[i].size);
            free(data);
        }
    }
    fixture_release(&f);
}

static void file_digest(struct fixture *f, struct kist_digest *digest)
{
    struct port_file *file;
    size_t got;
    uint64_t size = 0;
    unsigned char *data;

    REQUIRE_OK(port_file_open(&file, f->dir, "layer", &f->err), f->err);
    CHECK_OK(port_file_size(file, &size, &f->err), f->err);
    CHECK_INT(size, f->info.file_bytes);
    CHECK_INT(size % 512, 0);
    CHECK_INT(f->info.squashfs_bytes % 4096, 0);
    data = malloc(size);
    CHECK_OK(port_file_read_at(file, 0, data, size, &got, &f->err), f->err);
    kist_digest_of(digest, data, got);
    free(data);
    port_file_discard(file);
}

TEST(neither_threads_nor_pieces_change_a_byte)
{
    static const struct {
        unsigned workers;
        size_t piece;
    } rows[] = {{0, SIZE_MAX / 4}, {0, 1000}, {1, 65536}, {2, 4097}, {5, 65536}};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct kist_digest first, digest;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_files(&tar);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_layer_options options = {.workers = rows[i].workers};

        REQUIRE_OK(fixture_write(&f, &tar, rows[i].piece, &options), f.err);
        file_digest(&f, i ? &digest : &first);
        CHECK(i == 0 || kist_digest_equal(&first, &digest));
    }
    fixture_release(&f);
}

TEST(holes_and_text_cost_little)
{
    static const struct kist_layer_options options = {0};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    unsigned char *zeros = calloc(1, 20 * BLOCK);
    struct fixture f;

    REQUIRE(zeros && fixture_init(&f));
    maker_body(&tar, '0', "zeros", zeros, 20 * BLOCK);
    fill_text(zeros, 2 * BLOCK, 3);
    maker_body(&tar, '0', "text", zeros, 2 * BLOCK);
    free(zeros);
    maker_end(&tar);
    REQUIRE_OK(fixture_write(&f, &tar, 65536, &options), f.err);
    CHECK(f.info.file_bytes <= 8192);
    CHECK(f.info.recipe_bytes < 400);
    fixture_check(&f, &tar);
    fixture_release(&f);
}

/* An old GNU sparse member with up to four stretches. */
struct stretch {
    uint64_t offset, len;
};

static void add_sparse(struct kist_buf *tar, const char *name, uint64_t size, const struct stretch *s,
                       size_t n)
{
    uint64_t stored = 0;
    unsigned char *data;
    char field[12] = {0};
    size_t at;

    for (size_t i = 0; i < n; i++)
        stored += s[i].len;
    at = maker_header(tar, 'S', name, (int64_t)stored);
    maker_set(tar, at, 257, "ustar  ", 8);
    for (size_t i = 0; i < n; i++) {
        maker_octal(field, 11, s[i].offset);
        maker_set(tar, at, 386 + 24 * i, field, 12);
        maker_octal(field, 11, s[i].len);
        maker_set(tar, at, 398 + 24 * i, field, 12);
    }
    maker_octal(field, 11, size);
    maker_set(tar, at, 483, field, 12);
    data = malloc(stored + 1);
    if (!data)
        abort();
    fill(data, stored, 9);
    maker_add(tar, data, stored);
    maker_pad(tar);
    free(data);
}

TEST(sparse_files)
{
    static const struct {
        const char *label;
        uint64_t size;
        size_t n;
        struct stretch s[4];
    } rows[] = {
        {"nothing but hole", 3 * BLOCK + 10, 0, {{0, 0}}},
        {"small, nothing but hole", 10, 0, {{0, 0}}},
        {"small", 5000, 2, {{100, 5}, {4000, 1000}}},
        {"holes at both ends", 10 * BLOCK + 1, 2, {{2 * BLOCK, 1000}, {7 * BLOCK - 1, 2}}},
        {"stretches that touch", 2 * BLOCK, 3, {{0, 10}, {10, 20}, {BLOCK - 5, 10}}},
        {"a stretch of no bytes at the end", 8 * BLOCK, 2, {{5, 5}, {8 * BLOCK, 0}}},
        {"whole blocks", 4 * BLOCK, 2, {{0, BLOCK}, {3 * BLOCK, BLOCK}}},
    };
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        const struct kist_layer_options options = {.workers = (unsigned)i % 2};
        unsigned char *want = calloc(1, rows[i].size), *data = malloc(2 * BLOCK);
        uint64_t at = 0;

        REQUIRE(want && data);
        TEST_CASE(rows[i].label);
        add_sparse(&tar, "s", rows[i].size, rows[i].s, rows[i].n);
        maker_file(&tar, "after", "x");
        maker_end(&tar);
        fill(data, 2 * BLOCK, 9);
        for (size_t k = 0; k < rows[i].n; at += rows[i].s[k++].len)
            memcpy(want + rows[i].s[k].offset, data + at, rows[i].s[k].len);
        CHECK_OK(fixture_write(&f, &tar, 1000, &options), f.err);
        if (f.layer) {
            check_contents(&f, "s", want, rows[i].size);
            check_contents(&f, "after", "x", 1);
            fixture_check(&f, &tar);
        }
        free(want);
        free(data);
    }
    fixture_release(&f);
}

TEST(odd_ends_come_back)
{
    static const struct kist_layer_options options = {0};
    static const size_t tails[] = {0, 512, 1024, 10240, 300000, 1000000};
    unsigned char *noise = malloc(300000);
    struct fixture f;

    REQUIRE(noise && fixture_init(&f));
    fill(noise, 300000, 4);
    for (size_t i = 0; i < 2 * KIST_COUNT(tails); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        unsigned char *zeros = calloc(1, tails[i / 2] + 1);

        REQUIRE(zeros);
        maker_file(&tar, "a", "x");
        maker_add(&tar, zeros, tails[i / 2]);
        if (i % 2 && tails[i / 2] >= 1024)
            maker_add(&tar, noise, 300000); /* what follows the end is no tar any more */
        CHECK_OK(fixture_write(&f, &tar, 7777, &options), f.err);
        if (f.layer)
            fixture_check(&f, &tar);
        free(zeros);
    }
    free(noise);
    fixture_release(&f);
}

TEST(replaced_contents_stay_in_the_tar)
{
    static const struct kist_layer_options options = {.workers = 1};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    unsigned char *data = malloc(3 * BLOCK);
    struct fixture f;

    REQUIRE(data && fixture_init(&f));
    for (uint32_t i = 0; i < 4; i++) {
        fill(data, 3 * BLOCK, i);
        maker_body(&tar, '0', i % 2 ? "a" : "a/b", data, 2 * BLOCK + i);
        if (i % 2)
            maker_header(&tar, '5', "a", 0);
    }
    maker_body(&tar, '0', ".wh..wh.plnk/7", data, 70000);
    maker_end(&tar);
    free(data);
    REQUIRE_OK(fixture_write(&f, &tar, 5000, &options), f.err);
    fixture_check(&f, &tar);
    CHECK_INT(f.info.inodes, 2);
    fixture_release(&f);
}

static int check_time(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)err;
    CHECK_INT(e->mtime, *(const int64_t *)arg);
    return 0;
}

TEST(times_are_clamped)
{
    static const struct kist_layer_options options = {0};
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {{"-1", 0},
                {"0", 0},
                {"4294967295", 4294967295},
                {"4294967296", 4294967295},
                {"1700000000.9", 1700000000}};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        KIST_AUTO(buf) struct kist_buf record = MAKER_INIT;
        int64_t want = rows[i].want;

        maker_record(&record, "mtime", rows[i].text, strlen(rows[i].text));
        maker_body(&tar, 'x', "pax", record.data, record.len);
        maker_file(&tar, "a", "x");
        REQUIRE_OK(fixture_write(&f, &tar, 512, &options), f.err);
        CHECK_OK(kist_layer_find(f.layer, "a", check_time, &want, &f.err), f.err);
    }
    fixture_release(&f);
}

static int nothing(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)e;
    (void)err;
    ++*(unsigned *)arg;
    return 0;
}

TEST(a_large_directory)
{
    static const struct kist_layer_options options = {.workers = 1};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    unsigned count = 0;
    struct fixture f;
    char name[80];

    REQUIRE(fixture_init(&f));
    for (unsigned i = 0; i < 20000; i++) {
        REQUIRE(kist_str_format(name, sizeof(name), "d/%05u-a-name-of-some-length", i * 7919 % 20000));
        maker_header(&tar, i % 100 ? '0' : '5', name, 0);
    }
    maker_end(&tar);
    REQUIRE_OK(fixture_write(&f, &tar, 65536, &options), f.err);
    CHECK_OK(kist_layer_list(f.layer, nothing, &count, &f.err), f.err);
    CHECK_INT(count, 20002);
    CHECK_INT(f.info.inodes, 20002);
    CHECK_OK(kist_layer_find(f.layer, "d/13579-a-name-of-some-length", nothing, &count, &f.err), f.err);
    CHECK_OK(kist_layer_verify(f.layer, &f.err), f.err);
    fixture_release(&f);
}

TEST(owners_are_limited)
{
    static const struct kist_layer_options options = {0};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char uid[8] = {0}, name[16];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (unsigned i = 0; i < 65536; i++) {
        size_t at;

        REQUIRE(kist_str_format(name, sizeof(name), "%u", i));
        at = maker_header(&tar, '0', name, 0);
        maker_octal(uid, 7, 1000 + i);
        maker_set(&tar, at, 108, uid, 8);
        if (i == 65532) { /* with 0 and the group's 100 that makes 65,535 */
            CHECK_OK(fixture_write(&f, &tar, 65536, &options), f.err);
        }
    }
    CHECK_INT(fixture_write(&f, &tar, 65536, &options), KIST_E_UNSUPPORTED);
    CHECK_STR(f.err.message, "the layer has more than 65535 owners and groups");
    fixture_release(&f);
}

TEST(maxima)
{
    static const struct {
        struct kist_layer_options options;
        const char *message;
    } rows[] = {
        {{.max_inodes = 10}, "the layer has more than 10 files (raise mem)"},
        {{.max_names = 50}, "the layer has more than 50 bytes of names, xattrs and block lists (raise mem)"},
        {{.max_bytes = 500000}, "the layer needs more than 500000 bytes"},
        {{.max_bytes = 500000, .workers = 2}, "the layer needs more than 500000 bytes"},
    };
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct kist_layer_options options = {0};
    struct port_stat st;
    uint64_t whole;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_files(&tar);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        CHECK_INT(fixture_write(&f, &tar, 65536, &rows[i].options), KIST_E_NO_SPACE);
        CHECK_STR(f.err.message, rows[i].message);
        CHECK_OK(port_dir_stat(f.dir, "layer", &st, &f.err), f.err);
        CHECK(rows[i].options.max_bytes == 0 || st.size <= rows[i].options.max_bytes);
    }
    REQUIRE_OK(fixture_write(&f, &tar, 65536, &options), f.err);
    whole = options.max_bytes = f.info.file_bytes;
    CHECK_OK(fixture_write(&f, &tar, 65536, &options), f.err);
    for (uint64_t less = 1; less < 8192; less *= 2) {
        options.max_bytes = whole - less;
        CHECK_INT(fixture_write(&f, &tar, 65536, &options), KIST_E_NO_SPACE);
        CHECK_OK(port_dir_stat(f.dir, "layer", &st, &f.err), f.err);
        CHECK(st.size <= options.max_bytes);
    }
    fixture_release(&f);
}

TEST(no_tar_at_all)
{
    static const struct kist_layer_options options = {.workers = 1};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (unsigned i = 0; i < 100; i++)
        maker_add(&tar, "this is no archive, ", 20);
    CHECK_INT(fixture_write(&f, &tar, 65536, &options), KIST_E_CORRUPT);
    kist_buf_clear(&tar);
    maker_body(&tar, '0', "a", "x", 1);
    tar.len -= 512;
    CHECK_INT(fixture_write(&f, &tar, 65536, &options), KIST_E_CORRUPT); /* ends within a member */
    kist_buf_clear(&tar);
    CHECK_OK(fixture_write(&f, &tar, 65536, &options), f.err); /* an empty stream is an empty archive */
    if (f.layer)
        fixture_check(&f, &tar);
    fixture_release(&f);
}
