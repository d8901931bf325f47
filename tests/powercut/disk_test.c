/* That the simulated disk keeps to port/file.h, and to nothing more. */
#include <errno.h>

#include "base/limits.h"
#include "port/file.h"
#include "port/sim.h"
#include "port/system.h"
#include "unit/test.h"

static struct kist_error err;

static struct port_dir *begin(void)
{
    struct port_dir *dir = NULL;

    port_sim_reset(0);
    CHECK_OK(port_dir_open(&dir, "/disk", true, &err), err);
    return dir;
}

/* After a cut all handles are dead. */
static struct port_dir *again(struct port_dir *dead, enum port_sim_fate fate, size_t variant)
{
    struct port_dir *dir = NULL;

    port_dir_close(dead);
    port_sim_reboot(fate, variant);
    CHECK_OK(port_dir_open(&dir, "/disk", false, &err), err);
    return dir;
}

static void end(struct port_dir *dir)
{
    port_dir_close(dir);
    CHECK_INT(port_sim_handles(), 0);
    port_sim_reset(0);
}

enum { SYNC_FILE = 1, SYNC_DIR = 2 };

static void put(struct port_dir *dir, const char *name, const char *text, int sync)
{
    struct port_file *f;

    REQUIRE_OK(port_file_create(&f, dir, name, true, &err), err);
    CHECK_OK(port_file_append(f, text, strlen(text), &err), err);
    if (sync & SYNC_FILE) {
        CHECK_OK(port_file_sync(f, &err), err);
    }
    CHECK_OK(port_file_close(f, &err), err);
    if (sync & SYNC_DIR) {
        CHECK_OK(port_dir_sync(dir, &err), err);
    }
}

/* Contents of a file, zeros as '0'; NULL where there is none. */
static const char *get(struct port_dir *dir, const char *name)
{
    static char text[2048];
    struct port_file *f;
    size_t got;

    if (port_file_open(&f, dir, name, NULL) < 0) {
        return NULL;
    }
    CHECK_OK(port_file_read_at(f, 0, text, sizeof(text) - 1, &got, &err), err);
    port_file_discard(f);
    for (size_t i = 0; i < got; i++) {
        text[i] = text[i] ? text[i] : '0';
    }
    text[got] = '\0';
    return text;
}

TEST(only_what_was_synced_lasts)
{
    static const struct {
        const char *label;
        int sync;
        enum port_sim_fate fate;
        size_t variant;
        const char *want;
    } rows[] = {
        {"nothing synced, all kept", 0, PORT_SIM_KEPT, 0, "data"},
        {"nothing synced, all lost", 0, PORT_SIM_LOST, 0, NULL},
        {"file synced, name lost", SYNC_FILE, PORT_SIM_LOST, 0, NULL},
        {"name synced, data lost", SYNC_DIR, PORT_SIM_LOST, 0, ""},
        {"both synced", SYNC_FILE | SYNC_DIR, PORT_SIM_LOST, 0, "data"},
        {"name before the data", 0, PORT_SIM_NAMES, 0, ""},
        {"name and size before the data", 0, PORT_SIM_NAMES, 1, "0000"},
        {"the name is lost", 0, PORT_SIM_ONE_LOST, 0, NULL},
        {"the data are lost", 0, PORT_SIM_ONE_LOST, 1, ""},
        {"only the name is kept", 0, PORT_SIM_ONE_KEPT, 0, ""},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct port_dir *dir = begin();

        TEST_CASE(rows[i].label);
        put(dir, "file", "data", rows[i].sync);
        CHECK_STR(get(dir, "file"), "data");
        dir = again(dir, rows[i].fate, rows[i].variant);
        CHECK_STR(get(dir, "file"), rows[i].want);
        end(dir);
    }
}

