#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "port/clock.h"
#include "port/file.h"
#include "test.h"

static char base[64];
static struct kist_error err;

/* A fresh directory of its own for each test. */
static struct port_dir *begin(void)
{
    struct port_dir *dir = NULL;

    if (!kist_str_copy(base, sizeof(base), "/tmp/kist-unit-XXXXXX") || !mkdtemp(base)) {
        abort();
    }
    CHECK_OK(port_dir_open(&dir, base, false, &err), err);
    return dir;
}

static void end(struct port_dir *dir)
{
    struct port_dir *tmp = NULL;

    port_dir_close(dir);
    CHECK_OK(port_dir_open(&tmp, "/tmp", false, &err), err);
    CHECK_OK(port_dir_remove_tree(tmp, base + strlen("/tmp/"), &err), err);
    port_dir_close(tmp);
    CHECK(access(base, F_OK) < 0);
}

static const char *path(const char *name)
{
    static char texts[2][256]; /* two, for calls that take two */
    static unsigned turn;
    char *text = texts[turn++ % 2];

    if (!kist_str_format(text, sizeof(texts[0]), "%s/%s", base, name)) {
        abort();
    }
    return text;
}

static void put(struct port_dir *dir, const char *name, const char *text)
{
    struct port_file *f;

    REQUIRE_OK(port_file_create(&f, dir, name, true, &err), err);
    CHECK_OK(port_file_append(f, text, strlen(text), &err), err);
    CHECK_OK(port_file_close(f, &err), err);
}

TEST(directories)
{
    struct port_dir *dir = begin(), *deep = NULL, *below = NULL;
    struct stat st;

    CHECK_INT(port_dir_open(&deep, path("a/b/c"), false, &err), KIST_E_NOT_FOUND);
    CHECK_OK(port_dir_open(&deep, path("a//b/c/"), true, &err), err);
    CHECK_INT(stat(path("a/b"), &st) == 0 ? st.st_mode & 0777 : 0, 0755);
    CHECK_INT(stat(path("a/b/c"), &st) == 0 ? st.st_mode & 0777 : 0, 0700);
    CHECK_INT(port_dir_open_at(&below, deep, "d", false, &err), KIST_E_NOT_FOUND);
    CHECK_OK(port_dir_open_at(&below, deep, "d", true, &err), err);
    CHECK_STR(port_dir_path(below), path("a//b/c/d"));
    CHECK_OK(port_dir_sync(below, &err), err);
    port_dir_close(below);
    port_dir_close(deep);
    CHECK(symlink("a", path("link")) == 0);
    CHECK(port_dir_open_at(&below, dir, "link", false, &err) < 0);
    CHECK(port_dir_open_at(&below, dir, "a/b", false, &err) < 0);
    CHECK(port_dir_open_at(&below, dir, "..", false, &err) < 0);
    CHECK_INT(port_dir_open(&below, "", true, &err), KIST_E_USAGE);
    put(dir, "plain", "x");
    CHECK_INT(port_dir_open(&below, path("plain/x"), true, &err), KIST_E_IO);
    CHECK(strstr(err.message, "plain/x': Not a directory") != NULL);
    end(dir);
}

