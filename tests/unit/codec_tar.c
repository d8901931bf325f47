/* rooms: codec */
#include "test.h"

#include "base/limits.h"
#include "tar_maker.h"

/* Reads tar in pieces of several sizes; the story must be want, and the bytes the same again. */
static void check_story(const struct kist_buf *tar, const char *want)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 7, 511, 512, 513, 4000};

    for (size_t i = 0; i < KIST_COUNT(pieces); i++) {
        struct kist_error err = {0};
        struct story s;

        story_init(&s);
        CHECK_OK(story_read(&s, tar->data, tar->len, pieces[i], &err), err);
        CHECK_STR(kist_buf_text(&s.text), want);
        CHECK(s.finished);
        CHECK(!s.wrong);
        CHECK_INT(s.bytes.len, tar->len);
        if (s.bytes.len == tar->len && tar->len > 0)
            CHECK_MEM(s.bytes.data, tar->data, tar->len);
        story_release(&s);
    }
}

TEST(reads_every_type)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    size_t at;

    maker_file(&tar, "etc/motd", "hello");
    maker_file(&tar, "empty", "");
    at = maker_header(&tar, '1', "hard", 5); /* the size of a link is not followed by data */
    maker_set(&tar, at, 157, "etc/motd", 8);
    at = maker_header(&tar, '2', "soft", 0);
    maker_set(&tar, at, 157, "../x", 4);
    at = maker_header(&tar, '3', "null", 0);
    maker_set(&tar, at, 329, "0000001\0000000003", 16);
    at = maker_header(&tar, '4', "sda", 0);
    maker_set(&tar, at, 329, "0000010\0000000000", 16);
    maker_header(&tar, '5', "dir/", 0);
    maker_header(&tar, '6', "fifo", 0);
    maker_header(&tar, '7', "contiguous", 0);
    maker_header(&tar, 'q', "unknown", 0);
    at = maker_header(&tar, '\0', "old", 0);
    at = maker_header(&tar, '\0', "olddir/", 77);
    maker_header(&tar, '5', "sized/", 77);
    at = maker_file(&tar, "suid", "");
    maker_set(&tar, at, 100, "0104755", 7);
    maker_end(&tar);
    check_story(&tar, "f etc/motd 644 1000:100 5 @1708924368\n"
                      "f empty 644 1000:100 0 @1708924368\n"
                      "h hard -> etc/motd 644 1000:100 0 @1708924368\n"
                      "s soft -> ../x 644 1000:100 0 @1708924368\n"
                      "c null 644 1000:100 0 @1708924368 dev 1,3\n"
                      "b sda 644 1000:100 0 @1708924368 dev 8,0\n"
                      "d dir/ 644 1000:100 0 @1708924368\n"
                      "p fifo 644 1000:100 0 @1708924368\n"
                      "f contiguous 644 1000:100 0 @1708924368\n"
                      "f unknown 644 1000:100 0 @1708924368\n"
                      "f old 644 1000:100 0 @1708924368\n"
                      "d olddir/ 644 1000:100 0 @1708924368\n"
                      "d sized/ 644 1000:100 0 @1708924368\n"
                      "f suid 4755 1000:100 0 @1708924368\n");
}

TEST(joins_prefix_and_name_as_the_format_has_them)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char full[101], want[1024];
    size_t at;

    memset(full, 'n', 100);
    full[100] = '\0';
    at = maker_file(&tar, full, "");
    maker_set(&tar, at, 345, "a/b", 3);
    at = maker_file(&tar, "gnu", "");
    maker_set(&tar, at, 257, "ustar  ", 8);
    maker_set(&tar, at, 345, "14567016720", 11); /* GNU has times there */
    at = maker_file(&tar, "v7", "");
    maker_set(&tar, at, 257, "\0\0\0\0\0\0\0", 8);
    maker_set(&tar, at, 345, "a/b", 3);
    at = maker_file(&tar, "star", "");
    maker_set(&tar, at, 508, "tar", 4);
    maker_set(&tar, at, 345 + 131, "14567016720", 12);
    maker_end(&tar);
    snprintf(want, sizeof(want),
             "f a/b/%s 644 1000:100 0 @1708924368\nf gnu 644 1000:100 0 @1708924368\n"
             "f v7 644 1000:100 0 @1708924368\nf star 644 1000:100 0 @1708924368\n",
             full);
    check_story(&tar, want);
}

