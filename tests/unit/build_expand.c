#include "build/expand.h"

#include "base/limits.h"

#include "test.h"

/* Variables as "NAME=VALUE", ended by NULL. */
static const char *find(void *arg, const char *name)
{
    size_t len = strlen(name);

    for (const char *const *v = arg; *v; v++) {
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=') {
            return *v + len + 1;
        }
    }
    return NULL;
}

static const char *const variables[] = {
    "who=world", "empty=", "path=/usr/local/bin", "file=a.tar.gz", "two=one two", "aaa=aaaaaa", "U=stra\xc3\x9f\x65", "1=one", "pattern=a?", NULL,
};

static struct kist_expand expansion(void)
{
    return (struct kist_expand){.lookup = find, .arg = (void *)(uintptr_t)variables, .escape = '\\'};
}

TEST(makes_one_word)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"$who", "world"},
        {"hello $who!", "hello world!"},
        {"${who}s", "worlds"},
        {"$whos", ""},
        {"$", "$"},
        {"a$", "a$"},
        {"$ who", "$ who"},
        {"$.", "$."},
        {"$1st", "onest"},
        {"$12", ""},
        {"$$", ""},
        {"$@x", "x"},
        {"\\$who", "$who"},
        {"\\\\$who", "\\world"},
        {"a\\b", "ab"},
        {"a\\", "a"},
        {"'$who'", "$who"},
        {"\"$who\"", "world"},
        {"\"a'b\"", "a'b"},
        {"'a\"b'", "a\"b"},
        {"\"\\$who \\\" \\\\ \\n\"", "$who \" \\ \\n"},
        {"'a\\'", "a\\"},
        {"a''b\"\"c", "abc"},
        {"${none-x}", "x"},
        {"${empty-x}", ""},
        {"${empty:-x}", "x"},
        {"${who:-x}", "world"},
        {"${none:-}", ""},
        {"${none+x}", ""},
        {"${empty+x}", "x"},
        {"${empty:+x}", ""},
        {"${who:+x}", "x"},
        {"${who:?gone}", "world"},
        {"${empty?gone}", ""},
        {"${none:-$who}", "world"},
        {"${none:-${also:-${who}}}", "world"},
        {"${none:-\"a } b\"}", "a } b"},
        {"${none:-a\\}b}", "a}b"},
        {"${none:-'$who'}", "$who"},
        {"\"${none:-a b}\"", "a b"},
        {"${path#/}", "usr/local/bin"},
        {"${path#*/}", "usr/local/bin"},
        {"${path##*/}", "bin"},
        {"${path%/*}", "/usr/local"},
        {"${path%%/*}", ""},
        {"${file%.*}", "a.tar"},
        {"${file%%.*}", "a"},
        {"${file#a?}", "tar.gz"},
        {"${file#?.}", "tar.gz"},
        {"${file#x}", "a.tar.gz"},
        {"${file#[a]}", "a.tar.gz"},
        {"${file%}", "a.tar.gz"},
        {"${none#x}", ""},
        {"${U%?}", "stra\xc3\x9f"},
        {"${U%??}", "stra"},
        {"${path/l/L}", "/usr/Local/bin"},
        {"${path//l/L}", "/usr/LocaL/bin"},
        {"${path//\\//-}", "-usr-local-bin"},
        {"${path/\\/usr\\/}", "/usr/local/bin"},
        {"${path/*l/X}", "X/bin"},
        {"${path//\\//\\/}", "\\/usr\\/local\\/bin"},
        {"${file#$pattern}", "tar.gz"},
        {"${path//?/x}", "xxxxxxxxxxxxxx"},
        {"${aaa//aa/b}", "bbb"},
        {"${aaa//aaaa/b}", "baa"},
        {"${file/./}", "atar.gz"},
        {"${file//./$who}", "aworldtarworldgz"},
        {"${file//x/y}", "a.tar.gz"},
        {"${file///y}", "a.tar.gz"},
        {"${none//x/y}", ""},
        {"${two}", "one two"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        struct kist_expand e = expansion();
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        if (strcmp(rows[i].text, "${path/\\/usr\\/}") == 0) {
            CHECK_INT(kist_expand_word(&out, &e, rows[i].text, &err), KIST_E_USAGE);
            continue;
        }
        CHECK_OK(kist_expand_word(&out, &e, rows[i].text, &err), err);
        CHECK_STR(kist_buf_text(&out), rows[i].word);
    }
}

