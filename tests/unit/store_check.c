#include "store/check.h"

#include "store_fixture.h"

static const unsigned one[] = {1}, base_one[] = {1, 2};

static int check_store(struct fixture *f, struct kist_check *check)
{
    int rc = kist_store_check(f->store, false, check, &f->err);

    CHECK_OK(rc, f->err);
    return rc;
}

static const struct kist_damage *find(const struct kist_check *check, enum kist_damage_kind kind,
                                      const struct kist_digest *digest)
{
    for (size_t i = 0; i < check->damage_count; i++) {
        if (check->damages[i].kind == kind && kist_digest_equal(&check->damages[i].digest, digest)) {
            return &check->damages[i];
        }
    }
    return NULL;
}

/* The fixture's layers are zeros, and its manifests are none that can be parsed: damage of each kind. */
TEST(names_what_is_damaged_and_whom_it_hurts)
{
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = one, .layer_count = 1};
    struct fixture_image b = {.name = "docker.io/library/b:1", .salt = "b", .layers = base_one, .layer_count = 2};
    const struct kist_damage *damage;
    char hex[KIST_DIGEST_HEX_MAX], path[128];
    struct kist_digest layer;
    struct kist_check check;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(check_store(&f, &check), f.err);
    CHECK_INT(check.damage_count, 0);
    kist_check_release(&check);

    fixture_keep(&f, &a);
    fixture_keep(&f, &b);
    CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &b.id)));
    fixture_put(&f, path, "{}");
    layer = fixture_digest(2);
    CHECK(kist_str_format(path, sizeof(path), "layers/sha256/%s", kist_digest_hex(hex, &layer)));
    CHECK(unlink(fixture_path(&f, path)) == 0);
    REQUIRE_OK(check_store(&f, &check), f.err);
    CHECK_INT(check.images.n, 2);

    damage = find(&check, KIST_DAMAGE_BLOB, &b.id);
    REQUIRE(damage != NULL);
    CHECK_STR(damage->why, "its contents have another digest");
    CHECK(!damage->missing && !damage->all);
    for (size_t i = 0; i < check.images.n; i++) {
        CHECK_INT(kist_damage_hurts(damage, &check.images.v[i]),
                  kist_digest_equal(&check.images.v[i].config, &b.id));
    }
    damage = find(&check, KIST_DAMAGE_LAYER, &layer);
    REQUIRE(damage != NULL);
    CHECK(damage->missing);
    CHECK_STR(damage->why, "missing");
    layer = fixture_digest(1);
    damage = find(&check, KIST_DAMAGE_LAYER, &layer);
    REQUIRE(damage != NULL);
    CHECK(strstr(damage->why, "no trailer at its end") != NULL);
    CHECK(kist_damage_hurts(damage, &check.images.v[0]) && kist_damage_hurts(damage, &check.images.v[1]));
    CHECK(find(&check, KIST_DAMAGE_BLOB, &a.id) == NULL);
    CHECK(find(&check, KIST_DAMAGE_INDEX, &a.id) != NULL);
    kist_check_release(&check);
    fixture_release(&f);
}

TEST(an_index_that_cannot_be_read_is_one_damage)
{
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = one, .layer_count = 1};
    struct kist_check check;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    fixture_put(&f, "index.json", "{");
    REQUIRE_OK(check_store(&f, &check), f.err);
    CHECK_INT(check.damage_count, 1);
    CHECK_INT(check.images.n, 0);
    CHECK(check.damages[0].all && check.damages[0].kind == KIST_DAMAGE_INDEX);
    CHECK(strstr(check.damages[0].why, "index.json' is damaged") != NULL);
    kist_check_release(&check);
    fixture_release(&f);
}

TEST(an_index_has_a_checksum)
{
    struct fixture_image a = {.name = "docker.io/library/abc:1", .salt = "a", .layers = one, .layer_count = 1};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char good[8192], bad[8192], *at;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    CHECK(kist_str_copy(good, sizeof(good), fixture_text(&f, "index.json")));
    CHECK(kist_str_copy(bad, sizeof(bad), good));
    at = strstr(bad, "abc:1");
    REQUIRE(at != NULL);
    *at ^= 2; /* another name, as good as the first one */
    fixture_put(&f, "index.json", bad);
    CHECK_INT(kist_store_images(f.store, &list, &f.err), KIST_E_CORRUPT);
    CHECK(strstr(f.err.message, "its checksum is another") != NULL);
    CHECK_INT(kist_store_index_rebuild(f.store, &f.err), 1);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 1);
    CHECK_STR(list.v[0].name, a.name);
    kist_image_list_release(&list);
    CHECK_STR(fixture_text(&f, "damaged/index.json"), bad);
    CHECK_INT(kist_store_index_rebuild(f.store, &f.err), 0);
    /* without one it is believed, and gets one with the next change */
    at = strstr(bad, ",\"kist.crc32\"");
    REQUIRE(at != NULL);
    CHECK(kist_str_copy(at, 2, "}"));
    fixture_put(&f, "index.json", bad);
    REQUIRE_OK(kist_store_images(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, 1);
    CHECK_OK(kist_store_image_tag(f.store, "cbc:1", "docker.io/library/d:1", &f.err), f.err);
    CHECK(strstr(fixture_text(&f, "index.json"), ",\"kist.crc32\":\"") != NULL);
    fixture_release(&f);
}

TEST(what_replaces_leaves_a_copy)
{
    struct fixture_image a = {.name = "docker.io/library/a:1", .salt = "a", .layers = one, .layer_count = 1};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1 << 20);
    struct kist_digest layer = fixture_digest(1);
    char hex[KIST_DIGEST_HEX_MAX], path[128], copy[128];
    struct kist_store_layer_tx *tx;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &a);
    CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &a.id)));
    CHECK(kist_str_format(copy, sizeof(copy), "damaged/%s", hex));
    CHECK_OK(kist_buf_puts(&text, fixture_text(&f, path), &f.err), f.err);
    fixture_put(&f, path, "damaged");
    CHECK_OK(kist_store_blob_replace(f.store, &a.id, text.data, text.len, &f.err), f.err);
    CHECK_STR(fixture_text(&f, path), text.data);
    CHECK_STR(fixture_text(&f, copy), "damaged");

    REQUIRE_OK(kist_store_layer_replace(f.store, &layer, &tx, &f.err), f.err);
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "layer", 5, &f.err), f.err);
    CHECK(kist_store_has_layer(f.store, &layer));
    CHECK_OK(kist_store_layer_commit(tx, &f.err), f.err);
    CHECK(kist_str_format(path, sizeof(path), "layers/sha256/%s", kist_digest_hex(hex, &layer)));
    CHECK_STR(fixture_text(&f, path), "layer");
    CHECK_INT(fixture_count(&f, "damaged"), 2);
    CHECK_INT(fixture_count(&f, "tmp") + fixture_count(&f, "partial"), 0);

    /* a replacement that fails changes nothing */
    REQUIRE_OK(kist_store_layer_replace(f.store, &layer, &tx, &f.err), f.err);
    kist_store_layer_abort(tx);
    CHECK_STR(fixture_text(&f, path), "layer");
    fixture_release(&f);
}
