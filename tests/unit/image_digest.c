#include "image/digest.h"

#include "test.h"

#define EMPTY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEST(reads_and_writes_a_digest)
{
    char text[KIST_DIGEST_TEXT_MAX], hex[KIST_DIGEST_HEX_MAX];
    struct kist_error err = {0};
    struct kist_digest d;

    REQUIRE_OK(kist_digest_parse(&d, "sha256:" EMPTY_HEX, &err), err);
    CHECK_INT(d.bytes[0], 0xe3);
    CHECK_INT(d.bytes[31], 0x55);
    CHECK_STR(kist_digest_text(text, &d), "sha256:" EMPTY_HEX);
    CHECK_STR(kist_digest_hex(hex, &d), EMPTY_HEX);
}

TEST(digest_of_bytes)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct kist_digest empty, abc;

    kist_digest_of(&empty, NULL, 0);
    kist_digest_of(&abc, "abc", 3);
    CHECK_STR(kist_digest_hex(hex, &empty), EMPTY_HEX);
    CHECK_STR(kist_digest_hex(hex, &abc), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(!kist_digest_equal(&empty, &abc));
    CHECK(kist_digest_equal(&empty, &empty));
    CHECK(kist_digest_compare(&abc, &empty) < 0);
    CHECK_INT(kist_digest_compare(&abc, &abc), 0);
}

TEST(refuses_what_is_no_digest)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "only sha256"},
        {"sha256", "only sha256"},
        {EMPTY_HEX, "only sha256"},
        {"sha512:" EMPTY_HEX EMPTY_HEX, "only sha256"},
        {"SHA256:" EMPTY_HEX, "only sha256"},
        {"sha256:", "not 0"},
        {"sha256:e3b0", "not 4"},
        {"sha256:" EMPTY_HEX "0", "not 65"},
        {"sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "lower-case"},
        {"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "lower-case"},
        {"sha256:../../../../../../../../../../../../../../../../../../../../etc/", "lower-case"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct kist_digest d;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_digest_parse(&d, rows[i].text, &err), KIST_E_CORRUPT);
        CHECK(strstr(err.message, rows[i].reason) != NULL);
    }
}