TEST(rename_is_atomic)
{
    static const int by[] = {0, 1, 2}; /* who is synced: nobody, the target's directory, the source's */

    for (size_t i = 0; i < KIST_COUNT(by); i++) {
        struct port_dir *dir = begin(), *tmp;

        CHECK_OK(port_dir_open_at(&tmp, dir, "tmp", true, &err), err);
        put(dir, "file", "old", SYNC_FILE | SYNC_DIR);
        put(tmp, "new", "new", SYNC_FILE);
        CHECK_OK(port_dir_rename(tmp, "new", dir, "file", &err), err);
        if (by[i] > 0) {
            CHECK_OK(port_dir_sync(by[i] == 1 ? dir : tmp, &err), err);
        }
        port_dir_close(tmp);
        dir = again(dir, PORT_SIM_LOST, 0);
        CHECK_STR(get(dir, "file"), by[i] ? "new" : "old");
        CHECK_OK(port_dir_open_at(&tmp, dir, "tmp", false, &err), err);
        CHECK_STR(get(tmp, "new"), NULL);
        port_dir_close(tmp);
        end(dir);
    }
}

TEST(a_lost_directory_takes_what_is_in_it)
{
    struct port_dir *dir = begin(), *below;

    CHECK_OK(port_dir_open_at(&below, dir, "below", true, &err), err);
    put(below, "file", "data", SYNC_FILE | SYNC_DIR);
    port_dir_close(below);
    dir = again(dir, PORT_SIM_LOST, 0);
    CHECK_INT(port_sim_count("/disk"), 0);
    end(dir);
}

TEST(writes_tear_at_512)
{
    char text[1301];
    struct port_dir *dir = begin();
    const char *got;

    memset(text, 'x', 1300);
    text[1300] = '\0';
    put(dir, "file", text, SYNC_DIR);
    CHECK_INT(port_sim_variants(PORT_SIM_TORN), 6);
    dir = again(dir, PORT_SIM_TORN, 0);
    CHECK_INT(strlen(get(dir, "file")), 512);
    put(dir, "file", text, 0);
    dir = again(dir, PORT_SIM_TORN, 5);
    got = get(dir, "file");
    CHECK_INT(strlen(got), 1300);
    CHECK_INT(strspn(got, "0"), 1024);
    put(dir, "file", "short", 0);
    CHECK_INT(port_sim_variants(PORT_SIM_TORN), 0);
    end(dir);
}

TEST(a_halted_process_does_nothing_more)
{
    struct port_dir *dir = begin();
    struct port_file *f, *g;

    CHECK_OK(port_file_create(&f, dir, "file", false, &err), err);
    port_sim_halt_at(2);
    CHECK_OK(port_file_append(f, "one", 3, &err), err);
    CHECK_INT(port_file_append(f, "two", 3, &err), KIST_E_IO);
    CHECK(port_sim_halted());
    CHECK_INT(port_file_sync(f, &err), KIST_E_IO);
    CHECK_INT(port_dir_unlink(dir, "file", &err), KIST_E_IO);
    port_sim_restart();
    /* the next process sees it all, and has none of the old one's handles */
    CHECK_INT(port_file_append(f, "three", 5, &err), KIST_E_IO);
    port_file_discard(f);
    port_dir_close(dir);
    CHECK_OK(port_dir_open(&dir, "/disk", false, &err), err);
    CHECK_OK(port_file_open(&g, dir, "file", &err), err);
    port_file_discard(g);
    CHECK_STR(get(dir, "file"), "onetwo");
    end(dir);
}

TEST(locks_die_with_their_process)
{
    struct port_dir *dir = begin();
    struct port_file *a, *b;

    CHECK_OK(port_file_open_rw(&a, dir, "lock", &err), err);
    CHECK_OK(port_file_open_rw(&b, dir, "lock", &err), err);
    CHECK_OK(port_file_lock(a, false, 0, &err), err);
    CHECK_OK(port_file_lock(b, false, 0, &err), err);
    CHECK_INT(port_file_lock(b, true, 1000, &err), KIST_E_CONFLICT);
    port_file_discard(a);
    CHECK_OK(port_file_lock(b, true, 0, &err), err);
    port_sim_restart();
    port_dir_close(dir);
    CHECK_OK(port_dir_open(&dir, "/disk", false, &err), err);
    CHECK_OK(port_file_open_rw(&a, dir, "lock", &err), err);
    CHECK_OK(port_file_lock(a, true, 0, &err), err);
    CHECK(port_file_is(a, dir, "lock"));
    CHECK_OK(port_dir_unlink(dir, "lock", &err), err);
    CHECK(!port_file_is(a, dir, "lock"));
    port_file_discard(a);
    port_file_discard(b);
    end(dir);
}

