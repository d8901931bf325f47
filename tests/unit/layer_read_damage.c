/* Layer files that flash has damaged: always noticed by verify, never followed anywhere by the others. */
#include "base/limits.h"
#include "layer/format.h"
#include "layer_write_fixture.h"

struct layer_file {
    struct fixture f;
    unsigned char *data;
    size_t len;
};

static bool file_keep(struct layer_file *l, struct port_file *file)
{
    uint64_t size = 0;
    size_t got = 0;

    CHECK_OK(port_file_size(file, &size, &l->f.err), l->f.err);
    l->data = malloc((size_t)size);
    if (!l->data)
        abort();
    CHECK_OK(port_file_read_at(file, 0, l->data, (size_t)size, &got, &l->f.err), l->f.err);
    l->len = got;
    port_file_discard(file);
    return size > 0 && got == size;
}

/* The layer of a tar with a bit of everything, as bytes. */
static bool file_make(struct layer_file *l)
{
    static const char *const members[MEMBERS_MAX] = {
        "d a",
        "@ user.a=b",
        "f a/file hello",
        "l a/link file",
        "h a/hard a/file",
        "f a/.wh.gone x",
        "c a/null 1,3",
        "f b/c/d some more words",
        "@ security.capability=xyz",
        "f b/e and more",
        "f b/.wh..wh..opq x",
    };
    static const struct kist_layer_options options = {.compressor = KIST_LAYER_ZSTD};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct port_file *file = NULL;

    if (!fixture_init(&l->f))
        return false;
    fixture_tar(&tar, members);
    CHECK_OK(fixture_write(&l->f, &tar, tar.len, &options), l->f.err);
    CHECK_OK(port_file_open(&file, l->f.dir, "layer", &l->f.err), l->f.err);
    return file && file_keep(l, file);
}

/* An image whose metadata is not compressed, so that what is changed there is met as it is. */
static bool file_load(struct layer_file *l, const char *name)
{
    struct port_dir *dir = NULL;
    struct port_file *file = NULL;

    if (!fixture_init(&l->f))
        return false;
    CHECK_OK(port_dir_open(&dir, KIST_TEST_DATA "/fuzz/layer", false, &l->f.err), l->f.err);
    if (dir)
        CHECK_OK(port_file_open(&file, dir, name, &l->f.err), l->f.err);
    port_dir_close(dir);
    return file && file_keep(l, file);
}

static void file_release(struct layer_file *l)
{
    free(l->data);
    fixture_release(&l->f);
}

/* The trailer's own hash made right. */
static void file_mend(struct layer_file *l)
{
    unsigned char *trailer = l->data + l->len - KIST_LAYER_TRAILER_SIZE;
    struct kist_sha256 h;

    kist_sha256_init(&h);
    kist_sha256_update(&h, trailer, KIST_LAYER_TRAILER_HASHED);
    kist_sha256_final(&h, trailer + KIST_LAYER_TRAILER_HASHED);
}

static int file_open(struct layer_file *l, struct kist_layer **layer, size_t len)
{
    struct port_file *file;

    /* a new file each time: filesystems write out one that was cut to nothing as soon as it is closed */
    (void)!port_dir_unlink(l->f.dir, "damaged", &l->f.err);
    CHECK_OK(port_file_create(&file, l->f.dir, "damaged", false, &l->f.err), l->f.err);
    CHECK_OK(port_file_append(file, l->data, len, &l->f.err), l->f.err);
    CHECK_OK(port_file_close(file, &l->f.err), l->f.err);
    CHECK_OK(port_file_open(&file, l->f.dir, "damaged", &l->f.err), l->f.err);
    return kist_layer_open(layer, file, &l->f.err);
}

/* ---- whoever asks ---- */

static int null_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct text_sink *s = KIST_CONTAINER_OF(sink, struct text_sink, sink);

    (void)data;
    s->text->len += len;
    return s->text->len > 1U << 20 ? kist_error_set(err, KIST_E_NO_EXEC, "enough") : 0;
}

