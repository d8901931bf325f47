#include "codec/crc32.h"

#include <stdlib.h>

#include "test.h"

TEST(is_the_crc_of_gzip)
{
    CHECK(kist_crc32("123456789", 9) == 0xcbf43926);
    CHECK(kist_crc32("", 0) == 0);
}

TEST(mends_each_single_bit)
{
    unsigned char good[300], data[sizeof(good)];
    uint32_t crc;

    for (size_t i = 0; i < sizeof(good); i++) {
        good[i] = (unsigned char)(i * 31 + i / 7);
    }
    crc = kist_crc32(good, sizeof(good));
    for (size_t bit = 0; bit < sizeof(good) * 8; bit++) {
        memcpy(data, good, sizeof(good));
        data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        REQUIRE(kist_crc32_mend(data, sizeof(data), crc));
        CHECK(memcmp(data, good, sizeof(good)) == 0);
    }
}

TEST(takes_no_more_for_one)
{
    unsigned char data[2000] = {1};
    uint32_t crc = kist_crc32(data, sizeof(data));

    CHECK(!kist_crc32_mend(data, sizeof(data), crc));
    for (size_t other = 1; other < sizeof(data) * 8; other += 97) {
        data[0] ^= 1;
        data[other / 8] ^= (unsigned char)(1U << other % 8);
        CHECK(!kist_crc32_mend(data, sizeof(data), crc));
        data[0] ^= 1;
        data[other / 8] ^= (unsigned char)(1U << other % 8);
    }
    CHECK(!kist_crc32_mend(data, 0, 1));
}
