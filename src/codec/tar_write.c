#include "codec/tar_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/tar_parts.h"

#define PAX_MAX ((size_t)2 << 20) /* a name, a target and the xattrs of a file */

static int data_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_tar_writer_data(KIST_CONTAINER_OF(sink, struct kist_tar_writer, data), data, len, err);
}

static int data_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

void kist_tar_writer_init(struct kist_tar_writer *w, struct kist_sink *sink)
{
    static const struct kist_sink_ops ops = {data_write, data_finish};

    *w = (struct kist_tar_writer){.data = {&ops}, .sink = sink};
}

/* ---- pax records ---- */

/* "<length> <key>=<value>\n", the length of all of it included. */
static int add_record(struct kist_buf *pax, const char *prefix, const char *key, const void *value, size_t len,
                      struct kist_error *err)
{
    size_t rest = strlen(prefix) + strlen(key) + len + 3, total = rest, before;
    int rc;

    do {
        before = total;
        total = rest;
        for (size_t n = before; n > 0; n /= 10) {
            total++;
        }
    } while (total != before);
    rc = kist_buf_printf(pax, err, "%zu %s%s=", total, prefix, key);
    if (rc == 0) {
        rc = kist_buf_add(pax, value, len, err);
    }
    return rc == 0 ? kist_buf_puts(pax, "\n", err) : rc;
}

static int add_number(struct kist_buf *pax, const char *key, int64_t value, struct kist_error *err)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return add_record(pax, "", key, text, strlen(text), err);
}

/* ---- the header ---- */

/* Fills digits of octal before the field's NUL; what does not fit is told by pax, when the key is given. */
static int put_number(unsigned char *field, unsigned digits, int64_t value, const char *key, struct kist_buf *pax,
                      struct kist_error *err)
{
    uint64_t n = (uint64_t)value;
    bool fits = value >= 0 && n >> (3 * digits) == 0;

    for (unsigned i = digits; i > 0; i--) {
        field[i - 1] = fits ? (unsigned char)('0' + (n & 7)) : '0';
        n >>= 3;
    }
    return fits ? 0 : add_number(pax, key, value, err);
}

static int put_text(unsigned char *field, const char *text, const char *key, struct kist_buf *pax,
                    struct kist_error *err)
{
    size_t len = strlen(text);

    memcpy(field, text, KIST_MIN(len, (size_t)100));
    return len <= 100 ? 0 : add_record(pax, "", key, text, len, err);
}

static void put_checksum(unsigned char *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < KIST_TAR_BLOCK_SIZE; i++) {
        sum += block[i];
    }
    for (unsigned i = 6; i > 0; i--) {
        block[148 + i - 1] = (unsigned char)('0' + (sum & 7));
        sum >>= 3;
    }
    block[154] = '\0';
}

/* A block with what every header has. */
static void start_block(unsigned char *block, char type)
{
    memset(block, 0, KIST_TAR_BLOCK_SIZE);
    block[156] = (unsigned char)type;
    memcpy(block + 257, "ustar\00000", 8);
}

static int fill_header(unsigned char *block, const struct kist_tar_entry *e, const char *name, uint64_t size,
                       struct kist_buf *pax, struct kist_error *err)
{
    static const char types[] = {'0', '1', '2', '3', '4', '5', '6'};
    bool device = e->type == KIST_TAR_CHAR || e->type == KIST_TAR_BLOCK;
    const struct {
        size_t at;
        unsigned digits;
        int64_t value;
        const char *key;
    } numbers[] = {
        {100, 7, e->mode & 07777, ""},
        {108, 7, e->uid, "uid"},
        {116, 7, e->gid, "gid"},
        {124, 11, (int64_t)size, "size"},
        {136, 11, e->mtime, "mtime"},
        {329, 7, device ? e->major : 0, "SCHILY.devmajor"},
        {337, 7, device ? e->minor : 0, "SCHILY.devminor"},
    };
    int rc;

