/* An image imported from a tar, saved, and loaded into another store. */
#include "codec/collect.h"
#include "store/quota.h"
#include "store_fixture.h"
#include "tar_maker.h"
#include "transfer/import.h"
#include "transfer/inventory.h"
#include "transfer/load.h"
#include "transfer/save.h"

struct world {
    struct fixture from, to;
    struct kist_buf tar, archive;
    struct kist_digest id;
    /* reading */
    size_t at, piece, end;
    unsigned stop_after; /* questions; 0: never */
    unsigned asked;
    unsigned layers, images;
};

static int import(struct world *w, const char *name, struct kist_error *err)
{
    struct kist_import_options options = {.layer = {.level = 1}, .name = name, .comment = "test", .created = 1700000000,
                                          .platform = {.os = "linux", .arch = "arm", .variant = "v7"}};
    struct kist_import *in;
    int rc = kist_import_new(&in, w->from.store, &options, err);

    if (rc == 0 && (rc = kist_sink_write(kist_import_sink(in), w->tar.data, w->tar.len, err)) == 0 &&
        (rc = kist_sink_finish(kist_import_sink(in), err)) == 0) {
        rc = kist_import_commit(in, &w->id, err);
    }
    kist_import_free(in);
    return rc;
}

static int save(struct world *w, const struct kist_save_options *options, struct kist_error *err)
{
    char name[] = "box:1", *names[] = {name};
    struct kist_collect collect;

    kist_buf_clear(&w->archive);
    kist_collect_init(&collect, &w->archive);
    return kist_save(w->from.store, names, 1, options, &collect.sink, err);
}

static bool world_init(struct world *w)
{
    const struct kist_save_options options = {.oci = false};
    struct kist_error err = {0};

    *w = (struct world){.tar = MAKER_INIT, .archive = MAKER_INIT, .piece = SIZE_MAX};
    if (!fixture_init(&w->from) || !fixture_init(&w->to)) {
        return false;
    }
    for (unsigned i = 0; i < 40; i++) {
        char name[128] = "", text[3000];

        for (size_t k = 0; k < sizeof(text); k++)
            text[k] = (char)('a' + (k * k + i * 7 + k / 13 * i) % 26);
        text[sizeof(text) - 1] = '\0';
        snprintf(name, sizeof(name), "file%u", i);
        maker_file(&w->tar, name, text);
    }
    maker_end(&w->tar);
    CHECK_OK(import(w, "docker.io/library/box:1", &err), err);
    CHECK_OK(save(w, &options, &err), err);
    w->end = w->archive.len;
    return w->archive.len > w->tar.len;
}

static void world_release(struct world *w)
{
    fixture_release(&w->from);
    fixture_release(&w->to);
    kist_buf_release(&w->tar);
    kist_buf_release(&w->archive);
}

static int read_archive(void *arg, void *data, size_t size, size_t *got, struct kist_error *err)
{
    struct world *w = arg;

    (void)err;
    *got = KIST_MIN(KIST_MIN(size, w->piece), w->end - w->at);
    memcpy(data, w->archive.data + w->at, *got);
    w->at += *got;
    return 0;
}

static int rewind_archive(void *arg, struct kist_error *err)
{
    (void)err;
    ((struct world *)arg)->at = 0;
    return 0;
}

static bool stop(void *arg)
{
    struct world *w = arg;

    return w->stop_after > 0 && ++w->asked > w->stop_after;
}

static void layer_done(void *arg, const struct kist_digest *diff_id, uint64_t kept)
{
    (void)diff_id;
    ((struct world *)arg)->layers += kept > 0;
}

static void image_done(void *arg, const char *name, const struct kist_digest *id, enum kist_store_change change)
{
    struct world *w = arg;

    CHECK_STR(name, "docker.io/library/box:1");
    CHECK(kist_digest_equal(id, &w->id));
    CHECK(change != KIST_STORE_UPDATED);
    w->images++;
}

static int load(struct world *w, bool twice, struct kist_error *err)
{
    const struct kist_load_options options = {.layer = {.level = 1}, .stop = stop, .stop_arg = w, .layer_done = layer_done,
                                              .image_done = image_done, .arg = w};
    struct kist_load_source source = {read_archive, twice ? rewind_archive : NULL, w};

    w->at = 0;
    w->asked = w->layers = w->images = 0;
    return kist_load(w->to.store, &source, &options, err);
}

