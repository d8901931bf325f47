/* The hard limit: what is counted, what is refused, and room that is held. */
#include <inttypes.h>
#include <sys/wait.h>

#include "store/quota.h"
#include "store_fixture.h"

static const unsigned one[] = {1};

/* What du says of the store. */
static uint64_t du(const struct fixture *f)
{
    char command[160];
    unsigned long long bytes = 0;
    FILE *pipe;

    if (!kist_str_format(command, sizeof(command), "du -s -x --block-size=1 %s", f->root)) {
        return 0;
    }
    pipe = popen(command, "r");
    if (!pipe || fscanf(pipe, "%llu", &bytes) != 1) {
        bytes = 0;
    }
    if (pipe) {
        (void)pclose(pipe);
    }
    return bytes;
}

static struct kist_store_usage usage_of(struct fixture *f)
{
    struct kist_store_usage u = {.total = 0};

    CHECK_OK(kist_store_usage(f->store, &u, &f->err), f->err);
    return u;
}

static struct kist_store_space space_of(struct fixture *f)
{
    struct kist_store_space s = {.quota = 0};

    CHECK_OK(kist_store_space(f->store, &s, &f->err), f->err);
    return s;
}

/* Filesystems may settle what a file takes only when they write it out: asked until that stands still. */
static void check_usage(struct fixture *f)
{
    uint64_t before = du(f), after, total;

    for (int i = 0; i < 100; i++) {
        total = usage_of(f).total;
        after = du(f);
        if (before == after) {
            break;
        }
        before = after;
    }
    CHECK_INT(total, after);
}

static void set_quota(struct fixture *f, uint64_t bytes)
{
    kist_store_limit(f->store, &(struct kist_store_limits){.quota = {bytes, false}});
}

TEST(usage_is_what_du_says)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    char path[1024];
    struct kist_store_usage u;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    check_usage(&f);
    /* what containers and volumes may hold: depth, many names, several names for one file, holes, links to nowhere */
    CHECK(mkdir(fixture_path(&f, "volumes"), 0700) == 0);
    CHECK(mkdir(fixture_path(&f, "volumes/v"), 0700) == 0);
    fixture_put(&f, "volumes/v/file", "text");
    CHECK(link(fixture_path(&f, "volumes/v/file"), fixture_path(&f, "volumes/v/again")) == 0);
    CHECK(symlink("/nowhere", fixture_path(&f, "volumes/v/link")) == 0);
    fixture_put(&f, "volumes/v/hole", "");
    CHECK(truncate(fixture_path(&f, "volumes/v/hole"), 1 << 30) == 0);
    for (int i = 0; i < 300; i++) {
        CHECK(kist_str_format(path, sizeof(path), "volumes/v/d%d", i));
        CHECK(mkdir(fixture_path(&f, path), 0700) == 0);
        CHECK(kist_str_format(path, sizeof(path), "volumes/v/d%d/f", i));
        fixture_put(&f, path, i % 2 ? "x" : "");
        CHECK(kist_str_format(path, sizeof(path), "volumes/v/l%d", i));
        CHECK(link(fixture_path(&f, "volumes/v/d0/f"), fixture_path(&f, path)) == 0);
    }
    check_usage(&f);
    u = usage_of(&f);
    CHECK(u.volumes > 0);
    CHECK_INT(u.layers + u.blobs + u.partial + u.containers + u.volumes + u.cache + u.other, u.total);
    fixture_release(&f);
}