TEST(reads_numbers_in_octal_and_base_256)
{
    static const struct {
        const char *label;
        size_t field;
        const char *bytes;
        size_t len;
        const char *want;
    } rows[] = {
        {"spaces around", 136, "     17    \0", 12, "f f 644 1000:100 0 @15\n"},
        {"empty", 136, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, "f f 644 1000:100 0 @0\n"},
        {"no end", 136, "000000000017", 12, "f f 644 1000:100 0 @15\n"},
        {"all digits", 136, "777777777777", 12, "f f 644 1000:100 0 @68719476735\n"},
        {"base-256", 136, "\x80\0\0\0\0\0\0\0\1\2\3\4", 12, "f f 644 1000:100 0 @16909060\n"},
        {"base-256, before 1970", 136, "\377\377\377\377\377\377\377\377\377\377\377\376", 12,
         "f f 644 1000:100 0 @-2\n"},
        {"base-256, large uid", 108, "\x80\0\0\0\377\377\377\377", 8,
         "f f 644 4294967295:100 0 @1708924368\n"},
        {"junk of other types", 329, "garbage!", 8, "f f 644 1000:100 0 @1708924368\n"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        size_t at = maker_file(&tar, "f", "");

        TEST_CASE(rows[i].label);
        maker_set(&tar, at, rows[i].field, rows[i].bytes, rows[i].len);
        check_story(&tar, rows[i].want);
    }
}

TEST(takes_checksums_of_signed_bytes)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    size_t at = maker_file(&tar, "\xc3\xa9", "");
    int sum = 0;

    memset(tar.data + at + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (signed char)tar.data[at + i];
    maker_octal(tar.data + at + 148, 7, (uint64_t)sum);
    check_story(&tar, "f \xc3\xa9 644 1000:100 0 @1708924368\n");
}

TEST(reads_gnu_long_names)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char name[301], link[601], want[1500];
    size_t at;

    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    memset(link, 'l', sizeof(link));
    link[600] = '\0';
    maker_body(&tar, 'K', "././@LongLink", link, sizeof(link));
    maker_body(&tar, 'L', "././@LongLink", name, sizeof(name));
    at = maker_header(&tar, '2', "cut", 0);
    maker_set(&tar, at, 157, "cut", 3);
    maker_file(&tar, "next", "");
    maker_end(&tar);
    snprintf(want, sizeof(want), "s %s -> %s 644 1000:100 0 @1708924368\nf next 644 1000:100 0 @1708924368\n",
             name, link);
    check_story(&tar, want);
}

TEST(reads_pax_records)
{
    static const struct {
        const char *label, *global, *local, *want;
    } rows[] = {
        {"names", "", "path=a/long name;linkpath=else;comment=x",
         "s a/long name -> else 644 1000:100 0 @1708924368\n"},
        {"ids", "", "uid=4294967295;gid=70000", "s f -> t 644 4294967295:70000 0 @1708924368\n"},
        {"time", "", "mtime=1700000000.999", "s f -> t 644 1000:100 0 @1700000000\n"},
        {"whole time before 1970", "", "mtime=-5.000", "s f -> t 644 1000:100 0 @-5\n"},
        {"time before 1970", "", "mtime=-5.25", "s f -> t 644 1000:100 0 @-6\n"},
        {"xattrs", "",
         "SCHILY.xattr.user.a=1;SCHILY.xattr.user.b=22;SCHILY.acl.access=u;SCHILY.xattr.user.a=3",
         "s f -> t 644 1000:100 0 @1708924368 {user.a=3} {user.b=22}\n"},
        {"libarchive's xattrs", "", "LIBARCHIVE.xattr.user.a%3db%25=aGVsbG8",
         "s f -> t 644 1000:100 0 @1708924368 {user.a=b%=hello}\n"},
        {"xattr taken away", "SCHILY.xattr.user.a=1;SCHILY.xattr.user.b=2",
         "SCHILY.xattr.user.a=", "s f -> t 644 1000:100 0 @1708924368 {user.b=2}\n"},
        {"global", "uid=7;mtime=9", "", "s f -> t 644 7:100 0 @9\n"},
        {"global, overridden", "uid=7;gid=8", "uid=9", "s f -> t 644 9:8 0 @1708924368\n"},
        {"global, taken away", "uid=7;path=g", "uid=;path=", "s f -> t 644 1000:100 0 @1708924368\n"},
        {"sparse means nothing in a global header", "GNU.sparse.major=1;GNU.sparse.minor=0;GNU.sparse.name=n",
         "", "s f -> t 644 1000:100 0 @1708924368\n"},
        {"empty header", "", "", "s f -> t 644 1000:100 0 @1708924368\n"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        size_t at;

        TEST_CASE(rows[i].label);
        maker_pax(&tar, 'g', rows[i].global);
        maker_pax(&tar, 'x', rows[i].local);
        at = maker_header(&tar, '2', "f", 0);
        maker_set(&tar, at, 157, "t", 1);
        maker_end(&tar);
        check_story(&tar, rows[i].want);
    }
}

TEST(applies_global_records_to_all_that_follow)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_file(&tar, "before", "");
    maker_pax(&tar, 'g', "uid=7;SCHILY.xattr.user.a=1");
    maker_pax(&tar, 'x', "uid=8");
    maker_file(&tar, "a", "");
    maker_file(&tar, "b", "");
    maker_pax(&tar, 'g', "gid=9");
    maker_file(&tar, "c", "");
    check_story(&tar, "f before 644 1000:100 0 @1708924368\n"
                      "f a 644 8:100 0 @1708924368 {user.a=1}\n"
                      "f b 644 7:100 0 @1708924368 {user.a=1}\n"
                      "f c 644 7:9 0 @1708924368 {user.a=1}\n");
}

