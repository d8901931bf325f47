/* What ADD unpacks and fetches. */
#include "build_copy_fixture.h"
#include "codec/encode.h"
#include "http_server.h"

/* ---- archives ---- */

static void put_packed(const struct tree *t, const char *name, enum kist_encoding encoding, const void *data, size_t len)
{
    KIST_AUTO(buf) struct kist_buf packed = KIST_BUF_INIT(TEXT_MAX);
    struct text_sink collect = {{&text_ops}, &packed};
    struct kist_encoder *encoder = NULL;
    struct kist_error err = {0};
    char path[128];
    FILE *f;

    CHECK_OK(kist_encoder_new(&encoder, encoding, 0, &collect.sink, &err), err);
    CHECK_OK(kist_sink_write(kist_encoder_sink(encoder), data, len, &err), err);
    CHECK_OK(kist_sink_finish(kist_encoder_sink(encoder), &err), err);
    kist_encoder_free(encoder);
    tree_path(t, name, path, sizeof(path));
    f = fopen(path, "w");
    if (!f || fwrite(packed.data, 1, packed.len, f) != packed.len || fclose(f) != 0) {
        abort();
    }
}

static void put_tar(const struct tree *t, const char *name, enum kist_encoding encoding, const char *const members[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    fixture_tar(&tar, members);
    put_packed(t, name, encoding, tar.data, tar.len);
}

TEST(archives)
{
    static const char *const members[] = {"f plain p", "f x.txt later", NULL};
    static const char *const inside[MEMBERS_MAX] = {"d ./ 700", "d bin 711", "f ./bin/a A", "h bin/b bin/a", "l c bin/a", "f x.txt early"};
    static const char *const escaping[MEMBERS_MAX] = {"f ../x 1"};
    static const char *const deleting[MEMBERS_MAX] = {"f bin/.wh.x 1"};
    struct tree t;
    struct step s;

    tree_make(&t, members);
    put_tar(&t, "a.tar", KIST_ENCODING_NONE, inside);
    put_tar(&t, "up.tar", KIST_ENCODING_NONE, escaping);
    put_tar(&t, "wh.tar", KIST_ENCODING_NONE, deleting);
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

TEST(packed_archives)
{
    static const char *const members[] = {"f z.xz \xfd" "7zXZ", "f z.bz2 BZh9", "f half.gz \x1f\x8bhalf", NULL};
    static const char *const inside[MEMBERS_MAX] = {"f a A"};
    struct tree t;
    struct step s;
    char path[128];
    FILE *f;

    tree_make(&t, members);
    put_tar(&t, "a.tgz", KIST_ENCODING_GZIP, inside);
    put_tar(&t, "a.tzst", KIST_ENCODING_ZSTD, inside);
    put_packed(&t, "no.gz", KIST_ENCODING_GZIP, "no tar", 6);
    tree_path(&t, "z.xz", path, sizeof(path));
    f = fopen(path, "a");
    if (!f || fputc('\0', f) != 0 || fclose(f) != 0) {
        abort();
    }
    step_init(&s, &t);
    s.options.add = true;
    check_step(&s, "a.tgz /x", "d x; f x/a 1000:100=A");
    check_step(&s, "a.tzst /x", "d x; f x/a 1000:100=A");
    s.options.chown = "5";
    check_step(&s, "a.tzst /x", "d x 5:5; f x/a 1000:100=A");
    s.options.chown = NULL;
    check_step(&s, "half.gz /x", "f x=\x1f\x8bhalf");
    CHECK_OK(step_run(&s, "no.gz /x"), s.err);
    CHECK(s.tar.len > 512 && strcmp(s.tar.data, "x") == 0); /* as it is */
    check_fails(&s, "z.xz /x", KIST_E_UNSUPPORTED,
                "ADD failed: 'z.xz' is packed with xz, which kist cannot unpack (pack it with gzip or zstd, or use COPY)");
    check_fails(&s, "z.bz2 /x", KIST_E_UNSUPPORTED,
                "ADD failed: 'z.bz2' is packed with bzip2, which kist cannot unpack (pack it with gzip or zstd, or use COPY)");
    step_release(&s);
    tree_remove(&t);
}

/* ---- URLs ---- */

static int requests;

static enum http_server_after answer(struct http_server *server, int fd, const char *head)
{
    static const char found[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    const char *text = strstr(head, "GET /found") ? found : strstr(head, "GET /cut") ? cut : missing;

    (void)server;
    requests++;
    http_server_send(fd, text, strlen(text));
    return HTTP_SERVER_CLOSE;
}

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"

TEST(urls)
{
    static const struct kist_registry_options net = {.tries = 1};
    struct http_server server = {.answer = answer};
    struct kist_digest digest;
    char words[128], want[400];
    struct place p;
    struct step s;

    http_server_start(&server);
    place_open(&p);
    step_init(&s, NULL);
    CHECK_OK(kist_context_open_empty(&s.context, &s.err), s.err);
    s.options.add = true;
    s.options.store = p.store;
    s.options.net = &net;
    s.options.epoch = 7;
    (void)snprintf(words, sizeof(words), "http://127.0.0.1:%u/found/it.txt?q=/x#y /d/", server.port);
    check_step(&s, words, "d d; f d/it.txt 600=hello");
    CHECK_INT(requests, 1);
    digest = s.digest;
    CHECK_INT(place_left(&p), 0);
    (void)snprintf(words, sizeof(words), "http://127.0.0.1:%u/found /d", server.port);
    s.options.chmod = "644";
    check_step(&s, words, "f d=hello");
    CHECK(!kist_digest_equal(&digest, &s.digest)); /* another name in a directory */
    s.options.checksum = HELLO;
    check_step(&s, words, "f d=hello");
    s.options.checksum = ZEROS;
    (void)snprintf(want, sizeof(want), "ADD failed: digest mismatch for 'http://127.0.0.1:%u/found': " HELLO ", not " ZEROS, server.port);
    check_fails(&s, words, KIST_E_CORRUPT, want);
    s.options.checksum = NULL;
    (void)snprintf(words, sizeof(words), "http://127.0.0.1:%u/no /d", server.port);
    (void)snprintf(want, sizeof(want), "ADD failed: '127.0.0.1:%u' answered 404", server.port);
    check_fails(&s, words, KIST_E_NOT_FOUND, want);
    (void)snprintf(words, sizeof(words), "http://127.0.0.1:%u/cut /d", server.port);
    TEST_CASE(words);
    CHECK_INT(step_run(&s, words), KIST_E_NETWORK);
    TEST_CASE(NULL);
    CHECK_INT(place_left(&p), 0);
    step_release(&s);
    place_close(&p);
    http_server_end(&server);
}

/* With its checksum known, a step's digest needs no network. */
TEST(checksum_spares_the_fetch)
{
    KIST_AUTO(copy) struct kist_copy_plan *copy = NULL;
    static const struct kist_copy_source source = {.path = "http://127.0.0.1:1/x"};
    struct step s;

    step_init(&s, NULL);
    CHECK_OK(kist_context_open_empty(&s.context, &s.err), s.err);
    s.options.add = true;
    s.options.checksum = HELLO;
    CHECK_OK(kist_copy_new(&copy, "ADD", s.context, &source, 1, "/x", &s.options, &s.err), s.err);
    CHECK_OK(kist_copy_digest(copy, &s.digest, &s.err), s.err);
    step_release(&s);
}
