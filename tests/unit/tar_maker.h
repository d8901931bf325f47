/* For tests of the tar reader: archives made block by block, and a handler that writes down what it is told.
 */
#ifndef KIST_TEST_TAR_MAKER_H
#define KIST_TEST_TAR_MAKER_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/tar.h"

/* An archive that grows in memory; tests have no use for its errors. */
#define MAKER_INIT KIST_BUF_INIT((size_t)64 << 20)

static inline void maker_add(struct kist_buf *tar, const void *data, size_t len)
{
    if (kist_buf_add(tar, data, len, NULL) < 0)
        abort();
}

static inline void maker_pad(struct kist_buf *tar)
{
    static const char zeros[512];

    maker_add(tar, zeros, (size_t)(-tar->len % 512));
}

static inline void maker_end(struct kist_buf *tar)
{
    static const char zeros[1024];

    maker_add(tar, zeros, sizeof(zeros));
}

/* A number of so many octal digits, without an end. */
static inline void maker_octal(char *field, unsigned digits, uint64_t number)
{
    while (digits-- > 0) {
        field[digits] = (char)('0' + (number & 7));
        number >>= 3;
    }
}

/* Puts the checksum of the header at offset at right, after it was changed by hand. */
static inline void maker_sum(struct kist_buf *tar, size_t at)
{
    unsigned char *block = (unsigned char *)tar->data + at;
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += block[i];
    maker_octal(tar->data + at + 148, 7, sum);
}

/* A header in the way of ustar; returns its offset. A size below 0 leaves the field empty. */
static inline size_t maker_header(struct kist_buf *tar, char type, const char *name, int64_t size)
{
    size_t at = tar->len;
    char *block;

    if (kist_buf_reserve(tar, 512, NULL) < 0)
        abort();
    block = tar->data + at;
    memset(block, 0, 512);
    memcpy(block, name, strnlen(name, 100));
    memcpy(block + 100, "0000644\0000001750\0000000144", 23);
    if (size >= 0)
        maker_octal(block + 124, 11, (uint64_t)size);
    memcpy(block + 136, "14567016720", 12); /* 1708924368 */
    block[156] = type;
    memcpy(block + 257, "ustar\00000", 8);
    tar->len = at + 512;
    maker_sum(tar, at);
    return at;
}

/* Overwrites a field of the header at offset at. */
static inline void maker_set(struct kist_buf *tar, size_t at, size_t field, const void *data, size_t len)
{
    memcpy(tar->data + at + field, data, len);
    maker_sum(tar, at);
}

/* A member with a body: a file, or an extended header. */
static inline size_t maker_body(struct kist_buf *tar, char type, const char *name, const void *data,
                                size_t len)
{
    size_t at = maker_header(tar, type, name, (int64_t)len);

    maker_add(tar, data, len);
    maker_pad(tar);
    return at;
}

static inline size_t maker_file(struct kist_buf *tar, const char *name, const char *text)
{
    return maker_body(tar, '0', name, text, strlen(text));
}

/* A pax record, its length worked out. */
static inline void maker_record(struct kist_buf *text, const char *key, const void *value, size_t len)
{
    size_t rest = strlen(key) + len + 3, total = rest, before;
    char number[24];

    do {
        before = total;
        total = rest + (size_t)snprintf(number, sizeof(number), "%zu", before);
    } while (total != before);
    maker_add(text, number, strlen(number));
    maker_add(text, " ", 1);
    maker_add(text, key, strlen(key));
    maker_add(text, "=", 1);
    maker_add(text, value, len);
    maker_add(text, "\n", 1);
}

/* A pax header, 'x' or 'g', of "key=value;key=value". */
static inline void maker_pax(struct kist_buf *tar, char type, const char *records)
{
    KIST_AUTO(buf) struct kist_buf text = MAKER_INIT;

    while (*records) {
        size_t len = strcspn(records, ";"), key_len = strcspn(records, "=");
        char key[128];

        snprintf(key, sizeof(key), "%.*s", (int)key_len, records);
        maker_record(&text, key, records + key_len + 1, len - key_len - 1);
        records += len + (records[len] == ';');
    }
    maker_body(tar, type, "pax", text.data, text.len);
}

