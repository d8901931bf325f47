#include "test.h"

#include "codec/base64.h"

TEST(encodes_and_decodes_the_vectors_of_the_rfc)
{
    static const struct {
        const char *plain, *encoded;
    } rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xef\xfe~?", "/+/+fj8="},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf encoded = KIST_BUF_INIT(100);
        KIST_AUTO(buf) struct kist_buf plain = KIST_BUF_INIT(100);
        struct kist_error err = {0};

        TEST_CASE(rows[i].encoded);
        CHECK_OK(kist_base64_encode(&encoded, rows[i].plain, strlen(rows[i].plain), &err), err);
        CHECK_STR(kist_buf_text(&encoded), rows[i].encoded);
        CHECK_OK(kist_base64_decode(&plain, rows[i].encoded, &err), err);
        CHECK_STR(kist_buf_text(&plain), rows[i].plain);
        CHECK_INT(plain.len, strlen(rows[i].plain));
    }
}

TEST(decodes_without_padding)
{
    KIST_AUTO(buf) struct kist_buf plain = KIST_BUF_INIT(100);
    struct kist_error err = {0};

    CHECK_OK(kist_base64_decode(&plain, "Zg", &err), err);
    CHECK_OK(kist_base64_decode(&plain, "Zm8", &err), err);
    CHECK_STR(kist_buf_text(&plain), "ffo");
}

TEST(refuses_what_is_no_base64)
{
    static const char *const rows[] = {"Z",      "Zg=",  "Zg===", "=",     "====",     "Zm9vY",   "Zm9v Zm9v",
                                       "Zm9v\n", "Zm-v", "Z=9v",  "Zm9v=", "Zm9v====", "Zg==Zg=="};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf plain = KIST_BUF_INIT(100);
        struct kist_error err = {0};

        TEST_CASE(rows[i]);
        CHECK_INT(kist_base64_decode(&plain, rows[i], &err), KIST_E_CORRUPT);
        CHECK_INT(plain.len, 0);
    }
}

TEST(holds_the_buffers_maximum)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(7);
    struct kist_error err = {0};

    CHECK_INT(kist_base64_encode(&out, "1234", 4, &err), KIST_E_FAIL);
    CHECK_OK(kist_base64_encode(&out, "123", 3, &err), err);
    CHECK_STR(out.data, "MTIz");
}
