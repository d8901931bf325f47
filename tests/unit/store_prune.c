/* What pruning takes, in which order, and what it never does. */
#include <time.h>

#include "store_fixture.h"

static const unsigned one[] = {1}, two[] = {1, 2}, three[] = {3}, four[] = {4};

#define IMAGE(full, text, list) {.name = (full), .salt = (text), .layers = (list), .layer_count = KIST_COUNT(list)}

/* It was used so many days ago. */
static void used(const struct fixture *f, const struct fixture_image *image, int days)
{
    char path[128], hex[KIST_DIGEST_HEX_MAX];
    struct timespec times[2] = {{time(NULL) - days * 86400, 0}, {time(NULL) - days * 86400, 0}};

    CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &image->manifest)));
    CHECK(utimensat(AT_FDCWD, fixture_path(f, path), times, 0) == 0);
}

/* Lines of what went, "a b c", image IDs as the number of the fixture's image that has it. */
static const char *went(struct fixture *f, const struct kist_store_prune *o, struct fixture_image *images, size_t count)
{
    static char text[512];
    struct kist_store_removed removed;
    size_t used_len = 0;

    text[0] = '\0';
    CHECK_OK(kist_store_prune(f->store, o, &removed, &f->err), f->err);
    for (size_t i = 0; i < removed.deleted.n; i++) {
        for (size_t k = 0; k < count; k++) {
            char id[KIST_DIGEST_TEXT_MAX];

            if (strcmp(removed.deleted.v[i], fixture_id(id, &images[k])) == 0) {
                used_len += (size_t)snprintf(text + used_len, sizeof(text) - used_len, "%s%zu", used_len ? " " : "", k);
                break;
            }
        }
    }
    kist_store_removed_release(&removed);
    return text;
}

static void hold(struct fixture *f, const struct fixture_image *image)
{
    struct kist_container_ref ref = {.name = "web", .image = image->id};
    struct port_dir *dir;

    memset(ref.id, 'a', 64);
    REQUIRE_OK(kist_store_container_add(f->store, &ref, &dir, &f->err), f->err);
    port_dir_close(dir);
}

TEST(takes_what_was_used_longest_ago_first)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "a", one), IMAGE("docker.io/library/b:latest", "b", three),
                                     IMAGE("docker.io/library/c:latest", "c", four)};
    struct kist_store_prune o = {.all = true, .dry_run = true};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
    }
    used(&f, &images[0], 2);
    used(&f, &images[1], 9);
    used(&f, &images[2], 5);
    CHECK_STR(went(&f, &o, images, 3), "1 2 0");
    o.need = 1;
    CHECK_STR(went(&f, &o, images, 3), "1");
    o.need = 4 * 4096; /* an image is two blobs and two blocks of layer */
    CHECK_STR(went(&f, &o, images, 3), "1");
    o.need++;
    CHECK_STR(went(&f, &o, images, 3), "1 2");
    o.need = UINT64_MAX - 1;
    CHECK_STR(went(&f, &o, images, 3), "1 2 0");
    {
        struct kist_store_removed removed;

        CHECK_OK(kist_store_prune(f.store, &o, &removed, &f.err), f.err);
        CHECK(removed.missing == o.need - 3 * 4 * 4096);
        kist_store_removed_release(&removed);
    }
    o = (struct kist_store_prune){.all = true, .dry_run = true, .target_free = UINT64_MAX};
    CHECK_STR(went(&f, &o, images, 3), "1 2 0");
    o.target_free = 1; /* there is as much */
    CHECK_STR(went(&f, &o, images, 3), "");
    CHECK_INT(fixture_count(&f, "layers/sha256"), 3);
    o = (struct kist_store_prune){.all = true, .need = 1};
    CHECK_STR(went(&f, &o, images, 3), "1");
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 4);
    fixture_release(&f);
}

