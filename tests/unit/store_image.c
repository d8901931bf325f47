#include <time.h>

#include "base/limits.h"
#include "store_fixture.h"

#define A "docker.io/library/a:latest"
#define B "docker.io/library/b:latest"

static const unsigned one[] = {1}, base_one[] = {1, 2}, base_two[] = {1, 3}, twice[] = {1, 1, 2};

static void list_images(struct fixture *f, struct kist_image_list *list, size_t n)
{
    CHECK_OK(kist_store_images(f->store, list, &f->err), f->err);
    CHECK_INT(list->n, n);
}

static const struct kist_image *find(const struct kist_image_list *list, const char *text)
{
    struct kist_error err;
    const struct kist_image *found = NULL;

    CHECK_OK(kist_image_list_find(list, text, NULL, &found, &err), err);
    return found;
}

static int remove_image(struct fixture *f, const char *text, bool force)
{
    struct kist_store_removed removed;
    int rc = kist_store_image_remove(f->store, text, force, &removed, &f->err);

    kist_store_removed_release(&removed);
    return rc;
}

/* ---- adding ---- */

TEST(keeps_an_image)
{
    struct fixture_image a = {.name = A, .layers = base_one, .layer_count = 2};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    const struct kist_image *image;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(fixture_keep(&f, &a), KIST_STORE_DOWNLOADED);
    list_images(&f, &list, 1);
    image = &list.v[0];
    CHECK_STR(image->name, A);
    CHECK(kist_digest_equal(&image->config, &a.id) &&
          kist_digest_equal(&image->manifest.digest, &a.manifest));
    CHECK(kist_digest_equal(&image->source, &a.manifest));
    CHECK_STR(image->platform.arch, "amd64");
    CHECK_INT(image->created, 1706702400);
    CHECK(image->pulled > image->created);
    CHECK_INT(image->layer_count, 2);
    CHECK_OK(kist_store_blob(f.store, &a.manifest, &text, &f.err), f.err);
    CHECK(strstr(kist_buf_text(&text), "schemaVersion") != NULL);
    CHECK_OK(kist_store_blob(f.store, &a.id, &text, &f.err), f.err);
    CHECK(strstr(kist_buf_text(&text), "diff_ids") != NULL);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    fixture_release(&f);
}

TEST(says_what_changed)
{
    struct fixture_image first = {.name = A, .layers = one, .layer_count = 1, .salt = "1"};
    struct fixture_image second = {.name = A, .layers = one, .layer_count = 1, .salt = "2"};
    struct fixture_image other = {.name = B, .layers = one, .layer_count = 1, .salt = "1"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(fixture_keep(&f, &first), KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_keep(&f, &first), KIST_STORE_UNCHANGED);
    CHECK_INT(fixture_keep(&f, &other), KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_keep(&f, &second), KIST_STORE_UPDATED);
    CHECK_INT(fixture_keep(&f, &second), KIST_STORE_UNCHANGED);

    /* the registry's index is another, our platform's manifest is not */
    second.source = fixture_digest(77);
    CHECK_INT(fixture_keep(&f, &second), KIST_STORE_UNCHANGED);
    list_images(&f, &list, 2);
    CHECK(kist_digest_equal(&find(&list, "a")->source, &second.source));
    fixture_release(&f);
}

static unsigned index_mode(const struct fixture *f)
{
    struct stat st = {.st_mode = 0};

    CHECK(lstat(fixture_path(f, "index.json"), &st) == 0);
    return st.st_mode & 07777;
}

TEST(an_index_says_that_it_lasts)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(index_mode(&f), 0600); /* that of a store that is new: nobody has changed it */
    CHECK_INT(fixture_keep(&f, &a), KIST_STORE_DOWNLOADED);
    CHECK_INT(index_mode(&f), 0400);
    /* as one leaves it who dies before its name lasts: whoever has nothing to add sees to that */
    CHECK(chmod(fixture_path(&f, "index.json"), 0600) == 0);
    CHECK_INT(fixture_keep(&f, &a), KIST_STORE_UNCHANGED);
    CHECK_INT(index_mode(&f), 0400);
    CHECK(chmod(fixture_path(&f, "index.json"), 0600) == 0);
    CHECK_OK(kist_store_image_tag(f.store, "a", A, &f.err), f.err);
    CHECK_INT(index_mode(&f), 0400);
    fixture_release(&f);
}

