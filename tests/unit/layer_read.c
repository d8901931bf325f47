/* What the reader answers about a whole layer, asked in every way the contract has. */
#include "base/limits.h"
#include "layer_write_fixture.h"

static const struct kist_layer_options plain = {.compressor = KIST_LAYER_ZSTD};

static const char *const members[MEMBERS_MAX] = {
    "d a 711",         "f a/file hello", "l a/link file",      "h a/second a/file", "f a/.wh.gone x",
    "p a/fifo",        "c a/null 1,3",   "f deep/er/file far", "d opaque",          "f opaque/.wh..wh..opq x",
    "@ user.mark=yes", "f z last",
};

static bool layer_init(struct fixture *f, const char *const list[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    if (!fixture_init(f))
        return false;
    fixture_tar(&tar, list);
    CHECK_OK(fixture_write(f, &tar, tar.len, &plain), f->err);
    if (f->layer)
        return true;
    fixture_release(f);
    return false;
}

/* ---- lookup ---- */

static int keep_text(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    return kist_buf_printf(arg, err, "%s|%d|%o|%u|%s|%s%s|%zu", e->path, (int)e->type, (unsigned)e->mode,
                           (unsigned)e->links, e->target ? e->target : "-", e->implied ? "implied" : "",
                           e->opaque ? "opaque" : "", e->xattr_count);
}

TEST(finds_an_entry)
{
    static const struct {
        const char *path, *want; /* NULL: not there */
    } rows[] = {
        {"", "|1|755|5|-|implied|0"},
        {"a", "a|1|711|2|-||0"},
        {"a/file", "a/file|0|644|2|-||0"},
        {"a/second", "a/second|0|644|2|-||0"},
        {"a/link", "a/link|2|777|1|file||0"},
        {"a/gone", "a/gone|6|0|1|-||0"},
        {"a/fifo", "a/fifo|5|644|1|-||0"},
        {"a/null", "a/null|3|644|1|-||0"},
        {"deep", "deep|1|755|3|-|implied|0"},
        {"deep/er", "deep/er|1|755|2|-|implied|0"},
        {"opaque", "opaque|1|755|2|-|opaque|0"},
        {"z", "z|0|644|1|-||1"},
        {"a/fil", NULL},
        {"a/file2", NULL},
        {"a/file/x", NULL},
        {"a/link/x", NULL},
        {"zz", NULL},
        {"a//file", NULL},
        {"/a", NULL},
        {".", NULL},
    };
    struct fixture f;

    if (!layer_init(&f, members))
        return;
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1024);
        int rc;

        TEST_CASE(rows[i].path);
        rc = kist_layer_find(f.layer, rows[i].path, keep_text, &text, &f.err);
        CHECK_INT(rc, rows[i].want ? 0 : KIST_E_NOT_FOUND);
        CHECK_STR(kist_buf_text(&text), rows[i].want ? rows[i].want : "");
    }
    TEST_CASE(NULL);
    fixture_release(&f);
}

TEST(reads_a_file)
{
    static const struct {
        const char *path;
        int want;
        const char *text; /* the contents, or a part of the message */
    } rows[] = {
        {"a/file", 0, "hello"},
        {"a/second", 0, "hello"},
        {"deep/er/file", 0, "far"},
        {"z", 0, "last"},
        {"a/link", KIST_E_FAIL, "a symlink"},
        {"a", KIST_E_FAIL, "a directory"},
        {"", KIST_E_FAIL, "a directory"},
        {"a/fifo", KIST_E_FAIL, "no plain file"},
        {"a/null", KIST_E_FAIL, "no plain file"},
        {"a/gone", KIST_E_NOT_FOUND, "no 'a/gone'"},
        {"nothing", KIST_E_NOT_FOUND, "no 'nothing'"},
        {"a/link/x", KIST_E_NOT_FOUND, "no 'a/link/x'"},
    };
    struct fixture f;

    if (!layer_init(&f, members))
        return;
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1024);
        struct text_sink sink = {{&text_ops}, &text};
        int rc;

        TEST_CASE(rows[i].path);
        f.err.message[0] = '\0';
        rc = kist_layer_read(f.layer, rows[i].path, &sink.sink, &f.err);
        CHECK_INT(rc, rows[i].want);
        if (rows[i].want)
            CHECK(strstr(f.err.message, rows[i].text) != NULL);
        else
            CHECK_STR(kist_buf_text(&text), rows[i].text);
    }
    TEST_CASE(NULL);
    fixture_release(&f);
}

/* ---- walks ---- */

static int stop_at(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)err;
    return strcmp(e->path, arg) == 0 ? 42 : 0;
}

static int stop_implied(void *arg, const char *path, struct kist_error *err)
{
    (void)err;
    return strcmp(path, arg) == 0 ? 43 : 0;
}

static int keep_path(void *arg, const char *path, struct kist_error *err)
{
    return kist_buf_printf(arg, err, "<%s>", path);
}

