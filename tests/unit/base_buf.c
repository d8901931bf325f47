#include "test.h"

#include "base/buf.h"

TEST(grows_and_keeps_its_text_ended)
{
    KIST_AUTO(buf) struct kist_buf b = KIST_BUF_INIT(100000);
    struct kist_error err = {0};

    CHECK_STR(kist_buf_text(&b), "");
    CHECK_OK(kist_buf_puts(&b, "ab", &err), err);
    CHECK_OK(kist_buf_add(&b, "c\0d", 3, &err), err);
    CHECK_INT(b.len, 5);
    CHECK_MEM(b.data, "abc\0d", 6);
    CHECK_OK(kist_buf_add(&b, NULL, 0, &err), err);
    for (int i = 0; i < 1000; i++)
        CHECK_OK(kist_buf_printf(&b, &err, "%04d", i), err);
    CHECK_INT(b.len, 4005);
    CHECK_STR(b.data + 4001, "0999");
    kist_buf_clear(&b);
    CHECK_STR(kist_buf_text(&b), "");
    CHECK_INT(b.len, 0);
}

TEST(holds_its_maximum_to_the_byte)
{
    KIST_AUTO(buf) struct kist_buf b = KIST_BUF_INIT(10);
    struct kist_error err = {0};

    CHECK_OK(kist_buf_puts(&b, "0123456789", &err), err);
    CHECK_INT(kist_buf_puts(&b, "x", &err), KIST_E_FAIL);
    CHECK_STR(err.message, "more than 10 bytes");
    CHECK_INT(kist_buf_printf(&b, &err, "%d", 1), KIST_E_FAIL);
    CHECK_INT(kist_buf_reserve(&b, SIZE_MAX, &err), KIST_E_FAIL);
    CHECK_STR(b.data, "0123456789");
}

TEST(hands_its_memory_over)
{
    struct kist_buf b = KIST_BUF_INIT(10);
    struct kist_error err = {0};
    char *text;

    CHECK(kist_buf_detach(&b) == NULL);
    CHECK_OK(kist_buf_puts(&b, "abc", &err), err);
    text = kist_buf_detach(&b);
    CHECK_STR(text, "abc");
    CHECK_INT(b.len, 0);
    CHECK_INT(b.max, 10);
    free(text);
    CHECK_OK(kist_buf_puts(&b, "again", &err), err);
    CHECK_STR(kist_buf_text(&b), "again");
    kist_buf_release(&b);
    CHECK(b.data == NULL);
}