static void check_empty(const struct fixture *f)
{
    CHECK_INT(fixture_count(f, "partial"), 0);
    CHECK_INT(fixture_count(f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(f, "blobs/sha256"), 0);
}

TEST(what_is_saved_loads_in_any_pieces)
{
    static const size_t pieces[] = {SIZE_MAX, 1000, 511, 7};
    struct kist_error err = {0};
    struct world w;

    REQUIRE(world_init(&w));
    for (size_t i = 0; i < 2 * KIST_COUNT(pieces); i++) {
        w.piece = pieces[i / 2];
        CHECK_OK(load(&w, i % 2, &err), err);
        CHECK_INT(w.layers, i == 0 ? 1 : 0); /* then it is kept */
        CHECK_INT(w.images, 1);
        CHECK_INT(fixture_count(&w.to, "layers/sha256"), 1);
        CHECK_INT(fixture_count(&w.to, "partial"), 0);
    }
    world_release(&w);
}

TEST(a_cut_archive_leaves_nothing)
{
    struct kist_error err = {0};
    struct world w;

    REQUIRE(world_init(&w));
    /* from 1024 bytes before the end on it is whole */
    for (w.end = 0; w.end + 1024 < w.archive.len; w.end += w.end < 8192 ? 512 : 20011) {
        CHECK(load(&w, false, &err) < 0);
        check_empty(&w.to);
        CHECK(load(&w, true, &err) < 0);
        check_empty(&w.to);
    }
    world_release(&w);
}

TEST(a_stopped_load_leaves_nothing)
{
    struct kist_error err = {0};
    struct world w;

    REQUIRE(world_init(&w));
    w.piece = 4096;
    for (w.stop_after = 1; w.stop_after < 16; w.stop_after += 7) {
        CHECK_INT(load(&w, false, &err), KIST_E_INTERRUPTED);
        check_empty(&w.to);
    }
    w.stop_after = 0;
    CHECK_OK(load(&w, false, &err), err);
    world_release(&w);
}

TEST(a_load_stops_at_the_quota)
{
    struct kist_store_limits limits = {.quota = {.value = 1}};
    struct kist_store_usage usage;
    struct kist_error err = {0};
    struct world w;

    REQUIRE(world_init(&w));
    CHECK_OK(kist_store_usage(w.to.store, &usage, &err), err);
    for (uint64_t more = 0; more < (256U << 10); more += 24U << 10) {
        int rc;

        limits.quota.value = usage.total + more;
        kist_store_limit(w.to.store, &limits);
        rc = load(&w, false, &err);
        CHECK(rc == 0 || rc == KIST_E_NO_SPACE);
        if (rc == 0) {
            break;
        }
        check_empty(&w.to);
    }
    limits.quota.value = usage.total + (4U << 20);
    kist_store_limit(w.to.store, &limits);
    CHECK_OK(load(&w, false, &err), err);
    CHECK_OK(kist_store_usage(w.to.store, &usage, &err), err);
    CHECK(usage.total <= limits.quota.value);
    world_release(&w);
}

TEST(without_what_the_other_side_has)
{
    struct kist_save_options options = {.oci = true};
    struct kist_digest *diff_ids;
    struct kist_error err = {0};
    size_t count, whole;
    struct world w;

    REQUIRE(world_init(&w));
    whole = w.archive.len;
    CHECK_OK(kist_inventory_list(w.from.store, &diff_ids, &count, &err), err);
    CHECK_INT(count, 1);
    options.without = diff_ids;
    options.without_count = count;
    CHECK_OK(save(&w, &options, &err), err);
    w.end = w.archive.len;
    CHECK(w.archive.len + w.tar.len < whole);
    CHECK_INT(load(&w, false, &err), KIST_E_NOT_FOUND);
    CHECK(strstr(err.message, "is neither in the archive nor in the store"));
    check_empty(&w.to);
    free(diff_ids);
    world_release(&w);
}

TEST(inventories_are_read_in_any_form)
{
    static const struct {
        const char *text;
        int rc;
        size_t count;
    } rows[] = {
        {"", 0, 0},
        {" \n", 0, 0},
        {"{\"layers\":[]}\n", 0, 0},
        {"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0, 1},
        {"{\"layers\":[\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
         "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
         "\"sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]}",
         0, 2},
        {"hello", KIST_E_USAGE, 0},
        {"sha256:0123", KIST_E_USAGE, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_digest *diff_ids;
        struct kist_error err = {0};
        size_t count;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_inventory_parse(rows[i].text, &diff_ids, &count, &err), rows[i].rc);
        CHECK_INT(count, rows[i].count);
        free(diff_ids);
    }
}
