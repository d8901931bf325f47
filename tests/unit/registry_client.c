/* The client against a server of this process that plays a script: one answer a connection, byte for byte. */
#include "base/base.h"
#include "http_script.h"
#include "test.h"

struct gather {
    struct kist_sink sink;
    char bytes[64];
    size_t len;
    int fail;
};

static int gather_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct gather *g = KIST_CONTAINER_OF(sink, struct gather, sink);

    if (g->fail < 0 || len >= sizeof(g->bytes) - g->len) {
        return kist_error_set(err, KIST_E_NO_SPACE, "the sink is full");
    }
    memcpy(g->bytes + g->len, data, len);
    g->len += len;
    g->bytes[g->len] = '\0';
    return 0;
}

static int gather_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    return kist_error_set(err, KIST_E_FAIL, "finish is the caller's");
}

static const struct kist_sink_ops gather_ops = {gather_write, gather_finish};

/* Every blob test: what the server plays, and what comes of a blob "0123456789". */
struct play {
    const char *label, *script[SCRIPT_MAX];
    int result;
    const char *message; /* part of the error's */
    uint64_t received;   /* 0: not looked at */
    int answers;
    const char *sent[SCRIPT_MAX]; /* part of the request's head; "!": not part of it */
};

static void check_requests(const struct server *s, const struct play *p)
{
    for (int i = 0; i < p->answers && p->sent[i]; i++) {
        bool absent = p->sent[i][0] == '!';

        if ((strstr(s->requests[i], p->sent[i] + absent) == NULL) != absent) {
            CHECK_STR(s->requests[i], p->sent[i]);
        }
    }
}

static void play(const struct play *p)
{
    struct kist_registry_options options = {.tries = 3, .backoff_ms = 1, .stall_ms = 2000};
    struct gather g = {.sink = {&gather_ops}, .bytes = ""};
    struct server *s = server_start(p->script);
    struct kist_registry *reg = open_at(s, &options);
    struct kist_error err = {0};
    struct kist_digest digest = {{0}};
    uint64_t received = 0;

    TEST_CASE(p->label);
    CHECK_INT(kist_registry_blob(reg, &digest, 10, &g.sink, &received, &err), p->result);
    if (p->result == 0) {
        CHECK_STR(g.bytes, "0123456789");
    } else if (!strstr(err.message, p->message)) {
        CHECK_STR(err.message, p->message);
    }
    if (p->received) {
        CHECK_INT(received, p->received);
    }
    kist_registry_close(reg);
    CHECK_INT(server_stop(s), p->answers);
    check_requests(s, p);
    free(s);
    TEST_CASE(NULL);
}

TEST(brings_a_blob_through)
{
    static const struct play plays[] = {
        {"whole", {OK("10") "0123456789"}, 0, NULL, 10, 1, {"GET /v2/a/b/blobs/sha256:0000"}},
        {"identity is asked for", {OK("10") "0123456789"}, 0, NULL, 10, 1, {"Accept-Encoding: identity\r\n"}},
        {"dropped twice",
         {OK("10") "0123", PART("4-9/10", "6") "45", PART("6-9/10", "4") "6789"},
         0,
         NULL,
         10,
         3,
         {"!Range", "Range: bytes=4-\r\n", "Range: bytes=6-\r\n"}},
        {"range ignored", {OK("10") "0123", OK("10") "0123456789"}, 0, NULL, 14, 2, {NULL}},
        {"a part that starts earlier",
         {OK("10") "0123", PART("2-9/10", "8") "23456789"},
         0,
         NULL,
         12,
         2,
         {NULL}},
        {"a part that starts later",
         {OK("10") "0123", PART("5-9/10", "5") "56789", OK("10") "0123456789"},
         0,
         NULL,
         0,
         3,
         {"!Range", "Range: bytes=4-", "!Range"}},
        {"range refused",
         {OK("10") "0123", STATUS("416", "Content-Range: bytes */10\r\n"), OK("10") "0123456789"},
         0,
         NULL,
         14,
         3,
         {"!Range", "Range: bytes=4-", "!Range"}},
        {"stalled", {OK("10") "0123" HOLD, PART("4-9/10", "6") "456789"}, 0, NULL, 10, 2, {NULL}},
        {"no length", {"HTTP/1.1 200 OK\r\n\r\n0123", PART("4-9/10", "6") "456789"}, 0, NULL, 10, 2, {NULL}},
        {"busy",
         {STATUS("503", ""), STATUS("429", "Retry-After: 0\r\n"), OK("10") "0123456789"},
         0,
         NULL,
         10,
         3,
         {NULL}},
        {"progress counts",
         {OK("10") "0", OK("10") "01", OK("10") "012", OK("10") "0123", OK("10") "0123456789"},
         0,
         NULL,
         20,
         5,
         {NULL}},
    };

    for (size_t i = 0; i < KIST_COUNT(plays); i++) {
        play(&plays[i]);
    }
}