/* ---- what the reader said ---- */

struct story {
    struct kist_buf text;         /* a line a member */
    struct kist_buf bytes;        /* raw and data, in the order they came */
    uint64_t data, stored, large; /* bytes of data so far, promised for this member; largest piece */
    bool in_member, finished, wrong;
};

static inline int story_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct story *s = arg;

    s->wrong |= s->in_member || len == 0 || s->finished;
    return kist_buf_add(&s->bytes, data, len, err);
}

static inline int story_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    static const char letters[] = "fhscbdp";
    struct story *s = arg;
    struct kist_buf *t = &s->text;
    uint64_t sum = 0;
    int rc = kist_buf_printf(t, err, "%c %s", letters[e->type], e->name);

    s->wrong |= s->in_member || s->finished;
    s->in_member = true;
    s->stored = e->stored;
    if (rc == 0 && e->link_name)
        rc = kist_buf_printf(t, err, " -> %s", e->link_name);
    if (rc == 0)
        rc = kist_buf_printf(t, err, " %o %" PRIu32 ":%" PRIu32 " %" PRIu64 " @%" PRId64, e->mode, e->uid,
                             e->gid, e->size, e->mtime);
    if (rc == 0 && (e->type == KIST_TAR_CHAR || e->type == KIST_TAR_BLOCK))
        rc = kist_buf_printf(t, err, " dev %" PRIu32 ",%" PRIu32, e->major, e->minor);
    for (size_t i = 0; i < e->xattr_count && rc == 0; i++)
        rc = kist_buf_printf(t, err, " {%s=%.*s}", e->xattrs[i].name, (int)e->xattrs[i].size,
                             (const char *)e->xattrs[i].value);
    if (rc == 0 && e->sparse)
        rc = kist_buf_puts(t, " sparse", err);
    for (size_t i = 0; i < e->extent_count && rc == 0; i++) {
        rc = kist_buf_printf(t, err, " %" PRIu64 "+%" PRIu64, e->extents[i].offset, e->extents[i].length);
        sum += e->extents[i].length;
    }
    s->wrong |= sum != (e->sparse ? e->stored : 0);
    return rc == 0 ? kist_buf_puts(t, "\n", err) : rc;
}

static inline int story_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct story *s = arg;

    s->wrong |= !s->in_member || len == 0 || len > s->stored;
    s->stored -= len;
    s->data += len;
    if (len > s->large)
        s->large = len;
    return kist_buf_add(&s->bytes, data, len, err);
}

static inline int story_end(void *arg, struct kist_error *err)
{
    struct story *s = arg;

    (void)err;
    s->wrong |= !s->in_member || s->stored != 0;
    s->in_member = false;
    return 0;
}

static inline int story_finish(void *arg, struct kist_error *err)
{
    struct story *s = arg;

    (void)err;
    s->wrong |= s->in_member || s->finished;
    s->finished = true;
    return 0;
}

static const struct kist_tar_handler story_handler = {story_raw, story_entry, story_data, story_end,
                                                      story_finish};

static inline void story_init(struct story *s)
{
    *s = (struct story){.text = MAKER_INIT, .bytes = MAKER_INIT};
}

static inline void story_release(struct story *s)
{
    kist_buf_release(&s->text);
    kist_buf_release(&s->bytes);
}

/* Reads data in pieces of at most piece bytes, each in memory of its own so that a sanitizer sees reads
 * beyond it. */
static inline int story_read(struct story *s, const void *data, size_t len, size_t piece,
                             struct kist_error *err)
{
    const char *p = data;
    struct kist_tar *tar;
    int rc = kist_tar_new(&tar, &story_handler, s, err);

    while (rc == 0 && len > 0) {
        size_t take = KIST_MIN(len, piece);
        char *copy = malloc(take);

        if (!copy)
            abort();
        memcpy(copy, p, take);
        rc = kist_sink_write(kist_tar_sink(tar), copy, take, err);
        free(copy);
        p += take;
        len -= take;
    }
    if (rc == 0)
        rc = kist_sink_finish(kist_tar_sink(tar), err);
    kist_tar_free(tar);
    return rc;
}

#endif
