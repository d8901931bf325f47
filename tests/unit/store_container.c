#include "store_fixture.h"

static const unsigned one[] = {1};

/* An id of 64 times the digit. */
static struct kist_container_ref make_ref(char digit, const char *name, const struct fixture_image *image)
{
    struct kist_container_ref ref = {.image = image->id};

    memset(ref.id, digit, 64);
    CHECK(kist_str_copy(ref.name, sizeof(ref.name), name));
    return ref;
}

static int add(struct fixture *f, const struct kist_container_ref *ref)
{
    struct port_dir *dir = NULL;
    int rc = kist_store_container_add(f->store, ref, &dir, &f->err);

    port_dir_close(dir);
    return rc;
}

TEST(adds_and_lists)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct kist_container_ref web, job;
    struct kist_container_refs refs;
    struct port_dir *dir;
    char path[128];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    web = make_ref('a', "web", &image);
    job = make_ref('b', "", &image);
    job.ephemeral = true;
    REQUIRE_OK(kist_store_container_add(f.store, &web, &dir, &f.err), f.err);
    CHECK(kist_str_format(path, sizeof(path), "%s/containers/%s", f.root, web.id));
    CHECK_STR(port_dir_path(dir), path);
    port_dir_close(dir);
    CHECK_OK(add(&f, &job), f.err);
    CHECK_INT(fixture_count(&f, "tmp"), 0);

    CHECK_OK(kist_store_containers(f.store, &refs, &f.err), f.err);
    REQUIRE(refs.n == 2);
    for (size_t i = 0; i < refs.n; i++) {
        const struct kist_container_ref *want = refs.v[i].id[0] == 'a' ? &web : &job;

        CHECK_STR(refs.v[i].id, want->id);
        CHECK_STR(refs.v[i].name, want->name);
        CHECK_INT(refs.v[i].ephemeral, want->ephemeral);
        CHECK(kist_digest_equal(&refs.v[i].image, &image.id));
    }
    kist_container_refs_release(&refs);
    CHECK_OK(kist_store_container_open(f.store, job.id, &dir, &f.err), f.err);
    port_dir_close(dir);
    fixture_release(&f);
}

TEST(refuses)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct kist_container_ref web, other;
    struct port_dir *dir;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    web = make_ref('a', "web", &image);
    CHECK_OK(add(&f, &web), f.err);
    other = make_ref('b', "web", &image);
    CHECK_INT(add(&f, &other), KIST_E_CONFLICT);
    CHECK_STR(f.err.message, "the name 'web' is taken by container 'aaaaaaaaaaaa' (try 'kist rm web')");
    other = make_ref('a', "other", &image);
    CHECK_INT(add(&f, &other), KIST_E_CONFLICT);
    other = make_ref('c', "c", &image);
    other.image = fixture_digest(99);
    CHECK_INT(add(&f, &other), KIST_E_NOT_FOUND);
    other = make_ref('x', "x", &image);
    CHECK(add(&f, &other) < 0);
    CHECK_INT(fixture_count(&f, "containers"), 1);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    CHECK_INT(kist_store_container_open(f.store, "..", &dir, &f.err), KIST_E_NOT_FOUND);
    CHECK_STR(f.err.message, "no such container: '..'");
    CHECK_INT(kist_store_container_remove(f.store, "../../etc", &f.err), KIST_E_NOT_FOUND);
    other = make_ref('d', "", &image);
    CHECK_INT(kist_store_container_remove(f.store, other.id, &f.err), KIST_E_NOT_FOUND);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(removes)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct kist_container_ref web;
    char path[160];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    for (int ephemeral = 0; ephemeral < 2; ephemeral++) {
        web = make_ref('a', "web", &image);
        web.ephemeral = ephemeral;
        CHECK_OK(add(&f, &web), f.err);
        CHECK(kist_str_format(path, sizeof(path), "containers/%s/upper", web.id));
        CHECK(mkdir(fixture_path(&f, path), 0700) == 0);
        CHECK_OK(kist_store_container_remove(f.store, web.id, &f.err), f.err);
        CHECK_INT(fixture_count(&f, "containers"), 0);
        CHECK_INT(fixture_count(&f, "tmp") + fixture_count(&f, "partial"), 0);
    }
    fixture_release(&f);
}

