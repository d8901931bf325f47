/* Volumes as the store knows them. */
#include "store_fixture.h"

static struct kist_strv strv(char **v, size_t n)
{
    return (struct kist_strv){.v = v, .n = n};
}

static int add_container(struct fixture *f, char letter, const char *name, const struct kist_digest *image,
                         const struct kist_strv *volumes)
{
    struct kist_container_ref ref = {.image = *image, .volumes = volumes};
    struct port_dir *dir;
    int rc;

    memset(ref.id, letter, 64);
    CHECK(kist_str_copy(ref.name, sizeof(ref.name), name));
    rc = kist_store_container_add(f->store, &ref, &dir, &f->err);
    if (rc == 0) {
        port_dir_close(dir);
    }
    return rc;
}

TEST(names)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {{"ab", true},   {"a.b-c_D9", true}, {"0a", true},   {"", false},     {"a", false},  {".a", false},
                {"-a", false},  {"a/b", false},     {"..", false},  {"a b", false},  {"a\n", false}, {"\xc3\xa4" "a", false}};
    char longest[KIST_VOLUME_NAME_MAX + 1];
    struct kist_error err;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].name);
        CHECK_INT(kist_store_volume_check(rows[i].name, &err), rows[i].good ? 0 : KIST_E_USAGE);
    }
    TEST_CASE(NULL);
    memset(longest, 'a', sizeof(longest));
    longest[KIST_VOLUME_NAME_MAX] = '\0';
    CHECK_INT(kist_store_volume_check(longest, &err), KIST_E_USAGE);
    longest[KIST_VOLUME_NAME_MAX - 1] = '\0';
    CHECK_OK(kist_store_volume_check(longest, &err), err);
}

TEST(makes_lists_removes)
{
    char label[] = "a=b=c", twice[] = "a=d", bare[] = "bare";
    struct kist_strv labels = strv((char *[]){label, twice, bare, NULL}, 3);
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    char path[256], anonymous[65];
    uint64_t freed = 0;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(kist_store_volumes(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, 0);
    memset(anonymous, 'f', 64);
    anonymous[64] = '\0';
    CHECK_INT(kist_store_volume_create(f.store, anonymous, NULL, &f.err), 0);
    CHECK_INT(kist_store_volume_create(f.store, "data", &labels, &f.err), 0);
    CHECK_INT(kist_store_volume_create(f.store, "data", NULL, &f.err), 1);
    CHECK_OK(kist_store_volumes(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 2);
    CHECK_STR(list.v[0].name, "data");
    CHECK(!list.v[0].anonymous && list.v[1].anonymous && list.v[0].created > 0);
    REQUIRE(list.v[0].labels.n == 2 && list.v[1].labels.n == 0);
    CHECK_STR(list.v[0].labels.v[0], "a=d");
    CHECK_STR(list.v[0].labels.v[1], "bare=");
    CHECK(kist_store_volume_find(&list, "data") == &list.v[0] && !kist_store_volume_find(&list, "dat"));
    CHECK(kist_store_volume_path(f.store, "data", path, sizeof(path)));
    CHECK(kist_str_ends(path, "/volumes/data/_data") && fixture_has(&f, "volumes/data/_data"));
    fixture_put(&f, "volumes/data/_data/file", "x");
    CHECK_OK(kist_store_volume_remove(f.store, "data", &freed, &f.err), f.err);
    CHECK(freed >= 4096);
    CHECK(!fixture_has(&f, "volumes/data"));
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    CHECK_INT(kist_store_volume_remove(f.store, "data", NULL, &f.err), KIST_E_NOT_FOUND);
    CHECK_INT(kist_store_volume_remove(f.store, "../tmp", NULL, &f.err), KIST_E_NOT_FOUND);
    CHECK_STR(f.err.message, "no such volume: '../tmp'");
    fixture_release(&f);
}

TEST(a_container_keeps_its_volumes)
{
    static const unsigned one[] = {1};
    struct fixture_image image = {.name = "docker.io/library/a:latest", .layers = one, .layer_count = 1};
    char data[] = "data", logs[] = "logs", bad[] = "a/b";
    struct kist_strv both = strv((char *[]){data, logs, NULL}, 2), wrong = strv((char *[]){logs, bad, NULL}, 2);
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    KIST_AUTO(strv) struct kist_strv used = {.v = NULL};
    char id[65];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    CHECK_INT(add_container(&f, 'c', "bad", &image.id, &wrong), KIST_E_USAGE);
    CHECK_OK(add_container(&f, 'a', "web", &image.id, &both), f.err);
    CHECK_OK(add_container(&f, 'b', "", &image.id, NULL), f.err);
    CHECK_OK(kist_store_volumes(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 2 && list.v[0].users.n == 1);
    CHECK_STR(list.v[0].users.v[0], "web");
    CHECK_INT(kist_store_volume_remove(f.store, "data", NULL, &f.err), KIST_E_CONFLICT);
    CHECK_STR(f.err.message, "volume 'data' is used by container 'web' (try 'kist rm web')");
    memset(id, 'a', 64);
    id[64] = '\0';
    CHECK_OK(kist_store_container_volumes(f.store, id, &used, &f.err), f.err);
    REQUIRE(used.n == 2);
    CHECK_STR(used.v[1], "logs");
    /* even one whose reference is damaged */
    {
        char path[128];

        CHECK(kist_str_format(path, sizeof(path), "containers/%s/ref", id));
        fixture_put(&f, path, "{");
        CHECK_INT(kist_store_volume_remove(f.store, "data", NULL, &f.err), KIST_E_CONFLICT);
        fixture_put(&f, path, ""); /* there never was such a container */
    }
    CHECK_OK(kist_store_volume_remove(f.store, "data", NULL, &f.err), f.err);
    fixture_release(&f);
}

TEST(what_is_no_volume_is_passed_over)
{
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_INT(kist_store_volume_create(f.store, "data", NULL, &f.err), 0);
    fixture_put(&f, "volumes/data/volume.json", "{");
    fixture_put(&f, "volumes/file", "x");
    CHECK(symlink("/etc", fixture_path(&f, "volumes/link")) == 0);
    CHECK(mkdir(fixture_path(&f, "volumes/.hidden"), 0700) == 0);
    CHECK_OK(kist_store_volumes(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 1);
    CHECK_STR(list.v[0].name, "data");
    CHECK_INT(list.v[0].created, 0);
    fixture_release(&f);
}
