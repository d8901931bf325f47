/* What COPY and ADD make of a directory on disk, or of layers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/path.h"
#include "build/copy.h"
#include "layer_stack.h"

/* A directory of its own, filled from words: "f name text", "d name [mode]", "l name target", "h name target", "p name". */
struct tree {
    char path[64];
};

static void tree_path(const struct tree *t, const char *name, char *dst, size_t size)
{
    if (!kist_path_join(dst, size, t->path, name)) {
        abort();
    }
}

static void tree_member(const struct tree *t, const char *text)
{
    char name[128] = "", arg[512] = "", path[256], other[256];
    bool ok = sscanf(text, "%*c %127s %511[^\n]", name, arg) >= 1;

    tree_path(t, name, path, sizeof(path));
    for (char *slash = path + strlen(t->path) + 1; ok && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        (void)!mkdir(path, 0755);
    }
    if (text[0] == 'f') {
        FILE *f = fopen(path, "w");

        ok = ok && f && fputs(arg, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0;
    } else if (text[0] == 'd') {
        ok = ok && (mkdir(path, 0755) == 0 || errno == EEXIST) && chmod(path, arg[0] ? (mode_t)strtoul(arg, NULL, 8) : 0755) == 0;
    } else if (text[0] == 'h') {
        tree_path(t, arg, other, sizeof(other));
        ok = ok && link(other, path) == 0;
    } else {
        ok = ok && (text[0] == 'p' ? mkfifo(path, 0644) == 0 : symlink(arg, path) == 0);
    }
    if (!ok) {
        abort();
    }
}

static void tree_make(struct tree *t, const char *const members[])
{
    if (!kist_str_copy(t->path, sizeof(t->path), "/tmp/kist-unit-XXXXXX") || !mkdtemp(t->path) || chmod(t->path, 0755) < 0) {
        abort();
    }
    for (size_t i = 0; members && members[i]; i++) {
        tree_member(t, members[i]);
    }
}

static void tree_remove(struct tree *t)
{
    struct kist_error err = {0};
    struct port_dir *tmp;

    if (port_dir_open(&tmp, "/tmp", false, &err) == 0) {
        CHECK_OK(port_dir_remove_tree(tmp, t->path + strlen("/tmp/"), &err), err);
        port_dir_close(tmp);
    }
}

/* ---- one instruction ---- */

struct step {
    struct kist_context *context;
    struct kist_copy_options options;
    struct kist_layer_options limits;
    struct kist_view image;
    struct kist_digest digest;
    struct kist_error err;
    struct kist_buf tar;
};

static void step_init(struct step *s, const struct tree *t)
{
    memset(s, 0, sizeof(*s));
    s->options.epoch = INT64_MAX;
    s->options.limits = &s->limits;
    kist_buf_init(&s->tar, 4U << 20);
    if (t) {
        CHECK_OK(kist_context_open(&s->context, t->path, &s->err), s->err);
    }
}

static void step_release(struct step *s)
{
    kist_context_close(s->context);
    kist_buf_release(&s->tar);
}

/* Words with spaces between: sources, then the destination. */
static int step_run(struct step *s, const char *words)
{
    char text[512], *at[16], *save = NULL;
    struct kist_copy_source sources[16];
    struct kist_copy_plan *copy = NULL;
    struct text_sink sink = {{&text_ops}, &s->tar};
    size_t n = 0;
    int rc;

    if (!kist_str_copy(text, sizeof(text), words)) {
        abort();
    }
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        at[n++] = word;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        bool heredoc = strncmp(at[i], "<<", 2) == 0;

        sources[i] = (struct kist_copy_source){.path = at[i] + (heredoc ? 2 : 0), .text = heredoc ? "here\n" : NULL, .len = heredoc ? 5 : 0};
    }
    s->err.message[0] = '\0';
    kist_buf_clear(&s->tar);
    rc = kist_copy_new(&copy, s->options.add ? "ADD" : "COPY", s->context, sources, n - 1, at[n - 1], &s->options, &s->err);
    rc = rc == 0 ? kist_copy_digest(copy, &s->digest, &s->err) : rc;
    rc = rc == 0 ? kist_copy_write(copy, &s->image, &sink.sink, &s->err) : rc;
    kist_copy_free(copy);
    return rc;
}