static const struct kist_sink_ops null_ops = {null_write, text_finish};

static bool is_finding(int rc)
{
    return rc == 0 || rc == KIST_E_CORRUPT || rc == KIST_E_UNSUPPORTED || rc == KIST_E_NO_EXEC;
}

static int ask_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_buf taken = KIST_BUF_INIT(0);
    struct text_sink sink = {{&null_ops}, &taken};
    int rc = e->type == KIST_LAYER_FILE ? kist_layer_read_entry(arg, e, &sink.sink, err) : 0;

    CHECK(is_finding(rc));
    return 0;
}

static int ask_implied(void *arg, const char *path, struct kist_error *err)
{
    (void)arg;
    (void)err;
    CHECK(strlen(path) <= KIST_MAX_PATH);
    return 0;
}

/* Everything but verify: what it answers is right or a finding. */
static void ask(struct kist_layer *layer)
{
    struct kist_error err = {0};
    struct kist_buf taken = KIST_BUF_INIT(0);
    struct text_sink sink = {{&null_ops}, &taken};

    CHECK(is_finding(kist_layer_list(layer, ask_entry, layer, &err)));
    CHECK(is_finding(kist_layer_implied(layer, ask_implied, NULL, &err)));
    CHECK(is_finding(kist_layer_tar(layer, &sink.sink, &err)));
}

/* ---- the tests ---- */

TEST(each_byte_counts)
{
    struct layer_file l;

    if (!file_make(&l))
        return;
    for (size_t i = 0; i < l.len; i++) {
        unsigned char change = i % 2 ? 0xff : 1;
        struct kist_layer *layer;
        char row[32];
        int rc;

        snprintf(row, sizeof(row), "byte %zu", i);
        TEST_CASE(row);
        l.data[i] ^= change;
        rc = file_open(&l, &layer, l.len);
        if (rc == 0) {
            ask(layer);
            CHECK_INT(kist_layer_verify(layer, &l.f.err), KIST_E_CORRUPT);
            kist_layer_close(layer);
        } else {
            CHECK_INT(rc, KIST_E_CORRUPT);
        }
        CHECK(strstr(l.f.err.message, "damaged layer file: ") == l.f.err.message);
        l.data[i] ^= change;
    }
    TEST_CASE(NULL);
    file_release(&l);
}

TEST(each_length_but_the_right_one_is_refused)
{
    struct layer_file l;
    struct kist_layer *layer;

    if (!file_make(&l))
        return;
    for (size_t len = 0; len < l.len; len += len + 600 < l.len ? 13 : 1)
        CHECK_INT(file_open(&l, &layer, len), KIST_E_CORRUPT);
    CHECK_INT(file_open(&l, &layer, l.len), 0);
    kist_layer_close(layer);
    file_release(&l);
}

TEST(damage_behind_right_hashes_leads_nowhere)
{
    static const char *const images[] = {"t1-gzip-raw", "t2-gzip-raw", "t2-zstd-raw", "t1-gzip-pack"};
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

    for (size_t image = 0; image < KIST_COUNT(images); image++) {
        struct layer_file l;

        TEST_CASE(images[image]);
        if (!file_load(&l, images[image]))
            return;
        for (size_t i = 0; i < l.len - 32; i++) {
            unsigned char was = l.data[i];
            struct kist_layer *layer;

            l.data[i] = values[i % 2 ? image : image + 1];
            file_mend(&l);
            if (file_open(&l, &layer, l.len) == 0) {
                ask(layer);
                kist_layer_close(layer);
            }
            l.data[i] = was;
        }
        file_release(&l);
    }
    TEST_CASE(NULL);
}