TEST(calls_fail_as_asked)
{
    struct port_dir *dir = begin();
    struct port_file *f;

    CHECK_OK(port_file_create(&f, dir, "file", false, &err), err);
    port_sim_fail_at(2, ENOSPC, false);
    CHECK_OK(port_file_append(f, "abcd", 4, &err), err);
    CHECK_OK(port_file_truncate(f, 4, &err), err); /* takes no space */
    CHECK_INT(port_file_append(f, "efgh", 4, &err), KIST_E_NO_SPACE);
    CHECK_INT(port_sim_calls(), 2);
    CHECK_OK(port_file_close(f, &err), err);
    CHECK_STR(get(dir, "file"), "abcdef");
    port_sim_fail_at(1, EIO, true);
    CHECK_INT(port_file_open(&f, dir, "file", &err), KIST_E_IO);
    CHECK_INT(port_dir_sync(dir, &err), KIST_E_IO);
    end(dir);
}

TEST(a_disk_is_as_large_as_it_is)
{
    struct port_dir *dir;
    struct port_space space;
    struct port_file *f;
    char block[4096];

    memset(block, 'x', sizeof(block));
    port_sim_reset(16384);
    CHECK_OK(port_dir_open(&dir, "/disk", true, &err), err);
    CHECK_OK(port_file_create(&f, dir, "file", false, &err), err);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(port_file_append(f, block, sizeof(block), &err), err);
    }
    CHECK_INT(port_file_append(f, block, 1, &err), KIST_E_NO_SPACE);
    CHECK_OK(port_dir_space(dir, &space, &err), err);
    CHECK_INT(space.available, 0);
    port_file_discard(f);
    CHECK_OK(port_dir_unlink(dir, "file", &err), err);
    CHECK_OK(port_dir_space(dir, &space, &err), err);
    CHECK_INT(space.available, 12288);
    end(dir);
}

TEST(trees_and_names)
{
    struct port_dir *dir = begin(), *below;
    struct port_stat st;

    CHECK_OK(port_dir_open_at(&below, dir, "below", true, &err), err);
    put(below, "file", "data", 0);
    put(dir, "file", "x", 0);
    CHECK_INT(port_dir_rename(dir, "file", dir, "below", &err), KIST_E_IO);
    CHECK_INT(port_dir_unlink(dir, "none", &err), KIST_E_NOT_FOUND);
    CHECK_INT(port_dir_stat(dir, "../disk", &st, &err), KIST_E_IO);
    CHECK_OK(port_dir_stat(dir, "below", &st, &err), err);
    CHECK_INT(st.type, PORT_TYPE_DIRECTORY);
    CHECK_OK(port_dir_remove_tree(dir, "below", &err), err);
    CHECK_OK(port_dir_remove_tree(dir, "below", &err), err);
    CHECK_INT(port_sim_count("/disk"), 1);
    port_dir_close(below);
    end(dir);
}

TEST(what_is_saved_comes_back)
{
    struct port_dir *dir = begin();
    struct port_sim_disk *saved;
    uint64_t before, first = 0, second = 0;

    put(dir, "file", "data", 0);
    before = port_sim_fingerprint("/");
    saved = port_sim_save();
    CHECK_OK(port_system_random(&first, sizeof(first), &err), err);
    put(dir, "file", "other", 0);
    CHECK(port_sim_fingerprint("/") != before);
    port_dir_close(dir);
    port_sim_load(saved);
    CHECK(port_sim_fingerprint("/") == before);
    CHECK_OK(port_system_random(&second, sizeof(second), &err), err);
    CHECK(first == second && first != 0);
    port_sim_free(saved);
    port_sim_reset(0);
}