/* "kind path [mode uid:gid] ..." of each entry of the layer that the tar makes. */
static int tell_more(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const char kinds[] = "fdlcbpw";
    struct telling *t = arg;
    struct text_sink contents = {{&text_ops}, t->text};
    int rc;

    if (e->path[0] == '\0') {
        return 0;
    }
    rc = kist_buf_printf(t->text, err, "%s%c%s %s", t->text->len ? "; " : "", kinds[e->type], e->implied ? "~" : "", e->path);
    if (rc == 0 && e->type != KIST_LAYER_SYMLINK && e->mode != (e->type == KIST_LAYER_DIRECTORY ? 0755U : 0644U)) {
        rc = kist_buf_printf(t->text, err, " %o", (unsigned)e->mode);
    }
    if (rc == 0 && (e->uid || e->gid)) {
        rc = kist_buf_printf(t->text, err, " %u:%u", (unsigned)e->uid, (unsigned)e->gid);
    }
    if (rc == 0 && e->type == KIST_LAYER_FILE) {
        rc = kist_buf_puts(t->text, e->links > 1 ? "*=" : "=", err);
        rc = rc == 0 ? kist_layer_read_entry(t->f->layer, e, &contents.sink, err) : rc;
    } else if (rc == 0 && e->type == KIST_LAYER_SYMLINK) {
        rc = kist_buf_printf(t->text, err, " > %s", e->target);
    }
    return rc;
}

static void check_layer(struct step *s, const char *want)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    struct fixture f;
    struct telling t = {&f, &text};

    if (!fixture_init(&f)) {
        abort();
    }
    CHECK_OK(fixture_write(&f, &s->tar, s->tar.len, &stack_options), f.err);
    CHECK_OK(kist_layer_list(f.layer, tell_more, &t, &f.err), f.err);
    CHECK_STR(kist_buf_text(&text), want);
    fixture_release(&f);
}

static void check_step(struct step *s, const char *words, const char *want)
{
    int rc;

    TEST_CASE(words);
    rc = step_run(s, words);
    CHECK_OK(rc, s->err);
    if (rc == 0) {
        check_layer(s, want);
    }
    TEST_CASE(NULL);
}

static void check_fails(struct step *s, const char *words, int code, const char *message)
{
    TEST_CASE(words);
    CHECK_INT(step_run(s, words), code);
    CHECK_STR(s->err.message, message);
    TEST_CASE(NULL);
}

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
    s.options.workdir = "/work/here";
    check_step(&s, "a.txt .", "d work; d work/here; f work/here/a.txt=A");
    check_step(&s, "a.txt ../x", "d work; f work/x=A");
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

