/* What is known of the steps of builds, and the layers that this keeps. */
#include "store/steps.h"
#include "store/quota.h"
#include "store_fixture.h"

#define BYTES 5000 /* of a layer file: two blocks */
#define TAKES 8192

static struct kist_store_step step_of(unsigned key, unsigned layer, int64_t used)
{
    struct kist_store_step step = {.key = fixture_digest(1000 + key), .changed = layer > 0, .created = 77, .used = used};

    if (layer > 0) {
        step.diff_id = fixture_digest(layer);
    }
    CHECK(kist_str_copy(step.text, sizeof(step.text), "RUN make"));
    return step;
}

static void add(struct fixture *f, unsigned key, unsigned layer, int64_t used)
{
    const struct kist_store_step step = step_of(key, layer, used);

    CHECK_OK(kist_store_step_add(f->store, &step, &f->err), f->err);
}

static bool has_layer(struct fixture *f, unsigned number)
{
    const struct kist_digest diff_id = fixture_digest(number);

    return kist_store_has_layer(f->store, &diff_id);
}

static void sweep(struct fixture *f)
{
    struct kist_store_removed removed;

    CHECK_OK(kist_store_prune(f->store, &(struct kist_store_prune){.keep_previous = true}, &removed, &f->err), f->err);
    kist_store_removed_release(&removed);
}

TEST(a_step_keeps_its_layer)
{
    struct kist_store_step step;
    struct kist_store_lease *lease;
    const struct kist_digest key = fixture_digest(1001), other = fixture_digest(1002);
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(fixture_add_layer(&f, 1, BYTES), f.err);
    CHECK_OK(fixture_add_layer(&f, 2, BYTES), f.err);
    add(&f, 1, 1, 0);
    sweep(&f);
    CHECK(has_layer(&f, 1));
    CHECK(!has_layer(&f, 2));
    REQUIRE_OK(kist_store_lease_begin(f.store, NULL, 0, &lease, &f.err), f.err);
    CHECK(kist_store_step_find(f.store, &key, lease, &step));
    CHECK(step.changed && step.created == 77 && strcmp(step.text, "RUN make") == 0);
    CHECK(!kist_store_step_find(f.store, &other, lease, &step));
    kist_store_lease_end(lease);
    fixture_release(&f);
}

TEST(a_step_whose_layer_is_gone_is_none)
{
    KIST_AUTO(store_step_list) struct kist_store_step_list list = {.v = NULL};
    const struct kist_digest key = fixture_digest(1001);
    struct kist_store_step step;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    add(&f, 1, 1, 0);
    add(&f, 2, 0, 0);
    CHECK(!kist_store_step_find(f.store, &key, NULL, &step));
    REQUIRE_OK(kist_store_steps(f.store, &list, &f.err), f.err);
    CHECK(list.n == 1 && !list.v[0].changed && list.v[0].bytes == 0);
    fixture_release(&f);
}

TEST(the_last_word_counts)
{
    const struct kist_digest key = fixture_digest(1001);
    struct kist_store_step step;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(fixture_add_layer(&f, 1, BYTES), f.err);
    add(&f, 1, 2, 0);
    add(&f, 1, 1, 0);
    CHECK(kist_store_step_find(f.store, &key, NULL, &step));
    CHECK(kist_digest_equal(&step.diff_id, &(struct kist_digest){{0}}) == false && has_layer(&f, 1));
    fixture_release(&f);
}

TEST(damage_costs_what_it_hits_alone)
{
    const struct kist_digest keys[] = {fixture_digest(1001), fixture_digest(1002)};
    struct kist_store_step step;
    char text[1024];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    add(&f, 1, 0, 0);
    CHECK(kist_str_format(text, sizeof(text), "nonsense\n\n%.70s\n%s%.100s", fixture_text(&f, "cache/steps"),
                          fixture_text(&f, "cache/steps"), fixture_text(&f, "cache/steps")));
    fixture_put(&f, "cache/steps", text);
    CHECK(kist_store_step_find(f.store, &keys[0], NULL, &step));
    CHECK(!kist_store_step_find(f.store, &keys[1], NULL, &step));
    fixture_put(&f, "cache/steps", "");
    CHECK(!kist_store_step_find(f.store, &keys[0], NULL, &step));
    fixture_release(&f);
}