TEST(a_displaced_image_stays_without_a_name)
{
    struct fixture_image first = {.name = A, .layers = one, .layer_count = 1, .salt = "1"};
    struct fixture_image second = {.name = A, .layers = one, .layer_count = 1, .salt = "2"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &first);
    fixture_keep(&f, &second);
    list_images(&f, &list, 2);
    CHECK(kist_digest_equal(&find(&list, "a")->config, &second.id));
    CHECK_STR(find(&list, fixture_id(id, &first))->name, NULL);
    kist_image_list_release(&list);

    /* going back: it gets the name again, and is one image still */
    CHECK_INT(fixture_keep(&f, &first), KIST_STORE_UPDATED);
    list_images(&f, &list, 2);
    CHECK(kist_digest_equal(&find(&list, "a")->config, &first.id));
    CHECK_STR(find(&list, fixture_id(id, &second))->name, NULL);
    fixture_release(&f);
}

TEST(a_displaced_image_with_another_name_is_not_kept_twice)
{
    struct fixture_image first = {.name = A, .layers = one, .layer_count = 1, .salt = "1"};
    struct fixture_image also = {.name = B, .layers = one, .layer_count = 1, .salt = "1"};
    struct fixture_image second = {.name = A, .layers = one, .layer_count = 1, .salt = "2"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &first);
    fixture_keep(&f, &also);
    fixture_keep(&f, &second);
    list_images(&f, &list, 2);
    CHECK(kist_digest_equal(&find(&list, "b")->config, &first.id));
    fixture_release(&f);
}

TEST(an_image_without_a_name)
{
    struct fixture_image none = {.layers = one, .layer_count = 1};
    struct fixture_image named = {.name = A, .layers = one, .layer_count = 1};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(fixture_keep(&f, &none), KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_keep(&f, &none), KIST_STORE_UNCHANGED);
    CHECK_INT(fixture_keep(&f, &named), KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_keep(&f, &none), KIST_STORE_UNCHANGED);
    list_images(&f, &list, 1);
    CHECK_STR(list.v[0].name, A);
    fixture_release(&f);
}

TEST(refuses_what_cannot_be_kept)
{
    struct fixture_image a = {.name = A, .layers = base_one, .layer_count = 2};
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1 << 16), manifest = KIST_BUF_INIT(1 << 16);
    struct kist_descriptor desc = {.media_type = "t", .size = 2};
    struct kist_digest source = fixture_digest(1);
    struct kist_image_new new = {A, &manifest, &desc, &config, &source};
    enum kist_store_change change;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(fixture_add_layer(&f, 1, 100), f.err);
    CHECK_INT(fixture_add(&f, &a, &change), KIST_E_NOT_FOUND);
    CHECK(strstr(f.err.message, "cannot keep image '" A "': layer 'sha256:") == f.err.message);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 0);

    fixture_config(&config, &a);
    CHECK_OK(kist_buf_puts(&manifest, "{}", &f.err), f.err);
    CHECK_INT(kist_store_image_add(f.store, &new, &change, &f.err), KIST_E_CORRUPT);
    kist_digest_of(&desc.digest, "{}", 2);
    kist_buf_clear(&config);
    CHECK_OK(kist_buf_puts(&config, "no config", &f.err), f.err);
    CHECK_INT(kist_store_image_add(f.store, &new, &change, &f.err), KIST_E_CORRUPT);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 0);
    fixture_release(&f);
}

TEST(heals_a_damaged_blob)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1 << 16);
    char path[128], hex[KIST_DIGEST_HEX_MAX];
    struct kist_digest none = fixture_digest(9);
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &a.manifest)));
    fixture_put(&f, path, "bit rot");
    CHECK_INT(kist_store_blob(f.store, &a.manifest, &text, &f.err), KIST_E_CORRUPT);
    CHECK(strstr(f.err.message, "is damaged") != NULL);
    CHECK_INT(fixture_keep(&f, &a), KIST_STORE_UNCHANGED);
    CHECK_OK(kist_store_blob(f.store, &a.manifest, &text, &f.err), f.err);
    CHECK_INT(kist_store_blob(f.store, &none, &text, &f.err), KIST_E_NOT_FOUND);
    text.max = 3;
    CHECK(kist_store_blob(f.store, &a.manifest, &text, &f.err) < 0);
    fixture_release(&f);
}

