#include "image/reference.h"

#include "test.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A32 A32 A32 A32

TEST(reads_references_as_docker_writes_them)
{
    static const struct {
        const char *text, *host, *path, *tag, *familiar;
        bool digest;
    } rows[] = {
        {"alpine", "docker.io", "library/alpine", "latest", "alpine:latest", false},
        {"alpine:3", "docker.io", "library/alpine", "3", "alpine:3", false},
        {"library/alpine:3", "docker.io", "library/alpine", "3", "alpine:3", false},
        {"docker.io/alpine", "docker.io", "library/alpine", "latest", "alpine:latest", false},
        {"index.docker.io/alpine", "docker.io", "library/alpine", "latest", "alpine:latest", false},
        {"index.docker.io/a/b", "docker.io", "a/b", "latest", "a/b:latest", false},
        {"docker.io/library/a/b", "docker.io", "library/a/b", "latest", "library/a/b:latest", false},
        {"docker.io/a.b/c", "docker.io", "a.b/c", "latest", "docker.io/a.b/c:latest", false},
        {"user/app", "docker.io", "user/app", "latest", "user/app:latest", false},
        {"localhost/app", "localhost", "app", "latest", "localhost/app:latest", false},
        {"localhost:5000/a", "localhost:5000", "a", "latest", "localhost:5000/a:latest", false},
        {"host:5000/a/b@sha256:" HEX, "host:5000", "a/b", "", "host:5000/a/b@sha256:" HEX, true},
        {"127.0.0.1:5000/x:y", "127.0.0.1:5000", "x", "y", "127.0.0.1:5000/x:y", false},
        {"[::1]:5000/x", "[::1]:5000", "x", "latest", "[::1]:5000/x:latest", false},
        {"[fe80::1]/x", "[fe80::1]", "x", "latest", "[fe80::1]/x:latest", false},
        {"Example.COM/x", "Example.COM", "x", "latest", "Example.COM/x:latest", false},
        {"my-host.example/x", "my-host.example", "x", "latest", "my-host.example/x:latest", false},
        {"a:1@sha256:" HEX, "docker.io", "library/a", "1", "a:1@sha256:" HEX, true},
        {"a.b_c__d---e/f1", "a.b_c__d---e", NULL, NULL, NULL, false},
        {"x/a.b_c__d---e", "docker.io", "x/a.b_c__d---e", "latest", "x/a.b_c__d---e:latest", false},
        {"a:_x.Y-z", "docker.io", "library/a", "_x.Y-z", "a:_x.Y-z", false},
        {"a:" A128, "docker.io", "library/a", A128, "a:" A128, false},
        {"5000", "docker.io", "library/5000", "latest", "5000:latest", false},
        {"localhost", "docker.io", "library/localhost", "latest", "localhost:latest", false},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char text[KIST_REFERENCE_TEXT_MAX], whole[KIST_REFERENCE_TEXT_MAX];
        struct kist_error err = {0};
        struct kist_reference r, again;
        int rc = kist_reference_parse(&r, rows[i].text, &err);

        TEST_CASE(rows[i].text);
        if (!rows[i].path) {
            CHECK_INT(rc, KIST_E_USAGE);
            continue;
        }
        CHECK_OK(rc, err);
        CHECK_STR(r.host, rows[i].host);
        CHECK_STR(r.path, rows[i].path);
        CHECK_STR(r.tag, rows[i].tag);
        CHECK_INT(r.has_digest, rows[i].digest);
        CHECK_STR(kist_reference_familiar(text, &r), rows[i].familiar);
        CHECK_OK(kist_reference_parse(&again, kist_reference_text(whole, &r), &err), err);
        CHECK_STR(kist_reference_text(text, &again), whole);
        CHECK_OK(kist_reference_parse(&again, kist_reference_familiar(text, &r), &err), err);
        CHECK_STR(kist_reference_text(text, &again), whole);
    }
}