TEST(tells_the_same_dry_and_done)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "a", two), IMAGE("docker.io/library/a:1", "a", two),
                                     IMAGE("docker.io/library/b:latest", "b", two), IMAGE("docker.io/library/c:latest", "c", one)};
    struct kist_store_prune o = {.all = true, .dry_run = true};
    struct kist_store_removed dry, done;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
    }
    hold(&f, &images[3]);
    CHECK_OK(kist_store_prune(f.store, &o, &dry, &f.err), f.err);
    o.dry_run = false;
    CHECK_OK(kist_store_prune(f.store, &o, &done, &f.err), f.err);
    CHECK_INT(dry.freed, (4 + 2) * 4096); /* four blobs and layer 2; layer 1 is c's */
    CHECK_INT(done.freed, dry.freed);
    REQUIRE(dry.untagged.n == 5 && done.untagged.n == 5 && dry.deleted.n == 3 && done.deleted.n == 3);
    for (size_t i = 0; i < dry.untagged.n; i++) {
        CHECK_STR(done.untagged.v[i], dry.untagged.v[i]);
    }
    for (size_t i = 0; i < dry.deleted.n; i++) {
        CHECK_STR(done.deleted.v[i], dry.deleted.v[i]);
    }
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    kist_store_removed_release(&dry);
    kist_store_removed_release(&done);
    fixture_release(&f);
}

TEST(never_takes_what_is_pinned_used_or_leased)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "a", one), IMAGE("docker.io/library/b:latest", "b", three),
                                     IMAGE("docker.io/library/c:latest", "c", four), IMAGE("docker.io/library/c:1", "c", four)};
    struct kist_store_prune o = {.all = true, .dry_run = true};
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
    }
    hold(&f, &images[0]);
    CHECK_OK(kist_store_lease_begin(f.store, &images[1].manifest, 1, &lease, &f.err), f.err);
    CHECK_OK(kist_store_image_pin(f.store, "c:1", true, &f.err), f.err);
    CHECK_STR(went(&f, &o, images, 3), "");
    kist_store_lease_end(lease);
    CHECK_STR(went(&f, &o, images, 3), "1");
    /* the pin is the image's, and stays with it when the name that was pinned goes */
    {
        struct kist_store_removed removed;

        CHECK_OK(kist_store_image_remove(f.store, "c:1", false, &removed, &f.err), f.err);
        kist_store_removed_release(&removed);
    }
    CHECK_STR(went(&f, &o, images, 3), "1");
    CHECK_OK(kist_store_image_pin(f.store, "c", false, &f.err), f.err);
    CHECK_STR(went(&f, &o, images, 3), "1 2");
    CHECK_INT(kist_store_image_pin(f.store, "d", true, &f.err), KIST_E_NOT_FOUND);
    fixture_release(&f);
}

TEST(a_pin_survives_updates)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "1", one), IMAGE("docker.io/library/a:latest", "2", three)};
    struct kist_store_prune o = {.all = true, .dry_run = true};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &images[0]);
    CHECK_OK(kist_store_image_pin(f.store, "a", true, &f.err), f.err);
    fixture_keep(&f, &images[1]);
    CHECK_STR(went(&f, &o, images, 2), "1");
    fixture_keep(&f, &images[0]); /* has a name again */
    CHECK_STR(went(&f, &o, images, 2), "1");
    fixture_reopen(&f);
    CHECK_STR(went(&f, &o, images, 2), "1");
    fixture_release(&f);
}