TEST(notes_the_last_use_once_a_day)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    char path[128], hex[KIST_DIGEST_HEX_MAX];
    time_t now = time(NULL);
    const struct {
        const char *label;
        time_t before;
        bool touched;
    } rows[] = {{"an hour ago", now - 3600, false},
                {"two days ago", now - 2 * 86400, true},
                {"future", now + 9999, true}};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &a.manifest)));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct timespec times[2] = {{rows[i].before, 0}, {rows[i].before, 0}};
        struct stat st;

        TEST_CASE(rows[i].label);
        CHECK(utimensat(AT_FDCWD, fixture_path(&f, path), times, 0) == 0);
        kist_store_image_used(f.store, &a.manifest);
        CHECK(stat(fixture_path(&f, path), &st) == 0);
        CHECK_INT(st.st_mtime != rows[i].before, rows[i].touched);
    }
    TEST_CASE(NULL);
    fixture_release(&f);
}

/* ---- listing ---- */

TEST(counts_what_images_take_and_share)
{
    struct fixture_image a = {.name = A, .layers = base_one, .layer_count = 2};
    struct fixture_image again = {.name = "docker.io/library/a:again", .layers = base_one, .layer_count = 2};
    struct fixture_image b = {.name = B, .layers = base_two, .layer_count = 2};
    struct fixture_image odd = {.name = "docker.io/library/odd:1", .layers = twice, .layer_count = 3};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    /* 5000 bytes are two blocks of 4096; manifest and config are a block each */
    fixture_keep(&f, &a);
    fixture_keep(&f, &again);
    list_images(&f, &list, 2);
    CHECK_INT(find(&list, "a")->bytes, 6 * 4096);
    CHECK_INT(find(&list, "a")->shared, 0);
    kist_image_list_release(&list);

    fixture_keep(&f, &b);
    list_images(&f, &list, 3);
    CHECK_INT(find(&list, "a")->bytes, 6 * 4096);
    CHECK_INT(find(&list, "a")->shared, 2 * 4096);
    CHECK_INT(find(&list, "a:again")->shared, 2 * 4096);
    CHECK_INT(find(&list, "b")->shared, 2 * 4096);
    kist_image_list_release(&list);

    fixture_keep(&f, &odd);
    list_images(&f, &list, 4);
    CHECK_INT(find(&list, "odd:1")->layer_count, 3);
    CHECK_INT(find(&list, "odd:1")->bytes, 6 * 4096);
    CHECK_INT(find(&list, "odd:1")->shared, 4 * 4096);
    fixture_release(&f);
}

TEST(lists_the_newest_first)
{
    static const char *const names[] = {"docker.io/library/i:1", "docker.io/library/i:2",
                                        "docker.io/library/i:3"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        struct fixture_image image = {.name = names[i], .layers = one, .layer_count = 1, .salt = names[i]};

        fixture_keep(&f, &image);
    }
    list_images(&f, &list, 3);
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        CHECK_STR(list.v[i].name, names[2 - i]);
    }
    fixture_release(&f);
}

/* ---- finding ---- */

static struct kist_image_list *make_list(void)
{
    static struct kist_image images[5];
    static struct kist_image_list list = {images, KIST_COUNT(images)};
    static char arm[] = "docker.io/library/a:latest", amd[] = "docker.io/library/a:latest",
                b[] = "host:5000/b:1", hex[] = "docker.io/library/abc:latest";

