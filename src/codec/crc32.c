#include "codec/crc32.h"

#include <zlib.h>

uint32_t kist_crc32(const void *data, size_t len)
{
    return (uint32_t)crc32_z(0, data, len);
}

bool kist_crc32_mend(void *data, size_t len, uint32_t crc)
{
    const z_crc_t *table = get_crc_table();
    uint32_t wrong = kist_crc32(data, len) ^ crc, made[8];
    unsigned char *bytes = data;

    /* what each bit of the last byte does to the CRC; then of the one before, and so on */
    for (unsigned bit = 0; bit < 8; bit++) {
        made[bit] = (uint32_t)table[1U << bit];
    }
    for (size_t i = len; i > 0; i--) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (made[bit] == wrong) {
                bytes[i - 1] ^= (unsigned char)(1U << bit);
                return true;
            }
            made[bit] = (made[bit] >> 8) ^ (uint32_t)table[made[bit] & 0xff];
        }
    }
    return false;
}
