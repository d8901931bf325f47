/* Uploads to a registry of this process, which keeps what it wants of a request and answers or hangs up. */
#include "base/base.h"
#include "http_server.h"
#include "image/digest.h"
#include "registry/registry.h"
#include "registry/upload.h"
#include "test.h"

#define MIB ((size_t)1 << 20)
#define STEPS 8

/* What becomes of a PATCH; all of the zeros: it is taken. */
struct step {
    size_t keep;      /* bytes of it, where cut or drop */
    bool cut;         /* takes so many, and says so */
    bool drop;        /* takes so many, and hangs up */
    size_t forget;    /* afterwards the upload has so many bytes fewer */
    int status;       /* refuses with that */
};

struct peer {
    struct http_server http;
    struct step steps[STEPS];
    const char *least; /* OCI-Chunk-Min-Length */
    bool mounts;
    unsigned char *blob;
    size_t len;
    size_t starts[STEPS]; /* of each PATCH, by Content-Range */
    size_t sizes[STEPS];
    int patches, posts, gets, heads;
    char put[512]; /* the first line of the last PUT */
};

static void reply(int fd, const char *status, const char *headers)
{
    char text[512];

    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n", status, headers);
    http_server_send(fd, text, strlen(text));
}

static size_t number_after(const char *head, const char *field)
{
    const char *at = strstr(head, field);

    return at ? strtoul(at + strlen(field), NULL, 10) : 0;
}