/* What a power cut leaves of a container that was never synced is none; what has been one and is damaged
 * stays. */
TEST(directories_without_a_reference)
{
    static const struct {
        const char *label, *text;
        bool stays;
    } rows[] = {
        {"no reference", NULL, false},
        {"empty", "", false},
        {"damaged", "{\"name\":", true},
        {"no image", "{\"name\":\"web\"}", true},
        {"no digest", "{\"name\":\"web\",\"image\":\"x\"}", true},
    };
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_container_ref ref = make_ref('a', "web", &image), good = make_ref('b', "good", &image);
        struct kist_container_refs refs;
        struct kist_store_lease *lease;
        char path[160];

        TEST_CASE(rows[i].label);
        CHECK_OK(add(&f, &good), f.err);
        CHECK(kist_str_format(path, sizeof(path), "containers/%s", ref.id));
        CHECK(mkdir(fixture_path(&f, path), 0700) == 0);
        if (rows[i].text) {
            CHECK(kist_str_format(path, sizeof(path), "containers/%s/ref", ref.id));
            fixture_put(&f, path, rows[i].text);
        }
        CHECK_OK(kist_store_containers(f.store, &refs, &f.err), f.err);
        CHECK_INT(refs.n, 1);
        kist_container_refs_release(&refs);
        CHECK_OK(kist_store_lease_begin(f.store, NULL, 0, &lease, &f.err), f.err); /* sweeps */
        kist_store_lease_end(lease);
        CHECK_INT(fixture_count(&f, "containers"), rows[i].stays ? 2 : 1);
        CHECK_OK(kist_store_container_remove(f.store, good.id, &f.err), f.err);
        if (rows[i].stays) {
            CHECK_OK(kist_store_container_remove(f.store, ref.id, &f.err), f.err);
        }
    }
    TEST_CASE(NULL);
    fixture_release(&f);
}

/* An index.json from before the image came, put back by hand: the container must still run. */
TEST(a_container_keeps_an_image_that_the_index_lost)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct kist_digest layer = fixture_digest(1), unused = fixture_digest(2);
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1 << 16);
    struct kist_container_ref ref;
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    CHECK_OK(fixture_add_layer(&f, 2, 100), f.err);
    ref = make_ref('a', "web", &image);
    CHECK_OK(add(&f, &ref), f.err);
    fixture_put(&f, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    CHECK_OK(kist_store_lease_begin(f.store, NULL, 0, &lease, &f.err), f.err); /* sweeps */
    kist_store_lease_end(lease);
    CHECK(kist_store_has_layer(f.store, &layer));
    CHECK(!kist_store_has_layer(f.store, &unused));
    CHECK_OK(kist_store_blob(f.store, &image.id, &text, &f.err), f.err);
    fixture_release(&f);
}

TEST(force_takes_but_the_names_of_what_is_used)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct kist_store_removed removed;
    struct kist_container_ref web;
    char id[KIST_DIGEST_TEXT_MAX];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    web = make_ref('a', "web", &image);
    CHECK_OK(add(&f, &web), f.err);
    (void)kist_digest_text(id, &image.id);
    for (int i = 0; i < 3; i++) {
        KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};

        TEST_CASE(i == 0 ? "without force" : i == 1 ? "with force" : "once more");
        CHECK_INT(kist_store_image_remove(f.store, i == 2 ? id : "a:1", i > 0, &removed, &f.err), i == 1 ? 0 : KIST_E_CONFLICT);
        CHECK_INT(removed.untagged.n > 0, i == 1);
        CHECK_INT(removed.deleted.n, 0);
        kist_store_removed_release(&removed);
        CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
        REQUIRE(list.n == 1);
        CHECK_STR(list.v[0].name, i == 0 ? "docker.io/library/a:1" : NULL);
        CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    }
    TEST_CASE("without the container");
    CHECK_OK(kist_store_container_remove(f.store, web.id, &f.err), f.err);
    CHECK_OK(kist_store_image_remove(f.store, id, false, &removed, &f.err), f.err);
    CHECK_INT(removed.deleted.n, 2);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    fixture_release(&f);
}
