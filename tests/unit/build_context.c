/* Build contexts: what is left out, what is odd in them, and those that came as a tar. */
#include "build_copy_fixture.h"
#include "codec/encode.h"

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
    check_fails(&s, "d /x", KIST_E_NO_SPACE, "COPY failed: more files than 'mem' allows (leave some out by '.dockerignore', or raise it)");
    s.limits.max_inodes = 4;
    CHECK_OK(step_run(&s, "d /x"), s.err);
    s.limits.max_names = 4;
    check_fails(&s, "d /x", KIST_E_NO_SPACE, "COPY failed: more files than 'mem' allows (leave some out by '.dockerignore', or raise it)");
    step_release(&s);
    tree_remove(&t);
}

/* Deeper than descriptors and stack would take, if each level cost one. */
TEST(depth)
{
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
    CHECK(s.tar.len > 1500 * 512); /* a header each */
    step_release(&s);
    tree_remove(&t);
}

/* ---- sent as a tar ---- */

/* members, packed, sent to a context in pieces; the error, or 0 once it can be read. */
static int send_tar(struct step *s, struct place *p, const struct kist_buf *tar, enum kist_encoding encoding, size_t len)
{
    KIST_AUTO(buf) struct kist_buf packed = KIST_BUF_INIT(TEXT_MAX);
    struct text_sink collect = {{&text_ops}, &packed};
    struct kist_encoder *encoder = NULL;
    int rc = 0;

    CHECK_OK(kist_encoder_new(&encoder, encoding, 0, &collect.sink, &s->err), s->err);
    CHECK_OK(kist_sink_write(kist_encoder_sink(encoder), tar->data, tar->len, &s->err), s->err);
    CHECK_OK(kist_sink_finish(kist_encoder_sink(encoder), &s->err), s->err);
    kist_encoder_free(encoder);
    CHECK(kist_context_is_tar(packed.data, KIST_MIN(packed.len, (size_t)512)));
    CHECK_OK(kist_context_open_tar(&s->context, p->store, &s->limits, &s->err), s->err);
    for (size_t at = 0; at < KIST_MIN(len, packed.len) && rc == 0; at += 100) {
        rc = kist_sink_write(kist_context_sink(s->context), packed.data + at, KIST_MIN((size_t)100, KIST_MIN(len, packed.len) - at), &s->err);
    }
    return rc == 0 ? kist_sink_finish(kist_context_sink(s->context), &s->err) : rc;
}

TEST(sent_as_a_tar)
{
    static const char *const members[MEMBERS_MAX] = {"d ./", "f ./Dockerfile FROM", "d ./dir 750", "f ./dir/a 1", "h ./dir/b dir/a", "l up ../../etc"};
    static const enum kist_encoding encodings[] = {KIST_ENCODING_NONE, KIST_ENCODING_GZIP, KIST_ENCODING_ZSTD};
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct place p;

    place_open(&p);
    fixture_tar(&tar, members);
    for (size_t i = 0; i < KIST_COUNT(encodings); i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(16);
        struct step s;

        step_init(&s, NULL);
        CHECK_OK(send_tar(&s, &p, &tar, encodings[i], SIZE_MAX), s.err);
        check_step(&s, ". /x/", "d x; f x/Dockerfile=FROM; d x/dir 750; f x/dir/a*=1; f x/dir/b*=1; l x/up > ../../etc");
        check_fails(&s, "up/passwd /x", KIST_E_NOT_FOUND,
                    "COPY failed: file not found in build context or excluded by .dockerignore: stat up/passwd: file does not exist");
        CHECK_OK(kist_context_text(s.context, "Dockerfile", &text, &s.err), s.err);
        CHECK_STR(kist_buf_text(&text), "FROM");
        CHECK(place_left(&p) > 0);
        step_release(&s);
        CHECK_INT(place_left(&p), 0);
    }
    place_close(&p);
}

TEST(sent_badly)
{
    static const char *const members[MEMBERS_MAX] = {"f a 1"}, *const escaping[MEMBERS_MAX] = {"f ../a 1"};
    static const struct {
        const char *label;
        const char *const *members;
        enum kist_encoding encoding;
        size_t len;
    } rows[] = {
        {"cut in its header", members, KIST_ENCODING_NONE, 300},
        {"cut in its frame", members, KIST_ENCODING_ZSTD, 20},
        {"a name that leads out", escaping, KIST_ENCODING_NONE, SIZE_MAX},
    };
    struct place p;

    place_open(&p);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        struct step s;

        TEST_CASE(rows[i].label);
        fixture_tar(&tar, rows[i].members);
        step_init(&s, NULL);
        CHECK_INT(send_tar(&s, &p, &tar, rows[i].encoding, rows[i].len), KIST_E_CORRUPT);
        step_release(&s);
        CHECK_INT(place_left(&p), 0);
    }
    TEST_CASE(NULL);
    CHECK(!kist_context_is_tar("FROM scratch\n", 13));
    place_close(&p);
}

TEST(with_nothing_in_it)
{
    struct step s;

    step_init(&s, NULL);
    CHECK_OK(kist_context_open_empty(&s.context, &s.err), s.err);
    check_fails(&s, "a /x", KIST_E_NOT_FOUND,
                "COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist");
    check_step(&s, "<<a /x/", "d x; f x/a=here\n");
    step_release(&s);
    CHECK_INT(kist_context_open(&s.context, "/nowhere/at/all", &s.err), KIST_E_USAGE);
    CHECK_STR(s.err.message, "unable to prepare context: path '/nowhere/at/all' not found");
    CHECK_INT(kist_context_open(&s.context, "/proc/version", &s.err), KIST_E_USAGE);
    CHECK_STR(s.err.message, "unable to prepare context: context must be a directory: /proc/version");
}
