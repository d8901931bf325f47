#include "build/pattern.h"

#include "test.h"

TEST(matches_paths)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } rows[] = {
        {"a", "a", true},
        {"a", "ab", false},
        {"a", "", false},
        {"", "", true},
        {"*", "abc", true},
        {"*", "a/b", false},
        {"*", "", true},
        {"a*", "a", true},
        {"a*", "abc", true},
        {"a*/b", "abc/b", true},
        {"a*/b", "a/c/b", false},
        {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
        {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
        {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
        {"a*b?c*x", "abxbbxdbxebxczzx", true},
        {"a*b?c*x", "abxbbxdbxebxczzy", false},
        {"ab[c]", "abc", true},
        {"ab[b-d]", "abc", true},
        {"ab[e-g]", "abc", false},
        {"ab[^c]", "abc", false},
        {"ab[^b-d]", "abc", false},
        {"ab[^e-g]", "abc", true},
        {"[!a]", "!", true},
        {"[!a]", "b", false},
        {"[\\]a]", "]", true},
        {"[\\-x]", "-", true},
        {"[x\\-]", "x", true},
        {"a\\*b", "a*b", true},
        {"a\\*b", "axb", false},
        {"a?b", "a\xe2\x98\xba\x62", true},
        {"a[^a]b", "a\xe2\x98\xba\x62", true},
        {"a???b", "a\xe2\x98\xba\x62", false},
        {"[\xce\xb1-\xcf\x89]", "\xce\xb2", true},
        {"[\xce\xb1-\xcf\x89]", "z", false},
        {"a?b", "a\xff\x62", true},
        {"a?b", "a/b", false},
        {"a*b", "a/b", false},
        {"*x", "xxx", true},
        {"**", "a/b/c", true},
        {"**", "", true},
        {"**/a", "a", true},
        {"**/a", "x/y/a", true},
        {"**/a", "x/ya", false},
        {"**/a", "x/a/b", false},
        {"**/*.go", "a.go", true},
        {"**/*.go", "x/y/a.go", true},
        {"**a", "xa", true}, /* with nothing else special it stands for part of a name */
        {"**a", "y/xa", true},
        {"**a*", "xab", false},
        {"**a*", "y/ab", true},
        {"a/**", "a", false},
        {"a/**", "a/b", true},
        {"a/**", "a/b/c", true},
        {"a**", "a", true},
        {"a**", "abc/d", true},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/xb", false},
        {"a/**b", "a/b", true},
        {"a/**b", "a/x/b", true},
        {"a/**b", "a/xb", false},
        {"a*x**y", "axbxy", true}, /* the last x it is */
        {"a*x**y", "axbx/q/y", true},
        {"a*x**y", "axby", false},
        {"**/**/**/z", "a/b/z", true},
        {"**/**/**/z", "z", true},
        {"*/**", "a", false},
        {"*/**", "a/b", true},
        {"***", "a/b", true},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL};
        struct kist_error err = {0};
        char label[64];

        (void)snprintf(label, sizeof(label), "%s on %s", rows[i].pattern, rows[i].path);
        TEST_CASE(label);
        REQUIRE_OK(kist_pattern_compile(&p, KIST_PATTERN_PATH, rows[i].pattern, &err), err);
        CHECK_INT(kist_pattern_match(&p, rows[i].path), rows[i].matches);
    }
}

TEST(knows_what_is_below)
{
    static const struct {
        const char *pattern, *path;
        bool covers, reaches;
    } rows[] = {
        {"a", "a", true, false},        {"a", "a/b/c", true, false},   {"a", "ab/c", false, false},
        {"a/b", "a", false, true},      {"a/b", "a/b", true, false},   {"a/b", "x", false, false},
        {"*/b", "a/b/c", true, false},  {"*/b", "x", false, true},     {"**/b", "x/y", false, true},
        {"**/b", "x/b/y", true, true},  {"a/**", "a", false, true},    {"a/**", "a/b/c", true, true},
        {"a/*/c", "a/b", false, true},  {"a/*/c", "a/b/c/d", true, false}, {"a/b*", "", false, true},
        {"a*", "", false, true},        {"ab/c", "a", false, false},   {"**", "x/y", true, true},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL};
        struct kist_error err = {0};
        char label[64];

        (void)snprintf(label, sizeof(label), "%s on %s", rows[i].pattern, rows[i].path);
        TEST_CASE(label);
        REQUIRE_OK(kist_pattern_compile(&p, KIST_PATTERN_PATH, rows[i].pattern, &err), err);
        CHECK_INT(kist_pattern_covers(&p, rows[i].path), rows[i].covers);
        CHECK_INT(kist_pattern_reaches(&p, rows[i].path), rows[i].reaches);
    }
}

