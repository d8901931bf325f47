/* A tar becoming files. Needs root for owners and devices. */
#include "container/extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "codec/tar_write.h"
#include "test.h"

static char place[64];
static struct port_dir *top;

static int make_place(void)
{
    struct kist_error err;

    (void)snprintf(place, sizeof(place), "/tmp/kist-extract-XXXXXX");
    return mkdtemp(place) && chdir(place) == 0 && mkdir("top", 0700) == 0 ? port_dir_open(&top, "top", false, &err) : -1;
}

static void remove_place(void)
{
    struct port_dir *tmp;

    port_dir_close(top);
    (void)chdir("/");
    CHECK(port_dir_open(&tmp, "/tmp", false, NULL) == 0);
    CHECK(port_dir_remove_tree(tmp, place + strlen("/tmp/"), NULL) == 0);
    port_dir_close(tmp);
}

struct member {
    struct kist_tar_entry entry;
    const char *data;
};

static int unpack(const struct member *members, size_t n, const struct kist_extract_how *how, struct kist_error *err)
{
    struct kist_tar_writer writer;
    struct kist_extract *u;
    int rc = kist_extract_new(&u, top, how, err);

    if (rc < 0) {
        return rc;
    }
    kist_tar_writer_init(&writer, kist_extract_sink(u));
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = kist_tar_writer_entry(&writer, &members[i].entry, err);
        if (rc == 0 && members[i].data) {
            rc = kist_tar_writer_data(&writer, members[i].data, (size_t)members[i].entry.stored, err);
        }
    }
    rc = rc == 0 ? kist_tar_writer_end(&writer, err) : rc;
    rc = rc == 0 ? kist_sink_finish(kist_extract_sink(u), err) : rc;
    kist_extract_free(u);
    return rc;
}

static struct stat look(const char *path)
{
    struct stat st = {.st_mode = 0};

    if (lstat(path, &st) < 0) {
        test_fail(__FILE__, __LINE__, "there is no %s", path);
    }
    return st;
}

static const struct kist_tar_xattr attribute[] = {{"user.kist", "v", 1}};
static char zeros[3 * 65536];

static const struct member image[] = {
    {{.type = KIST_TAR_DIRECTORY, .name = ".", .mode = 0755, .uid = 1, .gid = 2, .mtime = 1000}, NULL},
    {{.type = KIST_TAR_DIRECTORY, .name = "d", .mode = 01777, .uid = 3, .gid = 4, .mtime = 2000, .xattrs = attribute, .xattr_count = 1}, NULL},
    {{.type = KIST_TAR_FILE, .name = "d/f", .mode = 04711, .uid = 5, .gid = 6, .mtime = 3000, .stored = 2, .size = 2, .xattrs = attribute, .xattr_count = 1}, "hi"},
    {{.type = KIST_TAR_HARDLINK, .name = "d/g", .link_name = "d/f"}, NULL},
    {{.type = KIST_TAR_SYMLINK, .name = "l", .link_name = "/etc/away", .uid = 7, .gid = 8, .mtime = 4000}, NULL},
    {{.type = KIST_TAR_CHAR, .name = "c", .mode = 0666, .major = 1, .minor = 3}, NULL},
    {{.type = KIST_TAR_FILE, .name = "none/named/hole", .mode = 0600, .stored = sizeof(zeros), .size = sizeof(zeros)}, zeros},
};

TEST(an_exact_one_keeps_all_there_is)
{
    const struct kist_extract_how how = {.owners = true, .exact = true};
    struct kist_error err = {0};
    struct stat st;
    char text[32];

    if (geteuid() != 0) {
        TEST_SKIP("owners and devices need root");
    }
    REQUIRE(make_place() == 0);
    CHECK_OK(unpack(image, KIST_COUNT(image), &how, &err), err);
    st = look("top");
    CHECK(st.st_uid == 1 && st.st_gid == 2 && st.st_mode == (S_IFDIR | 0755) && st.st_mtime == 1000);
    st = look("top/d");
    CHECK(st.st_uid == 3 && st.st_gid == 4 && st.st_mode == (S_IFDIR | 01777) && st.st_mtime == 2000);
    st = look("top/d/f");
    CHECK(st.st_uid == 5 && st.st_gid == 6 && st.st_mode == (S_IFREG | 04711) && st.st_mtime == 3000 && st.st_nlink == 2);
    CHECK_INT(st.st_size, 2);
    CHECK_INT(look("top/d/g").st_ino, st.st_ino);
    CHECK_INT(lgetxattr("top/d", "user.kist", text, sizeof(text)), 1);
    CHECK_INT(lgetxattr("top/d/f", "user.kist", text, sizeof(text)), 1);
    st = look("top/l");
    CHECK(S_ISLNK(st.st_mode) && st.st_uid == 7 && st.st_gid == 8 && st.st_mtime == 4000);
    CHECK_INT(readlink("top/l", text, sizeof(text)), 9);
    st = look("top/c");
    CHECK(st.st_mode == (S_IFCHR | 0666) && st.st_rdev == makedev(1, 3));
    CHECK_INT(look("top/none").st_mode, S_IFDIR | 0755);
    st = look("top/none/named/hole");
    CHECK_INT(st.st_size, sizeof(zeros));
    CHECK(st.st_blocks * 512 < (blkcnt_t)sizeof(zeros));
    remove_place();
}

TEST(owners_of_a_user_namespace)
{
    static const struct port_id_range users = {0, 1000, 7}, groups = {0, 2000, 100};
    static const struct port_ids ids = {{&users, 1}, {&groups, 1}};
    const struct kist_extract_how how = {.owners = true, .exact = true, .ids = &ids};
    struct kist_error err = {0};
    struct stat st;

    if (geteuid() != 0) {
        TEST_SKIP("owners need root");
    }
    REQUIRE(make_place() == 0);
    CHECK_OK(unpack(image, 4, &how, &err), err);
    st = look("top");
    CHECK(st.st_uid == 1001 && st.st_gid == 2002);
    st = look("top/d/f");
    CHECK(st.st_uid == 1005 && st.st_gid == 2006 && st.st_mode == (S_IFREG | 04711));
    CHECK_OK(unpack(image + 6, 1, &how, &err), err);
    st = look("top/none");
    CHECK(st.st_uid == 1000 && st.st_gid == 2000); /* of whom no member names */
    CHECK_INT(unpack(image + 4, 1, &how, &err), KIST_E_USAGE);
    CHECK_STR(err.message, "the container's user namespace has no user 7 or no group 8");
    remove_place();
}

TEST(nothing_leads_out)
{
    static const struct member out[] = {
        {{.type = KIST_TAR_FILE, .name = "../out"}, NULL},
        {{.type = KIST_TAR_HARDLINK, .name = "in", .link_name = "../secret"}, NULL},
        {{.type = KIST_TAR_FILE, .name = "away/out"}, NULL},
    };
    const struct kist_extract_how how = {.owners = true, .exact = true};
    struct kist_error err = {0};

    REQUIRE(make_place() == 0);
    REQUIRE(mkdir("aside", 0755) == 0 && symlink("../aside", "top/away") == 0 && close(creat("secret", 0600)) == 0);
    CHECK_INT(unpack(&out[0], 1, &how, &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "the member '../out' leads out of the archive, or its name is too long");
    CHECK_INT(unpack(&out[1], 1, &how, &err), KIST_E_CORRUPT);
    CHECK_INT(unpack(&out[2], 1, &how, &err), KIST_E_CONFLICT); /* "aside" as seen from top is not there */
    CHECK(access("out", F_OK) < 0 && access("aside/out", F_OK) < 0);
    remove_place();
}
