#include "test.h"

#include "base/path.h"

TEST(joins)
{
    static const struct {
        const char *dir, *name, *want; /* NULL: does not fit */
    } rows[] = {{"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"}, {"/", "b", "/b"}, {"/1234567", "89", NULL}};
    char path[11];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        bool fits = kist_path_join(path, sizeof(path), rows[i].dir, rows[i].name);

        CHECK_INT(fits, rows[i].want != NULL);
        if (fits)
            CHECK_STR(path, rows[i].want);
    }
}

TEST(cleans)
{
    static const struct {
        const char *name, *want; /* NULL: refused */
    } rows[] = {
        {"a/b", "a/b"},
        {"", ""},
        {".", ""},
        {"./", ""},
        {"/", ""},
        {"//a//b//", "a/b"},
        {"./a/./b/.", "a/b"},
        {"a/../b", "b"},
        {"a/..", ""},
        {"a/b/../..", ""},
        {"a/b/../c", "a/c"},
        {"..", NULL},
        {"../a", NULL},
        {"/..", NULL},
        {"a/../..", NULL},
        {"a/../../a", NULL},
        {"...", "..."},
        {"..a/.b", "..a/.b"},
        {"a/b/c/d/e", "a/b/c/d/e"},
        {"a/b/c/d/ef", NULL},
        {"0123456789", NULL},
        {"012345678", "012345678"},
        {"0123/../0123456/8", "0123456/8"},
    };
    char path[10];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        bool good;

        TEST_CASE(rows[i].name);
        good = kist_path_clean(path, sizeof(path), rows[i].name);
        CHECK_INT(good, rows[i].want != NULL);
        if (good)
            CHECK_STR(path, rows[i].want);
    }
    CHECK(!kist_path_clean(path, 0, "a"));
}

TEST(gives_the_last_part)
{
    CHECK_STR(kist_path_base("/a/b"), "b");
    CHECK_STR(kist_path_base("b"), "b");
    CHECK_STR(kist_path_base("/a/"), "");
}

/* Each comes before the next: a directory's contents follow it, whatever other names begin as it does. */
TEST(orders)
{
    static const char *const rows[] = {"", "a", "a/b", "a/b/c", "a/c", "a b", "a-b", "a.b", "ab", "b", "b\xc3\xa4"};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        for (size_t j = 0; j < KIST_COUNT(rows); j++) {
            int order = kist_path_order(rows[i], rows[j]);

            TEST_CASE(rows[i]);
            CHECK_INT((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    TEST_CASE(NULL);
}
