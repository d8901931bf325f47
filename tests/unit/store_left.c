/* What a pull leaves that fails or dies: kept for the next, for a while, and until something else needs the
 * room. */
#include <sys/time.h>

#include "store/quota.h"
#include "store_fixture.h"

static const unsigned one[] = {1}, one_two[] = {1, 2};

/* Digests 1 to 3 leased; layer 1 finished, 2 begun, with a journal where it says something. The lease is
 * left. */
static void leave(struct fixture *f, bool marked)
{
    const struct kist_layer_options options = {.level = 1};
    struct kist_digest digests[3] = {fixture_digest(1), fixture_digest(2), fixture_digest(3)};
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct kist_layer_writer *writer;
    struct kist_store_layer_tx *tx;
    struct kist_store_lease *lease;
    size_t own;

    REQUIRE_OK(kist_store_lease_begin(f->store, digests, 3, &lease, &f->err), f->err);
    REQUIRE_OK(kist_store_lease_outlive(lease, &f->err), f->err);
    CHECK_OK(fixture_add_layer(f, 1, 5000), f->err);
    REQUIRE_OK(kist_store_layer_resume(f->store, &digests[1], &tx, &f->err), f->err);
    REQUIRE_OK(
        kist_store_layer_writer_resume(tx, &options, 0, NULL, &digests[1], &state, &own, &writer, &f->err),
        f->err);
    if (marked) {
        CHECK_OK(kist_layer_writer_state(writer, &state, &f->err), f->err);
        CHECK_OK(kist_layer_writer_mark(writer, &state, true, &f->err), f->err);
    }
    CHECK_OK(kist_store_layer_lasts(tx, &f->err), f->err);
    kist_layer_writer_free(writer);
    kist_store_layer_leave(tx);
    kist_store_lease_leave(lease);
}

static bool has_layer(struct fixture *f, unsigned number)
{
    struct kist_digest d = fixture_digest(number);

    return kist_store_has_layer(f->store, &d);
}

static bool is_begun(struct fixture *f, unsigned number)
{
    struct kist_digest d = fixture_digest(number);

    return kist_store_layer_begun_bytes(f->store, &d) > 0;
}

/* Name in partial/ that begins so. */
static const char *partial_name(struct fixture *f, const char *prefix)
{
    static char name[300];
    DIR *dir = opendir(fixture_path(f, "partial"));
    struct dirent *entry;

    name[0] = '\0';
    while (dir && (entry = readdir(dir)) != NULL) {
        if (kist_str_starts(entry->d_name, prefix))
            (void)snprintf(name, sizeof(name), "partial/%s", entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
    return name;
}

TEST(what_is_left_stays)
{
    struct fixture_image other = {.name = "docker.io/library/other:1", .layers = one, .layer_count = 1};
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, true);
    fixture_reopen(&f);
    CHECK(has_layer(&f, 1));
    CHECK(is_begun(&f, 2));
    /* an image with a layer of its own comes and goes */
    fixture_keep(&f, &other);
    CHECK_OK(kist_store_image_remove(f.store, "other:1", false, &removed, &f.err), f.err);
    kist_store_removed_release(&removed);
    CHECK(has_layer(&f, 1));
    CHECK(is_begun(&f, 2));
    CHECK_INT(fixture_count(&f, "partial"), 3);
    fixture_release(&f);
}

TEST(a_layer_without_a_mark_goes)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, false);
    fixture_reopen(&f);
    CHECK(has_layer(&f, 1));
    CHECK(!is_begun(&f, 2));
    CHECK_INT(fixture_count(&f, "partial"), 1);
    fixture_release(&f);
}

TEST(a_lease_that_keeps_nothing_goes)
{
    struct kist_digest digest = fixture_digest(1);
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(kist_store_lease_begin(f.store, &digest, 1, &lease, &f.err), f.err);
    CHECK_OK(kist_store_lease_outlive(lease, &f.err), f.err);
    kist_store_lease_leave(lease);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    /* one that was not meant to outlive anything ends as ever */
    REQUIRE_OK(kist_store_lease_begin(f.store, &digest, 1, &lease, &f.err), f.err);
    CHECK_OK(fixture_add_layer(&f, 1, 100), f.err);
    kist_store_lease_leave(lease);
    CHECK(!has_layer(&f, 1));
    CHECK_INT(fixture_count(&f, "partial"), 0);
    kist_store_lease_leave(NULL);
    fixture_release(&f);
}