/* Steps 1, 2, 3 have layers of their own, 4 that of 3, 5 none; used in this order. */
static void make_five(struct fixture *f)
{
    for (unsigned i = 1; i <= 3; i++) {
        CHECK_OK(fixture_add_layer(f, i, BYTES), f->err);
        add(f, i, i, 100 * (int64_t)i);
    }
    add(f, 4, 3, 400);
    add(f, 5, 0, 500);
}

static size_t dropped(struct fixture *f, const struct kist_store_step_prune *options, uint64_t freed)
{
    struct kist_store_removed removed;
    size_t n;

    CHECK_OK(kist_store_step_drop(f->store, options, &removed, &f->err), f->err);
    CHECK(removed.freed == freed);
    n = removed.deleted.n;
    kist_store_removed_release(&removed);
    return n;
}

TEST(what_was_used_longest_ago_goes_first)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_five(&f);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.dry_run = true}, 3 * TAKES) == 5);
    CHECK(has_layer(&f, 1));
    CHECK(dropped(&f, &(struct kist_store_step_prune){.need = 1}, TAKES) == 1);
    CHECK(!has_layer(&f, 1) && has_layer(&f, 2));
    CHECK(dropped(&f, &(struct kist_store_step_prune){.until = 99}, 0) == 0);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.until = 200}, TAKES) == 1);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.until = 300}, 0) == 1); /* the fourth needs its layer */
    CHECK(has_layer(&f, 3));
    CHECK(dropped(&f, &(struct kist_store_step_prune){.need = 0}, TAKES) == 2);
    CHECK(!has_layer(&f, 3));
    CHECK_STR(fixture_text(&f, "cache/steps"), "");
    fixture_release(&f);
}

TEST(so_much_may_stay)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_five(&f);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.keep = 3 * TAKES}, 0) == 0);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.keep = 2 * TAKES}, TAKES) == 1);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.keep = 1}, 2 * TAKES) == 3);
    fixture_release(&f);
}

TEST(what_an_image_needs_is_not_the_caches)
{
    static const unsigned layers[] = {1};
    struct fixture_image image = {.name = "docker.io/library/a:latest", .salt = "a", .layers = layers, .layer_count = 1};
    KIST_AUTO(store_step_list) struct kist_store_step_list list = {.v = NULL};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    make_five(&f);
    fixture_keep(&f, &image);
    REQUIRE_OK(kist_store_steps(f.store, &list, &f.err), f.err);
    REQUIRE(list.n == 5);
    CHECK(list.v[0].needed && !list.v[1].needed && list.v[2].bytes == TAKES && list.v[3].bytes == 0);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.need = 0}, 2 * TAKES) == 4);
    CHECK(dropped(&f, &(struct kist_store_step_prune){.all = true}, 0) == 1);
    CHECK(has_layer(&f, 1));
    fixture_release(&f);
}

TEST(steps_go_where_room_is_wanted)
{
    static const unsigned layers[] = {9};
    struct fixture_image image = {.name = "docker.io/library/a:latest", .salt = "a", .layers = layers, .layer_count = 1};
    struct kist_store_limits limits = {.evict = true};
    struct kist_store_usage usage;
    struct kist_store_room *room;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(fixture_add_layer(&f, 9, BYTES), f.err);
    fixture_keep(&f, &image);
    make_five(&f);
    REQUIRE_OK(kist_store_usage(f.store, &usage, &f.err), f.err);
    limits.quota.value = usage.total + (96U << 10);
    kist_store_limit(f.store, &limits);
    for (uint64_t bytes = 4096; has_layer(&f, 1); bytes += 4096) {
        REQUIRE(bytes < (96U << 10));
        REQUIRE_OK(kist_store_room_take(f.store, "partial", "x", bytes, NULL, &room, &f.err), f.err);
        kist_store_room_free(room);
    }
    CHECK(has_layer(&f, 3)); /* no more than it takes */
    CHECK(has_layer(&f, 9)); /* images are the last to go */
    fixture_release(&f);
}
