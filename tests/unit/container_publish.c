#include "container/publish.h"

#include "test.h"

/* Each port as kist_publish_print has it, joined by blanks; "!" and a part of the message where it is refused. */
static void shows(const char *text, const char *want)
{
    KIST_AUTO(publish) struct kist_published p = {.v = NULL};
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
    struct kist_error err = {.code = KIST_OK};
    int rc = kist_publish_parse(&p, text, &err);

    TEST_CASE(text);
    if (want[0] == '!') {
        CHECK_INT(rc, KIST_E_USAGE);
        CHECK(strstr(err.message, want + 1));
        return;
    }
    REQUIRE_OK(rc, err);
    for (size_t i = 0; i < p.n; i++) {
        CHECK_OK(kist_buf_puts(&out, i > 0 ? " " : "", &err), err);
        CHECK_OK(kist_publish_print(&out, &p.v[i], &err), err);
    }
    CHECK_STR(kist_buf_text(&out), want);
}

TEST(reads_what_docker_reads)
{
    static const char *const rows[][2] = {
        {"80", "::80/tcp"},
        {"8080:80", ":8080:80/tcp"},
        {"8080:80/udp", ":8080:80/udp"},
        {"127.0.0.1:8080:80", "127.0.0.1:8080:80/tcp"},
        {"127.0.0.1::80", "127.0.0.1::80/tcp"},
        {"localhost:1:2", "127.0.0.1:1:2/tcp"},
        {"[::1]:8080:80/tcp", "[::1]:8080:80/tcp"},
        {"[::]::53/udp", "[::]::53/udp"},
        {"::80", "::80/tcp"},
        {":8080:80", ":8080:80/tcp"},
        {"8000-8002:80-82", ":8000:80/tcp :8001:81/tcp :8002:82/tcp"},
        {"80-81", "::80/tcp ::81/tcp"},
        {"65535:65535", ":65535:65535/tcp"},
        {"", "!container's port"},
        {"0", "!container's port"},
        {"65536", "!container's port"},
        {"80/sctp", "!protocol"},
        {"a:80", "!host's port"},
        {"80:b", "!container's port"},
        {"8000-8001:80", "!differ in length"},
        {"82-80", "!container's port"},
        {"1-2000", "!more than"},
        {"300.0.0.1:8080:80", "!address"},
        {"[::1:8080:80", "!host's port"},
        {"-1:80", "!host's port"},
        {"99999999999999999999:80", "!host's port"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        shows(rows[i][0], rows[i][1]);
    }
}

TEST(publishes_what_is_exposed_once)
{
    KIST_AUTO(publish) struct kist_published p = {.v = NULL};
    struct kist_error err;

    REQUIRE_OK(kist_publish_parse(&p, "8080:80", &err), err);
    REQUIRE_OK(kist_publish_exposed(&p, "80/tcp", &err), err);
    CHECK_INT(p.n, 1);
    REQUIRE_OK(kist_publish_exposed(&p, "80/udp", &err), err);
    CHECK_INT(p.n, 2);
    CHECK(p.v[1].udp && p.v[1].host == 0);
}
