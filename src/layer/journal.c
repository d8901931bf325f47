#include "layer/journal.h"

#include <string.h>

#include "base/le.h"

#define MAGIC "kistjrnl"
#define MAGIC_SIZE ((size_t)8)
#define HEAD_SIZE (MAGIC_SIZE + KIST_SHA256_SIZE)
#define LENGTH_SIZE ((size_t)4)

static void head_make(unsigned char head[HEAD_SIZE], const unsigned char identity[KIST_SHA256_SIZE])
{
    memcpy(head, MAGIC, MAGIC_SIZE);
    memcpy(head + MAGIC_SIZE, identity, KIST_SHA256_SIZE);
}

/* The hash up to here, as it stands in the file. */
static void seal(const struct kist_journal *j, unsigned char out[KIST_SHA256_SIZE])
{
    struct kist_sha256 hash = j->hash;

    kist_sha256_final(&hash, out);
}

static int add(struct kist_journal *j, const void *data, size_t len, struct kist_error *err)
{
    kist_sha256_update(&j->hash, data, len);
    j->bytes += len;
    return port_file_append(j->file, data, len, err);
}

int kist_journal_start(struct kist_journal *j, struct port_file *file,
                       const unsigned char identity[KIST_SHA256_SIZE], struct kist_error *err)
{
    *j = (struct kist_journal){.file = file};
    kist_sha256_init(&j->hash);
    memcpy(j->identity, identity, sizeof(j->identity));
    return port_file_truncate(file, 0, err);
}

int kist_journal_add(struct kist_journal *j, const struct kist_buf *record, struct kist_error *err)
{
    unsigned char head[HEAD_SIZE], length[LENGTH_SIZE], hash[KIST_SHA256_SIZE];
    int rc;

    kist_le32_put(length, (uint32_t)record->len);
    head_make(head, j->identity);
    if ((rc = j->bytes == 0 ? add(j, head, sizeof(head), err) : 0) < 0 || (rc = add(j, length, sizeof(length), err)) < 0 || (rc = add(j, record->data, record->len, err)) < 0) {
        return rc;
    }
    seal(j, hash);
    return add(j, hash, sizeof(hash), err);
}

/* The next len bytes, which count as read. */
static bool take(struct kist_journal *j, void *data, size_t len)
{
    size_t got;

    if (port_file_read_at(j->file, j->bytes, data, len, &got, NULL) < 0 || got < len) {
        return false;
    }
    kist_sha256_update(&j->hash, data, len);
    j->bytes += len;
    return true;
}

bool kist_journal_open(struct kist_journal *j, struct port_file *file,
                       const unsigned char identity[KIST_SHA256_SIZE])
{
    unsigned char head[HEAD_SIZE], want[HEAD_SIZE];

    *j = (struct kist_journal){.file = file};
    kist_sha256_init(&j->hash);
    head_make(want, identity);
    return take(j, head, sizeof(head)) && memcmp(head, want, sizeof(head)) == 0;
}

int kist_journal_next(struct kist_journal *j, struct kist_buf *record, struct kist_error *err)
{
    unsigned char length[LENGTH_SIZE], hash[KIST_SHA256_SIZE], want[KIST_SHA256_SIZE];
    uint64_t size;
    size_t len;
    int rc;

    kist_buf_clear(record);
    if (port_file_size(j->file, &size, NULL) < 0 || !take(j, length, sizeof(length))) {
        return 0;
    }
    len = kist_le32_get(length);
    if (len > KIST_JOURNAL_RECORD_MAX || len > size - j->bytes) {
        return 0;
    }
    rc = kist_buf_reserve(record, len, err);
    if (rc < 0) {
        return rc;
    }
    if (!take(j, record->data, len)) {
        return 0;
    }
    record->len = len;
    seal(j, want);
    return take(j, hash, sizeof(hash)) && memcmp(hash, want, sizeof(hash)) == 0;
}

int kist_journal_cut(struct kist_journal *j, struct kist_error *err)
{
    return port_file_truncate(j->file, j->bytes, err);
}
