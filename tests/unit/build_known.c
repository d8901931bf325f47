/* Files of contexts that need not be read again: when they are, when not, and what damage to what is known of them does. */
#include <time.h>

#include "base/limits.h"
#include "build/known.h"
#include "build_copy_fixture.h"

#define HEAD 24 /* bytes before the records of the file, and */
#define RECORD 32
#define TAIL 4 /* behind them */

/* A stamp and a sum that are like those of no other number. */
static const unsigned char *bytes_of(unsigned number)
{
    static unsigned char out[KIST_CONTEXT_STAMP];

    memset(out, 0x5a, sizeof(out));
    memcpy(out, &number, sizeof(number));
    return out;
}

static void add(const char *run, unsigned from, unsigned to)
{
    struct kist_known *k = kist_known_open(run);

    REQUIRE(k != NULL);
    for (unsigned i = from; i < to; i++) {
        unsigned char stamp[KIST_CONTEXT_STAMP];

        memcpy(stamp, bytes_of(i), sizeof(stamp));
        kist_known_add(k, stamp, bytes_of(i + 1));
    }
    kist_known_close(k, true);
}

/* How many of from ... to - 1 are known, and with the right sum. */
static unsigned count(const char *run, unsigned from, unsigned to)
{
    struct kist_known *k = kist_known_open(run);
    unsigned char sum[KIST_KNOWN_SUM];
    unsigned n = 0;

    for (unsigned i = from; i < to; i++) {
        if (kist_known_find(k, bytes_of(i), sum)) {
            CHECK_MEM(sum, bytes_of(i + 1), sizeof(sum));
            n++;
        }
    }
    kist_known_close(k, false);
    return n;
}

