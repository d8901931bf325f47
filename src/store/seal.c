/* The checksum at the end of index.json. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "codec/crc32.h"
#include "private.h"

#define BEFORE ",\"kist.crc32\":\""
#define AFTER "\"}"
#define DIGITS 8
#define SEAL (sizeof(BEFORE) - 1 + DIGITS + sizeof(AFTER) - 1)

int kist_store_seal(struct kist_buf *text, struct kist_error *err)
{
    uint32_t crc;

    if (text->len == 0 || text->data[text->len - 1] != '}') {
        return 0;
    }
    text->data[--text->len] = '\0';
    crc = kist_crc32(text->data, text->len);
    return kist_buf_printf(text, err, BEFORE "%08x" AFTER, (unsigned)crc);
}

/* The checksum that text says it has. */
static bool find_seal(const struct kist_buf *text, uint32_t *crc)
{
    unsigned char bytes[DIGITS / 2];
    char digits[DIGITS + 1];
    const char *seal;

    if (text->len < SEAL) {
        return false;
    }
    seal = text->data + text->len - SEAL;
    if (memcmp(seal, BEFORE, sizeof(BEFORE) - 1) != 0 || memcmp(seal + SEAL - 2, AFTER, 2) != 0 ||
        !kist_str_format(digits, sizeof(digits), "%.8s", seal + sizeof(BEFORE) - 1) ||
        !kist_str_unhex(bytes, sizeof(bytes), digits)) {
        return false;
    }
    *crc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static void unseal(struct kist_buf *text)
{
    text->len -= SEAL;
    text->data[text->len++] = '}';
    text->data[text->len] = '\0';
}

int kist_store_unseal(struct kist_buf *text, struct kist_error *err)
{
    uint32_t crc;

    if (!find_seal(text, &crc)) {
        return 0; /* none, or a part of it is what is damaged */
    }
    if (kist_crc32(text->data, text->len - SEAL) != crc) {
        return kist_error_set(err, KIST_E_CORRUPT, "its checksum is another");
    }
    unseal(text);
    return 0;
}

/* One hex digit apart: then it is the checksum that was hit, as no single bit elsewhere changes that little. */
static bool one_digit(uint32_t a, uint32_t b)
{
    uint32_t apart = a ^ b;

    while (apart > 0 && (apart & 0xf) == 0) {
        apart >>= 4;
    }
    return apart < 16;
}

bool kist_store_mend(struct kist_buf *text)
{
    uint32_t crc;

    if (!find_seal(text, &crc) || (!one_digit(crc, kist_crc32(text->data, text->len - SEAL)) &&
                                   !kist_crc32_mend(text->data, text->len - SEAL, crc))) {
        return false;
    }
    unseal(text);
    return true;
}