TEST(ignored)
{
    static const char *const members[] = {"f a 1", "f skip/a 2", "f skip/keep/b 3", "f skip/other/c 4", "f x.log 5", NULL};
    static const char rules[] = "skip\n!skip/keep\n*.log\n";
    KIST_AUTO(ignore) struct kist_ignore *ignore = NULL;
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(16);
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    CHECK_OK(kist_ignore_parse(&ignore, ".dockerignore", rules, strlen(rules), &s.err), s.err);
    kist_context_ignore(s.context, ignore);
    check_step(&s, ". /x/", "d x; f x/a=1; d x/skip; d x/skip/keep; f x/skip/keep/b=3");
    check_step(&s, "skip /x/", "d x; d x/keep; f x/keep/b=3");
    check_step(&s, "* /x/", "d x; f x/a=1; d x/keep; f x/keep/b=3");
    check_fails(&s, "x.log /", KIST_E_NOT_FOUND,
                "COPY failed: file not found in build context or excluded by .dockerignore: stat x.log: file does not exist");
    check_fails(&s, "skip/other /", KIST_E_NOT_FOUND,
                "COPY failed: file not found in build context or excluded by .dockerignore: stat skip/other: file does not exist");
    CHECK_OK(kist_context_text(s.context, "x.log", &text, &s.err), s.err);
    CHECK_STR(kist_buf_text(&text), "5");
    CHECK_INT(kist_context_text(s.context, "skip", &text, &s.err), KIST_E_USAGE);
    CHECK_INT(kist_context_text(s.context, "no", &text, &s.err), KIST_E_NOT_FOUND);
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

/* ---- what is no ordinary tree ---- */

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

TEST(odd_files)
{
    static const char *const members[] = {"p d/fifo", "l d/dangling nowhere", "l d/out /etc/passwd", "f d/.x 1", NULL};
    static const char *const hidden[] = {"f d/.wh.x 1", NULL};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    check_step(&s, "d /x", "d x; f x/.x=1; l x/dangling > nowhere; p x/fifo; l x/out > /etc/passwd");
    check_step(&s, "d/fifo /x", "p x");
    s.options.add = true;
    check_step(&s, "d/fifo /x", "p x");
    step_release(&s);
    tree_remove(&t);
    tree_make(&t, hidden);
    step_init(&s, &t);
    check_fails(&s, "d /x", KIST_E_UNSUPPORTED, "COPY failed: a layer cannot hold 'd/.wh.x': names with .wh. delete");
    step_release(&s);
    tree_remove(&t);
}

TEST(limits)
{
    static const char *const members[] = {"f d/a 1", "f d/b 1", "f d/c 1", NULL};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    step_init(&s, &t);
    s.limits.max_inodes = 3;
    check_fails(&s, "d /x", KIST_E_NO_SPACE, "COPY failed: more files than 'mem' allows");
    s.limits.max_inodes = 4;
    CHECK_OK(step_run(&s, "d /x"), s.err);
    s.limits.max_names = 4;
    check_fails(&s, "d /x", KIST_E_NO_SPACE, "COPY failed: more files than 'mem' allows");
    step_release(&s);
    tree_remove(&t);
}

/* Deeper than descriptors and stack would take, if each level cost one. */
TEST(depth)
{
    KIST_AUTO(buf) struct kist_buf want = KIST_BUF_INIT(1U << 20);
    struct port_dir *at, *next;
    struct tree t;
    struct step s;

    tree_make(&t, NULL);
    step_init(&s, &t);
    CHECK_OK(port_dir_open(&at, t.path, false, &s.err), s.err);
    for (int i = 0; i < 1500; i++) {
        CHECK_OK(port_dir_open_at(&next, at, "d", true, &s.err), s.err);
        port_dir_close(at);
        at = next;
    }
    port_dir_close(at);
    CHECK_OK(step_run(&s, "d /x"), s.err);
    step_release(&s);
    tree_remove(&t);
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

/* ---- archives ---- */

static void put_tar(const struct tree *t, const char *name, const char *const members[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char path[128];
    FILE *f;

    fixture_tar(&tar, members);
    tree_path(t, name, path, sizeof(path));
    f = fopen(path, "w");
    if (!f || fwrite(tar.data, 1, tar.len, f) != tar.len || fclose(f) != 0) {
        abort();
    }
}

TEST(archives)
{
    static const char *const members[] = {"f plain p", "f x.txt later", "f z.xz \xfd" "7zXZ", NULL};
    static const char *const inside[MEMBERS_MAX] = {"d ./ 700", "d bin 711", "f ./bin/a A", "h bin/b bin/a", "l c bin/a", "f x.txt early"};
    static const char *const escaping[MEMBERS_MAX] = {"f ../x 1"};
    static const char *const deleting[MEMBERS_MAX] = {"f bin/.wh.x 1"};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    put_tar(&t, "a.tar", inside);
    put_tar(&t, "up.tar", escaping);
    put_tar(&t, "wh.tar", deleting);
    step_init(&s, &t);
    check_step(&s, "plain /x", "f x=p");
    s.options.add = true;
    check_step(&s, "plain /x", "f x=p");
    check_step(&s, "a.tar /x", "d x; d x/bin 711 1000:100; f x/bin/a 1000:100*=A; f x/bin/b 1000:100*=A; l x/c 1000:100 > bin/a; f x/x.txt 1000:100=early");
    check_step(&s, "a.tar /", "d bin 711 1000:100; f bin/a 1000:100*=A; f bin/b 1000:100*=A; l c 1000:100 > bin/a; f x.txt 1000:100=early");
    check_step(&s, "a.tar x.txt /x/", "d x; d x/bin 711 1000:100; f x/bin/a 1000:100*=A; f x/bin/b 1000:100*=A; l x/c 1000:100 > bin/a; f x/x.txt=later");
    check_step(&s, "x.txt a.tar /x/", "d x; d x/bin 711 1000:100; f x/bin/a 1000:100*=A; f x/bin/b 1000:100*=A; l x/c 1000:100 > bin/a; f x/x.txt 1000:100=early");
    check_fails(&s, "up.tar /x", KIST_E_CORRUPT, "ADD failed: cannot read 'up.tar': its member '../x' leads out of it");
    check_fails(&s, "wh.tar /x", KIST_E_UNSUPPORTED,
                "ADD failed: cannot read 'wh.tar': a layer cannot hold its member 'bin/.wh.x': names with .wh. delete");
    check_fails(&s, "https://example.com/x.git /x", KIST_E_UNSUPPORTED,
                "ADD failed: 'https://example.com/x.git' is a git repository, which kist does not fetch (use RUN git clone)");
    check_fails(&s, "https://example.com/ /x/", KIST_E_USAGE, "ADD failed: cannot determine filename for source https://example.com/");
    s.options.add = false;
    CHECK_OK(step_run(&s, "a.tar /x"), s.err);
    step_release(&s);
    tree_remove(&t);
}
