#include <sys/file.h>

#include "store_fixture.h"

TEST(makes_a_store)
{
    struct fixture f;
    struct stat st;

    REQUIRE(fixture_init(&f));
    CHECK_STR(kist_store_root(f.store), f.root);
    CHECK_STR(fixture_text(&f, "FORMAT"), "kist-store 1.0\n");
    CHECK_STR(
        fixture_text(&f, "index.json"),
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}");
    CHECK(stat(f.root, &st) == 0);
    CHECK_INT(st.st_mode & 07777, 0700);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    fixture_reopen(&f);
    CHECK(f.store != NULL);
    fixture_release(&f);
}

TEST(makes_none_unasked)
{
    struct fixture f;
    struct kist_store *s;

    REQUIRE(fixture_init(&f));
    CHECK_INT(kist_store_open(&s, fixture_path(&f, "nothing"), false, &f.err), KIST_E_NOT_FOUND);
    CHECK(strstr(f.err.message, "no store at '") == f.err.message);
    CHECK(!fixture_has(&f, "nothing"));
    CHECK_INT(kist_store_open(&s, f.base, false, &f.err), KIST_E_NOT_FOUND);
    fixture_release(&f);
}

TEST(refuses_what_others_can_write)
{
    static const char *const names[] = {"layers", "index.json"};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_close(&f);
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        CHECK_INT(chmod(fixture_path(&f, names[i]), 0722), 0);
        CHECK_INT(kist_store_open(&f.store, f.root, true, &f.err), KIST_E_CORRUPT);
        CHECK(strstr(f.err.message, "can be written by others") != NULL);
        CHECK_INT(chmod(fixture_path(&f, names[i]), 0700), 0);
        if (geteuid() == 0) {
            CHECK_INT(chown(fixture_path(&f, names[i]), 1000, 0), 0);
            CHECK_INT(kist_store_open(&f.store, f.root, true, &f.err), KIST_E_CORRUPT);
            CHECK(strstr(f.err.message, "belongs to another user") != NULL);
            CHECK_INT(chown(fixture_path(&f, names[i]), 0, 0), 0);
        }
    }
    f.store = NULL;
    fixture_open(&f);
    fixture_release(&f);
}

TEST(refuses_a_directory_of_something_else)
{
    struct fixture f;
    struct kist_store *s;

    REQUIRE(fixture_init(&f));
    CHECK_INT(kist_store_open(&s, f.base, true, &f.err), KIST_E_CONFLICT);
    CHECK(strstr(f.err.message, "is not empty and holds no store") != NULL);
    CHECK_INT(kist_store_open(&s, fixture_path(&f, "FORMAT"), true, &f.err), KIST_E_IO);
    fixture_release(&f);
}

TEST(formats)
{
    static const struct {
        const char *text;
        int rc;
    } rows[] = {
        {"kist-store 1.0\n", 0},
        {"kist-store 1.7\n", 0},
        {"kist-store 2.0\n", KIST_E_UNSUPPORTED},
        {"kist-store 0.9\n", KIST_E_UNSUPPORTED},
        {"kist-store 1.0", KIST_E_CORRUPT},
        {"kist-store 1\n", KIST_E_CORRUPT},
        {"kist-store x.y\n", KIST_E_CORRUPT},
        {"", KIST_E_CORRUPT},
        {"kist-store 1.0\nand much more than was ever written into this file by anybody", KIST_E_CORRUPT},
    };
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_store *s = NULL;

        TEST_CASE(rows[i].text);
        fixture_put(&f, "FORMAT", rows[i].text);
        fixture_put(&f, "tmp/left", "something");
        CHECK_INT(kist_store_open(&s, f.root, true, &f.err), rows[i].rc);
        CHECK_STR(fixture_text(&f, "FORMAT"), rows[i].text);
        /* what a store of another format has in it is not ours to sweep */
        CHECK_INT(fixture_has(&f, "tmp/left"), rows[i].rc != 0);
        if (rows[i].rc == 0) {
            kist_store_close(s);
        }
    }
    TEST_CASE(NULL);
    fixture_release(&f);
}

TEST(goes_on_with_a_half_made_store)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_close(&f);
    CHECK(unlink(fixture_path(&f, "FORMAT")) == 0);
    fixture_open(&f);
    CHECK_STR(fixture_text(&f, "FORMAT"), "kist-store 1.0\n");
    fixture_release(&f);
}

