/* rooms: codec */
/* The tar reader, whole and in pieces: the same members must come out, and every byte once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/sha256.h"
#include "codec/tar.h"

/* Everything the reader said, as two digests: of the bytes, and of the members and where their data stands.
 */
struct witness {
    struct kist_sha256 bytes, members;
    uint64_t at, promised;
    int in_member;
};

static void need(int truth)
{
    if (!truth)
        abort();
}

static int on_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct witness *w = arg;

    (void)err;
    need(!w->in_member && len > 0);
    kist_sha256_update(&w->bytes, data, len);
    w->at += len;
    return 0;
}

static void add_text(struct kist_sha256 *h, const char *text)
{
    if (text)
        kist_sha256_update(h, text, strlen(text) + 1);
}

static int on_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    struct witness *w = arg;
    uint64_t numbers[] = {e->type,  e->mode,  e->uid,    e->gid, (uint64_t)e->mtime, e->size, e->stored,
                          e->major, e->minor, e->sparse, w->at};
    uint64_t sum = 0, end = 0;

    (void)err;
    need(!w->in_member && e->name[0] != '\0' && e->size <= INT64_MAX && e->stored <= e->size);
    need(e->sparse || e->size == e->stored);
    w->in_member = 1;
    w->promised = e->stored;
    kist_sha256_update(&w->members, numbers, sizeof(numbers));
    add_text(&w->members, e->name);
    add_text(&w->members, e->link_name);
    for (size_t i = 0; i < e->xattr_count; i++) {
        need(e->xattrs[i].name[0] != '\0' && e->xattrs[i].size > 0);
        add_text(&w->members, e->xattrs[i].name);
        kist_sha256_update(&w->members, e->xattrs[i].value, e->xattrs[i].size);
    }
    for (size_t i = 0; i < e->extent_count; i++) {
        const struct kist_tar_extent *x = &e->extents[i];

        need(x->length > 0 && x->offset >= end && x->length <= e->size && x->offset <= e->size - x->length);
        end = x->offset + x->length;
        sum += x->length;
    }
    need(sum == (e->sparse ? e->stored : 0));
    return 0;
}

static int on_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct witness *w = arg;

    (void)err;
    need(w->in_member && len > 0 && len <= w->promised);
    w->promised -= len;
    kist_sha256_update(&w->bytes, data, len);
    w->at += len;
    return 0;
}

static int on_end(void *arg, struct kist_error *err)
{
    struct witness *w = arg;

    (void)err;
    need(w->in_member && w->promised == 0);
    w->in_member = 0;
    return 0;
}

static int on_finish(void *arg, struct kist_error *err)
{
    (void)err;
    need(!((struct witness *)arg)->in_member);
    return 0;
}

static int run(const uint8_t *data, size_t size, size_t piece, struct witness *w)
{
    static const struct kist_tar_handler handler = {on_raw, on_entry, on_data, on_end, on_finish};
    struct kist_error err = {0};
    struct kist_tar *tar;
    int rc;

    memset(w, 0, sizeof(*w));
    kist_sha256_init(&w->bytes);
    kist_sha256_init(&w->members);
    rc = kist_tar_new(&tar, &handler, w, &err);
    for (size_t at = 0; rc == 0 && at < size;) {
        size_t take = size - at < piece ? size - at : piece;

        rc = kist_sink_write(kist_tar_sink(tar), data + at, take, &err);
        at += take;
    }
    if (rc == 0)
        rc = kist_sink_finish(kist_tar_sink(tar), &err);
    kist_tar_free(tar);
    need(rc == err.code && (rc == 0 || err.message[0] != '\0'));
    return rc;
}

static void check(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 509, 512};
    unsigned char want[2][KIST_SHA256_SIZE], got[2][KIST_SHA256_SIZE];
    struct witness w;
    int rc = run(data, size, SIZE_MAX, &w);

    need(rc < 0 || w.at == size);
    kist_sha256_final(&w.bytes, want[0]);
    kist_sha256_final(&w.members, want[1]);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        need(run(data, size, pieces[i], &w) == rc);
        kist_sha256_final(&w.bytes, got[0]);
        kist_sha256_final(&w.members, got[1]);
        need(memcmp(got[1], want[1], sizeof(got[1])) == 0);
        need(rc < 0 || memcmp(got[0], want[0], sizeof(got[0])) == 0);
    }
}

/* A mutation nearly always breaks a header's checksum; with it put right the fuzzer gets behind it. */
static void mend(uint8_t *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += block[i];
    for (size_t i = 0; i < 7; i++)
        block[148 + i] = (uint8_t)('0' + (sum >> (3 * (6 - i)) & 7));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *mended = malloc(size > 0 ? size : 1);

    if (!mended)
        return 0;
    if (size > 0)
        memcpy(mended, data, size);
    for (size_t at = 0; at + 512 <= size; at += 512)
        if (memcmp(mended + at + 257, "ustar", 5) == 0)
            mend(mended + at);
    if (size > 0 && memcmp(mended, data, size) != 0)
        check(mended, size);
    check(data, size);
    free(mended);
    return 0;
}