TEST(files)
{
    struct port_dir *dir = begin();
    struct port_file *f, *again;
    struct port_stat st;
    uint64_t size;
    char data[32];
    size_t got;

    REQUIRE_OK(port_file_create(&f, dir, "f", false, &err), err);
    CHECK_INT(port_file_create(&again, dir, "f", false, &err), KIST_E_CONFLICT);
    CHECK_OK(port_file_append(f, "hello ", 6, &err), err);
    CHECK_OK(port_file_append(f, "world", 5, &err), err);
    CHECK_OK(port_file_write_at(f, 0, "J", 1, &err), err);
    CHECK_OK(port_file_append(f, "!", 1, &err), err);
    CHECK_OK(port_file_read_at(f, 0, data, sizeof(data), &got, &err), err);
    CHECK_INT(got, 12);
    CHECK_MEM(data, "Jello world!", 12);
    CHECK_OK(port_file_truncate(f, 5, &err), err);
    CHECK_OK(port_file_append(f, "?", 1, &err), err);
    CHECK_OK(port_file_size(f, &size, &err), err);
    CHECK_INT(size, 6);
    CHECK_OK(port_file_sync(f, &err), err);
    CHECK(port_file_fd(f) >= 0 && (fcntl(port_file_fd(f), F_GETFD) & FD_CLOEXEC));
    CHECK(port_file_is(f, dir, "f"));
    CHECK_OK(port_file_close(f, &err), err);

    REQUIRE_OK(port_file_open_rw(&f, dir, "f", &err), err);
    CHECK_OK(port_file_append(f, "+", 1, &err), err);
    CHECK_OK(port_file_read_at(f, 4, data, 2, &got, &err), err);
    CHECK_MEM(data, "o?", 2);
    CHECK_OK(port_file_read_at(f, 100, data, 2, &got, &err), err);
    CHECK_INT(got, 0);
    port_file_discard(f);

    CHECK_OK(port_dir_stat(dir, "f", &st, &err), err);
    CHECK_INT(st.type, PORT_TYPE_FILE);
    CHECK_INT(st.size, 7);
    CHECK_INT(st.mode, 0600);
    CHECK_INT(st.uid, geteuid());
    CHECK(st.mtime >= port_clock_now() - 60);
    CHECK_OK(port_file_create(&f, dir, "f", true, &err), err);
    CHECK_OK(port_file_size(f, &size, &err), err);
    CHECK_INT(size, 0);
    port_file_discard(f);
    end(dir);
}

TEST(refuses_what_is_no_plain_file)
{
    static const struct {
        const char *name;
        int rc;
    } rows[] = {
        {"nothing", KIST_E_NOT_FOUND},
        {"link", KIST_E_CORRUPT},
        {"fifo", KIST_E_CORRUPT},
        {"directory", KIST_E_CORRUPT},
        {"a/b", KIST_E_IO},
        {".", KIST_E_IO},
        {"", KIST_E_IO},
    };
    struct port_dir *dir = begin();
    struct port_file *f;

    put(dir, "target", "secret");
    CHECK(symlink("target", path("link")) == 0);
    CHECK(mkfifo(path("fifo"), 0600) == 0);
    CHECK(mkdir(path("directory"), 0700) == 0);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].name);
        CHECK_INT(port_file_open(&f, dir, rows[i].name, &err), rows[i].rc);
    }
    TEST_CASE("link");
    CHECK_INT(port_file_create(&f, dir, "link", true, &err), KIST_E_CORRUPT);
    CHECK_STR(err.message[0] ? strrchr(err.message, ':') : "", ": it is a symbolic link");
    CHECK(port_file_open_rw(&f, dir, "link", &err) < 0);
    TEST_CASE(NULL);
    end(dir);
}

TEST(names)
{
    struct port_dir *dir = begin(), *other = NULL;
    struct port_stat st = {.size = 7};
    struct port_file *f;
    struct stat before;
    struct timespec old[2] = {{1000, 0}, {1000, 0}};

    CHECK_OK(port_dir_open_at(&other, dir, "other", true, &err), err);
    put(dir, "a", "a");
    put(other, "b", "b");
    REQUIRE_OK(port_file_open(&f, dir, "a", &err), err);
    CHECK_OK(port_dir_rename(dir, "a", other, "b", &err), err);
    CHECK(!port_file_is(f, dir, "a"));
    CHECK(port_file_is(f, other, "b"));
    put(dir, "a", "another");
    CHECK(!port_file_is(f, dir, "a"));
    port_file_discard(f);
    CHECK_INT(port_dir_rename(dir, "none", other, "b", &err), KIST_E_NOT_FOUND);
    CHECK(port_dir_rename(dir, "a", other, "../b", &err) < 0);
    CHECK_INT(port_dir_stat(other, "c", &st, &err), KIST_E_NOT_FOUND);
    CHECK_INT(st.size, 7);
    CHECK_OK(port_dir_unlink(other, "b", &err), err);
    CHECK_INT(port_dir_unlink(other, "b", &err), KIST_E_NOT_FOUND);
    CHECK_STR(strstr(err.message, "/other/b'"), "/other/b': No such file or directory");
    CHECK(utimensat(AT_FDCWD, path("a"), old, 0) == 0);
    CHECK_OK(port_dir_touch(dir, "a", &err), err);
    CHECK(stat(path("a"), &before) == 0 && before.st_mtime > 1000);
    port_dir_close(other);
    end(dir);
}