TEST(a_lost_format_costs_no_image)
{
    static const unsigned layers[] = {1};
    struct fixture_image image = {.name = "docker.io/library/a:latest", .layers = layers, .layer_count = 1};
    struct kist_image_list list;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    fixture_close(&f);
    CHECK(unlink(fixture_path(&f, "FORMAT")) == 0);
    fixture_open(&f);
    CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, 1);
    kist_image_list_release(&list);
    fixture_release(&f);
}

TEST(damaged_index_is_left_alone)
{
    static const unsigned layers[] = {1};
    struct fixture_image image = {.name = "docker.io/library/a:latest", .layers = layers, .layer_count = 1};
    enum kist_store_change change;
    struct kist_store_removed removed;
    struct kist_image_list list;
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    fixture_put(&f, "index.json", "{\"manifests\":[");
    fixture_put(&f, "partial/lease-0123456789abcdef", "");
    fixture_reopen(&f);
    CHECK_INT(kist_store_images(f.store, &list, &f.err), KIST_E_CORRUPT);
    CHECK(strstr(f.err.message, "index.json' is damaged (try 'kist system check --repair'): ") != NULL);
    CHECK_INT(fixture_add(&f, &image, &change), KIST_E_CORRUPT);
    CHECK_INT(kist_store_image_remove(f.store, "a", true, &removed, &f.err), KIST_E_CORRUPT);
    kist_store_removed_release(&removed);
    CHECK_INT(kist_store_lease_begin(f.store, NULL, 0, &lease, &f.err), KIST_E_CORRUPT);
    CHECK_STR(fixture_text(&f, "index.json"), "{\"manifests\":[");
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2);

    CHECK(unlink(fixture_path(&f, "index.json")) == 0);
    CHECK_INT(kist_store_images(f.store, &list, &f.err), KIST_E_CORRUPT);
    CHECK(strstr(f.err.message, "index.json' is missing") != NULL);
    fixture_release(&f);
}

TEST(opening_sweeps_what_the_dead_left)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_close(&f);
    fixture_put(&f, "tmp/0123456789abcdef", "half an index");
    CHECK(mkdir(fixture_path(&f, "tmp/lease-aa"), 0700) == 0);
    fixture_put(&f, "tmp/lease-aa/file", "of a container");
    fixture_put(&f, "partial/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "half a layer");
    fixture_put(&f, "partial/lease-aa", "");
    fixture_put(&f, "layers/sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "garbage");
    fixture_put(&f, "blobs/sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "garbage");
    fixture_put(&f, "blobs/sha256/README", "not a digest");
    fixture_open(&f);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 1);
    fixture_release(&f);
}

TEST(opening_leaves_the_living_alone)
{
    struct fixture f;
    int partial, lease, lock;

    REQUIRE(fixture_init(&f));
    fixture_close(&f);
    fixture_put(&f, "partial/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "half a layer");
    fixture_put(&f, "partial/lease-aa", "");
    CHECK(mkdir(fixture_path(&f, "tmp/lease-aa"), 0700) == 0);
    partial =
        open(fixture_path(&f, "partial/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
             O_RDWR | O_CLOEXEC);
    lease = open(fixture_path(&f, "partial/lease-aa"), O_RDWR | O_CLOEXEC);
    CHECK(flock(partial, LOCK_EX) == 0 && flock(lease, LOCK_EX) == 0);
    fixture_open(&f);
    CHECK_INT(fixture_count(&f, "partial"), 2);
    CHECK_INT(fixture_count(&f, "tmp"), 1);
    CHECK(close(partial) == 0 && close(lease) == 0);

    fixture_put(&f, "tmp/0123456789abcdef", "being written");
    lock = open(fixture_path(&f, "lock"), O_RDWR | O_CLOEXEC);
    CHECK(flock(lock, LOCK_SH) == 0);
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "tmp"), 2);
    CHECK(close(lock) == 0);
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(writes_small_files)
{
    struct port_dir *dir;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(port_dir_open(&dir, fixture_path(&f, "containers"), false, &f.err), f.err);
    CHECK_OK(kist_store_write_file(f.store, dir, "state", "one", 3, &f.err), f.err);
    CHECK_STR(fixture_text(&f, "containers/state"), "one");
    CHECK_OK(kist_store_write_file(f.store, dir, "state", "", 0, &f.err), f.err);
    CHECK_STR(fixture_text(&f, "containers/state"), "");
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    CHECK(kist_store_write_file(f.store, dir, "a/b", "x", 1, &f.err) < 0);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    port_dir_close(dir);
    fixture_release(&f);
}
