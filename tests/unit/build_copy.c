/* What COPY makes of a directory on disk, or of layers. */
#include "build_copy_fixture.h"

static const char *const usual[] = {
    "f a.txt A", "f b.txt B", "f c.md C", "d dir 750", "f dir/x X", "f dir/sub/y Y", "l dir/link x", "l to-dir dir", "l to-a a.txt",
    "l out ../../../../etc/passwd", "l abs /a.txt", "d empty 700", NULL,
};

/* ---- where things go ---- */

TEST(destinations)
{
    static const struct {
        const char *words, *want;
    } rows[] = {
        {"a.txt /", "f a.txt=A"},
        {"a.txt /x", "f x=A"},
        {"a.txt /x/", "d x; f x/a.txt=A"},
        {"a.txt /x/.", "d x; f x/a.txt=A"},
        {"/a.txt x/y", "d x; f x/y=A"},
        {"./a.txt .", "f a.txt=A"},
        {"a.txt b.txt /x/", "d x; f x/a.txt=A; f x/b.txt=B"},
        {"*.txt /x/", "d x; f x/a.txt=A; f x/b.txt=B"},
        {"?.md no* /x/", "d x; f x/c.md=C"},
        {"dir /x", "d x 750; l x/link > x; d x/sub; f x/sub/y=Y; f x/x=X"},
        {"dir/ /x/", "d x; l x/link > x; d x/sub; f x/sub/y=Y; f x/x=X"},
        {"dir/. /", "l link > x; d sub; f sub/y=Y; f x=X"},
        {"dir empty /x/", "d x; l x/link > x; d x/sub; f x/sub/y=Y; f x/x=X"},
        {"empty /x", "d x 700"},
        {"empty /x/", "d x"},
        {"d*r/s*b /x/", "d x; f x/y=Y"},
        {"dir/* /x/", "d x; f x/link=X; f x/x=X; f x/y=Y"},
        {"**/y /x/", "d x; f x/y=Y"},
        {"to-dir /x", "d x 750; l x/link > x; d x/sub; f x/sub/y=Y; f x/x=X"},
        {"to-dir/x /x", "f x=X"},
        {"to-a /d/", "d d; f d/to-a=A"},
        {"abs /d", "f d=A"},
        {"a.txt /../../x", "f x=A"},
        {"<<note /x/", "d x; f x/note=here\n"},
        {"<<note a.txt /x/", "d x; f x/a.txt=A; f x/note=here\n"},
        {"a.txt <<a.txt /x/", "d x; f x/a.txt=here\n"},
    };
    struct tree t;
    struct step s;

    tree_make(&t, usual);
    step_init(&s, &t);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_step(&s, rows[i].words, rows[i].want);
    }
    s.options.workdir = "/app/here";
    check_step(&s, "a.txt .", "d app; d app/here; f app/here/a.txt=A");
    check_step(&s, "a.txt ../x", "d app; f app/x=A");
    step_release(&s);
    tree_remove(&t);
}

TEST(what_is_not_there)
{
    static const struct {
        const char *words;
        int code;
        const char *message;
    } rows[] = {
        {"no /x", KIST_E_NOT_FOUND, "COPY failed: file not found in build context or excluded by .dockerignore: stat no: file does not exist"},
        {"out /x", KIST_E_NOT_FOUND, "COPY failed: file not found in build context or excluded by .dockerignore: stat out: file does not exist"},
        {"a.txt/y /x", KIST_E_NOT_FOUND, "COPY failed: file not found in build context or excluded by .dockerignore: stat a.txt/y: file does not exist"},
        {"no* /x", KIST_E_NOT_FOUND, "COPY failed: no source files were specified"},
        {"../a.txt /x", KIST_E_USAGE, "COPY failed: forbidden path outside the build context: ../a.txt ()"},
        {"dir/../../a.txt /x", KIST_E_USAGE, "COPY failed: forbidden path outside the build context: dir/../../a.txt ()"},
        {"a.txt b.txt /x", KIST_E_USAGE, "When using COPY with more than one source file, the destination must be a directory and end with a /"},
        {"*.txt /x", KIST_E_USAGE, "When using COPY with more than one source file, the destination must be a directory and end with a /"},
    };
    struct tree t;
    struct step s;

    tree_make(&t, usual);
    step_init(&s, &t);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_fails(&s, rows[i].words, rows[i].code, rows[i].message);
    }
    step_release(&s);
    tree_remove(&t);
}