TEST(takes_size_and_device_from_pax)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_pax(&tar, 'x', "size=5");
    maker_header(&tar, '0', "f", 0);
    maker_add(&tar, "hello", 5);
    maker_pad(&tar);
    maker_pax(&tar, 'x', "SCHILY.devmajor=300;SCHILY.devminor=70000");
    maker_header(&tar, '3', "d", 0);
    maker_end(&tar);
    check_story(&tar, "f f 644 1000:100 5 @1708924368\nc d 644 1000:100 0 @1708924368 dev 300,70000\n");
}

TEST(skips_what_is_no_member)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    maker_header(&tar, 'V', "label", 0);
    maker_body(&tar, 'D', "dir/", "Yfile\0", 7);
    maker_file(&tar, "f", "data");
    maker_end(&tar);
    check_story(&tar, "f f 644 1000:100 4 @1708924368\n");
}

TEST(reads_old_gnu_sparse_files)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char want[1024];
    size_t at = maker_header(&tar, 'S', "sparse", 30), used;

    maker_set(&tar, at, 257, "ustar  ", 8);
    for (unsigned i = 0; i < 4; i++) {
        maker_octal(tar.data + at + 386 + 24 * i, 11, 100 * i);
        maker_octal(tar.data + at + 386 + 24 * i + 12, 11, 1);
    }
    tar.data[at + 482] = 1;
    maker_set(&tar, at, 483, "00000100000", 11);
    for (unsigned block = 0; block < 2; block++) {
        char extension[512] = {0};

        for (unsigned i = 0; i < (block ? 6 : 21); i++) {
            maker_octal(extension + 24 * i, 11, 1000 + 100 * (21 * block + i));
            maker_octal(extension + 24 * i + 12, 11, block && i == 5 ? 0 : 1);
        }
        extension[504] = block == 0;
        maker_add(&tar, extension, sizeof(extension));
    }
    maker_add(&tar, "abcdefghijklmnopqrstuvwxyz0123", 30);
    maker_pad(&tar);
    maker_file(&tar, "f", "x");
    used = (size_t)snprintf(want, sizeof(want), "f sparse 644 1000:100 32768 @1708924368 sparse");
    for (unsigned i = 0; i < 30; i++)
        used += (size_t)snprintf(want + used, sizeof(want) - used, " %u+1",
                                 i < 4 ? 100 * i : 1000 + 100 * (i - 4));
    snprintf(want + used, sizeof(want) - used, "\nf f 644 1000:100 1 @1708924368\n");
    check_story(&tar, want);
}

TEST(reads_pax_sparse_files)
{
    static const char body[] = "onetwo";
    static const struct {
        const char *label, *records, *map;
    } rows[] = {
        {"0.0",
         "GNU.sparse.size=2000;GNU.sparse.numblocks=3;GNU.sparse.offset=0;GNU.sparse.numbytes=3;GNU.sparse."
         "offset=1000;"
         "GNU.sparse.numbytes=3;GNU.sparse.offset=2000;GNU.sparse.numbytes=0;path=real",
         NULL},
        {"0.1",
         "GNU.sparse.size=2000;GNU.sparse.numblocks=3;GNU.sparse.map=0,3,1000,3,2000,0;GNU.sparse.name=real",
         NULL},
        {"1.0", "GNU.sparse.major=1;GNU.sparse.minor=0;GNU.sparse.name=real;GNU.sparse.realsize=2000",
         "3\n0\n3\n1000\n3\n2000\n0\n"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].label);
        maker_pax(&tar, 'x', rows[i].records);
        maker_header(&tar, '0', "GNUSparseFile.1/real", rows[i].map ? 518 : 6);
        if (rows[i].map) {
            maker_add(&tar, rows[i].map, strlen(rows[i].map));
            maker_pad(&tar);
        }
        maker_add(&tar, body, 6);
        maker_pad(&tar);
        maker_end(&tar);
        check_story(&tar, "f real 644 1000:100 2000 @1708924368 sparse 0+3 1000+3\n");
    }
}

