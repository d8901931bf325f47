#include "container/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "test.h"

static char base[64];
static struct kist_error err;

static void begin(void)
{
    if (!kist_str_copy(base, sizeof(base), "/tmp/kist-unit-XXXXXX") || !mkdtemp(base)) {
        abort();
    }
}

static void end(void)
{
    struct port_dir *tmp;

    CHECK_OK(port_dir_open(&tmp, "/tmp", false, &err), err);
    CHECK_OK(port_dir_remove_tree(tmp, base + strlen("/tmp/"), &err), err);
    port_dir_close(tmp);
}

/* All that a reader has yet to give, in memory of its own. */
static size_t drain(struct kist_ring_reader *r, char *out, size_t size)
{
    size_t used = 0, got = 1;

    while (got > 0 && used < size) {
        CHECK_OK(kist_ring_read(r, out + used, KIST_MIN(size - used, (size_t)777), &got, &err), err);
        used += got;
    }
    return used;
}

static void add(struct kist_ring *ring, unsigned number)
{
    char record[128];

    CHECK(kist_str_format(record, sizeof(record), "%08u %090u\n", number, number));
    CHECK_OK(kist_ring_add(ring, record, strlen(record), &err), err);
}

TEST(a_ring_keeps_whole_records_and_no_more_than_its_size)
{
    static char out[KIST_RING_MIN * 2];
    struct kist_ring_reader r;
    struct kist_ring *ring;
    size_t n;

    begin();
    CHECK_OK(kist_ring_open(&ring, base, "log", 1 /* the least there is */, false, &err), err);
    for (unsigned i = 0; i < 5000; i++) {
        add(ring, i);
    }
    CHECK_OK(kist_ring_read_open(&r, base, "log", &err), err);
    n = drain(&r, out, sizeof(out));
    CHECK(n <= KIST_RING_MIN && n > KIST_RING_MIN / 2 && n % 100 == 0);
    CHECK_MEM(out + n - 100, "00004999 ", 9);
    for (size_t at = 100; at < n; at += 100) {
        CHECK(atoi(out + at) == atoi(out + at - 100) + 1);
    }
    kist_ring_read_close(&r);
    kist_ring_close(ring);
    end();
}

TEST(a_reader_follows_a_ring_that_turns)
{
    static char out[KIST_RING_MIN * 2];
    struct kist_ring_reader r;
    struct kist_ring *ring;
    unsigned next = 0;

    begin();
    CHECK_OK(kist_ring_open(&ring, base, "log", 0, false, &err), err);
    CHECK_OK(kist_ring_read_open(&r, base, "log", &err), err);
    CHECK_INT(drain(&r, out, sizeof(out)), 0);
    for (unsigned i = 0; i < 3000; i++) {
        add(ring, i);
        if (i % 100 == 99) {
            const size_t n = drain(&r, out, sizeof(out));

            CHECK_INT(n, 10000);
            CHECK_INT(atoi(out), next);
            next += 100;
        }
    }
    for (unsigned i = 0; i < 2000; i++) { /* more than there is room for while nobody reads */
        add(ring, i);
    }
    CHECK(drain(&r, out, sizeof(out)) > 0);
    kist_ring_read_close(&r);
    kist_ring_close(ring);
    end();
}

TEST(two_share_a_ring)
{
    static char out[KIST_RING_MIN * 2];
    struct kist_ring *one, *two;
    struct kist_ring_reader r;

    begin();
    CHECK_OK(kist_ring_open(&one, base, "events", 0, true, &err), err);
    CHECK_OK(kist_ring_open(&two, base, "events", 0, true, &err), err);
    for (unsigned i = 0; i < 1000; i += 2) {
        add(one, i);
        add(two, i + 1);
    }
    CHECK_OK(kist_ring_read_open(&r, base, "events", &err), err);
    const size_t n = drain(&r, out, sizeof(out));

    CHECK(n % 100 == 0 && n > 0);
    for (size_t at = 100; at < n; at += 100) {
        CHECK(atoi(out + at) == atoi(out + at - 100) + 1);
    }
    kist_ring_read_close(&r);
    kist_ring_close(one);
    kist_ring_close(two);
    end();
}

TEST(output_is_lines_of_records)
{
    struct kist_output_record record;
    char out[4096], *line, *rest = out;
    struct kist_ring_reader r;
    struct kist_ring *ring;
    size_t n;
    static const struct {
        int stream;
        bool whole;
        const char *text;
    } rows[] = {{1, true, "one"}, {1, true, ""}, {1, false, "two"}, {2, true, "err"}, {1, true, "!"}};

    begin();
    CHECK_OK(kist_ring_open(&ring, base, KIST_OUTPUT_NAME, 0, false, &err), err);
    kist_output_add(ring, 1, "one\n\ntwo", 8);
    kist_output_add(ring, 2, "err\n", 4);
    kist_output_add(ring, 1, "!\n", 2);
    kist_output_add(ring, 1, "", 0);
    kist_output_add(NULL, 1, "nobody keeps this", 17);
    CHECK_OK(kist_ring_read_open(&r, base, KIST_OUTPUT_NAME, &err), err);
    n = drain(&r, out, sizeof(out) - 1);
    out[n] = '\0';
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        line = strsep(&rest, "\n");
        REQUIRE(line && kist_output_parse(&record, line, strlen(line)));
        CHECK_INT(record.stream, rows[i].stream);
        CHECK_INT(record.whole, rows[i].whole);
        CHECK_STR(record.text, rows[i].text);
    }
    CHECK_STR(rest, "");
    CHECK(!kist_output_parse(&record, "torn", 4));
    CHECK(!kist_output_parse(&record, "2024-01-31T12:00:00.123456789Z stdin  F xxxxxxx", 46));
    kist_ring_read_close(&r);
    kist_ring_close(ring);
    end();
}
