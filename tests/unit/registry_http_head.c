#include "registry/http_head.h"

#include "base/limits.h"
#include "test.h"

#define NOW 784111777 /* 1994-11-06T08:49:37Z */

static void feed(struct kist_http_head *h, const char *line)
{
    struct kist_error err = {0};

    CHECK_OK(kist_http_head_line(h, line, strlen(line), NOW, &err), err);
}

TEST(reads_a_head)
{
    KIST_AUTO(http_head) struct kist_http_head h;

    kist_http_head_init(&h);
    feed(&h, "HTTP/1.1 100 Continue\r\n");
    feed(&h, "Content-Length: 1\r\n");
    feed(&h, "HTTP/1.1 206 Partial Content\r\n");
    CHECK(!h.has_length);
    feed(&h, "content-length: 95\r\n");
    feed(&h, "Content-Range: bytes 5-99/100\r\n");
    feed(&h, "CONTENT-TYPE:  application/json; charset=utf-8\r\n");
    feed(&h, "Docker-Content-Digest: sha256:0123\r\n");
    feed(&h, "Transfer-Encoding: gzip, chunked\r\n");
    feed(&h, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    CHECK_INT(h.modified, NOW);
    feed(&h, "Last-Modified: yesterday\r\n");
    CHECK_INT(h.modified, 0);
    feed(&h, "no colon here\r\n");
    CHECK_INT(h.status, 206);
    CHECK(h.has_length && h.has_range && h.has_total && h.chunked);
    CHECK_INT(h.length, 95);
    CHECK_INT(h.range_first, 5);
    CHECK_INT(h.range_total, 100);
    CHECK_STR(h.content_type, "application/json");
    CHECK_STR(h.content_digest, "sha256:0123");
    feed(&h, "HTTP/1.1 307 Temporary Redirect\n");
    feed(&h, "Location: https://example.com/?a=b\n");
    feed(&h, "Location: https://example.org/\n");
    CHECK_INT(h.status, 307);
    CHECK(!h.has_length && !h.has_range && !h.chunked);
    CHECK_STR(kist_buf_text(&h.location), "https://example.com/?a=b");
    feed(&h, "HTTP/1.1 401 Unauthorized\r\n");
    CHECK_STR(kist_buf_text(&h.location), "");
    feed(&h, "WWW-Authenticate: Basic realm=\"a\"\r\n");
    feed(&h, "Www-Authenticate: Bearer realm=\"b\"\r\n");
    CHECK_STR(kist_buf_text(&h.challenges), "Basic realm=\"a\", Bearer realm=\"b\"");
}

TEST(reads_ranges)
{
    static const struct {
        const char *line;
        bool range, total;
        uint64_t first, all;
    } rows[] = {
        {"Content-Range: bytes 0-0/1", true, true, 0, 1},
        {"Content-Range: bytes 7-9/*", true, false, 7, 0},
        {"Content-Range: bytes */42", false, true, 0, 42},
        {"Content-Range: Bytes  1-2/3", true, true, 1, 3},
        {"Content-Range: bytes 5-4/10", false, false, 0, 0},
        {"Content-Range: bytes 5-10/10", false, false, 0, 0},
        {"Content-Range: bytes 5-", false, false, 0, 0},
        {"Content-Range: bytes -5/10", false, false, 0, 0},
        {"Content-Range: bytes 1-2/3x", false, false, 0, 0},
        {"Content-Range: bytes 99999999999999999999999-2/3", false, false, 0, 0},
        {"Content-Range: pages 1-2/3", false, false, 0, 0},
        {"Content-Range: bytes=1-2/3", false, false, 0, 0},
        {"Content-Range:", false, false, 0, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(http_head) struct kist_http_head h;

        TEST_CASE(rows[i].line);
        kist_http_head_init(&h);
        feed(&h, rows[i].line);
        CHECK_INT(h.has_range, rows[i].range);
        CHECK_INT(h.has_total, rows[i].total);
        CHECK_INT(h.range_first, rows[i].first);
        CHECK_INT(h.range_total, rows[i].all);
    }
}

TEST(reads_retry_after)
{
    static const struct {
        const char *line;
        uint64_t ms;
    } rows[] = {
        {"Retry-After: 7", 7000},
        {"Retry-After: 0", 0},
        {"Retry-After: -7", 0},
        {"Retry-After: 7.5", 0},
        {"Retry-After: 4000000000", 86400000},
        {"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT", 10000},
        {"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Retry-After: Sun, 06 Nov 1993 08:49:37 GMT", 0},
        {"Retry-After: Sun, 06 Nox 1994 08:49:47 GMT", 0},
        {"Retry-After: Sun, 66 Nov 1994 08:49:47 GMT", 0},
        {"Retry-After: Sunday, 06-Nov-94 08:49:47 GMT", 0},
        {"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", 86400000},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(http_head) struct kist_http_head h;

        TEST_CASE(rows[i].line);
        kist_http_head_init(&h);
        feed(&h, rows[i].line);
        CHECK_INT(h.retry_after_ms, rows[i].ms);
    }
}

TEST(bounds_a_line)
{
    static char line[KIST_MAX_HEADER + 1];
    KIST_AUTO(http_head) struct kist_http_head h;
    struct kist_error err = {0};

    kist_http_head_init(&h);
    memset(line, 'a', sizeof(line));
    CHECK_OK(kist_http_head_line(&h, line, KIST_MAX_HEADER, NOW, &err), err);
    CHECK_INT(kist_http_head_line(&h, line, KIST_MAX_HEADER + 1, NOW, &err), KIST_E_CORRUPT);
    memcpy(line, "Content-Type:", 13);
    CHECK_OK(kist_http_head_line(&h, line, KIST_MAX_HEADER, NOW, &err), err);
    CHECK_STR(h.content_type, "");
    feed(&h, "Content-Length: 18446744073709551616");
    CHECK(!h.has_length);
    feed(&h, "HTTP/1.1 99999 x");
    CHECK_INT(h.status, 0);
}