    images[0].name = arm;
    kist_platform_set(&images[0].platform, "linux", "arm", "v6");
    memset(images[0].config.bytes, 0xab, 32);
    images[0].source = fixture_digest(5);
    images[1].name = amd;
    kist_platform_set(&images[1].platform, "linux", "amd64", "");
    memset(images[1].config.bytes, 0xab, 32);
    images[1].config.bytes[1] = 0xcc;
    images[1].source = fixture_digest(5);
    images[2].name = b;
    memset(images[2].config.bytes, 0x12, 32);
    images[2].source = fixture_digest(6);
    images[2].manifest.digest = fixture_digest(7);
    images[3].name = NULL;
    memset(images[3].config.bytes, 0x34, 32);
    images[4].name = hex;
    memset(images[4].config.bytes, 0x56, 32);
    return &list;
}

TEST(finds)
{
    static const struct {
        const char *text, *want;
        int found; /* place, or an error */
    } rows[] = {
        {"a", NULL, 0},
        {"a", "linux/amd64", 1},
        {"a:latest", "linux/arm/v7", 0},
        {"docker.io/library/a", "linux/arm64", 0},
        {"a", "linux/riscv64", KIST_E_NOT_FOUND},
        {"a:2", NULL, KIST_E_NOT_FOUND},
        {"host:5000/b:1", NULL, 2},
        {"b:1", NULL, KIST_E_NOT_FOUND},
        {"12", NULL, 2},
        {"sha256:12", NULL, 2},
        {"34", NULL, 3},
        {"343434343434", "linux/amd64", 3},
        {"3434343434343434343434343434343434343434343434343434343434343434", NULL, 3},
        {"3434343434343434343434343434343434343434343434343434343434343435", NULL, KIST_E_NOT_FOUND},
        {"ab", NULL, KIST_E_CONFLICT},
        {"abc", NULL, 4}, /* the name, not the ID abcc... */
        {"abcc", NULL, 1},
        {"abab", NULL, 0},
        {"sha256:abc", NULL, 1},
        {"sha256:", NULL, KIST_E_USAGE},
        {"Upper", NULL, KIST_E_USAGE},
        {"", NULL, KIST_E_USAGE},
    };
    const struct kist_image_list *list = make_list();

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        const struct kist_image *found = NULL;
        struct kist_platform want;
        struct kist_error err = {0};
        int rc;

        TEST_CASE(rows[i].text);
        if (rows[i].want) {
            CHECK_OK(kist_platform_parse(&want, rows[i].want, &err), err);
        }
        rc = kist_image_list_find(list, rows[i].text, rows[i].want ? &want : NULL, &found, &err);
        CHECK_INT(rc == 0 && found ? (int)(found - list->v) : rc, rows[i].found);
    }
}

TEST(finds_by_digest)
{
    const struct kist_image_list *list = make_list();
    const struct {
        const char *repository;
        unsigned digest;
        int found;
    } rows[] = {
        {"a", 5, 0},
        {"a:3", 5, 0},
        {"host:5000/b", 6, 2},
        {"host:5000/b", 7, 2},
        {"host:5000/b", 5, KIST_E_NOT_FOUND},
        {"c", 5, KIST_E_NOT_FOUND},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_digest digest = fixture_digest(rows[i].digest);
        char text[256], hex[KIST_DIGEST_TEXT_MAX];
        const struct kist_image *found = NULL;
        struct kist_error err;
        int rc;

        CHECK(
            kist_str_format(text, sizeof(text), "%s@%s", rows[i].repository, kist_digest_text(hex, &digest)));
        TEST_CASE(text);
        rc = kist_image_list_find(list, text, NULL, &found, &err);
        CHECK_INT(rc == 0 && found ? (int)(found - list->v) : rc, rows[i].found);
        TEST_CASE(NULL);
    }
}

TEST(says_why_nothing_is_found)
{
    const struct kist_image_list *list = make_list();
    const struct kist_image *found;
    struct kist_platform want;
    struct kist_error err;

    CHECK_OK(kist_platform_parse(&want, "linux/riscv64", &err), err);
    CHECK_INT(kist_image_list_find(list, "a", &want, &found, &err), KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "image 'a:latest' is kept for linux/arm/v6, not for linux/riscv64");
    CHECK_INT(kist_image_list_find(list, "z", &want, &found, &err), KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "no such image: 'z:latest'");
    CHECK_INT(kist_image_list_find(list, "ab", NULL, &found, &err), KIST_E_CONFLICT);
    CHECK_STR(err.message, "image ID 'ab' is ambiguous: several begin so");
}

