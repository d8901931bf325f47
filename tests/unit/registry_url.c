#include "registry/url.h"

#include "test.h"

TEST(takes_urls_apart)
{
    static const struct {
        const char *text, *name;
        bool https;
        unsigned port;
        bool loopback;
    } rows[] = {
        {"https://example.com/v2/", "example.com", true, 443, false},
        {"http://example.com", "example.com", false, 80, false},
        {"https://example.com:443/x", "example.com", true, 443, false},
        {"https://example.com:5000/x?y", "example.com:5000", true, 5000, false},
        {"http://localhost:5000/", "localhost:5000", false, 5000, true},
        {"http://127.0.0.1/", "127.0.0.1", false, 80, true},
        {"http://127.255.3.4/", "127.255.3.4", false, 80, true},
        {"http://128.0.0.1/", "128.0.0.1", false, 80, false},
        {"http://127.0.0.1.example.com/", "127.0.0.1.example.com", false, 80, false},
        {"http://localhost.example.com/", "localhost.example.com", false, 80, false},
        {"https://[::1]:5000/", "[::1]:5000", true, 5000, true},
        {"https://[fe80::1]/", "[fe80::1]", true, 443, false},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(url) struct kist_url u = KIST_URL_INIT;
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        REQUIRE_OK(kist_url_set(&u, rows[i].text, &err), err);
        CHECK_STR(u.name, rows[i].name);
        CHECK_INT(u.https, rows[i].https);
        CHECK_INT(u.port, rows[i].port);
        CHECK_INT(kist_url_is_loopback(&u), rows[i].loopback);
    }
}

TEST(refuses_urls)
{
    static const char *const rows[] = {
        "",         "example.com/x",      "ftp://example.com/", "file:///etc/passwd",
        "https://", "https://u:p@host/x", "https://host:0/",    "https://host:65536/"};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(url) struct kist_url u = KIST_URL_INIT;
        struct kist_error err = {0};

        TEST_CASE(rows[i]);
        CHECK_INT(kist_url_set(&u, rows[i], &err), KIST_E_FAIL);
        CHECK(strstr(err.message, "u:p") == NULL);
    }
}

TEST(follows_locations)
{
    static const struct {
        const char *location, *result;
    } rows[] = {
        {"https://cdn.example.org/a?sig=b", "https://cdn.example.org/a?sig=b"},
        {"/other", "https://example.com:5000/other"},
        {"../x", "https://example.com:5000/v2/a/x"},
        {"?q", "https://example.com:5000/v2/a/b/c?q"},
        {"//cdn.example.org/y", "https://cdn.example.org/y"},
        {"ftp://example.org/", NULL},
        {"https://user@example.org/", NULL},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(url) struct kist_url u = KIST_URL_INIT;
        struct kist_error err = {0};

        TEST_CASE(rows[i].location);
        REQUIRE_OK(kist_url_set(&u, "https://example.com:5000/v2/a/b/c", &err), err);
        if (rows[i].result) {
            CHECK_OK(kist_url_follow(&u, rows[i].location, &err), err);
            CHECK_STR(u.text, rows[i].result);
        } else {
            CHECK_INT(kist_url_follow(&u, rows[i].location, &err), KIST_E_FAIL);
            CHECK_STR(u.text, "https://example.com:5000/v2/a/b/c");
        }
    }
}

static bool same(const char *a, const char *b)
{
    KIST_AUTO(url) struct kist_url u = KIST_URL_INIT;
    KIST_AUTO(url) struct kist_url v = KIST_URL_INIT;
    struct kist_error err = {0};

    CHECK_OK(kist_url_set(&u, a, &err), err);
    CHECK_OK(kist_url_set(&v, b, &err), err);
    return kist_url_same_origin(&u, &v);
}

TEST(tells_origins_apart)
{
    CHECK(same("https://a.example/x", "https://A.example:443/y"));
    CHECK(!same("https://a.example/", "http://a.example/"));
    CHECK(!same("https://a.example/", "http://a.example:443/"));
    CHECK(!same("https://a.example/", "https://a.example:444/"));
    CHECK(!same("https://a.example/", "https://b.a.example/"));
}

TEST(finds_itself_in_lists)
{
    char first[] = "plain.example", second[] = "port.example:5000", third[] = "[::1]:5000";
    char *v[] = {first, second, third, NULL};
    const struct kist_strv list = {.v = v, .n = 3};
    static const struct {
        const char *url;
        bool in;
    } rows[] = {
        {"http://plain.example/", true},       {"https://PLAIN.example:99/", true},
        {"https://port.example:5000/", true},  {"https://port.example/", false},
        {"https://[::1]:5000/", true},         {"https://x.plain.example/", false},
        {"https://plain.example.org/", false},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(url) struct kist_url u = KIST_URL_INIT;
        struct kist_error err = {0};

        TEST_CASE(rows[i].url);
        REQUIRE_OK(kist_url_set(&u, rows[i].url, &err), err);
        CHECK_INT(kist_url_in_list(&u, &list), rows[i].in);
        CHECK(!kist_url_in_list(&u, NULL));
    }
}

TEST(escapes_query_values)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(128);
    struct kist_error err = {0};

    CHECK_OK(kist_url_add_escaped(&out, "repository:a/b:pull,push x&y=\"z\"", &err), err);
    CHECK_STR(kist_buf_text(&out), "repository%3Aa%2Fb%3Apull%2Cpush%20x%26y%3D%22z%22");
}
