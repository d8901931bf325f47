/* rooms: codec */
#include "test.h"

#include "codec/collect.h"
#include "codec/tar_write.h"
#include "tar_maker.h"

/* What the reader says of an archive of these entries, each with stored bytes of 'x'. */
static void check_entries(const struct kist_tar_entry *entries, size_t count, const char *want)
{
    KIST_AUTO(buf) struct kist_buf out = MAKER_INIT;
    struct kist_tar_writer w;
    struct kist_collect collect;
    struct kist_error err = {0};
    struct story s;

    kist_collect_init(&collect, &out);
    kist_tar_writer_init(&w, &collect.sink);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(kist_tar_writer_entry(&w, &entries[i], &err), err);
        for (uint64_t n = entries[i].stored; n > 0; n--)
            CHECK_OK(kist_tar_writer_data(&w, "x", 1, &err), err);
    }
    CHECK_OK(kist_tar_writer_end(&w, &err), err);
    CHECK_INT(out.len % 512, 0);
    story_init(&s);
    CHECK_OK(story_read(&s, out.data, out.len, SIZE_MAX, &err), err);
    CHECK_STR(kist_buf_text(&s.text), want);
    CHECK(s.finished && !s.wrong);
    story_release(&s);
}

TEST(every_type_is_read_back)
{
    static const struct kist_tar_xattr xattrs[] = {{"security.capability", "\1\0\0\2\n=", 6}, {"user.empty", "", 0}};
    const struct kist_tar_entry entries[] = {
        {.type = KIST_TAR_DIRECTORY, .name = "dir", .mode = 01777, .uid = 1, .gid = 2, .mtime = 1708924368},
        {.type = KIST_TAR_FILE, .name = "dir/file", .mode = 04755, .mtime = 1, .stored = 513},
        {.type = KIST_TAR_FILE, .name = "empty", .mode = 0600},
        {.type = KIST_TAR_FILE, .name = "block", .mode = 0600, .stored = 512},
        {.type = KIST_TAR_HARDLINK, .name = "hard", .link_name = "dir/file", .mode = 0644},
        {.type = KIST_TAR_SYMLINK, .name = "soft", .link_name = "../x", .mode = 0777},
        {.type = KIST_TAR_CHAR, .name = "null", .mode = 0666, .major = 1, .minor = 3},
        {.type = KIST_TAR_BLOCK, .name = "sda", .mode = 0600, .major = 8},
        {.type = KIST_TAR_FIFO, .name = "fifo", .mode = 0600},
        {.type = KIST_TAR_FILE, .name = "x", .mode = 0755, .xattrs = xattrs, .xattr_count = 1},
    };

    check_entries(entries, KIST_COUNT(entries),
                  "d dir/ 1777 1:2 0 @1708924368\n"
                  "f dir/file 4755 0:0 513 @1\n"
                  "f empty 600 0:0 0 @0\n"
                  "f block 600 0:0 512 @0\n"
                  "h hard -> dir/file 644 0:0 0 @0\n"
                  "s soft -> ../x 777 0:0 0 @0\n"
                  "c null 666 0:0 0 @0 dev 1,3\n"
                  "b sda 600 0:0 0 @0 dev 8,0\n"
                  "p fifo 600 0:0 0 @0\n"
                  "f x 755 0:0 0 @0 {security.capability=\1}\n"); /* the story shows text up to the first NUL */
}

TEST(what_ustar_has_no_room_for_is_read_back)
{
    char name[301], target[201], want[2048], pad[90];
    const struct kist_tar_entry entries[] = {
        {.type = KIST_TAR_DIRECTORY, .name = name, .uid = 2097152, .gid = UINT32_MAX, .mtime = -7},
        {.type = KIST_TAR_SYMLINK, .name = "soft", .link_name = target, .mtime = INT64_C(1) << 40},
        {.type = KIST_TAR_CHAR, .name = "dev", .major = 1U << 30, .minor = UINT32_MAX},
        {.type = KIST_TAR_FILE, .name = pad, .stored = 1},
    };

    memset(name, 'n', 300);
    memset(target, 't', 200);
    memset(pad, 'p', 89);
    name[300] = target[200] = pad[89] = '\0';
    snprintf(want, sizeof(want),
             "d %s/ 0 2097152:4294967295 0 @-7\ns soft -> %s 0 0:0 0 @1099511627776\n"
             "c dev 0 0:0 0 @0 dev 1073741824,4294967295\nf %s 0 0:0 1 @0\n",
             name, target, pad);
    check_entries(entries, KIST_COUNT(entries), want);
}

TEST(a_record_s_length_counts_its_own_digits)
{
    /* a name of 88 to 90 bytes takes the length of its record, "path" and all, over 99; 987 and on over 999 */
    for (size_t len = 85; len < 1000; len += len < 95 ? 1 : len < 980 ? 885 : 1) {
        char name[1024], want[1100];
        const struct kist_tar_entry e = {.type = KIST_TAR_SYMLINK, .name = "l", .link_name = name};
        const struct kist_tar_entry long_name = {.type = KIST_TAR_FILE, .name = name};

        memset(name, 'n', len);
        name[len] = '\0';
        snprintf(want, sizeof(want), "s l -> %s 0 0:0 0 @0\n", name);
        check_entries(&e, 1, want);
        snprintf(want, sizeof(want), "f %s 0 0:0 0 @0\n", name);
        check_entries(&long_name, 1, want);
    }
}

TEST(the_size_of_a_huge_file_is_told)
{
    KIST_AUTO(buf) struct kist_buf out = MAKER_INIT;
    const struct kist_tar_entry e = {.type = KIST_TAR_FILE, .name = "huge", .stored = UINT64_C(1) << 40};
    struct kist_tar_writer w;
    struct kist_collect collect;
    struct kist_error err = {0};
    struct story s;

    kist_collect_init(&collect, &out);
    kist_tar_writer_init(&w, &collect.sink);
    CHECK_OK(kist_tar_writer_entry(&w, &e, &err), err);
    story_init(&s);
    CHECK_INT(story_read(&s, out.data, out.len, SIZE_MAX, &err), KIST_E_CORRUPT); /* its data is missing */
    CHECK_STR(kist_buf_text(&s.text), "f huge 0 0:0 1099511627776 @0\n");
    story_release(&s);
    CHECK_INT(kist_tar_writer_end(&w, &err), KIST_E_FAIL);
    CHECK_STR(err.message, "1099511627776 bytes of an archive's member are missing");
}

TEST(a_member_gets_what_was_promised)
{
    KIST_AUTO(buf) struct kist_buf out = MAKER_INIT;
    const struct kist_tar_entry e = {.type = KIST_TAR_FILE, .name = "f", .stored = 2};
    struct kist_tar_writer w;
    struct kist_collect collect;
    struct kist_error err = {0};

    kist_collect_init(&collect, &out);
    kist_tar_writer_init(&w, &collect.sink);
    CHECK_OK(kist_tar_writer_entry(&w, &e, &err), err);
    CHECK_INT(kist_tar_writer_data(&w, "abc", 3, &err), KIST_E_FAIL);
    CHECK_INT(kist_tar_writer_entry(&w, &e, &err), KIST_E_FAIL);
    CHECK_OK(kist_tar_writer_data(&w, "ab", 2, &err), err);
    CHECK_OK(kist_tar_writer_file(&w, "g", 5, "text", 4, &err), err);
    CHECK_OK(kist_tar_writer_end(&w, &err), err);
    CHECK_INT(out.len, 6 * 512);
}
