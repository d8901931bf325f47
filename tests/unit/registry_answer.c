#include "registry/answer.h"

#include "test.h"

static struct kist_buf buf_of(const char *text)
{
    struct kist_buf b = KIST_BUF_INIT(1 << 20);
    struct kist_error err = {0};

    CHECK_OK(kist_buf_puts(&b, text, &err), err);
    return b;
}

TEST(finds_the_message)
{
    static const struct {
        const char *body, *message;
    } rows[] = {
        {"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest "
         "unknown\"},{\"message\":\"b\"}]}",
         "manifest unknown"},
        {"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\"}]}", "DENIED"},
        {"{\"details\":\"incorrect username or password\"}", "incorrect username or password"},
        {"{\"message\":\"Not Found\"}", "Not Found"},
        {"{\"errors\":[{\"message\":\"a\\u001b[2J\\nb\\u202e\"}]}", "a?[2J?b???"},
        {"{\"errors\":[]}", ""},
        {"{\"errors\":\"x\"}", ""},
        {"[1]", ""},
        {"<html>", ""},
        {"", ""},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf body = buf_of(rows[i].body);
        char message[KIST_ANSWER_TEXT_MAX];

        TEST_CASE(rows[i].body);
        CHECK_STR(kist_answer_message(message, &body), rows[i].message);
    }
}

TEST(cuts_a_long_message)
{
    char text[2048] = "{\"message\":\"", message[KIST_ANSWER_TEXT_MAX];
    size_t head = strlen(text);

    memset(text + head, 'm', 1000);
    memcpy(text + head + 1000, "\"}", 3);
    {
        KIST_AUTO(buf) struct kist_buf body = buf_of(text);

        CHECK_INT(strlen(kist_answer_message(message, &body)), KIST_ANSWER_TEXT_MAX - 1);
        CHECK_STR(message + KIST_ANSWER_TEXT_MAX - 5, "m...");
    }
}

TEST(finds_the_token)
{
    static const struct {
        const char *body, *token; /* NULL: refused */
    } rows[] = {
        {"{\"token\":\"abc.def-_~\"}", "abc.def-_~"},
        {"{\"access_token\":\"x\"}", "x"},
        {"{\"token\":\"a\",\"access_token\":\"b\"}", "a"},
        {"{\"token\":\"\",\"access_token\":\"b\"}", "b"},
        {"{\"token\":\"\"}", NULL},
        {"{\"token\":5}", NULL},
        {"{\"token\":\"a\\r\\nHost: evil\"}", NULL},
        {"{\"token\":\"a b\"}", NULL},
        {"{\"token\":\"\\u00e4\"}", NULL},
        {"{}", NULL},
        {"", NULL},
        {"<html>", NULL},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf body = buf_of(rows[i].body);
        KIST_AUTO(free) char *token = NULL;
        struct kist_error err = {0};

        TEST_CASE(rows[i].body);
        CHECK_INT(kist_answer_token(&token, NULL, &body, &err), rows[i].token ? 0 : KIST_E_AUTH);
        CHECK_STR(token, rows[i].token);
    }
}
