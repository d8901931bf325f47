#include "test.h"

#include <limits.h>

#include "base/str.h"

TEST(copies_and_formats_within_bounds)
{
    char text[4];

    CHECK(kist_str_copy(text, sizeof(text), "abc"));
    CHECK_STR(text, "abc");
    CHECK(!kist_str_copy(text, sizeof(text), "abcd"));
    CHECK_STR(text, "");
    CHECK(kist_str_format(text, sizeof(text), "%d", 123));
    CHECK_STR(text, "123");
    CHECK(!kist_str_format(text, sizeof(text), "%d", 1234));
}

TEST(takes_control_characters_away)
{
    char text[] = "a\x1b[2J\n\x7f\xc3\xa4\xc2\x9b" "1m\xc2\xa9\xc2";

    CHECK_STR(kist_str_disarm(text), "a?[2J??\xc3\xa4??1m\xc2\xa9\xc2");
}

TEST(knows_starts_and_ends)
{
    CHECK(kist_str_starts("abc", "ab"));
    CHECK(kist_str_starts("abc", ""));
    CHECK(!kist_str_starts("ab", "abc"));
    CHECK(kist_str_ends("abc", "bc"));
    CHECK(kist_str_ends("abc", ""));
    CHECK(!kist_str_ends("bc", "abc"));
}

TEST(reads_numbers)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", UINT64_MAX, true, 0},
        {"007", UINT64_MAX, true, 7},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"5", 5, true, 5},
        {"6", 5, false, 0},
        {"0", 0, true, 0},
        {"00", 0, true, 0},
        {"10", 9, false, 0},
        {"9", 9, true, 9},
        {"", 100, false, 0},
        {"", 5, false, 0},
        {"+1", 100, false, 0},
        {"-1", 100, false, 0},
        {" 1", 100, false, 0},
        {"1 ", 100, false, 0},
        {"0x1", 100, false, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        uint64_t value = 0;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_str_u64(rows[i].text, rows[i].max, &value), rows[i].good);
        CHECK_INT(value, rows[i].value);
    }
}

TEST(reads_sizes)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"4096", true, 4096},
        {"0", true, 0},
        {"64k", true, 65536},
        {"64K", true, 65536},
        {"64KiB", true, 65536},
        {"64kb", true, 65536},
        {"64 KiB", true, 65536},
        {"1.5MiB", true, 1572864},
        {"0.25g", true, 268435456},
        {"2G", true, 2147483648},
        {"1t", true, 1099511627776},
        {"1p", true, 1125899906842624},
        {"100b", true, 100},
        {"8191p", true, 9222246136947933184},
        {"8192p", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"1.9999999k", false, 0},
        {"1.0000000000000000000000000000000000000000000000000000000000000000k", false, 0},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"k", false, 0},
        {"1x", false, 0},
        {"1kk", false, 0},
        {"1.k", false, 0},
        {"-1k", false, 0},
        {"1.5.5k", false, 0},
        {"1k ", false, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        uint64_t value = 0;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_str_bytes(rows[i].text, &value), rows[i].good);
        CHECK_INT(value, rows[i].value);
    }
}

TEST(reads_durations)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"1500ms", true, 1500}, {"30s", true, 30000},
        {"5m", true, 300000},   {"1h30m", true, 5400000},
        {"90", true, 90000},    {"0", true, 0},
        {"0s", true, 0},        {"1m30s500ms", true, 90500},
        {"", false, 0},         {"s", false, 0},
        {"1d", false, 0},       {"1h30", false, 0},
        {"-1s", false, 0},      {"99999999999s", false, 0},
        {"1.5s", false, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        uint64_t value = 0;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_str_duration(rows[i].text, &value), rows[i].good);
        CHECK_INT(value, rows[i].value);
    }
}

TEST(reads_booleans)
{
    static const struct {
        const char *text;
        bool good, value;
    } rows[] = {{"true", true, true},   {"Yes", true, true},     {"on", true, true},   {"1", true, true},
                {"false", true, false}, {"NO", true, false},     {"off", true, false}, {"0", true, false},
                {"", false, false},     {"maybe", false, false}, {"2", false, false}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        bool value = false;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_str_bool(rows[i].text, &value), rows[i].good);
        CHECK_INT(value, rows[i].value);
    }
}

TEST(writes_sizes)
{
    static const struct {
        uint64_t bytes;
        const char *want;
    } rows[] = {{0, "0 B"},
                {1023, "1023 B"},
                {1024, "1.0 KiB"},
                {43201331, "41.2 MiB"},
                {1073741824, "1.0 GiB"},
                {UINT64_MAX, "16.0 EiB"}};
    char text[KIST_STR_SIZE_MAX];

    for (size_t i = 0; i < KIST_COUNT(rows); i++)
        CHECK_STR(kist_str_size(text, rows[i].bytes), rows[i].want);
}

