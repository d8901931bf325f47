#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "store_fixture.h"

static const unsigned one[] = {1}, base_one[] = {1, 2};

TEST(a_layer_comes_in)
{
    struct kist_digest d = fixture_digest(1);
    struct kist_store_layer_tx *tx;
    struct port_file *file;
    uint64_t size;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK(!kist_store_has_layer(f.store, &d));
    CHECK_INT(kist_store_layer_open(f.store, &d, &file, &f.err), KIST_E_NOT_FOUND);
    CHECK(strstr(f.err.message, "is not in the store") != NULL);
    REQUIRE_OK(kist_store_layer_begin(f.store, &d, &tx, &f.err), f.err);
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "layer", 5, &f.err), f.err);
    CHECK(!kist_store_has_layer(f.store, &d));
    CHECK_INT(fixture_count(&f, "partial"), 1);
    CHECK_OK(kist_store_layer_commit(tx, &f.err), f.err);
    CHECK(kist_store_has_layer(f.store, &d));
    CHECK_INT(fixture_count(&f, "partial"), 0);
    REQUIRE_OK(kist_store_layer_open(f.store, &d, &file, &f.err), f.err);
    CHECK_OK(port_file_size(file, &size, &f.err), f.err);
    CHECK_INT(size, 5);
    port_file_discard(file);
    CHECK_INT(kist_store_layer_begin(f.store, &d, &tx, &f.err), 1);
    CHECK(tx == NULL);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(an_abandoned_layer_leaves_nothing)
{
    struct kist_digest d = fixture_digest(1);
    struct kist_store_layer_tx *tx;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(kist_store_layer_begin(f.store, &d, &tx, &f.err), f.err);
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "layer", 5, &f.err), f.err);
    kist_store_layer_abort(tx);
    CHECK_INT(fixture_count(&f, "partial") + fixture_count(&f, "layers/sha256"), 0);
    kist_store_layer_abort(NULL);

    /* an empty file is what a power cut may leave of a layer whose data never arrived: not a layer */
    CHECK_OK(fixture_add_layer(&f, 1, 0), f.err);
    CHECK(!kist_store_has_layer(f.store, &d));
    CHECK_OK(fixture_add_layer(&f, 1, 10), f.err);
    CHECK(kist_store_has_layer(f.store, &d));
    fixture_release(&f);
}

TEST(a_stale_partial_layer_is_started_anew)
{
    struct kist_digest d = fixture_digest(1);
    char hex[KIST_DIGEST_HEX_MAX], path[128];
    struct kist_store_layer_tx *tx;
    uint64_t size;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK(kist_str_format(path, sizeof(path), "partial/%s", kist_digest_hex(hex, &d)));
    fixture_put(&f, path, "what a dead process wrote");
    REQUIRE_OK(kist_store_layer_begin(f.store, &d, &tx, &f.err), f.err);
    CHECK_OK(port_file_size(kist_store_layer_file(tx), &size, &f.err), f.err);
    CHECK_INT(size, 0);
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "new", 3, &f.err), f.err);
    CHECK_OK(kist_store_layer_commit(tx, &f.err), f.err);
    CHECK(kist_str_format(path, sizeof(path), "layers/sha256/%s", hex));
    CHECK_STR(fixture_text(&f, path), "new");
    fixture_release(&f);
}

/* ---- two at once ---- */

struct second {
    struct fixture *f;
    struct kist_digest digest;
    int rc;
    struct kist_store_layer_tx *tx;
    struct kist_error err;
};

static void *begin_second(void *arg)
{
    struct second *s = arg;

    s->rc = kist_store_layer_begin(s->f->store, &s->digest, &s->tx, &s->err);
    return NULL;
}

static bool always(void *asked)
{
    (*(int *)asked)++;
    return true;
}