TEST(refuses_a_blob)
{
    static const struct play plays[] = {
        {"declared shorter",
         {OK("9") "012345678"},
         KIST_E_CORRUPT,
         "is shorter than the 10 bytes",
         0,
         1,
         {NULL}},
        {"declared larger",
         {OK("11") "0123456789a"},
         KIST_E_CORRUPT,
         "is larger than the 10 bytes",
         0,
         1,
         {NULL}},
        {"another total",
         {OK("10") "0123", PART("4-8/9", "5") "45678"},
         KIST_E_CORRUPT,
         "is shorter than",
         0,
         2,
         {NULL}},
        {"larger without saying",
         {"HTTP/1.1 200 OK\r\n\r\n0123456789a"},
         KIST_E_CORRUPT,
         "is larger than",
         0,
         1,
         {NULL}},
        {"chunked and shorter",
         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n"},
         KIST_E_CORRUPT,
         "is shorter than",
         0,
         1,
         {NULL}},
        {"always dropped",
         {OK("10"), OK("10"), OK("10")},
         KIST_E_NETWORK,
         "given up after 3 tries",
         0,
         3,
         {NULL}},
        {"always busy",
         {STATUS("503", ""), STATUS("503", ""), STATUS("503", "")},
         KIST_E_NETWORK,
         "answered 503",
         0,
         3,
         {NULL}},
        {"not there", {STATUS("404", "")}, KIST_E_NOT_FOUND, "blob 'sha256:00", 0, 1, {NULL}},
        {"forbidden",
         {STATUS("403", "")},
         KIST_E_AUTH,
         "not authorised to pull 'a/b' from '127.0.0.1:",
         0,
         1,
         {NULL}},
        {"no answer to 401",
         {STATUS("401", "WWW-Authenticate: Basic realm=\"x\"\r\n")},
         KIST_E_AUTH,
         "needs a login",
         0,
         1,
         {NULL}},
        {"no content", {STATUS("204", "")}, KIST_E_FAIL, "answered 204", 0, 1, {NULL}},
        {"redirected to plain HTTP elsewhere",
         {STATUS("307", "Location: gopher://example.com/\r\n")},
         KIST_E_FAIL,
         "redirects to where",
         0,
         1,
         {NULL}},
        {"redirected to nowhere", {STATUS("307", "")}, KIST_E_NETWORK, "redirects to nowhere", 0, 1, {NULL}},
        {"redirected in a loop",
         {STATUS("307", "Location: /a\r\n"), STATUS("302", "Location: /a\r\n"),
          STATUS("301", "Location: /a\r\n"), STATUS("303", "Location: /a\r\n"),
          STATUS("308", "Location: /a\r\n"), STATUS("307", "Location: /a\r\n")},
         KIST_E_NETWORK,
         "redirects more than 5 times",
         0,
         6,
         {NULL}},
    };

    for (size_t i = 0; i < KIST_COUNT(plays); i++) {
        play(&plays[i]);
    }
}

#define CHALLENGE                                                                                            \
    STATUS("401", "WWW-Authenticate: Bearer realm=\"http://localhost:@/t?x=y\",service=\"a service\","       \
                  "scope=\"repository:a/b:pull\"\r\n")
#define TOKEN(token) OK("15") "{\"token\":\"" token "\"}"

TEST(shows_its_token_to_the_registry_only)
{
    static const struct play plays[] = {
        {"token",
         {CHALLENGE, TOKEN("one"), OK("10") "0123456789"},
         0,
         NULL,
         10,
         3,
         {"!Authorization", "GET /t?x=y&scope=repository%3Aa%2Fb%3Apull&service=a%20service HTTP",
          "Authorization: Bearer one\r\n"}},
        {"token that runs out on the way",
         {CHALLENGE, TOKEN("one"), OK("10") "0123", CHALLENGE, TOKEN("two"), PART("4-9/10", "6") "456789"},
         0,
         NULL,
         10,
         6,
         {"!Authorization", "!Authorization", "Bearer one", "Bearer one", "!Authorization", "Bearer two"}},
        {"redirect to another host",
         {CHALLENGE, TOKEN("one"), STATUS("307", "Location: http://localhost:@/cdn?signature=x\r\n"),
          OK("10") "0123456789"},
         0,
         NULL,
         10,
         4,
         {"!Authorization", "!Authorization", "Bearer one", "!Authorization"}},
        {"redirect on the same host",
         {CHALLENGE, TOKEN("one"), STATUS("307", "Location: /elsewhere\r\n"), OK("10") "0123456789"},
         0,
         NULL,
         10,
         4,
         {"!Authorization", "!Authorization", "Bearer one", "Bearer one"}},
        {"a link whose time ran out",
         {STATUS("307", "Location: http://localhost:@/1\r\n"), STATUS("403", ""),
          STATUS("307", "Location: http://localhost:@/2\r\n"), OK("10") "0123456789"},
         0,
         NULL,
         10,
         4,
         {"GET /v2/", "GET /1", "GET /v2/", "GET /2"}},
        {"token not taken",
         {CHALLENGE, TOKEN("one"), CHALLENGE},
         KIST_E_AUTH,
         "does not exist or needs a login",
         0,
         3,
         {NULL}},
        {"no token",
         {CHALLENGE, STATUS("403", "")},
         KIST_E_AUTH,
         "does not exist or needs a login",
         0,
         2,
         {NULL}},
        {"a token server without TLS elsewhere",
         {STATUS("401", "WWW-Authenticate: Bearer realm=\"http://auth.example/t\"\r\n")},
         KIST_E_AUTH,
         "without TLS",
         0,
         1,
         {NULL}},
    };

    for (size_t i = 0; i < KIST_COUNT(plays); i++) {
        play(&plays[i]);
    }
}