TEST(the_next_lease_takes_over)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one_two, .layer_count = 2};
    struct kist_digest digests[3] = {fixture_digest(1), fixture_digest(2), fixture_digest(3)};
    struct kist_store_layer_tx *tx;
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, true);
    REQUIRE_OK(kist_store_lease_begin(f.store, digests, 3, &lease, &f.err), f.err);
    CHECK_STR(partial_name(&f, "left-"), "");
    CHECK(is_begun(&f, 2));
    REQUIRE_OK(kist_store_layer_resume(f.store, &digests[1], &tx, &f.err), f.err);
    CHECK_OK(kist_store_layer_restart(tx, &f.err), f.err);
    CHECK(!is_begun(&f, 2));
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "layer", 5, &f.err), f.err);
    CHECK_OK(kist_store_layer_commit(tx, &f.err), f.err);
    fixture_keep(&f, &image);
    kist_store_lease_end(lease);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(what_is_old_goes)
{
    struct timeval old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, true);
    CHECK(utimes(fixture_path(&f, partial_name(&f, "left-")), old) == 0);
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

/* A lease that a power cut or flash has changed is worth nothing, and in nobody's way. */
TEST(what_is_damaged_goes)
{
    static const char *const texts[] = {
        "", "0", "zz", "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000\n\n"};

    for (size_t i = 0; i < KIST_COUNT(texts); i++) {
        struct fixture f;

        TEST_CASE(texts[i]);
        REQUIRE(fixture_init(&f));
        leave(&f, true);
        fixture_put(&f, partial_name(&f, "left-"), texts[i]);
        fixture_reopen(&f);
        CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
        CHECK_INT(fixture_count(&f, "partial"), 0);
        fixture_release(&f);
    }
}

TEST(a_journal_alone_goes)
{
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_put(&f, "partial/0000000000000000000000000000000000000000000000000000000000000000.journal",
                "text");
    fixture_put(&f, "partial/.journal", "text");
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(it_can_be_dropped)
{
    struct kist_store_prune options = {.dry_run = true};
    struct kist_store_removed removed;
    uint64_t would = 0, freed = 0;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, true);
    CHECK_OK(kist_store_left_drop(f.store, true, &would, &f.err), f.err);
    CHECK(would >= 5000);
    CHECK(has_layer(&f, 1));
    CHECK(is_begun(&f, 2));
    CHECK_OK(kist_store_prune(f.store, &options, &removed, &f.err), f.err);
    CHECK_INT(removed.freed, would);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "partial"), 3);
    options.dry_run = false;
    CHECK_OK(kist_store_prune(f.store, &options, &removed, &f.err), f.err);
    CHECK_INT(removed.freed, would);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    CHECK_OK(kist_store_left_drop(f.store, false, &freed, &f.err), f.err);
    CHECK_INT(freed, 0);
    fixture_release(&f);
}

/* What is at work stays, whatever room is wanted. */
TEST(the_living_are_not_dropped)
{
    struct kist_digest digest = fixture_digest(1);
    struct kist_store_layer_tx *tx;
    struct kist_store_lease *lease;
    uint64_t freed = 0;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(kist_store_lease_begin(f.store, &digest, 1, &lease, &f.err), f.err);
    REQUIRE_OK(kist_store_lease_outlive(lease, &f.err), f.err);
    REQUIRE_OK(kist_store_layer_resume(f.store, &digest, &tx, &f.err), f.err);
    CHECK_OK(kist_store_left_drop(f.store, false, &freed, &f.err), f.err);
    CHECK_INT(freed, 0);
    CHECK_INT(fixture_count(&f, "partial"), 3);
    kist_store_layer_abort(tx);
    kist_store_lease_end(lease);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(room_that_is_wanted_is_made)
{
    const struct kist_store_limits limits = {.quota = {.value = 1U << 20}};
    struct kist_store_room *room;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    leave(&f, true);
    kist_store_limit(f.store, &limits);
    CHECK_OK(fixture_add_layer(&f, 9, 10), f.err);
    CHECK_INT(kist_store_room_take(f.store, "cache", "a", 2U << 20, NULL, &room, &f.err), KIST_E_NO_SPACE);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    fixture_release(&f);
}
