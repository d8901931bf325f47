#include <string.h>

#include "codec/tar_parts.h"

/* Where the fields stand. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_MAJOR = 329,
    AT_MINOR = 337,
    AT_PREFIX = 345,
    AT_STAR = 508,
};

bool kist_tar_header_blank(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, KIST_TAR_BLOCK_SIZE - 1) == 0;
}

bool kist_tar_header_valid(const unsigned char *block)
{
    int64_t stated;
    int with_sign = 0, without = 0;

    if (!kist_tar_number(block + AT_CHECKSUM, 8, &stated)) {
        return false;
    }
    for (size_t i = 0; i < KIST_TAR_BLOCK_SIZE; i++) {
        without += block[i];
        with_sign += (signed char)block[i];
    }
    for (size_t i = AT_CHECKSUM; i < AT_CHECKSUM + 8; i++) { /* the sum was made with spaces in its place */
        without += ' ' - block[i];
        with_sign += ' ' - (signed char)block[i];
    }
    return stated == without || stated == with_sign;
}

static bool number_base256(const unsigned char *field, size_t len, int64_t *value)
{
    const unsigned char fill = (field[0] & 0x40) != 0 ? 0xff : 0;
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = field[i] ^ fill;

        if (i == 0) {
            byte &= 0x7f;
        }
        if (n >> 55 != 0) {
            return false;
        }
        n = n << 8 | byte;
    }
    *value = fill ? -1 - (int64_t)n : (int64_t)n;
    return true;
}

bool kist_tar_number(const unsigned char *field, size_t len, int64_t *value)
{
    uint64_t n = 0;
    size_t i = 0;

    if ((field[0] & 0x80) != 0) {
        return number_base256(field, len, value);
    }
    while (i < len && (field[i] == ' ' || field[i] == '\0')) {
        i++;
    }
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
        n = n << 3 | (unsigned)(field[i] - '0'); /* no field is longer than 12 digits */
    }
    *value = (int64_t)n;
    return i == len || field[i] == ' ' || field[i] == '\0';
}

/* The text of a field that need not end in NUL; returns its length. */
static size_t copy_text(char *dst, const unsigned char *field, size_t len)
{
    len = strnlen((const char *)field, len);
    memcpy(dst, field, len);
    dst[len] = '\0';
    return len;
}

static void read_name(struct kist_tar_header *h, const unsigned char *block)
{
    size_t len = 0;

    if (memcmp(block + AT_MAGIC, "ustar", 6) == 0) {
        /* star keeps two times in the last 24 bytes of the prefix */
        size_t room = memcmp(block + AT_STAR, "tar", 4) == 0 ? 131 : 155;

        len = copy_text(h->name, block + AT_PREFIX, room);
    }
    if (len > 0) {
        h->name[len++] = '/';
    }
    (void)copy_text(h->name + len, block + AT_NAME, 100);
}

static int read_number(uint64_t *value, const unsigned char *field, size_t len, const char *what,
                       struct kist_error *err)
{
    int64_t n;

    if (!kist_tar_number(field, len, &n)) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s is not a number", what);
    }
    if (n < 0) {
        return kist_error_set(err, KIST_E_CORRUPT, "negative %s", what);
    }
    *value = (uint64_t)n;
    return 0;
}

int kist_tar_header_read(struct kist_tar_header *h, const unsigned char *block, struct kist_error *err)
{
    const struct {
        uint64_t *value;
        const char *what;
        size_t at, len;
    } numbers[] = {
        {&h->uid, "uid", AT_UID, 8},
        {&h->gid, "gid", AT_GID, 8},
        {&h->size, "size", AT_SIZE, 12},
        {&h->major, "device number", AT_MAJOR, 8},
        {&h->minor, "device number", AT_MINOR, 8},
    };
    int64_t mode;
    size_t count;

    h->type = block[AT_TYPE];
    h->major = h->minor = 0;
    read_name(h, block);
    (void)copy_text(h->link_name, block + AT_LINK, 100);
    if (!kist_tar_number(block + AT_MODE, 8, &mode)) {
        return kist_error_set(err, KIST_E_CORRUPT, "mode is not a number");
    }
    h->mode = (uint32_t)mode & 07777;
    if (!kist_tar_number(block + AT_MTIME, 12, &h->mtime)) {
        return kist_error_set(err, KIST_E_CORRUPT, "time is not a number");
    }
    /* other members may have anything where a device's numbers stand */
    count = KIST_COUNT(numbers) - (h->type == '3' || h->type == '4' ? 0 : 2);
    for (size_t i = 0; i < count; i++) {
        int rc = read_number(numbers[i].value, block + numbers[i].at, numbers[i].len, numbers[i].what, err);

        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}