TEST(onto_an_image)
{
    static const char *const base[MEMBERS_MAX] = {
        "d usr/lib 711", "l lib usr/lib", "d tmp 1777", "f etc/passwd u:x:7:8::/:", "f etc/group g:x:9:", "f file x", "l way /tmp/in",
    };
    struct stack stack = {0};
    struct tree t;
    struct step s;

    tree_make(&t, usual);
    step_init(&s, &t);
    stack_push(&stack, base);
    s.image = stack.view;
    check_step(&s, "a.txt /lib", "d~ usr; d usr/lib 711 1000:100; f usr/lib/a.txt=A");
    check_step(&s, "a.txt /lib/x/", "d~ usr; d usr/lib 711 1000:100; d usr/lib/x; f usr/lib/x/a.txt=A");
    check_step(&s, "a.txt /tmp", "d tmp 1777 1000:100; f tmp/a.txt=A");
    check_step(&s, "dir /tmp", "d tmp 1777 1000:100; l tmp/link > x; d tmp/sub; f tmp/sub/y=Y; f tmp/x=X");
    check_step(&s, "a.txt /file", "f file=A");
    check_step(&s, "a.txt /way/", "d tmp 1777 1000:100; d tmp/in; f tmp/in/a.txt=A");
    check_fails(&s, "a.txt /file/", KIST_E_FAIL, "COPY failed: cannot copy to non-directory: /file");
    check_fails(&s, "dir /file", KIST_E_FAIL, "COPY failed: cannot copy to non-directory: /file");
    check_fails(&s, "a.txt /file/x", KIST_E_FAIL, "COPY failed: cannot copy to non-directory: /file");
    s.options.link = true;
    check_step(&s, "a.txt /lib/x/", "d lib; d lib/x; f lib/x/a.txt=A");
    s.options.link = false;
    s.options.chown = "u";
    check_step(&s, "a.txt /n/", "d n 7:8; f n/a.txt 7:8=A");
    s.options.chown = "5";
    check_step(&s, "a.txt /tmp/", "d tmp 1777 1000:100; f tmp/a.txt 5:5=A");
    s.options.chown = "5:g";
    check_step(&s, "a.txt /tmp/", "d tmp 1777 1000:100; f tmp/a.txt 5:9=A");
    s.options.chown = "nobody";
    check_fails(&s, "a.txt /tmp/", KIST_E_NOT_FOUND, "COPY failed: unable to find user 'nobody': no matching entries in passwd file");
    step_release(&s);
    stack_release(&stack);
    tree_remove(&t);
}

/* Directories and files of several sources, and of the image, in one another's way. */
TEST(conflicts)
{
    static const char *const members[] = {"f one/x/y 1", "f two/x 2", "d three/x 700", "f three/x/z 3", NULL};
    static const char *const base[MEMBERS_MAX] = {"d d/x", "f e/x file"};
    struct stack stack = {0};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    stack_push(&stack, base);
    check_step(&s, "one three /n/", "d n; d n/x 700; f n/x/y=1; f n/x/z=3");
    check_fails(&s, "one two /n/", KIST_E_FAIL, "COPY failed: cannot replace to directory /n/x with file");
    check_fails(&s, "two one /n/", KIST_E_FAIL, "COPY failed: cannot copy to non-directory: /n/x");
    s.image = stack.view;
    check_fails(&s, "two /d", KIST_E_FAIL, "COPY failed: cannot replace to directory /d/x with file");
    check_fails(&s, "one /e", KIST_E_FAIL, "COPY failed: cannot copy to non-directory: /e/x");
    check_step(&s, "one /d", "d~ d; d d/x; f d/x/y=1");
    step_release(&s);
    stack_release(&stack);
    tree_remove(&t);
}

/* ---- options ---- */

TEST(options)
{
    static const char *const members[] = {"f src/a/x.c 1", "f src/a/x.h 2", "f src/b/y.c 3", "d src/a 710", "f run #!", NULL};
    static char *excluded[] = {(char *)"*/*.h", (char *)"b", NULL};
    static const struct kist_strv exclude = {excluded, 2};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    s.options.exclude = &exclude;
    check_step(&s, "src /x", "d x; d x/a 710; f x/a/x.c=1");
    s.options.exclude = NULL;
    s.options.parents = true;
    check_step(&s, "src/a/x.c /x/", "d x; d x/src; d x/src/a 710; f x/src/a/x.c=1");
    check_step(&s, "src/./a/x.c run /x/", "d x; d x/a 710; f x/a/x.c=1; f x/run=#!");
    check_step(&s, "src/*/*.c /", "d src; d src/a 710; f src/a/x.c=1; d src/b; f src/b/y.c=3");
    s.options.parents = false;
    s.options.chmod = "600";
    check_step(&s, "src/a /x/", "d x; f x/x.c 600=1; f x/x.h 600=2");
    s.options.chmod = "u=rwX,go=";
    check_step(&s, "src /x", "d x 700; d x/a 700; f x/a/x.c 600=1; f x/a/x.h 600=2; d x/b 700; f x/b/y.c 600=3");
    s.options.chmod = "+x";
    check_step(&s, "run /", "f run 755=#!");
    s.options.chmod = "rwx";
    check_fails(&s, "run /", KIST_E_USAGE, "invalid chmod parameter: 'rwx'. it should be octal string and between 0 and 07777");
    s.options.chmod = "10000";
    check_fails(&s, "run /", KIST_E_USAGE, "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777");
    s.options.chmod = NULL;
    s.options.checksum = "sha256:0";
    check_fails(&s, "run /", KIST_E_USAGE, "COPY failed: --checksum is for a file that is fetched by its URL");
    step_release(&s);
    tree_remove(&t);
}