TEST(keeps_the_previous_image_of_each_name)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "1", one), IMAGE("docker.io/library/a:latest", "2", three),
                                     IMAGE("docker.io/library/a:latest", "3", four)};
    struct kist_store_prune o = {.keep_previous = true, .dry_run = true};
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &images[0]);
    fixture_keep(&f, &images[1]);
    CHECK_STR(went(&f, &o, images, 3), "");
    o.keep_previous = false;
    CHECK_STR(went(&f, &o, images, 3), "0");
    o.keep_previous = true;
    fixture_keep(&f, &images[2]);
    CHECK_STR(went(&f, &o, images, 3), "0");
    fixture_keep(&f, &images[0]); /* gone back to the first: the third is the previous one now */
    CHECK_STR(went(&f, &o, images, 3), "1");
    o.all = true;
    for (size_t i = 0; i < KIST_COUNT(images); i++) { /* a second may have ended between any two of these */
        used(&f, &images[i], i == 0 ? 1 : 9 - (int)i);
    }
    CHECK_STR(went(&f, &o, images, 3), "1 0");
    /* no name, nothing to go back from */
    CHECK_OK(kist_store_image_remove(f.store, "a", false, &removed, &f.err), f.err);
    kist_store_removed_release(&removed);
    o.all = false;
    CHECK_STR(went(&f, &o, images, 3), "1 2");
    fixture_release(&f);
}

TEST(a_previous_image_with_another_name_stays)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:latest", "1", one), IMAGE("docker.io/library/a:1", "1", one),
                                     IMAGE("docker.io/library/a:latest", "2", three)};
    struct kist_store_prune o = {.keep_previous = true, .all = true, .dry_run = true};
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
    }
    CHECK_STR(went(&f, &o, images, 3), "2");
    CHECK_OK(kist_store_image_remove(f.store, "a:latest", false, &removed, &f.err), f.err);
    kist_store_removed_release(&removed);
    CHECK_STR(went(&f, &o, images, 3), "0");
    fixture_release(&f);
}

TEST(keeps_the_newest_of_each_repository)
{
    struct fixture_image images[] = {
        IMAGE("docker.io/library/a:1", "1", one), IMAGE("docker.io/library/a:2", "2", one), IMAGE("docker.io/library/a:3", "3", one),
        IMAGE("docker.io/library/ab:1", "4", one), IMAGE("registry.lan:5000/a:1", "5", one)};
    struct kist_store_prune o = {.all = true, .dry_run = true, .keep = 1};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
        used(&f, &images[i], 9 - (int)i);
    }
    CHECK_STR(went(&f, &o, images, 5), "0 1");
    o.keep = 2;
    CHECK_STR(went(&f, &o, images, 5), "0");
    o.keep = 3;
    CHECK_STR(went(&f, &o, images, 5), "");
    fixture_release(&f);
}

static int takes_but_one(void *arg, const struct kist_image *image, struct kist_error *err)
{
    (void)err;
    return strcmp(image->name, arg) != 0;
}

static int takes_nothing(void *arg, const struct kist_image *image, struct kist_error *err)
{
    (void)arg;
    (void)image;
    return kist_error_set(err, KIST_E_IO, "cannot tell");
}

TEST(an_image_goes_with_all_its_names_or_not_at_all)
{
    struct fixture_image images[] = {IMAGE("docker.io/library/a:1", "1", one), IMAGE("docker.io/library/a:2", "1", one),
                                     IMAGE("docker.io/library/b:1", "2", three)};
    struct kist_store_prune o = {.all = true, .takes = takes_but_one, .arg = (char *)(uintptr_t) "docker.io/library/a:2"};
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(images); i++) {
        fixture_keep(&f, &images[i]);
    }
    CHECK_STR(went(&f, &o, images, 3), "2");
    o.takes = takes_nothing;
    CHECK_INT(kist_store_prune(f.store, &o, &removed, &f.err), KIST_E_IO);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    fixture_release(&f);
}

TEST(garbage_goes_even_where_no_image_does)
{
    struct fixture_image a = IMAGE("docker.io/library/a:latest", "a", one);
    struct kist_store_prune o = {.dry_run = true};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    CHECK_OK(fixture_add_layer(&f, 99, 10), f.err);
    CHECK_STR(went(&f, &o, &a, 1), "");
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    o.dry_run = false;
    CHECK_STR(went(&f, &o, &a, 1), "");
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    fixture_release(&f);
}