/* ---- naming ---- */

static int tag(struct fixture *f, const char *text, const char *name)
{
    return kist_store_image_tag(f->store, text, name, &f->err);
}

TEST(tags)
{
    struct fixture_image a = {.name = A, .layers = base_one, .layer_count = 2, .arch = "amd64"};
    struct fixture_image arm = {.name = A, .layers = one, .layer_count = 1, .arch = "arm64"};
    struct fixture_image b = {.name = B, .layers = base_two, .layer_count = 2, .arch = "amd64"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_keep(&f, &arm);
    fixture_keep(&f, &b);

    /* a name stands for all its platforms, an ID for one */
    CHECK_OK(tag(&f, "a", "host:5000/a:2"), f.err);
    CHECK_OK(tag(&f, "a", "host:5000/a:2"), f.err);
    CHECK_OK(tag(&f, "a", A), f.err);
    list_images(&f, &list, 5);
    kist_image_list_release(&list);
    CHECK_OK(tag(&f, fixture_id(id, &arm), "host:5000/one:latest"), f.err);
    list_images(&f, &list, 6);
    CHECK(find(&list, "host:5000/one:latest")->layer_count == 1);
    CHECK(kist_digest_equal(&find(&list, "host:5000/one:latest")->source, &arm.manifest));
    kist_image_list_release(&list);

    /* b loses its name, and stays; a name brings it back */
    CHECK_OK(tag(&f, fixture_id(id, &a), B), f.err);
    list_images(&f, &list, 7);
    CHECK(kist_digest_equal(&find(&list, "b")->config, &a.id));
    CHECK(find(&list, fixture_id(id, &b))->name == NULL);
    kist_image_list_release(&list);
    CHECK_OK(tag(&f, fixture_id(id, &b), "docker.io/library/c:latest"), f.err);
    list_images(&f, &list, 7);
    CHECK(kist_digest_equal(&find(&list, "c")->config, &b.id));

    CHECK_INT(tag(&f, "z", "docker.io/library/y:latest"), KIST_E_NOT_FOUND);
    CHECK_STR(f.err.message, "no such image: 'z:latest'");
    fixture_release(&f);
}

/* ---- removing ---- */

TEST(removes_the_last_name_and_all_that_only_it_needs)
{
    struct fixture_image a = {.name = A, .layers = base_one, .layer_count = 2};
    struct fixture_image b = {.name = B, .layers = base_two, .layer_count = 2};
    struct kist_store_removed removed;
    struct kist_digest top = fixture_digest(2), shared = fixture_digest(1);
    char text[KIST_DIGEST_TEXT_MAX], digest[256];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_keep(&f, &b);
    CHECK_OK(kist_store_image_remove(f.store, "a", false, &removed, &f.err), f.err);
    REQUIRE(removed.untagged.n == 2 && removed.deleted.n == 2);
    CHECK_STR(removed.untagged.v[0], A);
    CHECK(kist_str_format(digest, sizeof(digest), "docker.io/library/a@%s",
                          kist_digest_text(text, &a.manifest)));
    CHECK_STR(removed.untagged.v[1], digest);
    CHECK_STR(removed.deleted.v[0], fixture_id(text, &a));
    CHECK_STR(removed.deleted.v[1], kist_digest_text(text, &top));
    CHECK_INT(removed.freed, 4 * 4096);
    kist_store_removed_release(&removed);
    CHECK(kist_store_has_layer(f.store, &shared) && !kist_store_has_layer(f.store, &top));
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2);
    CHECK_INT(remove_image(&f, "a", false), KIST_E_NOT_FOUND);

    CHECK_OK(kist_store_image_remove(f.store, "b", false, &removed, &f.err), f.err);
    CHECK_INT(removed.deleted.n, 3);
    CHECK_STR(removed.deleted.v[2], kist_digest_text(text, &shared));
    CHECK_INT(removed.freed, 6 * 4096);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256") + fixture_count(&f, "blobs/sha256"), 0);
    fixture_release(&f);
}