TEST(refuses_what_is_malformed)
{
    static const char *const rows[] = {"[", "[a", "[]", "[]a]", "[^]", "[a-]", "[-a]", "[a-", "a\\", "[\\", "[a\\"};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct kist_pattern p;

        TEST_CASE(rows[i]);
        CHECK_INT(kist_pattern_compile(&p, KIST_PATTERN_PATH, rows[i], &err), KIST_E_USAGE);
        CHECK(strncmp(err.message, "malformed pattern '", 19) == 0);
        CHECK(p.text == NULL);
    }
}

TEST(tells_wild_from_plain)
{
    CHECK(kist_pattern_is_wild("a*"));
    CHECK(kist_pattern_is_wild("a?"));
    CHECK(kist_pattern_is_wild("[a]"));
    CHECK(kist_pattern_is_wild("\\*a*"));
    CHECK(!kist_pattern_is_wild("a.b-c]"));
    CHECK(!kist_pattern_is_wild("a\\*\\?\\["));
    CHECK(!kist_pattern_is_wild("a\\"));
    CHECK(!kist_pattern_is_wild(""));
}

TEST(finds_the_shortest_and_the_longest_part)
{
    static const struct {
        const char *pattern, *text;
        bool backward, longest;
        long part;
    } rows[] = {
        {"a", "abc", false, false, 1},   {"b", "abc", false, false, -1},  {"*b", "abab", false, false, 2},
        {"*b", "abab", false, true, 4},  {"*", "abc", false, false, 0},   {"*", "abc", false, true, 3},
        {"a*", "abab", true, false, 2},  {"a*", "abab", true, true, 4},   {"*x", "abc", false, false, -2},
        {"a*x", "abc", false, false, -2}, {"b*x", "abc", false, false, -1}, {"?", "\xc3\x9f", true, false, 2},
        {"?", "", false, false, -1},     {"", "abc", false, true, 0},     {"/?", "/a", false, false, 2},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL};
        struct kist_error err = {0};
        char label[64];

        (void)snprintf(label, sizeof(label), "%s on %s", rows[i].pattern, rows[i].text);
        TEST_CASE(label);
        REQUIRE_OK(kist_pattern_compile(&p, KIST_PATTERN_SHELL, rows[i].pattern, &err), err);
        CHECK_INT(kist_pattern_part(&p, rows[i].text, strlen(rows[i].text), rows[i].backward, rows[i].longest), rows[i].part);
    }
}

/* What a path pattern means, tried out choice by choice. first: the pattern begins here. */
static bool means(const char *p, const char *text, bool first)
{
    if (p[0] == '*' && p[1] == '*') {
        const char *after = p + 2 + (p[2] == '/');
        bool any = *after == '\0' || (first && p[2] != '/' && !strpbrk(after, "*?[\\"));

        if (means(after, text, false)) {
            return true;
        }
        for (; *text != '\0'; text++) {
            if ((any || *text == '/') && means(after, text + 1, false)) {
                return true;
            }
        }
        return false;
    }
    if (p[0] == '*') {
        return means(p + 1, text, false) || (*text != '\0' && *text != '/' && means(p, text + 1, false));
    }
    if (p[0] == '\0' || *text == '\0') {
        return p[0] == *text;
    }
    return (p[0] == '?' ? *text != '/' : p[0] == *text) && means(p + 1, text + 1, false);
}

/* Word number n over letters, of len characters. */
static void spell(char *word, size_t len, unsigned long n, const char *letters)
{
    size_t count = strlen(letters);

    for (size_t i = 0; i < len; i++, n /= count) {
        word[i] = letters[n % count];
    }
    word[len] = '\0';
}

static unsigned long power(unsigned long base, size_t exponent)
{
    return exponent ? base * power(base, exponent - 1) : 1;
}

TEST(means_for_every_short_pattern_what_trying_gives)
{
    static const char in_pattern[] = "a*/?", in_text[] = "ab/";

    for (size_t plen = 0; plen <= 5; plen++) {
        for (unsigned long n = 0; n < power(4, plen); n++) {
            KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL};
            struct kist_error err = {0};
            char pattern[8], text[8], label[32];

            spell(pattern, plen, n, in_pattern);
            REQUIRE_OK(kist_pattern_compile(&p, KIST_PATTERN_PATH, pattern, &err), err);
            for (size_t tlen = 0; tlen <= 4; tlen++) {
                for (unsigned long m = 0; m < power(3, tlen); m++) {
                    bool covers;

                    spell(text, tlen, m, in_text);
                    covers = means(pattern, text, true);
                    (void)snprintf(label, sizeof(label), "%s on %s", pattern, text);
                    TEST_CASE(label);
                    CHECK_INT(kist_pattern_match(&p, text), covers);
                    for (char *slash = text; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
                        *slash = '\0';
                        covers = covers || means(pattern, text, true);
                    }
                    CHECK_INT(kist_pattern_covers(&p, text), covers);
                    if (means(pattern, text, true) && strchr(text, '/') && text[tlen - 1] != '/') {
                        *strrchr(text, '/') = '\0';
                        CHECK(kist_pattern_reaches(&p, text));
                    }
                }
            }
        }
    }
}
