/* rooms: codec */
#include "test.h"

#include "base/limits.h"
#include "tar_maker.h"

/* Reading tar, whole and byte by byte, must fail as corrupt with want in the message, without an error twice.
 */
static void check_bad(const struct kist_buf *tar, const char *want)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 512};

    for (size_t i = 0; i < KIST_COUNT(pieces); i++) {
        struct kist_error err = {0};
        struct story s;

        story_init(&s);
        CHECK_INT(story_read(&s, tar->data, tar->len, pieces[i], &err), KIST_E_CORRUPT);
        CHECK_INT(err.code, KIST_E_CORRUPT);
        if (!strstr(err.message, want))
            CHECK_STR(err.message, want);
        CHECK(!s.finished);
        story_release(&s);
    }
}

TEST(refuses_what_is_no_tar)
{
    static const struct {
        const char *label;
        size_t len;
        char fill;
    } rows[] = {{"text", 2000, 'x'}, {"a short one", 100, 'x'}, {"short zeros", 100, '\0'}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].label);
        for (size_t n = 0; n < rows[i].len; n++)
            maker_add(&tar, &rows[i].fill, 1);
        check_bad(&tar, "not a tar archive");
    }
}

TEST(refuses_damaged_headers)
{
    static const struct {
        const char *label;
        char type;
        size_t field;
        const char *bytes;
        size_t len;
        const char *want;
    } rows[] = {
        {"negative size", '0', 124, "\377\377\377\377\377\377\377\377\377\377\377\376", 12, "negative size"},
        {"negative size of a directory", '5', 124, "\377\377\377\377\377\377\377\377\377\377\377\376", 12,
         "negative size"},
        {"size past 63 bits", '0', 124, "\x80\0\0\0\200\0\0\0\0\0\0\0", 12, "size is not a number"},
        {"size that is text", '0', 124, "12345678abc", 12, "size is not a number"},
        {"octal with a 9", '0', 124, "00000000009", 12, "size is not a number"},
        {"uid too large", '0', 108, "\x80\0\0\1\0\0\0\0", 8, "uid is too large"},
        {"negative gid", '0', 116, "\377\377\377\377\377\377\377\377", 8, "negative gid"},
        {"mode that is text", '0', 100, "rw-r--r-", 8, "mode is not a number"},
        {"time that is text", '0', 136, "yesterday", 10, "time is not a number"},
        {"no name", '0', 0, "\0\0", 2, "it has no name"},
        {"no target", '2', 157, "", 1, "it has no link target"},
        {"no target of a hard link", '1', 157, "", 1, "it has no link target"},
        {"device that is text", '3', 329, "major!", 7, "device number is not a number"},
        {"extended header too large", 'x', 124, "00010000000", 12, "extended header of more than"},
        {"long name too large", 'L', 124, "77777777777", 12, "extended header of more than"},
        {"empty long name", 'L', 124, "00000000000", 12, "empty long name"},
        {"old sparse, no real size", 'S', 483, "x", 1, "size is not a number"},
        {"old sparse, bad map", 'S', 386, "99999999999\00000000000001", 23,
         "sparse map holds what is not a number"},
        {"old sparse, past the end", 'S', 386, "00000000000\00000000000001", 23,
         "sparse map does not add up"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        size_t at;

        TEST_CASE(rows[i].label);
        maker_file(&tar, "before", "12");
        at = maker_header(&tar, rows[i].type, "f", 0);
        maker_set(&tar, at, rows[i].field, rows[i].bytes, rows[i].len);
        maker_end(&tar);
        check_bad(&tar, rows[i].want);
        check_bad(&tar, "damaged tar member at offset 1024: ");
    }
}

TEST(refuses_a_wrong_checksum)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_file(&tar, "before", "");
    maker_file(&tar, "f", "");
    tar.data[512] = 'g';
    check_bad(&tar, "damaged tar member at offset 512: wrong checksum");
}

TEST(refuses_members_after_one_end_block)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_file(&tar, "before", "");
    maker_end(&tar);
    tar.len -= 512;
    maker_file(&tar, "f", "");
    check_bad(&tar, "follows an end block");
}

TEST(refuses_truncation_inside_a_member)
{
    static const struct {
        const char *label;
        size_t len;
    } rows[] = {
        {"in a header", 1100},       {"in a pax body", 512 + 9},   {"in the data", 512 * 3 + 2},
        {"after a header", 512 * 3}, {"after a pax header", 1024}, {"in a pax header's padding", 1000},
    };
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_pax(&tar, 'x', "path=a/b/c");
    maker_file(&tar, "f", "data");
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].label);
        tar.len = rows[i].len;
        check_bad(&tar, rows[i].len == 1024 || rows[i].len == 1000 ? "extended header without a member"
                                                                   : "tar archive is truncated at ");
    }
}

TEST(refuses_extended_headers_before_the_end)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_body(&tar, 'L', "l", "name", 4);
    maker_end(&tar);
    check_bad(&tar, "extended header without a member");
}

TEST(refuses_malformed_pax)
{
#define ROW(label, text, want)                                                                               \
    {                                                                                                        \
        label, text, sizeof(text) - 1, want                                                                  \
    }
    static const struct {
        const char *label, *text;
        size_t len;
        const char *want;
    } rows[] = {
        ROW("no length", "path=x\n", "malformed pax record"),
        ROW("only a length", "12", "malformed pax record"),
        ROW("length too short", "8 path=x\n", "malformed pax record"),
        ROW("length too long", "20 path=x\n", "malformed pax record"),
        ROW("length within itself", "2 path=x\n", "malformed pax record"),
        ROW("length overflows", "99999999999999999999999999 path=x\n", "malformed pax record"),
        ROW("no newline", "9 path=x ", "malformed pax record"),
        ROW("no equals", "9 path x\n", "malformed pax record"),
        ROW("no key", "5 =x\n", "malformed pax record"),
        ROW("NUL in the key", "10 pa\0h=x\n", "malformed pax record"),
        ROW("junk after the last", "9 path=x\nzz", "malformed pax record"),
        ROW("NUL in a path", "12 path=a\0b\n", "'path' has a NUL in it"),
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].label);
        maker_body(&tar, 'x', "pax", rows[i].text, rows[i].len);
        maker_file(&tar, "f", "");
        maker_end(&tar);
        check_bad(&tar, rows[i].want);
    }
}

