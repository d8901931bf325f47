/* A tar whose checksums are made right, so that changes by the fuzzer get past them. */
#ifndef TESTS_FUZZ_MEND_H
#define TESTS_FUZZ_MEND_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MEND_BLOCK 512
#define MEND_MAGIC_AT 257
#define MEND_SUM_AT 148

static void mend_tar(uint8_t *tar, size_t size)
{
    for (size_t at = 0; at + MEND_BLOCK <= size; at += MEND_BLOCK) {
        uint8_t *block = tar + at;
        char text[8];
        unsigned sum = 0;

        if (memcmp(block + MEND_MAGIC_AT, "ustar", 5) != 0)
            continue;
        memset(block + MEND_SUM_AT, ' ', 8);
        for (size_t i = 0; i < MEND_BLOCK; i++)
            sum += block[i];
        snprintf(text, sizeof(text), "%06o", sum);
        memcpy(block + MEND_SUM_AT, text, 7);
    }
}

#endif
