#include "build/ignore.h"

#include "base/limits.h"

#include "test.h"

TEST(leaves_out_what_docker_leaves_out)
{
    static const struct {
        const char *text, *path;
        bool out;
    } rows[] = {
        {"", "a", false},
        {"a", "a", true},
        {"a", "a/b/c", true},
        {"a", "x/a", false},
        {"/a", "a", true},
        {"a/", "a", true},
        {"./a//b/../c", "a/c", true},
        {"  a  ", "a", true},
        {"a b", "a b", true},
        {"#a", "#a", false},
        {" #a", "#a", true},
        {"\\#a", "#a", true},
        {"\xef\xbb\xbf" "a", "a", true},
        {"a\r\nb\r\n", "b", true},
        {"a\n\n\nb", "b", true},
        {"*", "a", true},
        {"*", "a/b", true},
        {"*.md", "x/y.md", false},
        {"**/*.md", "x/y.md", true},
        {"*/*.md", "x/y.md", true},
        {"*.md\n!README.md", "README.md", false},
        {"*.md\n!README.md", "b.md", true},
        {"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
        {"*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false},
        {"!a\na", "a", true},
        {"*\n!src", "src", false},
        {"*\n!src", "src/a/b", false},
        {"*\n!src\nsrc/*.o", "src/a.o", true},
        {"*\n!src\nsrc/*.o", "src/a.c", false},
        {"*\n!a/b", "a/b/c", false},
        {"*\n!a/b", "a/c", true},
        {"*\n! a", "a", false},
        {"*\n!/a", "a", false},
        {"a\n!a/b\na/b/c", "a/b/c", true},
        {"!!a", "a", false},
        {"..", "a", false},
        {"../a", "a", false},
        {"!../a", "a", false},
        {".", "a", false},
        {"/", "a", false},
        {"a/../..", "a", false},
        {"**", "a/b", true},
        {"node_modules", "x/node_modules", false},
        {"**/node_modules", "x/node_modules/y/z", true},
        {"a[bc]", "ac", true},
        {"Dockerfile*\n.dockerignore", ".dockerignore", true},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(ignore) struct kist_ignore *ignore = NULL;
        struct kist_error err = {0};
        char label[96];

        (void)snprintf(label, sizeof(label), "%s on %s", rows[i].text, rows[i].path);
        TEST_CASE(label);
        REQUIRE_OK(kist_ignore_parse(&ignore, ".dockerignore", rows[i].text, strlen(rows[i].text), &err), err);
        CHECK_INT(kist_ignore_match(ignore, rows[i].path), rows[i].out);
    }
}

TEST(skips_directories_that_nothing_comes_back_from)
{
    static const struct {
        const char *text, *dir;
        bool skips;
    } rows[] = {
        {"a", "a", true},           {"a", "b", false},        {"a\n!a/b", "a", false}, {"a\n!a/b", "a/c", true},
        {"a\n!a/b", "a/b", false},  {"*\n!src/*.c", "src", false}, {"*\n!src/*.c", "doc", true}, {"*\n!**/*.c", "doc", false},
        {"*\n!x", "a", true},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(ignore) struct kist_ignore *ignore = NULL;
        struct kist_error err = {0};
        char label[64];

        (void)snprintf(label, sizeof(label), "%s on %s", rows[i].text, rows[i].dir);
        TEST_CASE(label);
        REQUIRE_OK(kist_ignore_parse(&ignore, ".dockerignore", rows[i].text, strlen(rows[i].text), &err), err);
        CHECK_INT(kist_ignore_skips(ignore, rows[i].dir), rows[i].skips);
    }
    CHECK(!kist_ignore_match(NULL, "a"));
    CHECK(!kist_ignore_skips(NULL, "a"));
}

TEST(refuses_with_the_line)
{
    static char big[KIST_MAX_IGNORE + 1];
    char text[KIST_MAX_PATH + 8];
    struct kist_ignore *ignore;
    struct kist_error err = {0};

    CHECK_INT(kist_ignore_parse(&ignore, ".dockerignore", "a\n!\n", 4, &err), KIST_E_USAGE);
    CHECK_STR(err.message, ".dockerignore:2:1: '!' has no pattern\n    2 | !\n      | ^");
    CHECK_INT(kist_ignore_parse(&ignore, ".dockerignore", "a[b\n", 4, &err), KIST_E_USAGE);
    CHECK_STR(err.message, ".dockerignore:1:1: malformed pattern 'a[b': its '[' is not closed, or a '-' or ']' in it not "
                           "escaped\n    1 | a[b\n      | ^~~");
    memset(text, 'a', sizeof(text));
    CHECK_INT(kist_ignore_parse(&ignore, ".dockerignore", text, sizeof(text), &err), KIST_E_USAGE);
    CHECK(strstr(err.message, ".dockerignore:1:1: the pattern is longer than 4095 bytes") != NULL);
    CHECK_INT(kist_ignore_parse(&ignore, ".dockerignore", big, sizeof(big), &err), KIST_E_USAGE);
    CHECK_STR(err.message, "'.dockerignore' has more than 1048576 bytes");
    for (size_t i = 0; i < sizeof(big); i += 2) {
        memcpy(big + i, "a\n", KIST_MIN((size_t)2, sizeof(big) - i));
    }
    CHECK_INT(kist_ignore_parse(&ignore, ".dockerignore", big, sizeof(big) - 1, &err), KIST_E_USAGE);
    CHECK(strstr(err.message, ".dockerignore:8193:1: more than 8192 patterns") != NULL);
}

TEST(adds_patterns_one_by_one)
{
    KIST_AUTO(ignore) struct kist_ignore *ignore = NULL;
    struct kist_error err = {0};

    CHECK_OK(kist_ignore_add(&ignore, "*.o", &err), err);
    CHECK_OK(kist_ignore_add(&ignore, "!keep.o", &err), err);
    CHECK(kist_ignore_match(ignore, "a.o"));
    CHECK(!kist_ignore_match(ignore, "keep.o"));
    CHECK_INT(kist_ignore_add(&ignore, "[", &err), KIST_E_USAGE);
    CHECK(kist_ignore_match(ignore, "a.o"));
}