TEST(waiting_for_another_can_be_stopped)
{
    struct kist_digest d = fixture_digest(1);
    struct kist_store_layer_tx *tx, *other = NULL;
    struct fixture f;
    int asked = 0;

    if (!fixture_init(&f)) {
        return;
    }
    REQUIRE_OK(kist_store_layer_begin(f.store, &d, &tx, &f.err), f.err);
    kist_store_stop_on(f.store, always, &asked);
    CHECK_INT(kist_store_layer_begin(f.store, &d, &other, &f.err), KIST_E_INTERRUPTED);
    CHECK_STR(f.err.message, "interrupted");
    CHECK_INT(asked, 1);
    CHECK(other == NULL);
    kist_store_stop_on(f.store, NULL, NULL);
    kist_store_layer_abort(tx);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

/* The second one has its file open and waits for the lock: as soon as /proc/locks shows a waiter. */
static void await_waiter(void)
{
    for (bool waiting = false; !waiting;) {
        FILE *locks = fopen("/proc/locks", "r");
        char line[256];

        while (locks && fgets(line, sizeof(line), locks)) {
            int pid = 0;

            waiting |= sscanf(line, "%*u: -> FLOCK %*s %*s %d", &pid) == 1 && pid == getpid();
        }
        if (locks) {
            (void)fclose(locks);
        }
    }
}

TEST(a_second_adder_waits_and_finds_the_layer)
{
    struct kist_store_layer_tx *tx;
    struct second second = {.digest = fixture_digest(1)};
    pthread_t thread;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    second.f = &f;
    REQUIRE_OK(kist_store_layer_begin(f.store, &second.digest, &tx, &f.err), f.err);
    REQUIRE(pthread_create(&thread, NULL, begin_second, &second) == 0);
    await_waiter();
    CHECK_OK(port_file_append(kist_store_layer_file(tx), "layer", 5, &f.err), f.err);
    CHECK_OK(kist_store_layer_commit(tx, &f.err), f.err);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(second.rc, 1);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(a_second_adder_takes_over)
{
    struct kist_store_layer_tx *tx;
    struct second second = {.digest = fixture_digest(1)};
    pthread_t thread;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    second.f = &f;
    REQUIRE_OK(kist_store_layer_begin(f.store, &second.digest, &tx, &f.err), f.err);
    REQUIRE(pthread_create(&thread, NULL, begin_second, &second) == 0);
    await_waiter();
    kist_store_layer_abort(tx);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(second.rc, 0);
    REQUIRE(second.tx);
    /* its file is the one that has the name, not the one it waited for */
    CHECK_OK(port_file_append(kist_store_layer_file(second.tx), "layer", 5, &f.err), f.err);
    CHECK_OK(kist_store_layer_commit(second.tx, &f.err), f.err);
    CHECK(kist_store_has_layer(f.store, &second.digest));
    fixture_release(&f);
}

/* ---- leases ---- */

TEST(a_lease_keeps_what_nothing_names_yet)
{
    struct fixture_image other = {.name = "docker.io/library/other:1", .layers = one, .layer_count = 1};
    struct kist_digest digests[2] = {fixture_digest(2), fixture_digest(3)};
    struct kist_store_lease *lease, *more;
    struct kist_store_removed removed;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &other);
    REQUIRE_OK(kist_store_lease_begin(f.store, digests, 2, &lease, &f.err), f.err);
    CHECK_OK(fixture_add_layer(&f, 2, 100), f.err);
    CHECK_OK(fixture_add_layer(&f, 4, 100), f.err);

    /* another transfer begins, an image goes: both sweep, 4 is nobody's */
    REQUIRE_OK(kist_store_lease_begin(f.store, digests + 1, 1, &more, &f.err), f.err);
    CHECK(kist_store_has_layer(f.store, &digests[0]));
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK_OK(fixture_add_layer(&f, 3, 100), f.err);
    CHECK_OK(kist_store_image_remove(f.store, "other:1", false, &removed, &f.err), f.err);
    CHECK_INT(removed.deleted.n, 2);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);

    /* it ends as no image: what the other one needs too stays */
    kist_store_lease_end(lease);
    CHECK(!kist_store_has_layer(f.store, &digests[0]));
    CHECK(kist_store_has_layer(f.store, &digests[1]));
    kist_store_lease_end(more);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    kist_store_lease_end(NULL);
    fixture_release(&f);
}

TEST(a_transfer_that_became_an_image)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = base_one, .layer_count = 2};
    struct kist_digest digests[2] = {fixture_digest(1), fixture_digest(2)};
    struct kist_store_lease *lease;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    REQUIRE_OK(kist_store_lease_begin(f.store, digests, 2, &lease, &f.err), f.err);
    fixture_keep(&f, &image);
    kist_store_lease_end(lease);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2);
    fixture_release(&f);
}

/* What a killed transfer committed goes with the next opening. */
TEST(a_killed_transfer)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    int ready[2], status;
    struct fixture f;
    pid_t child;
    char byte;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    REQUIRE(pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        struct kist_digest digests[2] = {fixture_digest(2), fixture_digest(3)};
        struct kist_store_layer_tx *tx;
        struct kist_store_lease *lease;

        if (kist_store_lease_begin(f.store, digests, 2, &lease, &f.err) < 0 ||
            fixture_add_layer(&f, 2, 100) < 0 ||
            kist_store_layer_begin(f.store, &digests[1], &tx, &f.err) != 0 ||
            port_file_append(kist_store_layer_file(tx), "half", 4, &f.err) < 0 ||
            write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        (void)pause();
        _exit(0);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK_INT(fixture_count(&f, "partial"), 2);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
    fixture_reopen(&f);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
    fixture_release(&f);
}
