/* What an entry of registry.mirror means for a reference. */
#include "registry/mirror.h"

#include "registry/registry.h"
#include "test.h"

TEST(mirrors_of_a_host)
{
    static const struct {
        const char *entry, *reference, *host, *path;
    } rows[] = {
        {"m.lan", "alpine", "m.lan", "library/alpine"},
        {"https://m.lan:5000/", "a/b", "m.lan:5000", "a/b"},
        {"m.lan", "quay.io/a/b", NULL, NULL},
        {"docker.io=m.lan/hub", "alpine:3", "m.lan", "hub/library/alpine"},
        {"index.docker.io=m.lan/hub//", "alpine", "m.lan", "hub/library/alpine"},
        {"quay.io=m.lan/a/b/", "quay.io/c", "m.lan", "a/b/c"},
        {"quay.io=m.lan", "quay.io:443/c", NULL, NULL},
        {"[::1]:5000=m.lan", "[::1]:5000/c", "m.lan", "c"},
    };
    static const char *const bad[] = {"",       "=",           "a=",      "=a",           "a b",
                                      "a=b c", "a=m.lan/Upper", "a=b=c", "a=m.lan/x//y", "a=m.lan/x?y"};
    struct kist_reference r, at;
    struct kist_error err;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        bool match;

        TEST_CASE(rows[i].entry);
        CHECK_OK(kist_registry_mirror_check(rows[i].entry, &err), err);
        CHECK_OK(kist_reference_parse(&r, rows[i].reference, &err), err);
        match = kist_mirror_match(rows[i].entry, &r, &at);
        CHECK_INT(match, rows[i].host != NULL);
        if (match && rows[i].host) {
            CHECK_STR(at.host, rows[i].host);
            CHECK_STR(at.path, rows[i].path);
        }
        TEST_CASE(NULL);
    }
    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        TEST_CASE(bad[i]);
        CHECK_INT(kist_registry_mirror_check(bad[i], &err), KIST_E_USAGE);
        TEST_CASE(NULL);
    }
}

/* A path that has no room for the prefix is no match, not a shorter one. */
TEST(long_paths)
{
    char path[KIST_REFERENCE_PATH_MAX];
    struct kist_reference r = {.host = "docker.io"}, at;

    memset(path, 'a', sizeof(path));
    path[250] = '\0';
    memcpy(r.path, path, 251);
    CHECK(kist_mirror_match("m.lan", &r, &at));
    CHECK(!kist_mirror_match("m.lan/prefix", &r, &at));
}
