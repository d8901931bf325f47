/* Paths in a root that somebody else has filled: whatever he put there, they stay in it. */
#include "../../port/linux/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/file.h"
#include "test.h"

static char top[64];

/* A directory with a root in it that tries to get out, and something beside the root to get at. */
static int make_root(void)
{
    char path[128];

    (void)snprintf(top, sizeof(top), "/tmp/kist-place-XXXXXX");
    if (!mkdtemp(top) || chdir(top) < 0 || mkdir("outside", 0755) < 0 || mkdir("root", 0755) < 0 ||
        chdir("root") < 0) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/outside", top);
    if (mkdir("a", 0755) < 0 || mkdir("a/b", 0755) < 0 || symlink("../outside", "up") < 0 ||
        symlink(path, "away") < 0 || symlink("/a/b", "in") < 0 || symlink("nowhere", "dangling") < 0 ||
        symlink("../../../../a", "a/climb") < 0 ||
        close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) < 0) {
        return -1;
    }
    return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void remove_root(int root)
{
    char command[96];
    struct kist_error err = {0};
    struct port_dir *tmp;

    (void)close(root);
    (void)chdir("/");
    (void)snprintf(command, sizeof(command), "%s", top + strlen("/tmp/"));
    REQUIRE_OK(port_dir_open(&tmp, "/tmp", false, &err), err);
    CHECK_OK(port_dir_remove_tree(tmp, command, &err), err);
    port_dir_close(tmp);
}

static bool same(int fd, int root, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstatat(root, path, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static void check_open(int (*open_place)(int root, const char *path, int flags))
{
    static const struct {
        const char *path, *reaches; /* NULL: nothing */
    } rows[] = {
        {"/", "."},          {"", "."},
        {"/a/b", "a/b"},     {"a/../../../a", "a"},
        {"/in", "a/b"},      {"/a/climb/b", "a/b"},
        {"/up", NULL},       {"/away", NULL},
        {"/dangling", NULL}, {"/file", "file"},
        {"/file/x", NULL},   {"/../outside", NULL},
    };
    int root = make_root();

    REQUIRE(root >= 0);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        int fd = open_place(root, rows[i].path, O_PATH);

        TEST_CASE(rows[i].path);
        CHECK_INT(fd >= 0, rows[i].reaches != NULL);
        CHECK(fd < 0 || same(fd, root, rows[i].reaches));
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    TEST_CASE(NULL);
    remove_root(root);
}

TEST(opens_inside_only)
{
    check_open(port_place_open);
}

TEST(walks_inside_only)
{
    check_open(port_place_walk);
}

/* Without openat2 too, the text of a magic link is but a path in the root; opening is as asked for. */
TEST(walks_as_asked_for)
{
    int root = make_root(), fd;
    char loop[] = "loop";

    REQUIRE(root >= 0);
    REQUIRE(symlinkat(loop, root, loop) == 0 && symlinkat("/proc/self/cwd", root, "magic") == 0);
    CHECK_INT(port_place_walk(root, "loop", O_PATH), -1);
    CHECK_INT(errno, ELOOP);
    CHECK_INT(port_place_walk(root, "magic", O_PATH), -1);
    CHECK_INT(errno, ENOENT);
    CHECK_INT(port_place_walk(root, "file", O_PATH | O_DIRECTORY), -1);
    CHECK_INT(errno, ENOTDIR);
    fd = port_place_walk(root, "in/../../file", O_RDWR);
    CHECK(fd >= 0 && same(fd, root, "file") && write(fd, "x", 1) == 1);
    (void)close(fd);
    remove_root(root);
}

TEST(makes_inside_only)
{
    static const struct {
        const char *path;
        bool directory;
        const char *makes; /* NULL: refused */
    } rows[] = {
        {"/a/b", true, "a/b"},
        {"/new", true, "new"},
        {"/x/y/z", true, "x/y/z"},
        {"/x/y/file", false, "x/y/file"},
        {"in/deep/er", true, "a/b/deep/er"},
        {"/a/climb/made", false, "a/made"},
        {"/up/x", true, NULL},
        {"/away", true, NULL},
        {"/away/x", false, NULL},
        {"/dangling", true, NULL},
        {"/file/x", true, NULL},
        {"/../../plain", true, NULL},
    };
    struct stat st;
    char outside[96];
    int root = make_root();

    REQUIRE(root >= 0);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        int fd = port_place_make(root, rows[i].path, rows[i].directory, &err);

        TEST_CASE(rows[i].path);
        CHECK_INT(fd >= 0, rows[i].makes != NULL);
        CHECK(fd < 0 || same(fd, root, rows[i].makes));
        CHECK(fd < 0 || (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) == rows[i].directory));
        CHECK(fd >= 0 || err.message[0] != '\0');
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    TEST_CASE(NULL);
    (void)snprintf(outside, sizeof(outside), "%s/outside/x", top);
    CHECK(lstat(outside, &st) < 0);
    remove_root(root);
}

TEST(follows_no_magic_link)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    REQUIRE(root >= 0);
    if (syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS) {
        fd = port_place_open(root, "/proc/self/root/etc", O_PATH); /* walked: "/" is what the link says */
        CHECK(fd >= 0 && same(fd, root, "etc"));
        (void)close(fd);
    } else {
        fd = port_place_open(root, "/proc/self/root/etc", O_PATH);
        CHECK_INT(fd, -1);
        CHECK(errno == ELOOP || errno == EXDEV);
    }
    (void)close(root);
}