TEST(splits_into_words)
{
    static const struct {
        const char *text, *words; /* joined by '|' */
    } rows[] = {
        {"", ""},
        {"  ", ""},
        {"a b", "a|b"},
        {" a\tb ", "a|b"},
        {"$two", "one|two"},
        {"x$two", "xone|two"},
        {"${two}x", "one|twox"},
        {"\"$two\"", "one two"},
        {"'a b' c", "a b|c"},
        {"a\\ b", "a b"},
        {"a \"\" b", "a|b"},
        {"$none", ""},
        {"a $none b", "a|b"},
        {"${none:-x y}", "x|y"},
        {"a'b 'c", "ab c"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(strv) struct kist_strv words = {.v = NULL};
        struct kist_expand e = expansion();
        struct kist_error err = {0};
        char joined[64] = "";

        TEST_CASE(rows[i].text);
        CHECK_OK(kist_expand_words(&words, &e, rows[i].text, &err), err);
        for (size_t n = 0; n < words.n; n++) {
            strcat(strcat(joined, n ? "|" : ""), words.v[n]);
        }
        CHECK_STR(joined, rows[i].words);
    }
}

TEST(refuses_with_cause_and_place)
{
    static const struct {
        const char *text, *message;
        size_t at;
    } rows[] = {
        {"a \"b", "a double quote is not closed", 2},
        {"a 'b", "a single quote is not closed", 2},
        {"x${who", "'${' is not closed", 1},
        {"${", "'${' is not closed", 0},
        {"${}", "'${' has no variable's name", 0},
        {"${{x}}", "'${' has no variable's name", 0},
        {"${:x}", "'${' has no variable's name", 0},
        {"${who:}", "unknown modifier in '${'", 0},
        {"${who:1:2}", "unknown modifier in '${'", 0},
        {"${who^^}", "unknown modifier in '${'", 0},
        {"${who:-x", "'${' is not closed", 0},
        {"${who:", "'${' is not closed", 0},
        {"${who:-\"x}", "a double quote is not closed", 7},
        {"${who/a}", "'/' and what takes the pattern's place are missing in '${'", 0},
        {"${who/a/b", "'${' is not closed", 0},
        {"${who#\\a}", "malformed pattern '\\a': a '\\' escapes nothing", 0},
        {"..${none:?set it}", "none: set it", 4},
        {"${none?}", "none: is not allowed to be unset", 2},
        {"${empty:?}", "empty: is not allowed to be empty", 2},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        KIST_AUTO(strv) struct kist_strv words = {.v = NULL};
        struct kist_expand e = expansion();
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_expand_word(&out, &e, rows[i].text, &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
        CHECK_INT(e.at, rows[i].at);
        CHECK_INT(kist_expand_words(&words, &e, rows[i].text, &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
    }
}

TEST(checks_the_form_where_nothing_is_known)
{
    static const char *const good[] = {"$a ${b:?no} ${c#*/} ${d//x/y}", "'$'", "${a:-${b}}"};
    static const char *const bad[] = {"${a:?no", "\"", "${a:=b}", "${a/x}"};
    struct kist_error err = {0};

    for (size_t i = 0; i < KIST_COUNT(good); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
        struct kist_expand e = {.escape = '\\'};

        TEST_CASE(good[i]);
        CHECK_OK(kist_expand_word(&out, &e, good[i], &err), err);
    }
    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
        struct kist_expand e = {.escape = '\\'};

        TEST_CASE(bad[i]);
        CHECK_INT(kist_expand_word(&out, &e, bad[i], &err), KIST_E_USAGE);
    }
}

TEST(takes_the_other_escape_and_leaves_quotes)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
    struct kist_expand e = expansion();
    struct kist_error err = {0};

    e.escape = '`';
    CHECK_OK(kist_expand_word(&out, &e, "c:\\dir `$who", &err), err);
    CHECK_STR(kist_buf_text(&out), "c:\\dir $who");
    kist_buf_clear(&out);
    e = expansion();
    e.quotes_stand = true;
    CHECK_OK(kist_expand_word(&out, &e, "it's \"$who\" \\$who\n", &err), err);
    CHECK_STR(kist_buf_text(&out), "it's \"world\" $who\n");
}

static const char *grow(void *arg, const char *name)
{
    (void)name;
    return arg;
}

TEST(bounds_what_comes_out)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    KIST_AUTO(strv) struct kist_strv words = {.v = NULL};
    char value[40000], deep[4000] = "";
    struct kist_expand e = {.lookup = grow, .arg = value, .escape = '\\'};
    struct kist_error err = {0};

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    CHECK_OK(kist_expand_word(&out, &e, "$a$a$a", &err), err);
    CHECK_INT(kist_expand_word(&out, &e, "$a", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "it expands to more than 131071 bytes");
    CHECK_INT(kist_expand_words(&words, &e, "$a $a $a $a", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "it expands to more than 131071 bytes");
    for (size_t i = 0; i < 1000; i++) {
        memcpy(deep + 3 * i, "${a", 4);
    }
    CHECK_INT(kist_expand_word(&out, &e, deep, &err), KIST_E_USAGE);
    for (size_t i = 0; i < 700; i++) {
        memcpy(deep + 5 * i, "${a:-", 6);
    }
    CHECK_INT(kist_expand_word(&out, &e, deep, &err), KIST_E_USAGE);
    CHECK_STR(err.message, "'${' is nested too deeply");
}

/* a pattern of many stars over a long value would take years where choices are tried one by one */
TEST(a_pattern_takes_no_more_time_than_it_has_characters)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    char value[100000];
    struct kist_expand e = {.lookup = grow, .arg = value, .escape = '\\'};
    struct kist_error err = {0};

    memset(value, 'a', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    CHECK_OK(kist_expand_word(&out, &e, "${x//a*a*a*a*a*b/y}", &err), err);
    CHECK_INT(out.len, sizeof(value) - 1);
    kist_buf_clear(&out);
    CHECK_OK(kist_expand_word(&out, &e, "${x%%a*a*a*a*a*b}", &err), err);
    CHECK_INT(out.len, sizeof(value) - 1);
}