TEST(reads_and_writes_times)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
        const char *back;
    } rows[] = {
        {"1970-01-01T00:00:00Z", true, 0, "1970-01-01T00:00:00Z"},
        {"2024-02-29T12:34:56.123456789Z", true, 1709210096, "2024-02-29T12:34:56Z"},
        {"2024-02-29t12:34:56z", true, 1709210096, "2024-02-29T12:34:56Z"},
        {"2024-02-29T13:34:56+01:00", true, 1709210096, "2024-02-29T12:34:56Z"},
        {"2024-02-29T07:04:56-05:30", true, 1709210096, "2024-02-29T12:34:56Z"},
        {"1969-12-31T23:59:59Z", true, -1, "1969-12-31T23:59:59Z"},
        {"0001-01-01T00:00:00Z", true, -62135596800, "0001-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", true, 253402300799, "9999-12-31T23:59:59Z"},
        {"2100-03-01T00:00:00Z", true, 4107542400, "2100-03-01T00:00:00Z"},
        {"2024-13-01T00:00:00Z", false, 0, NULL},
        {"2024-01-01 00:00:00Z", false, 0, NULL},
        {"2024-01-01T00:00:00", false, 0, NULL},
        {"2024-01-01T25:00:00Z", false, 0, NULL},
        {"2024-01-01T00:00:00Zx", false, 0, NULL},
        {"24-01-01T00:00:00Z", false, 0, NULL},
        {"", false, 0, NULL},
    };
    char text[KIST_STR_TIME_MAX];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        int64_t value = 0;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_str_time(rows[i].text, &value), rows[i].good);
        CHECK_INT(value, rows[i].value);
        if (rows[i].good)
            CHECK_STR(kist_str_rfc3339(text, value), rows[i].back);
    }
}

TEST(writes_ages_in_dockers_words)
{
    static const struct {
        int64_t seconds;
        const char *want;
    } rows[] = {
        {-5, "Less than a second"}, {0, "Less than a second"},    {1, "1 second"},
        {59, "59 seconds"},         {60, "About a minute"},       {119, "About a minute"},
        {120, "2 minutes"},         {45 * 60, "45 minutes"},      {59 * 60 + 59, "59 minutes"},
        {3600, "About an hour"},    {89 * 60, "About an hour"},   {90 * 60, "2 hours"},
        {2 * 3600, "2 hours"},      {47 * 3600, "47 hours"},      {INT64_MAX, NULL},
        {48 * 3600, "2 days"},      {13 * 86400, "13 days"},      {14 * 86400, "2 weeks"},
        {60 * 86400, "2 months"},   {3 * 365 * 86400, "3 years"},
    };
    char text[KIST_STR_TIME_MAX];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        (void)kist_str_age(text, rows[i].seconds);
        if (rows[i].want)
            CHECK_STR(text, rows[i].want);
    }
}

TEST(writes_and_reads_hex)
{
    static const unsigned char bytes[] = {0x00, 0x1f, 0xab, 0xff};
    unsigned char back[4];
    char hex[9];

    kist_str_hex(hex, bytes, sizeof(bytes));
    CHECK_STR(hex, "001fabff");
    CHECK(kist_str_unhex(back, sizeof(back), hex));
    CHECK_MEM(back, bytes, sizeof(bytes));
    CHECK(!kist_str_unhex(back, sizeof(back), "001fabfF"));
    CHECK(!kist_str_unhex(back, sizeof(back), "001fabf"));
    CHECK(!kist_str_unhex(back, sizeof(back), "g01fabff"));
}

TEST(takes_fields)
{
    static const struct {
        const char *text, *want; /* each in brackets; "!" is a quote without an end */
    } rows[] = {
        {"", "[]"},          {"a", "[a]"},         {"a,b=c", "[a][b=c]"},    {",a,", "[][a][]"},
        {"\"a,b\",c", "[a,b][c]"}, {"\"a\"\"b\"", "[a\"b]"}, {"a\"b\"", "[a\"b\"]"}, {"\"\"", "[]"},
        {"\"", "!"},         {"a,\"b", "[a]!"},    {"\"a\"b", "!"},         {"\"a\"\"", "!"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char text[32], got[64] = "", *rest = text, *field;
        size_t len = 0;

        TEST_CASE(rows[i].text);
        REQUIRE(kist_str_copy(text, sizeof(text), rows[i].text));
        while ((field = kist_str_field(&rest)) != NULL) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, "[%s]", field);
        }
        (void)snprintf(got + len, sizeof(got) - len, "%s", rest ? "!" : "");
        CHECK_STR(got, rows[i].want);
    }
    TEST_CASE(NULL);
}

TEST(finds_the_nearest_name)
{
    static const char *const names[] = {"store.root", "pull.jobs", "tls.ca"};

    CHECK_STR(kist_str_nearest("pull.job", names, KIST_COUNT(names)), "pull.jobs");
    CHECK_STR(kist_str_nearest("tsl.ca", names, KIST_COUNT(names)), "tls.ca");
    CHECK_STR(kist_str_nearest("color", names, KIST_COUNT(names)), NULL);
    CHECK_STR(kist_str_nearest("", names, KIST_COUNT(names)), NULL);
}

TEST(collects_strings)
{
    KIST_AUTO(strv) struct kist_strv list = {0};
    struct kist_error err = {0};

    CHECK_OK(kist_strv_add(&list, "a", &err), err);
    CHECK_OK(kist_strv_add(&list, "b", &err), err);
    CHECK_INT(list.n, 2);
    CHECK_STR(list.v[0], "a");
    CHECK_STR(list.v[1], "b");
    CHECK(list.v[2] == NULL);
}