/* A number in trailer (from the end) or superblock; what open, list or tar says of it. */
TEST(what_is_wrong_is_named)
{
    enum { TRAILER = KIST_LAYER_TRAILER_SIZE };
    static const struct {
        const char *label;
        size_t from_end, at, size;
        uint64_t value;
        int code;
        const char *message;
    } rows[] = {
        {"magic", TRAILER, 0, 1, 'K', KIST_E_CORRUPT, "no trailer"},
        {"major", TRAILER, 8, 2, 2, KIST_E_UNSUPPORTED, "version 2.0"},
        {"compressor", TRAILER, 12, 4, 4, KIST_E_CORRUPT, "do not belong together"},
        {"file size", TRAILER, 16, 8, 1, KIST_E_CORRUPT, "not 1"},
        {"squashfs size", TRAILER, 24, 8, UINT64_MAX, KIST_E_CORRUPT, "squashfs part of"},
        {"index", TRAILER, 32, 8, UINT64_MAX - 15, KIST_E_CORRUPT, "index of"},
        {"chunks", TRAILER, 40, 4, UINT32_MAX, KIST_E_CORRUPT, "index of"},
        {"inodes", TRAILER, 52, 4, 3, KIST_E_CORRUPT, "do not belong together"},
        {"tar too short", TRAILER, 56, 8, 5, KIST_E_CORRUPT, "more than the tar's 5 bytes"},
        {"tar too long", TRAILER, 56, 8, 1U << 30, KIST_E_CORRUPT, "before the tar does"},
        {"too few runs", TRAILER, 72, 4, 1, KIST_E_CORRUPT, "more files than there are"},
        {"too many runs", TRAILER, 72, 4, 9, KIST_E_CORRUPT, "before all of it is used"},
        {"too few implied", TRAILER, 76, 4, 1, KIST_E_CORRUPT, "does not end with the last"},
        {"too many implied", TRAILER, 76, 4, 99, KIST_E_CORRUPT, "ends too early"},
        {"squashfs magic", 0, 0, 1, 0, KIST_E_CORRUPT, "no squashfs"},
        {"block size", 0, 12, 8, 65536, KIST_E_CORRUPT, "squashfs"},
        {"ids", 0, 26, 2, 0, KIST_E_CORRUPT, "there is no id"},
        {"root", 0, 32, 8, 1ULL << 40, KIST_E_CORRUPT, "inode table has no block"},
        {"root's offset", 0, 32, 2, 8000, KIST_E_CORRUPT, "inode table: block at byte"},
        {"bytes used", 0, 40, 8, 1U << 30, KIST_E_CORRUPT, "do not belong together"},
        {"id table", 0, 48, 8, 1U << 30, KIST_E_CORRUPT, "one behind the other"},
        {"xattr table", 0, 56, 8, 1U << 30, KIST_E_CORRUPT, "one behind the other"},
        {"inode table", 0, 64, 8, 0, KIST_E_CORRUPT, "one behind the other"},
        {"directory table", 0, 72, 8, 96, KIST_E_CORRUPT, "one behind the other"},
        {"fragment table", 0, 80, 8, 97, KIST_E_CORRUPT, "one behind the other"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_buf taken = KIST_BUF_INIT(0);
        struct text_sink sink = {{&null_ops}, &taken};
        struct kist_layer *layer;
        struct layer_file l;
        int rc;

        TEST_CASE(rows[i].label);
        if (!file_load(&l, "t1-gzip-raw"))
            return;
        for (size_t b = 0; b < rows[i].size; b++)
            l.data[(rows[i].from_end ? l.len - rows[i].from_end : 0) + rows[i].at + b] =
                (unsigned char)(rows[i].value >> (8 * b));
        file_mend(&l);
        rc = file_open(&l, &layer, l.len);
        if (rc == 0) {
            rc = kist_layer_list(layer, ask_entry, layer, &l.f.err);
            if (rc == 0)
                rc = kist_layer_tar(layer, &sink.sink, &l.f.err);
            kist_layer_close(layer);
        }
        CHECK_INT(rc, rows[i].code);
        if (!strstr(l.f.err.message, rows[i].message))
            CHECK_STR(l.f.err.message, rows[i].message);
        file_release(&l);
    }
    TEST_CASE(NULL);
}
