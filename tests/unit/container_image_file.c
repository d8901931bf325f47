/* Files of an image as overlayfs would show them. */
#include "container/image_file.h"
#include "layer_write_fixture.h"

#define STACK_MAX 4

static const struct kist_layer_options plain = {.compressor = KIST_LAYER_ZSTD};

/* Layers written from words (fixture_member), the base first. */
struct stack {
    struct fixture made[STACK_MAX];
    struct kist_layer *v[STACK_MAX];
    struct kist_image_layers layers;
};

static void stack_push(struct stack *s, const char *const members[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct fixture *f = &s->made[s->layers.n];

    if (!fixture_init(f)) {
        abort();
    }
    fixture_tar(&tar, members);
    CHECK_OK(fixture_write(f, &tar, tar.len, &plain), f->err);
    s->v[s->layers.n++] = f->layer;
    s->layers.v = s->v;
}

static void stack_release(struct stack *s)
{
    for (size_t i = 0; i < s->layers.n; i++) {
        fixture_release(&s->made[i]);
    }
}

/* want NULL: there is none. */
static void check_file(struct stack *s, const char *path, const char *want)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
    struct kist_error err = {0};
    int rc = kist_image_file_reader(&s->layers, path, &out, &err);

    TEST_CASE(path);
    if (!want) {
        CHECK_INT(rc, KIST_E_NOT_FOUND);
        CHECK(err.message[0] != '\0');
    } else {
        CHECK_OK(rc, err);
        CHECK_STR(kist_buf_text(&out), want);
    }
    TEST_CASE(NULL);
}

TEST(one_layer)
{
    static const char *const base[MEMBERS_MAX] = {
        "f etc/passwd root",
        "l etc/link passwd",
        "l etc/absolute /etc/passwd",
        "l up ../../etc/passwd",
        "l dir etc",
        "l loop loop",
        "l etc/back ../etc/./passwd",
        "p etc/fifo",
        "l chain dir/absolute",
        "l nowhere etc/missing",
        "h etc/hard etc/passwd",
    };
    static const char *const rows[][2] = {
        {"/etc/passwd", "root"},
        {"etc/passwd", "root"},
        {"//etc/./passwd", "root"},
        {"/etc/../etc/passwd", "root"},
        {"/../etc/passwd", "root"},
        {"/etc/link", "root"},
        {"/etc/absolute", "root"},
        {"/up", "root"},
        {"/dir/passwd", "root"},
        {"/etc/back", "root"},
        {"/chain", "root"},
        {"/etc/hard", "root"},
        {"/dir/../etc/link", "root"},
        {"/loop", NULL},
        {"/loop/x", NULL},
        {"/etc", NULL},
        {"/", NULL},
        {"", NULL},
        {"/etc/fifo", NULL},
        {"/nowhere", NULL},
        {"/etc/passwd/x", NULL},
        {"/missing/passwd", NULL},
    };
    struct stack s = {0};

    stack_push(&s, base);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_file(&s, rows[i][0], rows[i][1]);
    }
    stack_release(&s);
}

TEST(upper_layers_win_and_hide)
{
    static const char *const base[MEMBERS_MAX] = {
        "f a/replaced old", "f a/gone old", "f b/hidden old", "f c/inside old", "f d/inside old",
        "f e base",         "f f/x base",   "f g/x base",     "l h a",          "f i/sub/x base",
    };
    static const char *const middle[MEMBERS_MAX] = {
        "f a/replaced new", "f a/.wh.gone x",    "f b/.wh..wh..opq x", "f b/seen new",
        "f .wh.c x",        "f d file-now",      "f e/x tree-now",     "f f/y middle",
        "f .wh.g x",        "f h/replaced tree", "f i/.wh.sub x",
    };
    static const char *const top[MEMBERS_MAX] = {
        "f c/other top", "f f/z top", "f g/y top", "f i/sub/y top", "f b/more top",
    };
    static const char *const rows[][2] = {
        {"/a/replaced", "new"},  {"/a/gone", NULL},   {"/b/hidden", NULL},  {"/b/seen", "new"},
        {"/b/more", "top"},      {"/c/inside", NULL}, {"/c/other", "top"},  {"/d", "file-now"},
        {"/d/inside", NULL},     {"/e", NULL},        {"/e/x", "tree-now"}, {"/f/x", "base"},
        {"/f/y", "middle"},      {"/f/z", "top"},     {"/g/x", NULL},       {"/g/y", "top"},
        {"/h/replaced", "tree"}, {"/h/gone", NULL},   {"/i/sub/x", NULL},   {"/i/sub/y", "top"},
    };
    struct stack s = {0};

    stack_push(&s, base);
    stack_push(&s, middle);
    stack_push(&s, top);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_file(&s, rows[i][0], rows[i][1]);
    }
    stack_release(&s);
}

/* A way that goes up and down again must see the layers that show there, not those of where it came from. */
TEST(links_between_hidden_and_seen)
{
    static const char *const base[MEMBERS_MAX] = {"f shown/x base", "f hidden/x base"};
    static const char *const top[MEMBERS_MAX] = {"d hidden", "f hidden/.wh..wh..opq x",
                                                 "l hidden/out ../shown/x", "l shown/in ../hidden/x",
                                                 "l abs /hidden/out"};
    struct stack s = {0};

    stack_push(&s, base);
    stack_push(&s, top);
    check_file(&s, "/hidden/x", NULL);
    check_file(&s, "/hidden/out", "base");
    check_file(&s, "/shown/in", NULL);
    check_file(&s, "/abs", "base");
    check_file(&s, "/hidden/../shown/x", "base");
    stack_release(&s);
}

TEST(no_layers)
{
    struct stack s = {0};

    check_file(&s, "/etc/passwd", NULL);
}

TEST(larger_than_wanted)
{
    static const char *const base[MEMBERS_MAX] = {"f file 0123456789"};
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(9);
    struct kist_error err = {0};
    struct stack s = {0};

    stack_push(&s, base);
    CHECK_INT(kist_image_file_read(&s.layers, "/file", &out, &err), KIST_E_FAIL);
    stack_release(&s);
}