TEST(walks_end_when_told_to)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1024);
    char link[] = "a/link", root[] = "", other[] = "not there", deep[] = "deep";
    struct fixture f;

    if (!layer_init(&f, members))
        return;
    CHECK_INT(kist_layer_list(f.layer, stop_at, link, &f.err), 42);
    CHECK_INT(kist_layer_list(f.layer, stop_at, root, &f.err), 42);
    CHECK_INT(kist_layer_list(f.layer, stop_at, other, &f.err), 0);
    CHECK_INT(kist_layer_find(f.layer, "a/link", stop_at, link, &f.err), 42);
    CHECK_INT(kist_layer_implied(f.layer, stop_implied, deep, &f.err), 43);
    CHECK_INT(kist_layer_implied(f.layer, keep_path, &text, &f.err), 0);
    CHECK_STR(kist_buf_text(&text), "<><deep><deep/er>");
    fixture_release(&f);
}

struct reader {
    struct kist_layer *layer;
    struct kist_buf *text;
};

static int read_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct reader *r = arg;
    struct text_sink sink = {{&text_ops}, r->text};
    int rc;

    if (e->type != KIST_LAYER_FILE)
        return kist_layer_read_entry(r->layer, e, &sink.sink, err) == KIST_E_FAIL ? 0 : KIST_E_CORRUPT;
    rc = kist_buf_printf(r->text, err, "<%s>", e->path);
    return rc < 0 ? rc : kist_layer_read_entry(r->layer, e, &sink.sink, err);
}

TEST(files_are_read_during_a_walk)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1024);
    struct fixture f;
    struct reader r;

    if (!layer_init(&f, members))
        return;
    r = (struct reader){f.layer, &text};
    CHECK_OK(kist_layer_list(f.layer, read_entry, &r, &f.err), f.err);
    CHECK_STR(kist_buf_text(&text), "<a/file>hello<a/second>hello<deep/er/file>far<z>last");
    fixture_release(&f);
}

/* ---- large ---- */

#define MANY 20000

static int count_ordered(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    unsigned *n = arg;
    char want[32];

    (void)err;
    snprintf(want, sizeof(want), "d/name-%06u", *n);
    if (strncmp(e->path, "d/", 2) != 0)
        return 0;
    (*n)++;
    return strcmp(e->path, want) != 0;
}

/* The index of the directory leads to each of its names, and past none. */
TEST(names_of_a_large_directory_are_found)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct fixture f;
    unsigned n = 0;
    char name[32];

    if (!fixture_init(&f))
        return;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "d/name-%06u", i * 7919 % MANY);
        maker_header(&tar, '6', name, 0);
    }
    maker_end(&tar);
    CHECK_OK(fixture_write(&f, &tar, tar.len, &plain), f.err);
    CHECK_INT(kist_layer_list(f.layer, count_ordered, &n, &f.err), 0);
    CHECK_INT(n, MANY);
    for (unsigned i = 0; i < MANY; i += 37) {
        snprintf(name, sizeof(name), "d/name-%06u", i);
        CHECK_INT(kist_layer_find(f.layer, name, stop_at, name, &f.err), 42);
        snprintf(name, sizeof(name), "d/name-%06u!", i);
        CHECK_INT(kist_layer_find(f.layer, name, stop_at, name, &f.err), KIST_E_NOT_FOUND);
    }
    CHECK_INT(kist_layer_find(f.layer, "d/a", stop_at, name, &f.err), KIST_E_NOT_FOUND);
    fixture_release(&f);
}

/* Deeper than any path on a system of today is long: the walk holds the whole way. */
TEST(a_deep_tree)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_PATH);
    struct fixture f;

    if (!fixture_init(&f))
        return;
    for (unsigned i = 0; i < 2000; i++)
        CHECK_OK(kist_buf_puts(&path, i ? "/d" : "d", &f.err), f.err);
    maker_body(&tar, 'L', "././@LongLink", path.data, path.len + 1);
    maker_header(&tar, '5', "d", 0);
    maker_end(&tar);
    CHECK_OK(fixture_write(&f, &tar, tar.len, &plain), f.err);
    CHECK_INT(kist_layer_list(f.layer, stop_at, path.data, &f.err), 42);
    CHECK_INT(kist_layer_find(f.layer, path.data, stop_at, path.data, &f.err), 42);
    fixture_check(&f, &tar);
    fixture_release(&f);
}

TEST(gzip_is_read_as_well)
{
    static const struct kist_layer_options gzip = {.compressor = KIST_LAYER_GZIP};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf one = KIST_BUF_INIT(TEXT_MAX);
    KIST_AUTO(buf) struct kist_buf two = KIST_BUF_INIT(TEXT_MAX);
    struct fixture f;

    if (!fixture_init(&f))
        return;
    fixture_tar(&tar, members);
    CHECK_OK(fixture_write(&f, &tar, tar.len, &plain), f.err);
    fixture_tell(&f, &one);
    CHECK_OK(fixture_write(&f, &tar, tar.len, &gzip), f.err);
    fixture_tell(&f, &two);
    fixture_check(&f, &tar);
    CHECK_STR(kist_buf_text(&two), kist_buf_text(&one));
    fixture_release(&f);
}