TEST(refuses_bad_values_of_pax)
{
    static const struct {
        const char *record, *want;
    } rows[] = {
        {"uid=ab", "'uid' has a bad value"},
        {"size=-1", "'size' has a bad value"},
        {"size=9223372036854775808", "'size' has a bad value"},
        {"uid=4294967296", "its uid is too large"},
        {"SCHILY.devminor=4294967296", "its device number is too large"},
        {"mtime=x", "'mtime' has a bad value"},
        {"mtime=1.2.3", "'mtime' has a bad value"},
        {"mtime=9223372036854775807", "'mtime' has a bad value"},
        {"LIBARCHIVE.xattr.user.a=!", "'LIBARCHIVE.xattr.user.a' has a bad value"},
        {"LIBARCHIVE.xattr.user.%zz=aaaa", "'LIBARCHIVE.xattr.user.%zz' has a bad value"},
        {"LIBARCHIVE.xattr.user.%00=aaaa", "has a bad value"},
        {"GNU.sparse.map=4,1,2,1", "out of order"},
        {"GNU.sparse.map=4,1,2", "ends within a pair"},
        {"GNU.sparse.map=4,x,2", "not a number"},
        {"GNU.sparse.map=9223372036854775807,1", "overflows"},
        {"GNU.sparse.map=4,1", "does not add up"},
        {"GNU.sparse.major=2", "unknown form of sparse map"},
        {"GNU.sparse.offset=5;GNU.sparse.numbytes=1;GNU.sparse.offset=5;GNU.sparse.numbytes=1",
         "out of order"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].record);
        maker_pax(&tar, 'x', rows[i].record);
        maker_file(&tar, "f", "");
        maker_end(&tar);
        check_bad(&tar, rows[i].want);
    }
}

TEST(refuses_bad_sparse_text)
{
    static const struct {
        const char *label, *map;
        int64_t size;
        const char *want;
    } rows[] = {
        {"text", "x\n", 600, "not a number"},
        {"empty line", "\n", 600, "not a number"},
        {"ends early", "2\n0\n1\n", 600, "not a number"},
        {"in disorder", "2\n5\n1\n0\n1\n", 514, "out of order"},
        {"number overflows", "1\n99999999999999999999\n1\n", 514, "not a number"},
        {"more than the data", "1\n0\n3\n", 514, "does not add up"},
        {"no room for the map", "1\n0\n2\n", 2, "sparse map is longer than the data"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].label);
        maker_pax(&tar, 'x', "GNU.sparse.major=1;GNU.sparse.minor=0;GNU.sparse.realsize=5000");
        maker_header(&tar, '0', "f", rows[i].size);
        maker_add(&tar, rows[i].map, strlen(rows[i].map));
        maker_pad(&tar);
        maker_add(&tar, "xx", 2);
        maker_pad(&tar);
        check_bad(&tar, rows[i].want);
    }
}

TEST(holds_its_caps)
{
    KIST_AUTO(buf) struct kist_buf many = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char key[64], *path = calloc(1, KIST_MAX_PATH + 2);

    REQUIRE(path != NULL);
    TEST_CASE("xattrs");
    for (int i = 0; i <= KIST_MAX_TAR_XATTRS; i++) {
        snprintf(key, sizeof(key), "SCHILY.xattr.user.%d", i);
        maker_record(&many, key, "v", 1);
    }
    maker_body(&tar, 'x', "pax", many.data, many.len);
    check_bad(&tar, "more than 128 extended attributes");

    TEST_CASE("name");
    memset(path, 'p', KIST_MAX_PATH + 1);
    kist_buf_clear(&tar);
    kist_buf_clear(&many);
    maker_record(&many, "path", path, KIST_MAX_PATH + 1);
    maker_body(&tar, 'x', "pax", many.data, many.len);
    maker_file(&tar, "f", "");
    check_bad(&tar, "its name is too long");
    kist_buf_clear(&tar);
    maker_body(&tar, 'L', "l", path, KIST_MAX_PATH + 1);
    check_bad(&tar, "name is too long");

    TEST_CASE("global headers");
    kist_buf_clear(&tar);
    for (int i = 0; i < 20; i++)
        maker_body(&tar, 'g', "g", many.data, many.len);
    check_bad(&tar, "global headers of more than 65536 bytes");

    TEST_CASE("stretches of a sparse file");
    kist_buf_clear(&tar);
    kist_buf_clear(&many);
    CHECK_INT(kist_buf_printf(&many, NULL, "%u\n", KIST_MAX_TAR_EXTENTS + 1), 0);
    for (unsigned i = 0; i <= KIST_MAX_TAR_EXTENTS; i++)
        CHECK_INT(kist_buf_printf(&many, NULL, "%u\n1\n", 2 * i), 0);
    maker_pad(&many);
    maker_pax(&tar, 'x', "GNU.sparse.major=1;GNU.sparse.minor=0;GNU.sparse.realsize=9999999");
    maker_header(&tar, '0', "f", (int64_t)many.len + KIST_MAX_TAR_EXTENTS + 1);
    maker_add(&tar, many.data, many.len);
    check_bad(&tar, "sparse map of more than 65536 stretches");
    free(path);
}