/* The body, of which the beginning may have come with the head. */
static unsigned char *take_body(int fd, const char *head, size_t *size)
{
    const char *rest = strstr(head, "\r\n\r\n") + 4;
    size_t have = strlen(rest);
    unsigned char *body;

    *size = number_after(head, "Content-Length: ");
    body = malloc(*size + 1);
    memcpy(body, rest, KIST_MIN(have, *size));
    while (have < *size) {
        ssize_t n = recv(fd, body + have, *size - have, 0);

        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    return body;
}

static void send_place(struct peer *p, int fd, const char *status, bool range)
{
    char headers[256], stored[64] = "";

    if (range) {
        snprintf(stored, sizeof(stored), "Range: 0-%zu\r\n", p->len > 0 ? p->len - 1 : 0);
    }
    snprintf(headers, sizeof(headers), "Location: /upload/%d?state=%zu\r\n%s%s%s%s", p->posts, p->len, stored,
             p->least ? "OCI-Chunk-Min-Length: " : "", p->least ? p->least : "", p->least ? "\r\n" : "");
    reply(fd, status, headers);
}

static void take_patch(struct peer *p, int fd, const char *head)
{
    int n = p->patches++ % STEPS;
    const struct step *step = &p->steps[n];
    unsigned char *body = take_body(fd, head, &p->sizes[n]);
    size_t keep = step->cut || step->drop ? step->keep : p->sizes[n];

    p->starts[n] = number_after(head, "Content-Range: ");
    if (step->status == 0 && p->starts[n] == p->len) {
        memcpy(p->blob + p->len, body, keep);
        p->len += keep;
        p->len -= step->forget;
    }
    free(body);
    if (step->status != 0) {
        reply(fd, step->status == 404 ? "404 Gone" : "507 Full", "");
    } else if (!step->drop) {
        send_place(p, fd, "202 Accepted", true);
    }
}

static enum http_server_after answer(struct http_server *http, int fd, const char *head)
{
    struct peer *p = KIST_CONTAINER_OF(http, struct peer, http);

    if (strncmp(head, "POST", 4) == 0) {
        p->posts++;
        p->len = 0;
        if (p->mounts && strstr(head, "mount=sha256:") && strstr(head, "from=other%2Fplace ")) {
            reply(fd, "201 Created", "");
        } else {
            send_place(p, fd, "202 Accepted", false);
        }
    } else if (strncmp(head, "PATCH", 5) == 0) {
        take_patch(p, fd, head);
    } else if (strncmp(head, "GET", 3) == 0) {
        p->gets++;
        send_place(p, fd, "204 No Content", true);
    } else if (strncmp(head, "HEAD", 4) == 0) {
        p->heads++;
        reply(fd, "404 Not Found", "");
    } else if (strncmp(head, "PUT", 3) == 0) {
        size_t size;
        unsigned char *body = take_body(fd, head, &size);

        memcpy(p->blob + p->len, body, size);
        p->len += size;
        free(body);
        snprintf(p->put, sizeof(p->put), "%.*s", (int)strcspn(head, "\r"), head);
        reply(fd, "201 Created", "");
    } else {
        return HTTP_SERVER_STOP;
    }
    return HTTP_SERVER_CLOSE;
}

/* Without a zero in it: take_body finds the end of what came with the head by that. */
static unsigned char *make_data(size_t size)
{
    unsigned char *data = malloc(size + 1);

    for (size_t i = 0; i < size; i++) {
        data[i] = (unsigned char)(1 + (i * 7 + i / 251 + i / 65537) % 255);
    }
    return data;
}

static struct kist_registry *open_at(const struct peer *p, const struct kist_registry_options *options)
{
    struct kist_registry *reg = NULL;
    struct kist_error err = {0};
    struct kist_reference r;
    char text[64];

    snprintf(text, sizeof(text), "127.0.0.1:%u/a/b:t", p->http.port);
    CHECK_OK(kist_reference_parse(&r, text, &err), err);
    CHECK_OK(kist_registry_open(&reg, &r, options, &err), err);
    return reg;
}

/* Sends size bytes in pieces; what came of it. */
static int upload(struct peer *p, size_t size, uint64_t *sent, bool *lost, struct kist_error *err)
{
    static const struct kist_registry_options options = {.tries = 3, .backoff_ms = 1, .stall_ms = 20000};
    struct kist_registry *reg;
    struct kist_upload *u;
    struct kist_digest digest;
    unsigned char *data = make_data(size);
    char want[KIST_DIGEST_TEXT_MAX];
    int rc = 0;

    p->blob = malloc(2 * size + 1);
    p->http.answer = answer;
    http_server_start(&p->http);
    reg = open_at(p, &options);
    kist_digest_of(&digest, data, size);
    CHECK_OK(kist_upload_new(&u, reg, "the blob", sent, err), *err);
    for (size_t at = 0; at < size && rc == 0; at += 300000) {
        rc = kist_sink_write(kist_upload_sink(u), data + at, KIST_MIN((size_t)300000, size - at), err);
    }
    if (rc == 0) {
        rc = kist_upload_finish(u, &digest, err);
    }
    if (rc == 0) {
        CHECK_INT(p->len, size);
        CHECK(p->len == size && memcmp(p->blob, data, size) == 0);
        CHECK(strstr(p->put, kist_digest_text(want, &digest)) != NULL);
    }
    *lost = kist_upload_lost(u);
    kist_upload_free(u);
    kist_registry_close(reg);
    http_server_end(&p->http);
    free(p->blob);
    free(data);
    return rc;
}

TEST(goes_on_where_the_registry_is)
{
    static const struct {
        const char *label;
        size_t size;
        const char *least;
        struct step steps[STEPS];
        int patches, gets;
        size_t start; /* of the PATCH after the first in trouble */
    } rows[] = {
        {"nothing", 0, NULL, {{0}}, 0, 0, 0},
        {"one piece", MIB + 1, NULL, {{0}}, 0, 0, 0},
        {"segments", 9 * MIB, NULL, {{0}}, 3, 0, 8 * MIB},
        {"a whole number of them", 8 * MIB, NULL, {{0}}, 2, 0, 0},
        {"dropped within one", 9 * MIB, NULL, {{0}, {.keep = MIB, .drop = true}}, 4, 1, 5 * MIB},
        {"dropped before it began", 9 * MIB, NULL, {{0}, {.drop = true}}, 4, 1, 4 * MIB},
        {"dropped when all was there", 9 * MIB, NULL, {{0}, {.keep = 4 * MIB, .drop = true}}, 3, 1, 8 * MIB},
        {"taken in part", 9 * MIB, NULL, {{0}, {.keep = 1000, .cut = true}}, 4, 0, 4 * MIB + 1000},
        {"larger ones wanted", 9 * MIB, "6291456", {{0}}, 2, 0, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct peer p = {.least = rows[i].least};
        struct kist_error err = {0};
        uint64_t sent = 0;
        bool lost;

        TEST_CASE(rows[i].label);
        memcpy(p.steps, rows[i].steps, sizeof(p.steps));
        CHECK_OK(upload(&p, rows[i].size, &sent, &lost, &err), err);
        CHECK_INT(p.patches, rows[i].patches);
        CHECK_INT(p.gets, rows[i].gets);
        CHECK_INT(p.posts, 1);
        if (rows[i].start > 0) {
            CHECK_INT(p.starts[2], rows[i].start);
        }
        if (rows[i].least) {
            CHECK_INT(p.sizes[0], 6 * MIB);
        }
        if (rows[i].gets == 0) {
            CHECK_INT(sent, rows[i].size);
        }
    }
}

TEST(says_when_it_is_lost)
{
    static const struct {
        const char *label;
        struct step steps[STEPS];
        int result;
        bool lost;
        const char *message;
    } rows[] = {
        {"the registry went back", {{0}, {.keep = MIB, .drop = true, .forget = 2 * MIB}}, KIST_E_NETWORK, true, "127.0.0.1"},
        {"the registry knows nothing of it", {{0}, {.status = 404}}, KIST_E_NETWORK, true, "the blob not found"},
        {"it is full", {{0}, {.status = 507}}, KIST_E_FAIL, false, "answered 507: it has no space left"},
        {"always dropped",
         {{0}, {.drop = true}, {.drop = true}, {.drop = true}, {.drop = true}},
         KIST_E_NETWORK,
         false,
         "given up after 3 tries"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct peer p = {.least = NULL};
        struct kist_error err = {0};
        bool lost;

        TEST_CASE(rows[i].label);
        memcpy(p.steps, rows[i].steps, sizeof(p.steps));
        CHECK_INT(upload(&p, 9 * MIB, NULL, &lost, &err), rows[i].result);
        CHECK_INT(err.code, rows[i].result);
        CHECK_INT(lost, rows[i].lost);
        if (!strstr(err.message, rows[i].message)) {
            CHECK_STR(err.message, rows[i].message);
        }
    }
}

TEST(mounts)
{
    static const struct kist_registry_options options = {.tries = 3, .backoff_ms = 1, .stall_ms = 20000};

    for (int mounts = 0; mounts < 2; mounts++) {
        struct peer p = {.mounts = mounts != 0, .blob = malloc(16)};
        struct kist_error err = {0};
        struct kist_digest digest;
        struct kist_registry *reg;
        struct kist_upload *u;

        p.http.answer = answer;
        http_server_start(&p.http);
        reg = open_at(&p, &options);
        kist_digest_of(&digest, "abc", 3);
        REQUIRE_OK(kist_upload_new(&u, reg, "the blob", NULL, &err), err);
        CHECK_INT(kist_registry_has_blob(reg, &digest, &err), 0);
        CHECK_INT(kist_upload_mount(u, &digest, "other/place", &err), mounts);
        if (!mounts) { /* the upload that the registry began instead is the one that is used */
            CHECK_OK(kist_sink_write(kist_upload_sink(u), "abc", 3, &err), err);
            CHECK_OK(kist_upload_finish(u, &digest, &err), err);
        }
        CHECK_INT(p.posts, 1);
        kist_upload_free(u);
        kist_registry_close(reg);
        http_server_end(&p.http);
        free(p.blob);
    }
}