static int count(void *arg, const char *name, struct kist_error *e)
{
    int *n = arg;

    if (strcmp(name, "stop") == 0) {
        return kist_error_set(e, KIST_E_FAIL, "stopped");
    }
    (*n)++;
    return 0;
}

TEST(lists)
{
    struct port_dir *dir = begin();
    int n = 0;

    CHECK_OK(port_dir_list(dir, count, &n, &err), err);
    CHECK_INT(n, 0);
    put(dir, "a", "");
    put(dir, "..b", "");
    CHECK_OK(port_dir_list(dir, count, &n, &err), err);
    CHECK_INT(n, 2);
    CHECK_OK(port_dir_list(dir, count, &n, &err), err);
    CHECK_INT(n, 4);
    put(dir, "stop", "");
    CHECK_INT(port_dir_list(dir, count, &n, &err), KIST_E_FAIL);
    CHECK_STR(err.message, "stopped");
    end(dir);
}

/* More than the kernel tells at once. */
TEST(lists_and_removes_many)
{
    enum { MANY = 500 };
    struct port_dir *dir = begin();
    struct port_dir *full;
    char name[64];
    int n = 0;

    CHECK_OK(port_dir_open_at(&full, dir, "full", true, &err), err);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "a-name-that-takes-its-room-%d", i);
        put(full, name, "");
    }
    CHECK_OK(port_dir_list(full, count, &n, &err), err);
    CHECK_INT(n, MANY);
    port_dir_close(full);
    CHECK_OK(port_dir_remove_tree(dir, "full", &err), err);
    CHECK(access(path("full"), F_OK) < 0);
    end(dir);
}

TEST(space)
{
    struct port_dir *dir = begin();
    struct port_space space;

    CHECK_OK(port_dir_space(dir, &space, &err), err);
    CHECK(space.total >= space.available && space.available > 0);
    CHECK(space.block >= 512 && (space.block & (space.block - 1)) == 0);
    end(dir);
}

/* ---- trees ---- */

TEST(removes_a_tree)
{
    struct port_dir *dir = begin();

    CHECK(mkdir(path("t"), 0700) == 0 && mkdir(path("t/empty"), 0) == 0 && mkdir(path("t/full"), 0700) == 0);
    CHECK(symlink("/tmp", path("t/full/link")) == 0 && mkfifo(path("t/full/fifo"), 0600) == 0);
    put(dir, "kept", "x");
    CHECK(link(path("kept"), path("t/full/hard")) == 0);
    CHECK_OK(port_dir_remove_tree(dir, "t", &err), err);
    CHECK(access(path("t"), F_OK) < 0);
    CHECK(access(path("kept"), F_OK) == 0 && access("/tmp", F_OK) == 0);
    CHECK_OK(port_dir_remove_tree(dir, "t", &err), err);
    CHECK_OK(port_dir_remove_tree(dir, "kept", &err), err);
    CHECK(access(path("kept"), F_OK) < 0);
    CHECK(port_dir_remove_tree(dir, "..", &err) < 0);
    CHECK(symlink("/tmp", path("link")) == 0);
    CHECK_OK(port_dir_remove_tree(dir, "link", &err), err);
    CHECK(access("/tmp", F_OK) == 0);
    end(dir);
}

/* A path far longer than PATH_MAX, and more levels than there are descriptors. */
TEST(removes_a_deep_tree)
{
    struct port_dir *dir = begin();
    int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < 3000 && fd >= 0; i++) {
        int next;

        CHECK(mkdirat(fd, "deep", 0700) == 0 && mkdirat(fd, "beside", 0700) == 0);
        next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
    }
    REQUIRE(fd >= 0);
    (void)close(fd);
    CHECK_OK(port_dir_remove_tree(dir, "deep", &err), err);
    CHECK(access(path("deep"), F_OK) < 0);
    end(dir);
}