TEST(reads_a_sparse_map_of_many_blocks)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf map = MAKER_INIT;
    KIST_AUTO(buf) struct kist_buf want = MAKER_INIT;
    char header[] = "GNU.sparse.major=1;GNU.sparse.minor=0;GNU.sparse.realsize=2000000;GNU.sparse.name=big";

    CHECK_INT(kist_buf_puts(&map, "200\n", NULL), 0);
    CHECK_INT(kist_buf_puts(&want, "f big 644 1000:100 2000000 @1708924368 sparse", NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        CHECK_INT(kist_buf_printf(&map, NULL, "%u\n10\n", i * 10000), 0);
        CHECK_INT(kist_buf_printf(&want, NULL, " %u+10", i * 10000), 0);
    }
    CHECK_INT(kist_buf_puts(&want, "\n", NULL), 0);
    maker_pad(&map);
    maker_pax(&tar, 'x', header);
    maker_header(&tar, '0', "x", (int64_t)map.len + 2000);
    maker_add(&tar, map.data, map.len);
    for (unsigned i = 0; i < 200; i++)
        maker_add(&tar, "0123456789", 10);
    maker_pad(&tar);
    check_story(&tar, want.data);
}

TEST(ends_in_every_usual_way)
{
    static const struct {
        const char *label;
        size_t cut;   /* bytes off the end of: file, its padding, two end blocks */
        size_t extra; /* bytes 'z' after it */
    } rows[] = {
        {"two end blocks", 0, 0},         {"one and a half", 200, 0},    {"one end block", 512, 0},
        {"no end block", 1024, 0},        {"no padding", 1024 + 508, 0}, {"part of the padding", 1024 + 9, 0},
        {"more after the end", 0, 10000},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(rows[i].label);
        maker_file(&tar, "f", "data");
        maker_end(&tar);
        tar.len -= rows[i].cut;
        for (size_t n = 0; n < rows[i].extra; n++)
            maker_add(&tar, "z", 1);
        check_story(&tar, "f f 644 1000:100 4 @1708924368\n");
    }
}

TEST(takes_an_empty_archive)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

    check_story(&tar, "");
    maker_end(&tar);
    check_story(&tar, "");
}

TEST(hands_data_on_as_large_as_it_came)
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct kist_error err = {0};
    char text[50000];
    struct story s;

    memset(text, 't', sizeof(text));
    maker_body(&tar, '0', "f", text, sizeof(text));
    story_init(&s);
    CHECK_OK(story_read(&s, tar.data, tar.len, SIZE_MAX, &err), err);
    CHECK_INT(s.large, sizeof(text));
    story_release(&s);
}

/* Archives that GNU tar 1.34 and Python wrote. */
TEST(reads_what_others_write)
{
    static const char sparse[] =
        "f s 644 1000:100 100000 @1700000000 sparse 0+512 8192+512 20480+512 40960+512 "
        "61440+512 89600+512\n";
    static const struct {
        const char *file, *want;
    } rows[] = {
        {"ustar", "f d/f 644 1000:100 6 @1700000000\n"
                  "h d/h -> d/f 644 1000:100 0 @1700000000\n"
                  "s d/l -> f 777 1000:100 0 @1700000000\n"
                  "p d/p 644 1000:100 0 @1700000000\n"
                  "c d/c 644 1000:100 0 @1700000000 dev 1,3\n"
                  "f d/empty 644 1000:100 0 @1700000000\n"
                  "d d/sub/ 755 1000:100 0 @1700000000\n"},
        {"v7", "f d/f 644 1000:100 6 @1700000000\nd d/sub/ 755 1000:100 0 @1700000000\n"},
        {"base256", "f big 644 4000000000:0 0 @-5\n"},
        {"pax_global_xattr", "f u 644 7:0 0 @1700000000 {user.a=hello}\n"},
        {"gnu_sparse", sparse},
        {"pax_sparse_0.0", sparse},
        {"pax_sparse_0.1", sparse},
        {"pax_sparse_1.0", sparse},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        char path[512], block[4096];
        size_t len;
        FILE *file;

        TEST_CASE(rows[i].file);
        snprintf(path, sizeof(path), "%s/fuzz/tar/%s", KIST_TEST_DATA, rows[i].file);
        file = fopen(path, "rb");
        REQUIRE(file != NULL);
        while ((len = fread(block, 1, sizeof(block), file)) > 0)
            maker_add(&tar, block, len);
        fclose(file);
        check_story(&tar, rows[i].want);
    }
}