TEST(brings_a_manifest)
{
    static const char *const script[] = {
        OK("2") "{}", OK("2") "{}",
        "HTTP/1.1 200 OK\r\nContent-Type: a/b; c\r\nContent-Length: 4194305\r\n\r\n{", NULL};
    struct kist_registry_options options = {.tries = 1};
    struct server *s = server_start(script);
    struct kist_registry *reg = open_at(s, &options);
    struct kist_registry_document doc;
    struct kist_error err = {0};
    char text[KIST_DIGEST_TEXT_MAX], other[KIST_DIGEST_TEXT_MAX];
    struct kist_digest wrong = {{0}};

    CHECK_OK(kist_registry_manifest(reg, "t", &doc, &err), err);
    CHECK_STR(kist_buf_text(&doc.body), "{}");
    CHECK_STR(kist_digest_text(text, &doc.digest),
              "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    kist_registry_document_release(&doc);
    CHECK_INT(kist_registry_manifest(reg, kist_digest_text(other, &wrong), &doc, &err), KIST_E_CORRUPT);
    CHECK(strstr(err.message, "wrong digest") != NULL);
    CHECK_INT(kist_registry_manifest(reg, "t", &doc, &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "the manifest of 'a/b:t' is larger than 4194304 bytes");
    kist_registry_close(reg);
    CHECK_INT(server_stop(s), 3);
    CHECK(strstr(s->requests[0], "GET /v2/a/b/manifests/t HTTP/1.1\r\n") != NULL);
    CHECK(strstr(s->requests[0], "application/vnd.oci.image.index.v1+json") != NULL);
    free(s);
}

TEST(returns_what_the_sink_said)
{
    static const char *const script[] = {OK("10") "0123456789", NULL};
    struct kist_registry_options options = {0};
    struct gather g = {.sink = {&gather_ops}, .fail = -1};
    struct server *s = server_start(script);
    struct kist_registry *reg = open_at(s, &options);
    struct kist_error err = {0};
    struct kist_digest digest = {{0}};

    CHECK_INT(kist_registry_blob(reg, &digest, 10, &g.sink, NULL, &err), KIST_E_NO_SPACE);
    CHECK_STR(err.message, "the sink is full");
    kist_registry_close(reg);
    CHECK_INT(server_stop(s), 1);
    free(s);
}

static bool stop_soon(void *arg)
{
    int *asked = arg;

    return ++*asked > 2;
}

/* In silence, and while waiting for the next try. */
TEST(stops_when_asked)
{
    static const char *const silent[] = {HOLD, NULL};
    static const char *const busy[] = {STATUS("429", "Retry-After: 3600\r\n"), NULL};
    const char *const *scripts[] = {silent, busy};

    for (size_t i = 0; i < KIST_COUNT(scripts); i++) {
        int asked = 0;
        struct kist_registry_options options = {.stop = stop_soon, .stop_arg = &asked};
        struct server *s = server_start(scripts[i]);
        struct kist_registry *reg = open_at(s, &options);
        struct kist_registry_document doc;
        struct kist_error err = {0};

        CHECK_INT(kist_registry_manifest(reg, "t", &doc, &err), KIST_E_INTERRUPTED);
        kist_registry_close(reg);
        (void)server_stop(s);
        free(s);
    }
}

TEST(says_when_nobody_is_there)
{
    static const char *const script[] = {NULL};
    struct kist_registry_options options = {.tries = 2, .backoff_ms = 1};
    struct server *s = server_start(script);
    struct kist_registry *reg = open_at(s, &options);
    struct kist_registry_document doc;
    struct kist_error err = {0};

    CHECK_INT(server_stop(s), 0);
    CHECK_INT(kist_registry_manifest(reg, "t", &doc, &err), KIST_E_NETWORK);
    CHECK(strstr(err.message, "Connection refused (given up after 2 tries)") != NULL);
    kist_registry_close(reg);
    free(s);
}
