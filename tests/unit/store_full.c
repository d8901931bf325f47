/* A store on a filesystem with no room left: a tiny tmpfs in a mount namespace of a child's own. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store_fixture.h"

#define CANNOT_MOUNT 77

static const unsigned one[] = {1};

static int on_tiny_store(int (*run)(struct fixture *f))
{
    char dir[] = "/tmp/kist-unit-XXXXXX";
    int status = -1;
    pid_t child;

    if (!mkdtemp(dir)) {
        return -1;
    }
    child = fork();
    if (child == 0) {
        struct fixture f = {.store = NULL};

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", dir, "tmpfs", 0, "size=256k") < 0) {
            _exit(CANNOT_MOUNT);
        }
        if (!kist_str_format(f.root, sizeof(f.root), "%s/store", dir) ||
            kist_store_open(&f.store, f.root, true, &f.err) < 0) {
            _exit(99);
        }
        status = run(&f);
        kist_store_close(f.store);
        if (test_failures) {
            printf("%s\n", f.err.message);
        }
        (void)fflush(stdout);
        _exit(test_failures ? 98 : status);
    }
    (void)waitpid(child, &status, 0);
    (void)rmdir(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Leaves less than a block. */
static void fill(const struct fixture *f)
{
    static const char block[4096];
    FILE *file = fopen(fixture_path(f, "ballast"), "w");

    if (file) {
        setbuf(file, NULL);
        while (fwrite(block, 1, sizeof(block), file) == sizeof(block)) {
            continue;
        }
        (void)fclose(file);
    }
}

static int too_large_a_layer(struct fixture *f)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};

    fixture_keep(f, &image);
    CHECK_INT(fixture_add_layer(f, 2, 400000), KIST_E_NO_SPACE);
    CHECK(strstr(f->err.message, "o space left on device") != NULL);
    CHECK_INT(fixture_count(f, "partial"), 0);
    CHECK_INT(fixture_count(f, "layers/sha256"), 1);
    CHECK_OK(kist_store_images(f->store, &list, &f->err), f->err);
    CHECK_INT(list.n, 1);
    return 0;
}

static int no_room_for_the_index(struct fixture *f)
{
    struct fixture_image first = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct fixture_image second = {
        .name = "docker.io/library/a:2", .layers = one, .layer_count = 1, .salt = "2"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    enum kist_store_change change;
    char before[8192];

    fixture_keep(f, &first);
    CHECK(kist_str_copy(before, sizeof(before), fixture_text(f, "index.json")));
    fill(f);
    CHECK_INT(fixture_add(f, &second, &change), KIST_E_NO_SPACE);
    CHECK(strstr(f->err.message, "cannot keep image 'docker.io/library/a:2': ") == f->err.message);
    CHECK_STR(fixture_text(f, "index.json"), before);
    CHECK_INT(fixture_count(f, "tmp"), 0);
    fixture_reopen(f);
    CHECK_OK(kist_store_images(f->store, &list, &f->err), f->err);
    CHECK_INT(list.n, 1);

    CHECK(unlink(fixture_path(f, "ballast")) == 0);
    CHECK_OK(fixture_add(f, &second, &change), f->err);
    CHECK_INT(change, KIST_STORE_DOWNLOADED);
    return 0;
}

/* What others filled to the last block can be made free by removing, again and again; and nothing else takes the blocks kept for it. */
static int removing_on_a_full_disk(struct fixture *f)
{
    struct fixture_image images[] = {
        {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1},
        {.name = "docker.io/library/a:2", .layers = one, .layer_count = 1, .salt = "2"},
        {.name = "docker.io/library/a:3", .layers = one, .layer_count = 1, .salt = "3"},
    };
    const struct kist_store_prune prune = {.all = true};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_store_removed removed;
    enum kist_store_change change;
    struct stat spare = {.st_size = -1}, after;

    fixture_keep(f, &images[0]);
    fixture_keep(f, &images[1]);
    CHECK(stat(fixture_path(f, "spare"), &spare) == 0 && spare.st_size == 0 && spare.st_blocks > 0);
    fill(f);
    CHECK_INT(fixture_add(f, &images[2], &change), KIST_E_NO_SPACE);
    CHECK(stat(fixture_path(f, "spare"), &after) == 0 && after.st_ino == spare.st_ino && after.st_blocks == spare.st_blocks);

    CHECK_OK(kist_store_image_remove(f->store, "a:2", false, &removed, &f->err), f->err);
    kist_store_removed_release(&removed);
    CHECK(stat(fixture_path(f, "index.json"), &after) == 0 && after.st_ino == spare.st_ino);
    CHECK(stat(fixture_path(f, "spare"), &spare) == 0 && spare.st_size == 0 && spare.st_blocks > 0);
    fill(f);
    CHECK_OK(kist_store_prune(f->store, &prune, &removed, &f->err), f->err);
    CHECK_INT(removed.deleted.n, 2);
    kist_store_removed_release(&removed);
    fixture_reopen(f);
    CHECK_OK(kist_store_images(f->store, &list, &f->err), f->err);
    CHECK_INT(list.n, 0);
    CHECK_INT(fixture_count(f, "layers/sha256"), 0);
    return 0;
}

static void check(int status)
{
    CHECK_INT(status, 0);
}

TEST(a_layer_that_does_not_fit)
{
    int status = on_tiny_store(too_large_a_layer);

    if (status == CANNOT_MOUNT) {
        TEST_SKIP("no right to mount");
    }
    check(status);
}

TEST(an_index_that_does_not_fit)
{
    int status = on_tiny_store(no_room_for_the_index);

    if (status == CANNOT_MOUNT) {
        TEST_SKIP("no right to mount");
    }
    check(status);
}

TEST(removing_what_is_kept_on_it)
{
    int status = on_tiny_store(removing_on_a_full_disk);

    if (status == CANNOT_MOUNT) {
        TEST_SKIP("no right to mount");
    }
    check(status);
}