/* The file where a tree has what is known; its size. */
static long file_size(const struct tree *t)
{
    struct stat st;
    char path[256];

    tree_path(t, "known-files", path, sizeof(path));
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static size_t read_all(const struct tree *t, unsigned char *data, size_t size)
{
    char path[256];
    FILE *f;
    size_t got;

    tree_path(t, "known-files", path, sizeof(path));
    f = fopen(path, "r");
    got = f ? fread(data, 1, size, f) : 0;
    return f && fclose(f) == 0 ? got : 0;
}

static void write_all(const struct tree *t, const unsigned char *data, size_t size)
{
    char path[256];
    FILE *f;

    tree_path(t, "known-files", path, sizeof(path));
    f = fopen(path, "w");
    CHECK(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

TEST(lasts_from_one_to_the_next)
{
    struct tree t;
    char nowhere[128];

    tree_make(&t, NULL);
    CHECK_INT(count(t.path, 0, 10), 0);
    add(t.path, 0, 10);
    add(t.path, 10, 20);
    CHECK_INT(count(t.path, 0, 30), 20);
    CHECK_INT(file_size(&t), HEAD + 20 * RECORD + TAIL);
    kist_known_forget(t.path);
    CHECK_INT(file_size(&t), -1);
    CHECK_INT(count(t.path, 0, 30), 0);
    tree_path(&t, "not/there", nowhere, sizeof(nowhere));
    CHECK_INT(count(nowhere, 0, 10), 0);
    kist_known_forget(nowhere);
    add(nowhere, 0, 1); /* it is made */
    CHECK_INT(count(nowhere, 0, 10), 1);
    tree_remove(&t);
}

TEST(nothing_is_written_where_nothing_is_new)
{
    struct tree t;
    struct kist_known *k;

    tree_make(&t, NULL);
    k = kist_known_open(t.path);
    kist_known_add(k, bytes_of(1), bytes_of(1));
    kist_known_close(k, false);
    CHECK_INT(file_size(&t), -1);
    kist_known_close(kist_known_open(t.path), true);
    CHECK_INT(file_size(&t), -1);
    CHECK(!kist_known_find(NULL, bytes_of(1), (unsigned char[KIST_KNOWN_SUM]){0}));
    kist_known_add(NULL, bytes_of(1), bytes_of(1));
    kist_known_close(NULL, true);
    tree_remove(&t);
}

TEST(damage_is_as_good_as_nothing)
{
    unsigned char good[HEAD + 8 * RECORD + TAIL], bad[sizeof(good) + RECORD] = {0};
    struct tree t;

    tree_make(&t, NULL);
    add(t.path, 0, 8);
    CHECK_INT(read_all(&t, good, sizeof(good)), sizeof(good));
    for (size_t i = 0; i < sizeof(good); i++) { /* each byte; the boot's ID among them */
        memcpy(bad, good, sizeof(good));
        bad[i] ^= (unsigned char)(1U << i % 8);
        write_all(&t, bad, sizeof(good));
        CHECK_INT(count(t.path, 0, 8), 0);
    }
    for (size_t size = 0; size < sizeof(good); size++) {
        write_all(&t, good, size);
        CHECK_INT(count(t.path, 0, 8), 0);
    }
    memcpy(bad, good, sizeof(good));
    write_all(&t, bad, sizeof(bad));
    CHECK_INT(count(t.path, 0, 8), 0);
    add(t.path, 0, 8); /* what is damaged is replaced */
    CHECK_INT(count(t.path, 0, 8), 8);
    tree_remove(&t);
}

TEST(what_others_may_have_written_is_not_believed)
{
    struct tree t;
    char path[256];

    tree_make(&t, NULL);
    add(t.path, 0, 8);
    tree_path(&t, "known-files", path, sizeof(path));
    CHECK(chmod(path, 0620) == 0);
    CHECK_INT(count(t.path, 0, 8), 0);
    CHECK(chmod(path, 0600) == 0 && chmod(t.path, 0777) == 0);
    CHECK_INT(count(t.path, 0, 8), 0);
    add(t.path, 8, 9);
    CHECK(chmod(t.path, 0755) == 0);
    CHECK_INT(count(t.path, 0, 9), 8);
    CHECK(unlink(path) == 0 && symlink("/dev/zero", path) == 0);
    CHECK_INT(count(t.path, 0, 8), 0);
    tree_remove(&t);
}

TEST(bounded)
{
    const unsigned most = KIST_MAX_KNOWN_FILES;
    struct tree t;
    struct kist_known *k;
    unsigned char sum[KIST_KNOWN_SUM];

    tree_make(&t, NULL);
    add(t.path, 0, most + 100);
    CHECK_INT(count(t.path, 0, most + 100), most);
    CHECK_INT(file_size(&t), (long)(HEAD + (size_t)most * RECORD + TAIL));
    k = kist_known_open(t.path); /* what is asked for stays, what is new comes in, of the others as many as there is room for */
    for (unsigned i = 0; i < 1000; i++) {
        CHECK(kist_known_find(k, bytes_of(i), sum));
    }
    for (unsigned i = 0; i < 500; i++) {
        unsigned char stamp[KIST_CONTEXT_STAMP];

        memcpy(stamp, bytes_of(2 * most + i), sizeof(stamp));
        kist_known_add(k, stamp, bytes_of(2 * most + i + 1));
    }
    kist_known_close(k, true);
    CHECK_INT(count(t.path, 0, 1000), 1000);
    CHECK_INT(count(t.path, 2 * most, 2 * most + 500), 500);
    CHECK_INT(count(t.path, 0, 3 * most), most);
    tree_remove(&t);
}

/* ---- files ---- */

static void rewrite(const struct tree *t, const char *name, const char *text)
{
    char path[256];
    struct stat st;
    FILE *f;

    tree_path(t, name, path, sizeof(path));
    CHECK(stat(path, &st) == 0);
    f = fopen(path, "r+");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    CHECK(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0) == 0);
}

/* The digest of "COPY . /x/", with what is known and what it adds to that. */
static struct kist_digest digest(struct step *s, const char *run)
{
    s->options.known = kist_known_open(run);
    CHECK_OK(step_run(s, ". /x/"), s->err);
    kist_known_close(s->options.known, true);
    s->options.known = NULL;
    return s->digest;
}

/* Until what it is about has been still for long enough. */
static void until_known(struct step *s, const struct tree *run, long files)
{
    const struct timespec tick = {.tv_nsec = 10000000};

    for (int i = 0; i < 1000 && file_size(run) < HEAD + files * RECORD + TAIL; i++) {
        (void)nanosleep(&tick, NULL);
        (void)digest(s, run->path);
    }
    CHECK(file_size(run) >= HEAD + files * RECORD + TAIL);
}

/* On a filesystem whose times are coarse nothing is ever known, and all is read each time. */
static bool has_times(const struct tree *t, const char *name)
{
    char path[256];
    struct stat st;

    tree_path(t, name, path, sizeof(path));
    return stat(path, &st) == 0 && st.st_ctim.tv_nsec % 10000000 != 0;
}

TEST(a_change_is_seen_whatever_is_done_to_times)
{
    static const char *const members[] = {"f a one", "f d/b two", "l link a", NULL};
    struct kist_digest first, same, other;
    struct tree t, run;
    struct step s;

    tree_make(&t, members);
    tree_make(&run, NULL);
    if (!has_times(&t, "a")) {
        tree_remove(&t);
        tree_remove(&run);
        TEST_SKIP("the filesystem's times are coarse");
    }
    step_init(&s, &t);
    CHECK_OK(step_run(&s, ". /x/"), s.err);
    first = s.digest;
    until_known(&s, &run, 2);
    same = digest(&s, run.path);
    CHECK(kist_digest_equal(&same, &first));
    rewrite(&t, "a", "eno");
    other = digest(&s, run.path);
    CHECK(!kist_digest_equal(&other, &first));
    rewrite(&t, "a", "one");
    same = digest(&s, run.path);
    CHECK(kist_digest_equal(&same, &first));
    /* known, but not asked */
    until_known(&s, &run, 3);
    CHECK_OK(step_run(&s, ". /x/"), s.err);
    CHECK(kist_digest_equal(&s.digest, &first));
    step_release(&s);
    tree_remove(&t);
    tree_remove(&run);
}

/* Faster than the clock of a filesystem ticks. */
TEST(a_change_just_after_is_seen)
{
    static const char *const members[] = {"f a 0000", NULL};
    struct kist_digest last = {{0}}, now;
    struct tree t, run;
    struct step s;
    char text[16];

    tree_make(&t, members);
    tree_make(&run, NULL);
    step_init(&s, &t);
    for (int i = 0; i < 300; i++) {
        CHECK(kist_str_format(text, sizeof(text), "%04d", i));
        rewrite(&t, "a", text);
        now = digest(&s, run.path);
        CHECK(!kist_digest_equal(&now, &last));
        last = now;
    }
    step_release(&s);
    tree_remove(&t);
    tree_remove(&run);
}

TEST(what_is_known_is_believed)
{
    static const char *const members[] = {"f a one", NULL};
    unsigned char data[HEAD + RECORD + TAIL], stamp[KIST_CONTEXT_STAMP], sum[KIST_KNOWN_SUM] = {1};
    struct kist_digest first, other;
    struct kist_known *k;
    struct tree t, run;
    struct step s;

    tree_make(&t, members);
    tree_make(&run, NULL);
    if (!has_times(&t, "a")) {
        tree_remove(&t);
        tree_remove(&run);
        TEST_SKIP("the filesystem's times are coarse");
    }
    step_init(&s, &t);
    until_known(&s, &run, 1);
    first = digest(&s, run.path);
    CHECK_INT(read_all(&run, data, sizeof(data)), sizeof(data));
    memcpy(stamp, data + HEAD, sizeof(stamp));
    kist_known_forget(run.path);
    k = kist_known_open(run.path); /* a lie: only who does not read the file can be told it */
    kist_known_add(k, stamp, sum);
    kist_known_close(k, true);
    s.options.known = kist_known_open(run.path);
    CHECK_INT(step_run(&s, ". /x/"), KIST_E_FAIL); /* what is written is read, and compared */
    CHECK_STR(s.err.message, "COPY failed: 'a' changed while the build read it");
    kist_known_close(s.options.known, true);
    other = s.digest;
    CHECK(!kist_digest_equal(&other, &first));
    step_release(&s);
    tree_remove(&t);
    tree_remove(&run);
}