    start_block(block, types[e->type]);
    rc = put_text(block, name, "path", pax, err);
    if (rc == 0 && e->link_name) {
        rc = put_text(block + 157, e->link_name, "linkpath", pax, err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(numbers); i++) {
        rc = put_number(block + numbers[i].at, numbers[i].digits, numbers[i].value, numbers[i].key, pax, err);
    }
    for (size_t i = 0; rc == 0 && i < e->xattr_count; i++) {
        rc = add_record(pax, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size, err);
    }
    put_checksum(block);
    return rc;
}

static int write_padding(struct kist_tar_writer *w, uint64_t size, struct kist_error *err)
{
    size_t padding = (size_t)(-size % KIST_TAR_BLOCK_SIZE);

    return padding > 0 ? kist_sink_write(w->sink, kist_zeros, padding, err) : 0;
}

static int write_pax(struct kist_tar_writer *w, const struct kist_buf *pax, struct kist_error *err)
{
    unsigned char block[KIST_TAR_BLOCK_SIZE];
    int rc;

    start_block(block, 'x');
    memcpy(block, "PaxHeaders.0", 12);
    memcpy(block + 100, "0000644\0000000000\0000000000", 23);
    rc = put_number(block + 124, 11, (int64_t)pax->len, "", NULL, err); /* PAX_MAX fits */
    rc = rc == 0 ? put_number(block + 136, 11, 0, "", NULL, err) : rc;
    put_checksum(block);
    if (rc < 0 || (rc = kist_sink_write(w->sink, block, sizeof(block), err)) < 0 ||
        (rc = kist_sink_write(w->sink, pax->data, pax->len, err)) < 0) {
        return rc;
    }
    return write_padding(w, pax->len, err);
}

static int all_there(const struct kist_tar_writer *w, struct kist_error *err)
{
    return w->left == 0 ? 0
                        : kist_error_set(err, KIST_E_FAIL, "%" PRIu64 " bytes of an archive's member are missing",
                                         w->left);
}

int kist_tar_writer_entry(struct kist_tar_writer *w, const struct kist_tar_entry *e, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf name = KIST_BUF_INIT(PAX_MAX), pax = KIST_BUF_INIT(PAX_MAX);
    uint64_t size = e->type == KIST_TAR_FILE ? e->stored : 0;
    unsigned char block[KIST_TAR_BLOCK_SIZE];
    int rc = all_there(w, err);

    if (rc == 0) {
        rc = kist_buf_printf(&name, err, "%s%s", e->name, e->type == KIST_TAR_DIRECTORY ? "/" : "");
    }
    if (rc == 0) {
        rc = fill_header(block, e, kist_buf_text(&name), size, &pax, err);
    }
    if (rc == 0 && pax.len > 0) {
        rc = write_pax(w, &pax, err);
    }
    if (rc == 0) {
        rc = kist_sink_write(w->sink, block, sizeof(block), err);
    }
    w->left = size;
    w->padding = (size_t)(-size % KIST_TAR_BLOCK_SIZE);
    return rc;
}

int kist_tar_writer_data(struct kist_tar_writer *w, const void *data, size_t len, struct kist_error *err)
{
    int rc;

    if (len > w->left) {
        return kist_error_set(err, KIST_E_FAIL, "a member of an archive is larger than was said");
    }
    rc = len > 0 ? kist_sink_write(w->sink, data, len, err) : 0;
    w->left -= len;
    if (rc == 0 && w->left == 0 && w->padding > 0) {
        rc = kist_sink_write(w->sink, kist_zeros, w->padding, err);
        w->padding = 0;
    }
    return rc;
}

int kist_tar_writer_file(struct kist_tar_writer *w, const char *name, int64_t mtime, const void *data, size_t len,
                         struct kist_error *err)
{
    struct kist_tar_entry e = {.type = KIST_TAR_FILE, .name = name, .mode = 0644, .mtime = mtime, .stored = len};
    int rc = kist_tar_writer_entry(w, &e, err);

    return rc == 0 ? kist_tar_writer_data(w, data, len, err) : rc;
}

int kist_tar_writer_end(struct kist_tar_writer *w, struct kist_error *err)
{
    int rc = all_there(w, err);

    return rc == 0 ? kist_sink_write(w->sink, kist_zeros, 2 * (size_t)KIST_TAR_BLOCK_SIZE, err) : rc;
}