/* ---- the digest ---- */

TEST(digest_is_of_what_is_copied)
{
    static const char *const members[] = {"f d/a 1", "f d/b 2", "l d/l a", "d d/sub", NULL};
    static const struct {
        const char *change;
        bool differs;
    } rows[] = {{"f other 1", false}, {"f d/a 3", true}, {"f d/c 1", true}, {"d d/sub 700", true}, {"d d/new", true}};
    struct kist_digest before;
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char path[128];
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    CHECK_OK(step_run(&s, "d /x"), s.err);
    before = s.digest;
    tree_path(&t, "d/a", path, sizeof(path));
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    CHECK_OK(step_run(&s, "d /x"), s.err);
    CHECK(kist_digest_equal(&before, &s.digest));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].change);
        tree_member(&t, rows[i].change);
        CHECK_OK(step_run(&s, "d /x"), s.err);
        CHECK_INT(!kist_digest_equal(&before, &s.digest), rows[i].differs);
        before = s.digest;
    }
    TEST_CASE(NULL);
    step_release(&s);
    tree_remove(&t);
}

/* The same words in another directory, made in another order, are the same tar once times are the same. */
TEST(same_input_same_tar)
{
    static const char *const one[] = {"f d/a 1", "f d/b 2", "f d/z/c 3", "h d/z/h d/a", NULL};
    static const char *const two[] = {"d d", "f d/z/c 3", "f d/b 2", "f d/a 1", "h d/z/h d/a", NULL};
    struct tree t[2];
    struct step s[2];

    for (int i = 0; i < 2; i++) {
        tree_make(&t[i], i == 0 ? one : two);
        step_init(&s[i], &t[i]);
        s[i].options.epoch = 1000000000;
        CHECK_OK(step_run(&s[i], "d /x/y"), s[i].err);
    }
    CHECK(kist_digest_equal(&s[0].digest, &s[1].digest));
    CHECK_INT(s[0].tar.len, s[1].tar.len);
    CHECK_MEM(s[0].tar.data, s[1].tar.data, s[0].tar.len);
    check_layer(&s[0], "d x; d x/y; f x/y/a*=1; f x/y/b=2; d x/y/z; f x/y/z/c=3; f x/y/z/h*=1");
    for (int i = 0; i < 2; i++) {
        step_release(&s[i]);
        tree_remove(&t[i]);
    }
}

/* Between digest and write a file changes: its layer must not be kept under the digest. */
TEST(changes_are_caught)
{
    static const char *const members[] = {"f d/a 1234", NULL};
    static const struct {
        const char *change, *message;
    } rows[] = {
        {"f d/a 1235", "COPY failed: 'd/a' changed while the build read it"},
        {"f d/a 12345", "COPY failed: cannot read 'd/a': it grew while it was read"},
        {"f d/a 1", "COPY failed: 'd/a' changed while the build read it"},
    };
    static const struct kist_copy_source source = {.path = "d"};
    struct tree t;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(copy) struct kist_copy_plan *copy = NULL;
        struct step s;
        struct text_sink sink;

        TEST_CASE(rows[i].change);
        tree_make(&t, members);
        step_init(&s, &t);
        sink = (struct text_sink){{&text_ops}, &s.tar};
        CHECK_OK(kist_copy_new(&copy, "COPY", s.context, &source, 1, "/x", &s.options, &s.err), s.err);
        CHECK_OK(kist_copy_digest(copy, &s.digest, &s.err), s.err);
        tree_member(&t, rows[i].change);
        CHECK_INT(kist_copy_write(copy, &s.image, &sink.sink, &s.err), KIST_E_FAIL);
        CHECK_STR(s.err.message, rows[i].message);
        step_release(&s);
        tree_remove(&t);
    }
    TEST_CASE(NULL);
}

/* ---- from layers ---- */

TEST(from_a_stage)
{
    static const char *const one[MEMBERS_MAX] = {"d app 750", "f app/a 1", "f app/gone 2", "l latest app", "f etc/x y"};
    static const char *const two[MEMBERS_MAX] = {"f app/.wh.gone x", "f app/b 3", "h app/c app/b"};
    struct stack stack = {0};
    struct step s;

    stack_push(&stack, one);
    stack_push(&stack, two);
    step_init(&s, NULL);
    CHECK_OK(kist_context_open_view(&s.context, &stack.view, &s.err), s.err);
    check_step(&s, "/latest /x", "d x 750 1000:100; f x/a 1000:100=1; f x/b 1000:100*=3; f x/c 1000:100*=3");
    check_step(&s, "/app/* /x/", "d x; f x/a 1000:100=1; f x/b 1000:100*=3; f x/c 1000:100*=3");
    check_fails(&s, "/app/gone /x", KIST_E_NOT_FOUND, "COPY failed: not found: stat /app/gone: file does not exist");
    step_release(&s);
    stack_release(&stack);
}
