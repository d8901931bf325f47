/* CRC-32 (ISO 3309, as gzip has it): finds what happens to bytes by chance, and which one bit it was. */
#ifndef KIST_CODEC_CRC32_H
#define KIST_CODEC_CRC32_H

#include <stdbool.h>

#include "base/base.h"

uint32_t kist_crc32(const void *data, size_t len);
/* Where turning one bit of data over gives it this CRC: does so, true. Two bits are never taken for one. */
bool kist_crc32_mend(void *data, size_t len, uint32_t crc) KIST_CHECKED;

#endif