TEST(untags_first)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    struct fixture_image tag = {.name = "docker.io/library/a:2", .layers = one, .layer_count = 1};
    struct fixture_image b = {.name = B, .layers = one, .layer_count = 1};
    struct kist_store_removed removed;
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_keep(&f, &tag);
    fixture_keep(&f, &b);
    CHECK_OK(kist_store_image_remove(f.store, "a", false, &removed, &f.err), f.err);
    CHECK_INT(removed.untagged.n, 1);
    CHECK_INT(removed.deleted.n, 0);
    CHECK_INT(removed.freed, 0);
    kist_store_removed_release(&removed);

    CHECK_INT(remove_image(&f, fixture_id(id, &a), false), KIST_E_CONFLICT);
    CHECK(strstr(f.err.message, "has several names, 'docker.io/library/a:2' and '" B "' among them") != NULL);

    /* the repository's last tag takes its digest along */
    CHECK_OK(kist_store_image_remove(f.store, "a:2", false, &removed, &f.err), f.err);
    CHECK_INT(removed.untagged.n, 2);
    CHECK_INT(removed.deleted.n, 0);
    kist_store_removed_release(&removed);
    CHECK_OK(kist_store_image_remove(f.store, id, false, &removed, &f.err), f.err);
    CHECK_INT(removed.untagged.n, 2);
    CHECK_INT(removed.deleted.n, 2);
    kist_store_removed_release(&removed);
    fixture_release(&f);
}

TEST(force_removes_all_names)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    struct fixture_image b = {.name = B, .layers = one, .layer_count = 1};
    struct kist_store_removed removed;
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_keep(&f, &b);
    (void)fixture_id(id, &a);
    id[7 + 12] = '\0';
    CHECK_OK(kist_store_image_remove(f.store, id + 7, true, &removed, &f.err), f.err);
    CHECK_INT(removed.untagged.n, 4);
    CHECK_INT(removed.deleted.n, 2);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 0);
    fixture_release(&f);
}

TEST(a_name_goes_with_all_its_platforms)
{
    struct fixture_image amd = {.name = A, .layers = one, .layer_count = 1, .arch = "amd64"};
    struct fixture_image arm = {.name = A, .layers = one, .layer_count = 1, .arch = "arm64"};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(fixture_keep(&f, &amd), KIST_STORE_DOWNLOADED);
    CHECK_INT(fixture_keep(&f, &arm), KIST_STORE_DOWNLOADED);
    list_images(&f, &list, 2);
    CHECK_OK(kist_store_image_remove(f.store, "a", false, &removed, &f.err), f.err);
    CHECK_STR(removed.untagged.v[0], A);
    CHECK_INT(removed.deleted.n, 3);
    kist_store_removed_release(&removed);
    kist_image_list_release(&list);
    list_images(&f, &list, 0);
    fixture_release(&f);
}

TEST(an_image_in_use_stays)
{
    struct fixture_image a = {.name = A, .layers = one, .layer_count = 1};
    struct fixture_image b = {.name = B, .layers = one, .layer_count = 1};
    struct kist_container_ref ref = {.name = "web"};
    struct port_dir *dir;
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_keep(&f, &b);
    memset(ref.id, 'a', 64);
    ref.image = a.id;
    REQUIRE_OK(kist_store_container_add(f.store, &ref, &dir, &f.err), f.err);
    port_dir_close(dir);
    CHECK_OK(remove_image(&f, "b", false), f.err); /* only a name of two */
    CHECK_INT(remove_image(&f, "a", false), KIST_E_CONFLICT);
    CHECK_STR(f.err.message, "image 'a' is used by container 'web' (try 'kist rm web')");
    CHECK_OK(remove_image(&f, "a", true), f.err); /* its name goes, it stays */
    CHECK_INT(remove_image(&f, "a", true), KIST_E_NOT_FOUND);
    CHECK_INT(remove_image(&f, fixture_id(id, &a), true), KIST_E_CONFLICT);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    CHECK_OK(kist_store_container_remove(f.store, ref.id, &f.err), f.err);
    CHECK_OK(remove_image(&f, fixture_id(id, &a), false), f.err);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    fixture_release(&f);
}
