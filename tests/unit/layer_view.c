/* What several layers show together, as overlayfs would. */
#include "layer_stack.h"

/* want NULL: there is none. */
static void check_file(struct stack *s, const char *path, const char *want)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
    struct kist_error err = {0};
    int rc = kist_view_read_file(&s->view, path, &out, &err);

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
    CHECK_INT(kist_view_read_file(&s.view, "/file", &out, &err), KIST_E_FAIL);
    stack_release(&s);
}

/* ---- listing ---- */

static int tell_shown(void *arg, struct kist_layer *from, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const char kinds[] = "fdlcbpw";
    struct kist_buf *out = arg;
    int rc = kist_buf_printf(out, err, "%s%c%s %s", out->len ? "; " : "", kinds[e->type], e->implied ? "~" : "", e->path[0] ? e->path : ".");

    CHECK(!e->opaque);
    if (rc == 0 && e->type == KIST_LAYER_DIRECTORY && !e->implied && e->mode != 0755) {
        rc = kist_buf_printf(out, err, " %o", (unsigned)e->mode);
    } else if (rc == 0 && e->type == KIST_LAYER_SYMLINK) {
        rc = kist_buf_printf(out, err, " > %s", e->target);
    } else if (rc == 0 && e->type == KIST_LAYER_FILE) {
        struct text_sink contents = {{&text_ops}, out};

        rc = kist_buf_puts(out, "=", err);
        rc = rc == 0 ? kist_layer_read_entry(from, e, &contents.sink, err) : rc;
    }
    return rc < 0 ? rc : kist_str_ends(e->path, "skipped") ? KIST_VIEW_SKIP : 0;
}

static void check_list(struct stack *s, const char *path, const char *want)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
    struct kist_error err = {0};
    int rc = kist_view_list(&s->view, path, tell_shown, &out, &err);

    TEST_CASE(path);
    CHECK_INT(rc, want ? 0 : KIST_E_NOT_FOUND);
    CHECK_STR(kist_buf_text(&out), want ? want : "");
    TEST_CASE(NULL);
}

TEST(lists_what_shows)
{
    static const char *const base[MEMBERS_MAX] = {
        "d a 700", "f a/b.c 1", "f a/b/x base", "f a/gone 2", "d b 711", "f b/old 3", "l c a", "d skipped", "f skipped/x 4", "f z 5",
    };
    static const char *const middle[MEMBERS_MAX] = {
        "f a/.wh.gone x", "f a/b/y middle", "d b 711", "f b/.wh..wh..opq x", "f b/new 6", "d z", "f z/in 7",
    };
    static const char *const top[MEMBERS_MAX] = {"f a/b-c 8", "f skipped/y 9", "f .wh.c x"};
    struct stack s = {0};

    stack_push(&s, base);
    stack_push(&s, middle);
    stack_push(&s, top);
    check_list(&s, "", "d~ .; d a 700; d~ a/b; f a/b/x=base; f a/b/y=middle; f a/b-c=8; f a/b.c=1; d b 711; f b/new=6; d skipped; d z; f z/in=7");
    check_list(&s, "a/b", "d~ a/b; f a/b/x=base; f a/b/y=middle");
    check_list(&s, "a/b.c", "f a/b.c=1");
    check_list(&s, "a/gone", NULL);
    check_list(&s, "c", NULL);
    check_list(&s, "a/b.c/x", NULL);
    stack_release(&s);
}

/* What a layer only implies has the looks of a layer below that names it, however far. */
TEST(implied_directories_look_as_below)
{
    static const char *const base[MEMBERS_MAX] = {"d t 1777", "d t/u 750", "f t/u/a 1"};
    static const char *const one[MEMBERS_MAX] = {"f t/u/b 2"};
    static const char *const two[MEMBERS_MAX] = {"f t/u/c 3", "f t/v/d 4"};
    struct stack s = {0};

    stack_push(&s, base);
    stack_push(&s, one);
    stack_push(&s, two);
    check_list(&s, "t", "d t 1777; d t/u 750; f t/u/a=1; f t/u/b=2; f t/u/c=3; d~ t/v; f t/v/d=4");
    check_list(&s, "t/u/b", "f t/u/b=2");
    stack_release(&s);
}

TEST(resolves)
{
    static const char *const base[MEMBERS_MAX] = {"d usr/lib", "l lib usr/lib", "l up ../../usr", "l gone /nowhere/x", "f f x", "l loop loop"};
    static const struct {
        const char *path, *want; /* NULL: too many links */
        int what;
        bool follow;
    } rows[] = {
        {"lib/x/y", "usr/lib/x/y", KIST_PATH_NOTHING, true},
        {"/lib/", "usr/lib", KIST_PATH_DIRECTORY, true},
        {"/lib", "lib", KIST_PATH_LINK, false},
        {"up/lib", "usr/lib", KIST_PATH_DIRECTORY, false},
        {"gone", "nowhere/x", KIST_PATH_NOTHING, true},
        {"f", "f", KIST_PATH_OTHER, true},
        {"f/x", "f/x", KIST_PATH_NOTHING, true},
        {"../../f", "f", KIST_PATH_OTHER, true},
        {"no/../f", "f", KIST_PATH_OTHER, true},
        {"no/a/..", "no", KIST_PATH_NOTHING, true},
        {"", "", KIST_PATH_DIRECTORY, true},
        {"loop/x", NULL, KIST_E_NOT_FOUND, true},
    };
    struct stack s = {0};

    stack_push(&s, base);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char out[KIST_MAX_PATH + 1];
        struct kist_error err = {0};

        TEST_CASE(rows[i].path);
        CHECK_INT(kist_view_resolve(&s.view, out, rows[i].path, rows[i].follow, &err), rows[i].what);
        if (rows[i].want) {
            CHECK_STR(out, rows[i].want);
        }
    }
    TEST_CASE(NULL);
    stack_release(&s);
}