/* In a mount namespace of the child's own; its status says what went wrong. */
static int remove_across_mounts(void)
{
    struct port_dir *dir;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return 77;
    }
    if (port_dir_open(&dir, base, false, &err) < 0 || mkdir(path("t"), 0700) < 0 ||
        mkdir(path("t/on"), 0700) < 0 || mkdir(path("source"), 0700) < 0 ||
        mkdir(path("source/precious"), 0700) < 0) {
        return 1;
    }
    /* a bind mount of the same filesystem has the same device number */
    if (mount(path("source"), path("t/on"), NULL, MS_BIND, NULL) < 0) {
        return 77;
    }
    if (port_dir_remove_tree(dir, "t", &err) != KIST_E_CONFLICT) {
        return 2;
    }
    if (access(path("source/precious"), F_OK) < 0) {
        return 3;
    }
    if (port_dir_remove_tree(dir, "source", &err) != 0 || umount(path("t/on")) < 0) {
        return 4;
    }
    port_dir_close(dir);
    return 0;
}

TEST(stops_at_mounts)
{
    struct port_dir *dir = begin();
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        _exit(remove_across_mounts());
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    end(dir);
    if (WEXITSTATUS(status) == 77) {
        TEST_SKIP("no right to mount");
    }
    CHECK_INT(WEXITSTATUS(status), 0);
}

/* ---- no space ---- */

static int fill_up(void)
{
    static char block[65536];
    struct port_dir *dir;
    struct port_file *f;
    int rc = 0;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", base, "tmpfs", 0, "size=256k") < 0) {
        return 77;
    }
    if (port_dir_open(&dir, base, false, &err) < 0 || port_file_create(&f, dir, "big", false, &err) < 0) {
        return 1;
    }
    for (int i = 0; i < 8 && rc == 0; i++) {
        rc = port_file_append(f, block, sizeof(block), &err);
    }
    port_file_discard(f);
    port_dir_close(dir);
    if (rc != KIST_E_NO_SPACE) {
        return 2;
    }
    return strstr(err.message, "/big': No space left on device") ? 0 : 3;
}

TEST(says_when_there_is_no_space)
{
    struct port_dir *dir = begin();
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        _exit(fill_up());
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    end(dir);
    if (WEXITSTATUS(status) == 77) {
        TEST_SKIP("no right to mount");
    }
    CHECK_INT(WEXITSTATUS(status), 0);
}

/* ---- locks ---- */

TEST(locks)
{
    char command[128];
    struct port_dir *dir = begin();
    struct port_file *a, *b;

    REQUIRE_OK(port_file_open_rw(&a, dir, "lock", &err), err);
    REQUIRE_OK(port_file_open_rw(&b, dir, "lock", &err), err);
    CHECK_INT(port_file_lock_holder(b, command, sizeof(command)), 0);
    CHECK_OK(port_file_lock(a, false, 0, &err), err);
    CHECK_OK(port_file_lock(b, false, 0, &err), err);
    CHECK_INT(port_file_lock(b, true, 0, &err), KIST_E_CONFLICT);
    CHECK_INT(port_file_lock(b, true, 20, &err), KIST_E_CONFLICT);
    CHECK(strstr(err.message, "/lock' is locked by another process") != NULL);
    port_file_discard(a);
    CHECK_OK(port_file_lock(b, true, 0, &err), err);
    CHECK_INT(port_file_lock_holder(b, command, sizeof(command)), getpid());
    CHECK(command[0] != '\0');
    port_file_discard(b);
    end(dir);
}

TEST(lock_dies_with_its_process)
{
    char command[128];
    struct port_dir *dir = begin();
    struct port_file *f;
    int ready[2], status;
    pid_t child;
    char byte;

    REQUIRE(pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        if (port_file_open_rw(&f, dir, "lock", &err) < 0 || port_file_lock(f, true, 0, &err) < 0 ||
            write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        (void)pause();
        _exit(0);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    REQUIRE_OK(port_file_open_rw(&f, dir, "lock", &err), err);
    CHECK_INT(port_file_lock(f, true, 0, &err), KIST_E_CONFLICT);
    CHECK_INT(port_file_lock_holder(f, command, sizeof(command)), child);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK_OK(port_file_lock(f, true, -1, &err), err);
    CHECK(waitpid(child, &status, 0) == child);
    port_file_discard(f);
    (void)close(ready[0]);
    (void)close(ready[1]);
    end(dir);
}