TEST(writes_every_default_out)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_error err = {0};
    struct kist_reference r;

    REQUIRE_OK(kist_reference_parse(&r, "alpine", &err), err);
    CHECK_STR(kist_reference_text(text, &r), "docker.io/library/alpine:latest");
    CHECK_STR(kist_reference_repository(text, &r), "alpine");
    REQUIRE_OK(kist_reference_parse(&r, "localhost:5000/a/b:c@sha256:" HEX, &err), err);
    CHECK_STR(kist_reference_text(text, &r), "localhost:5000/a/b:c@sha256:" HEX);
    CHECK_STR(kist_reference_repository(text, &r), "localhost:5000/a/b");
}

TEST(refuses_with_the_reason)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "it is empty"},
        {"Foo/bar", "repository name must be lower case"},
        {"Foo", "repository name must be lower case"},
        {"foo/Bar:x", "repository name must be lower case"},
        {"example.com/Bar", "repository name must be lower case"},
        {HEX, "64 hex digits"},
        {"a//b", "empty part"},
        {"a/", "empty part"},
        {"/a", "empty part"},
        {"example.com/", "empty part"},
        {"a:", "the tag is empty"},
        {"a:.x", "a tag begins"},
        {"a:-x", "a tag begins"},
        {"a:x y", "a tag has"},
        {"a:" A128 "a", "longer than 128"},
        {":x", "empty part"},
        {"@sha256:" HEX, "empty part"},
        {"a@", "only sha256"},
        {"a@sha256:abc", "64 hex digits"},
        {"a@sha512:" HEX HEX, "only sha256"},
        {"a@sha256:" HEX "@sha256:" HEX, "64 hex digits"},
        {"-a", "begin and end"},
        {"a-", "begin and end"},
        {"a..b", "begin and end"},
        {"a___b", "begin and end"},
        {"a._b", "begin and end"},
        {"a/../b", "begin and end"},
        {"x/a b", "not allowed"},
        {"a\xc3\xa4", "not allowed"},
        {"host:0/a", "port"},
        {"host:65536/a", "port"},
        {"host:/a", "host"},
        {"ho_st:5000/a", "host"},
        {"-host.x/a", "host"},
        {"host-.x/a", "host"},
        {".x/a", "host"},
        {"x./a", "host"},
        {"[::1/a", "host"},
        {"[::g]/a", "host"},
        {"[]:5/a", "host"},
        {"::1/a", "host"},
        {"https://example.com/a", "scheme"},
        {"x/" A128 A128, "longer than 255"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct kist_reference r;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_reference_parse(&r, rows[i].text, &err), KIST_E_USAGE);
        CHECK(strncmp(err.message, "invalid reference '", 19) == 0);
        if (!strstr(err.message, rows[i].reason)) {
            CHECK_STR(err.message, rows[i].reason);
        }
    }
}

TEST(says_it_in_dockers_spirit)
{
    struct kist_error err = {0};
    struct kist_reference r;

    CHECK_INT(kist_reference_parse(&r, "Foo/bar", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "invalid reference 'Foo/bar': repository name must be lower case");
    CHECK_INT(kist_reference_parse(&r, "a\x1b[2j", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "invalid reference 'a?[2j': repository name has a character that is not allowed");
}

TEST(bounds_the_name)
{
    char text[600];
    struct kist_error err = {0};
    struct kist_reference r;

    /* docker.io/library/ and 237 more are 255 */
    memset(text, 'a', sizeof(text));
    text[237] = '\0';
    CHECK_OK(kist_reference_parse(&r, text, &err), err);
    text[237] = 'a';
    text[238] = '\0';
    CHECK_INT(kist_reference_parse(&r, text, &err), KIST_E_USAGE);
    CHECK_STR(r.host, "");
    memset(text, 'a', sizeof(text));
    memcpy(text, "h.", 2);
    text[590] = '/';
    text[599] = '\0';
    CHECK_INT(kist_reference_parse(&r, text, &err), KIST_E_USAGE);
}