/* Deeper than a path may be long, and than there are descriptors. */
TEST(depth_costs_nothing)
{
    char name[] = "dddddddddddddddddddddddddddddddddddddddd";
    struct fixture f;
    int at, next;

    REQUIRE(fixture_init(&f));
    CHECK(mkdir(fixture_path(&f, "volumes"), 0700) == 0);
    at = open(fixture_path(&f, "volumes"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2000; i++) {
        CHECK(mkdirat(at, name, 0700) == 0);
        next = openat(at, name, O_RDONLY | O_DIRECTORY);
        CHECK(next >= 0);
        (void)close(at);
        at = next;
    }
    (void)close(at);
    check_usage(&f);
    fixture_release(&f);
}

TEST(a_quota_is_kept_by_small_files)
{
    static char data[20000];
    struct fixture f;
    struct port_dir *dir;
    uint64_t quota;
    unsigned written = 0;
    char name[32];
    int rc = 0;

    REQUIRE(fixture_init(&f));
    quota = usage_of(&f).total + (512 << 10);
    set_quota(&f, quota);
    REQUIRE(port_dir_open(&dir, f.root, false, &f.err) == 0);
    while (rc == 0 && written < 1000) {
        CHECK(kist_str_format(name, sizeof(name), "file%u", written));
        rc = written % 2 ? kist_store_write_file(f.store, dir, name, data, sizeof(data), &f.err)
                         : kist_store_write_loose(f.store, dir, name, data, sizeof(data), &f.err);
        written += rc == 0;
        CHECK(usage_of(&f).total <= quota);
    }
    CHECK_INT(rc, KIST_E_NO_SPACE);
    CHECK(strstr(f.err.message, "needs ") && strstr(f.err.message, " left under quota ") &&
          strstr(f.err.message, " (try 'kist image prune')"));
    CHECK(written > 10);
    CHECK_INT(fixture_count(&f, "tmp"), 0);
    /* what is there already can be replaced always */
    CHECK_OK(kist_store_write_file(f.store, dir, "file0", data, sizeof(data), &f.err), f.err);
    CHECK(usage_of(&f).total <= quota);
    port_dir_close(dir);
    fixture_release(&f);
}

TEST(removing_works_on_a_full_store)
{
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    struct fixture_image other = {.name = "docker.io/library/a:2", .layers = one, .layer_count = 1, .salt = "2"};
    struct kist_store_removed removed;
    enum kist_store_change change;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    fixture_keep(&f, &image);
    set_quota(&f, 4096);
    CHECK_INT(fixture_add(&f, &other, &change), KIST_E_NO_SPACE);
    CHECK(strstr(f.err.message, "cannot keep image 'docker.io/library/a:2': ") == f.err.message);
    CHECK(strstr(f.err.message, "0 B left under quota 4 KiB (try 'kist image prune')") != NULL);
    CHECK_OK(kist_store_image_remove(f.store, "a:1", false, &removed, &f.err), f.err);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    kist_store_removed_release(&removed);
    fixture_release(&f);
}

/* So that what the tests keep is no garbage to whoever makes room. */
static struct kist_store_lease *lease_all(struct fixture *f)
{
    struct kist_store_lease *lease = NULL;
    struct kist_digest digests[8];

    for (unsigned i = 0; i < KIST_COUNT(digests); i++) {
        digests[i] = fixture_digest(i);
    }
    CHECK_OK(kist_store_lease_begin(f->store, digests, KIST_COUNT(digests), &lease, &f->err), f->err);
    return lease;
}

TEST(a_reserve_is_left_to_others)
{
    struct kist_store_lease *lease;
    struct fixture_image image = {.name = "docker.io/library/a:1", .layers = one, .layer_count = 1};
    enum kist_store_change change;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    lease = lease_all(&f);
    CHECK_OK(fixture_add_layer(&f, 1, 5000), f.err);
    kist_store_limit(f.store, &(struct kist_store_limits){.reserve = {100, true}});
    CHECK_INT(fixture_add(&f, &image, &change), KIST_E_NO_SPACE);
    CHECK(strstr(f.err.message, "0 B left on the filesystem above reserve ") != NULL);
    kist_store_limit(f.store, &(struct kist_store_limits){.reserve = {1, false}});
    CHECK_OK(fixture_add(&f, &image, &change), f.err);
    kist_store_lease_end(lease);
    fixture_release(&f);
}

/* ---- room ---- */

TEST(room_is_promised_until_it_is_written_in_or_given_back)
{
    struct kist_store_room *room = NULL, *part = NULL, *none = NULL;
    struct kist_store_space before, now;
    static char data[100000];
    struct fixture f;

    REQUIRE(fixture_init(&f));
    CHECK_OK(kist_store_room_take(f.store, "partial", "x", 1 << 20, NULL, &room, &f.err), f.err);
    CHECK(room == NULL && kist_store_room_bytes(room) == UINT64_MAX); /* without a limit */
    set_quota(&f, 4 << 20);
    before = space_of(&f);
    CHECK_OK(kist_store_room_take(f.store, "volumes", "x", 1 << 20, NULL, &room, &f.err), f.err);
    now = space_of(&f);
    CHECK_INT(now.promised, 1 << 20);
    CHECK(now.left < before.left - (1 << 20) + 1);
    CHECK(kist_store_room_bytes(room) < 1 << 20);
    CHECK(kist_store_cost(f.store, kist_store_room_bytes(room)) <= 1 << 20);
    CHECK_INT(kist_store_room_take(f.store, "volumes", "y", 4 << 20, NULL, &none, &f.err), KIST_E_NO_SPACE);
    CHECK(none == NULL);
    /* one may be made of another */
    CHECK_OK(kist_store_room_take(f.store, "volumes", "z", 1 << 19, room, &part, &f.err), f.err);
    CHECK_INT(space_of(&f).promised, 1 << 20);
    CHECK_OK(kist_store_room_grow(part, 4096, 1 << 19, &f.err), f.err); /* as much as it wishes */
    CHECK_INT(space_of(&f).promised, (1 << 20) + (1 << 19));
    CHECK_INT(kist_store_room_grow(part, 4 << 20, 0, &f.err), KIST_E_NO_SPACE);
    CHECK(strstr(f.err.message, "needs 5.0 MiB, ") == f.err.message);
    kist_store_room_free(part);
    CHECK_INT(space_of(&f).promised, 1 << 19);
    /* what is written there is promised no more */
    CHECK(mkdir(fixture_path(&f, "volumes"), 0700) == 0);
    fixture_put(&f, "volumes/x", data);
    CHECK(truncate(fixture_path(&f, "volumes/x"), 0) == 0);
    memset(data, 'x', sizeof(data) - 1);
    fixture_put(&f, "volumes/x", data);
    now = space_of(&f);
    CHECK(now.promised + sizeof(data) - 1 <= 1 << 19);
    kist_store_room_free(room);
    CHECK_INT(space_of(&f).promised, 0);
    CHECK_INT(fixture_count(&f, "partial"), 0);
    fixture_release(&f);
}

TEST(the_room_of_the_dead_is_free)
{
    struct kist_store_room *room = NULL;
    struct fixture f;
    int status;
    pid_t child;

    REQUIRE(fixture_init(&f));
    set_quota(&f, 4 << 20);
    child = fork();
    if (child == 0) {
        _exit(kist_store_room_take(f.store, "partial", "x", 1 << 20, NULL, &room, &f.err) == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_INT(fixture_count(&f, "partial"), 1);
    CHECK_INT(space_of(&f).promised, 1 << 20); /* a forecast asks nobody */
    CHECK_OK(kist_store_room_take(f.store, "partial", "x", 3 << 20, NULL, &room, &f.err), f.err);
    CHECK_INT(fixture_count(&f, "partial"), 1);
    kist_store_room_free(room);
    fixture_release(&f);
}

/* ---- layers ---- */

/* A tar of one file, its contents such that nothing compresses them. */
static int send_file(struct kist_sink *sink, size_t size, struct kist_error *err)
{
    unsigned char block[512] = "file";
    unsigned sum = 0, random = 1;
    int rc;

    (void)snprintf((char *)block + 100, 36, "%07o%c%07o%c%07o%c%011o", 0644U, 0, 0U, 0, 0U, 0, (unsigned)size);
    (void)snprintf((char *)block + 136, 12, "%011o", 1700000000U);
    memcpy(block + 148, "        ", 8);
    block[156] = '0';
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++) {
        sum += block[i];
    }
    (void)snprintf((char *)block + 148, 8, "%06o", sum);
    rc = kist_sink_write(sink, block, sizeof(block), err);
    for (size_t done = 0; rc == 0 && done < size; done += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++) {
            random = random * 1103515245U + 12345U;
            block[i] = (unsigned char)(random >> 23);
        }
        rc = kist_sink_write(sink, block, sizeof(block), err);
    }
    memset(block, 0, sizeof(block));
    for (int i = 0; rc == 0 && i < 2; i++) {
        rc = kist_sink_write(sink, block, sizeof(block), err);
    }
    return rc < 0 ? rc : kist_sink_finish(sink, err);
}

static int add_file_layer(struct fixture *f, unsigned number, size_t size, uint64_t expected, uint64_t max)
{
    const struct kist_layer_options options = {.level = 1, .max_bytes = max};
    struct kist_digest diff_id = fixture_digest(number);
    struct kist_layer_writer *w = NULL;
    struct kist_store_layer_tx *tx;
    struct kist_layer_info info;
    int rc = kist_store_layer_begin(f->store, &diff_id, &tx, &f->err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_store_layer_writer(tx, &options, expected, NULL, &w, &f->err);
    rc = rc < 0 ? rc : send_file(kist_layer_writer_sink(w), size, &f->err);
    rc = rc < 0 ? rc : kist_layer_writer_seal(w, &diff_id, &info, &f->err);
    kist_layer_writer_free(w);
    if (rc < 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    return kist_store_layer_commit(tx, &f->err);
}

TEST(a_layer_writer_stops_at_the_quota)
{
    struct kist_store_lease *lease;
    uint64_t quota;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    lease = lease_all(&f);
    quota = usage_of(&f).total + (4 << 20);
    set_quota(&f, quota);
    CHECK_OK(add_file_layer(&f, 1, 2 << 20, 1 << 20, 0), f.err); /* more than it expected */
    CHECK_OK(add_file_layer(&f, 2, 1 << 20, 3 << 19, 0), f.err); /* less */
    CHECK_INT(add_file_layer(&f, 3, 2 << 20, 4096, 0), KIST_E_NO_SPACE);
    CHECK(strstr(f.err.message, "needs ") && strstr(f.err.message, " left under quota "));
    CHECK_INT(add_file_layer(&f, 3, 4096, 2 << 20, 0), KIST_E_NO_SPACE); /* expected alone is too much */
    CHECK_INT(add_file_layer(&f, 3, 1 << 20, 4096, 1 << 19), KIST_E_NO_SPACE);
    CHECK_STR(f.err.message, "the layer needs more than 524288 bytes"); /* the caller's own limit */
    CHECK_INT(fixture_count(&f, "partial"), 1); /* the lease */
    CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
    CHECK(usage_of(&f).total <= quota);
    /* as small a step as is left */
    quota = usage_of(&f).total + (600 << 10);
    set_quota(&f, quota);
    CHECK_OK(add_file_layer(&f, 4, 400 << 10, 4096, 0), f.err);
    CHECK(usage_of(&f).total <= quota);
    kist_store_lease_end(lease);
    fixture_release(&f);
}
