/* Several processes at one store, each with its own open files. */
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/log.h"
#include "store_fixture.h"

#define WORKERS 4
#define ROUNDS 12

static const unsigned one[] = {1};

/* Each worker adds and removes images of its own, and pulls layers that the others pull too. */
static int work(struct fixture *f, unsigned worker)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned layers[2] = {1, 100 + round};
        struct kist_digest digests[2] = {fixture_digest(layers[0]), fixture_digest(layers[1])};
        char name[64], salt[16];
        struct fixture_image image = {.name = name, .salt = salt, .layers = layers, .layer_count = 2};
        struct kist_store_removed removed = {.freed = 0};
        struct kist_store_lease *lease;
        enum kist_store_change change;

        if (!kist_str_format(name, sizeof(name), "docker.io/library/w%u:%u", worker, round) ||
            !kist_str_format(salt, sizeof(salt), "%u-%u", worker, round) ||
            kist_store_open(&f->store, f->root, false, &f->err) < 0 ||
            kist_store_lease_begin(f->store, digests, 2, &lease, &f->err) < 0 ||
            fixture_add_layer(f, layers[0], 100) < 0 || fixture_add_layer(f, layers[1], 100) < 0 ||
            fixture_add(f, &image, &change) < 0 || change != KIST_STORE_DOWNLOADED) {
            return 1;
        }
        kist_store_lease_end(lease);
        if (round % 3 == 0 && kist_store_image_remove(f->store, name, false, &removed, &f->err) < 0) {
            return 2;
        }
        kist_store_removed_release(&removed);
        kist_store_close(f->store);
    }
    return 0;
}

TEST(no_update_is_lost)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    pid_t children[WORKERS];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (unsigned i = 0; i < WORKERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            int rc = work(&f, i);

            if (rc != 0) {
                printf("worker %u: %s\n", i, f.err.message);
                (void)fflush(stdout);
            }
            _exit(rc);
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        int status;

        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK_INT(status, 0);
    }
    CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, WORKERS * (ROUNDS - ROUNDS / 3));
    for (size_t i = 0; i < list.n; i++) {
        for (size_t k = 0; k < list.v[i].layer_count; k++) {
            CHECK(kist_store_has_layer(f.store, &list.v[i].diff_ids[k]));
        }
    }
    CHECK_INT(fixture_count(&f, "layers/sha256"), 1 + ROUNDS - ROUNDS / 3);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2 * (int)list.n);
    CHECK_INT(fixture_count(&f, "tmp") + fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

/* ---- whoever waits says for whom ---- */

static char logged[256];
static pthread_mutex_t logged_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whoever holds the lock lets it go once it was spoken of. */
static int held = -1;

static void note(void *arg, enum kist_log_level level, const char *text)
{
    (void)arg;
    (void)pthread_mutex_lock(&logged_lock);
    if (level <= KIST_LOG_WARN) {
        (void)!kist_str_copy(logged, sizeof(logged), text);
        (void)close(held);
        held = -1;
    }
    (void)pthread_mutex_unlock(&logged_lock);
}

TEST(whoever_waits_says_for_whom)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    char want[256];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    held = open(fixture_path(&f, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(held >= 0 && flock(held, LOCK_EX) == 0);
    kist_log_init(KIST_LOG_WARN, note, NULL);
    CHECK_INT(fixture_keep(&f, &image), KIST_STORE_DOWNLOADED);
    kist_log_init(KIST_LOG_ERROR, NULL, NULL);
    CHECK(kist_str_format(want, sizeof(want), "waiting for the store '%s', locked by process %d", f.root,
                          getpid()));
    CHECK(strncmp(logged, want, strlen(want)) == 0);
    CHECK(strncmp(logged + strlen(want), " (", 2) == 0); /* its command line */
    fixture_release(&f);
}

TEST(readers_wait_for_nobody)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_container_refs refs;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    held = open(fixture_path(&f, "lock"), O_RDWR | O_CLOEXEC);
    REQUIRE(held >= 0 && flock(held, LOCK_EX) == 0);
    fixture_reopen(&f);
    CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
    CHECK_INT(list.n, 1);
    CHECK_OK(kist_store_containers(f.store, &refs, &f.err), f.err);
    kist_container_refs_release(&refs);
    CHECK(close(held) == 0);
    fixture_release(&f);
}
