#include "store_fixture.h"

static const unsigned one[] = {1}, base_one[] = {1, 2};

/* A second store beside f's; what is put into it is below f's store after stack(). */
static bool below_init(struct fixture *below, const struct fixture *f)
{
    *below = (struct fixture){.store = NULL};
    if (!kist_str_format(below->base, sizeof(below->base), "%s", f->base) ||
        !kist_str_format(below->root, sizeof(below->root), "%s/below", f->base)) {
        return false;
    }
    fixture_open(below);
    return below->store != NULL;
}

static int stack(struct fixture *f, struct fixture *below)
{
    fixture_close(below);
    return kist_store_stack(f->store, below->root, &f->err);
}

TEST(images_below_are_listed_and_kept_from_change)
{
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = base_one, .layer_count = 2};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1 << 20);
    struct kist_digest layer = fixture_digest(2);
    struct kist_store_removed removed;
    struct kist_store_layer_tx *tx;
    struct fixture f, below;
    struct port_file *file;
    char id[KIST_DIGEST_TEXT_MAX];

    REQUIRE(fixture_init(&f) && below_init(&below, &f));
    fixture_keep(&below, &a);
    REQUIRE_OK(stack(&f, &below), f.err);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 1);
    CHECK_STR(list.v[0].name, a.name);
    CHECK_STR(list.v[0].place, below.root);
    CHECK(list.v[0].bytes > 10000);
    CHECK_OK(kist_store_blob(f.store, &a.id, &text, &f.err), f.err);
    CHECK(kist_store_has_layer(f.store, &layer));
    REQUIRE_OK(kist_store_layer_open(f.store, &layer, &file, &f.err), f.err);
    port_file_discard(file);
    CHECK_INT(kist_store_layer_begin(f.store, &layer, &tx, &f.err), 1);

    CHECK_INT(kist_store_image_remove(f.store, "a:1", true, &removed, &f.err), KIST_E_CONFLICT);
    CHECK(strstr(f.err.message, "image 'a:1' is in the read-only store '") != NULL);
    kist_store_removed_release(&removed);
    CHECK_INT(kist_store_image_remove(f.store, fixture_id(id, &a), false, &removed, &f.err), KIST_E_CONFLICT);
    kist_store_removed_release(&removed);
    CHECK_INT(kist_store_image_remove(f.store, "b:1", false, &removed, &f.err), KIST_E_NOT_FOUND);
    kist_store_removed_release(&removed);
    CHECK_INT(kist_store_image_pin(f.store, "a:1", true, &f.err), KIST_E_CONFLICT);
    CHECK_INT(fixture_count(&f, "layers/sha256") + fixture_count(&f, "blobs/sha256"), 0);
    fixture_release(&f);
}

TEST(what_is_here_hides_what_is_below)
{
    struct fixture_image old = {.name = "docker.io/library/a:1", .salt = "old", .layers = one, .layer_count = 1};
    struct fixture_image new = {.name = "docker.io/library/a:1", .salt = "new", .layers = base_one, .layer_count = 2};
    enum kist_store_change change;
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_store_removed removed;
    struct fixture f, below;

    REQUIRE(fixture_init(&f) && below_init(&below, &f));
    fixture_keep(&below, &old);
    REQUIRE_OK(stack(&f, &below), f.err);
    /* the same image costs nothing here */
    CHECK_OK(fixture_add(&f, &old, &change), f.err);
    CHECK_INT(change, KIST_STORE_UNCHANGED);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 0);
    /* another one only what is new */
    CHECK_OK(fixture_add_layer(&f, 2, 100), f.err);
    CHECK_OK(fixture_add(&f, &new, &change), f.err);
    CHECK_INT(change, KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 1);
    CHECK(list.v[0].place == NULL && kist_digest_equal(&list.v[0].config, &new.id));
    kist_image_list_release(&list);
    CHECK_OK(kist_store_image_remove(f.store, "a:1", false, &removed, &f.err), f.err);
    kist_store_removed_release(&removed);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 1);
    CHECK(kist_digest_equal(&list.v[0].config, &old.id));
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    fixture_release(&f);
}

TEST(a_tag_takes_the_blobs_only)
{
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = one, .layer_count = 1};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f, below;

    REQUIRE(fixture_init(&f) && below_init(&below, &f));
    fixture_keep(&below, &a);
    REQUIRE_OK(stack(&f, &below), f.err);
    CHECK_OK(kist_store_image_tag(f.store, "a:1", "docker.io/library/b:1", &f.err), f.err);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, 2);
    fixture_release(&f);
}

TEST(only_stores_that_can_be_trusted)
{
    static const char *const names[] = {"", "layers", "layers/sha256", "blobs", "blobs/sha256", "index.json"};
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = one, .layer_count = 1};
    struct kist_digest layer = fixture_digest(1);
    char hex[KIST_DIGEST_HEX_MAX], path[128];
    struct fixture f, below;
    struct stat st;

    REQUIRE(fixture_init(&f) && below_init(&below, &f));
    fixture_keep(&below, &a);
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        CHECK(stat(fixture_path(&below, names[i]), &st) == 0);
        CHECK(chmod(fixture_path(&below, names[i]), (st.st_mode & 07777) | 020) == 0);
        CHECK_INT(stack(&f, &below), KIST_E_CORRUPT);
        CHECK(strstr(f.err.message, "cannot be trusted: it can be written by others") != NULL);
        CHECK(chmod(fixture_path(&below, names[i]), st.st_mode & 07777) == 0);
    }
    REQUIRE_OK(stack(&f, &below), f.err);
    CHECK(kist_store_has_layer(f.store, &layer));
    CHECK(kist_str_format(path, sizeof(path), "layers/sha256/%s", kist_digest_hex(hex, &layer)));
    CHECK(chmod(fixture_path(&below, path), 0666) == 0);
    CHECK(!kist_store_has_layer(f.store, &layer));
    fixture_release(&f);
}

TEST(one_that_is_missing_is_passed_over)
{
    struct fixture f;
    char paths[512];

    REQUIRE(fixture_init(&f));
    CHECK(kist_str_format(paths, sizeof(paths), ":%s/none:%s/nor this::", f.base, f.base));
    CHECK_OK(kist_store_stack(f.store, paths, &f.err), f.err);
    CHECK(kist_str_format(paths, sizeof(paths), "%s", f.base));
    CHECK_OK(kist_store_stack(f.store, paths, &f.err), f.err); /* there, but no store */
    fixture_release(&f);
}
