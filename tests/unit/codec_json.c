#include "test.h"

#include "base/limits.h"
#include "codec/json.h"

static int parse(cJSON **root, const char *text, struct kist_error *err)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1); /* its last byte is not for reading */
    int rc;

    memcpy(copy, text, len);
    copy[len] = '}';
    rc = kist_json_parse(root, copy, len, "manifest", err);
    free(copy);
    return rc;
}

TEST(parses_and_gets_by_type)
{
    KIST_AUTO(json) cJSON *root = NULL;
    struct kist_error err = {0};
    uint64_t n = 0;

    REQUIRE_OK(parse(&root,
                     " {\"o\":{\"s\":\"in\"},\"a\":[1,2],\"s\":\"te\\u00e9xt\",\"t\":true,\"f\":false,\"n\":"
                     "9007199254740992,"
                     "\"half\":1.5,\"minus\":-1,\"huge\":1e300,\"null\":null}\r\n\t ",
                     &err),
               err);
    CHECK_STR(kist_json_string(kist_json_object(root, "o"), "s"), "in");
    CHECK_INT(cJSON_GetArraySize(kist_json_array(root, "a")), 2);
    CHECK_STR(kist_json_string(root, "s"), "te\xc3\xa9xt");
    CHECK(kist_json_bool(root, "t", false));
    CHECK(!kist_json_bool(root, "f", true));
    CHECK(kist_json_bool(root, "s", true));
    CHECK(!kist_json_bool(root, "none", false));
    CHECK(kist_json_u64(root, "n", &n));
    CHECK_INT(n, 9007199254740992);
    CHECK(!kist_json_u64(root, "half", &n));
    CHECK(!kist_json_u64(root, "minus", &n));
    CHECK(!kist_json_u64(root, "huge", &n));
    CHECK(!kist_json_u64(root, "s", &n));
    CHECK(kist_json_object(root, "a") == NULL);
    CHECK(kist_json_array(root, "o") == NULL);
    CHECK(kist_json_string(root, "n") == NULL);
    CHECK(kist_json_string(root, "null") == NULL);
    CHECK(kist_json_string(root, "S") == NULL);
    CHECK(kist_json_string(NULL, "s") == NULL);
    CHECK(kist_json_string(kist_json_array(root, "a"), "s") == NULL);
}

TEST(refuses_what_is_no_json)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "manifest is not JSON at byte 0"},
        {"   ", "manifest is not JSON at byte"},
        {"{", "manifest is not JSON at byte"},
        {"{\"a\":}", "manifest is not JSON at byte 5"},
        {"[1,2", "manifest is not JSON at byte"},
        {"\"abc", "manifest is not JSON at byte"},
        {"nul", "manifest is not JSON at byte"},
        {"{} {}", "manifest goes on after its JSON at byte 3"},
        {"{}x", "manifest goes on after its JSON at byte 2"},
        {"<html>", "manifest is not JSON at byte 0"},
        {"\"\\", "manifest is not JSON at byte"},
        {"{\"a\\u0000b\":1}", "manifest is not acceptable JSON: NUL at byte 3"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        cJSON *root = NULL;

        TEST_CASE(rows[i].text);
        CHECK_INT(parse(&root, rows[i].text, &err), KIST_E_CORRUPT);
        CHECK(root == NULL);
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            CHECK_STR(err.message, rows[i].message);
    }
}

TEST(refuses_a_nul_byte)
{
    struct kist_error err = {0};
    cJSON *root = NULL;

    CHECK_INT(kist_json_parse(&root, "{}\0", 3, "config", &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "config is not acceptable JSON: NUL at byte 2");
}

TEST(holds_the_cap_on_depth)
{
    static const struct {
        int depth, result;
    } rows[] = {{KIST_MAX_JSON_DEPTH, 0}, {KIST_MAX_JSON_DEPTH + 1, KIST_E_CORRUPT}, {10000, KIST_E_CORRUPT}};
    static char text[20001];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(json) cJSON *root = NULL;

        memset(text, '[', (size_t)rows[i].depth);
        memset(text + rows[i].depth, ']', (size_t)rows[i].depth);
        text[2 * rows[i].depth] = '\0';
        CHECK_INT(parse(&root, text, &err), rows[i].result);
        if (rows[i].result < 0)
            CHECK_STR(err.message, "manifest is nested more than 64 deep at byte 64");
    }
}

TEST(counts_depth_outside_of_strings_only)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(10000);
    KIST_AUTO(json) cJSON *root = NULL;
    struct kist_error err = {0};

    CHECK_OK(kist_buf_puts(&text, "[\"\\\"", &err), err);
    for (int i = 0; i < 100; i++)
        CHECK_OK(kist_buf_puts(&text, "[{", &err), err);
    CHECK_OK(kist_buf_puts(&text, "\\\\\",[]]", &err), err);
    CHECK_OK(kist_json_parse(&root, text.data, text.len, "x", &err), err);
}

TEST(holds_the_cap_on_values)
{
    size_t len = 2 * (size_t)KIST_MAX_JSON_VALUES + 3;
    char *text = malloc(len);
    struct kist_error err = {0};
    cJSON *root = NULL;

    REQUIRE(text != NULL);
    memset(text, '1', len);
    text[0] = '[';
    for (size_t i = 2; i < len; i += 2)
        text[i] = ',';
    text[len - 1] = ']';
    CHECK_INT(kist_json_parse(&root, text, len, "config", &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "config holds more than 65536 values");
    free(text);
}

/* Texts longer than the printer's first guesses, and such as do not fit. */
TEST(writes_long_texts)
{
    enum { LENGTH = 100000 };
    KIST_AUTO(free) char *text = malloc(LENGTH + 1);
    struct kist_error err = {0};

    REQUIRE(text != NULL);
    for (size_t length = 1000; length <= LENGTH; length *= 10) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(2 * LENGTH), small = KIST_BUF_INIT(length);
        KIST_AUTO(json) cJSON *root = cJSON_CreateObject();

        memset(text, 'x', length);
        text[length] = '\0';
        CHECK_OK(kist_json_put_string(root, "s", text, &err), err);
        CHECK_OK(kist_buf_puts(&out, "before ", &err), err);
        CHECK_OK(kist_json_print(root, false, &out, &err), err);
        CHECK_INT(out.len, length + strlen("before {\"s\":\"\"}"));
        CHECK_INT(strlen(out.data), out.len);
        CHECK(strncmp(out.data, "before {\"s\":\"xx", 14) == 0 && strcmp(out.data + out.len - 3, "x\"}") == 0);
        CHECK_INT(kist_json_print(root, false, &small, &err), KIST_E_FAIL);
        CHECK_INT(small.len, 0);
    }
}

struct items {
    double sum;
    int n, fail_at;
};

static int add_item(void *arg, const cJSON *item, struct kist_error *err)
{
    struct items *items = arg;

    items->sum += item->valuedouble;
    return ++items->n == items->fail_at ? kist_error_set(err, KIST_E_IO, "enough") : 0;
}

static int each(struct items *items, const char *text, struct kist_error *err)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1); /* its last byte is not for reading */
    int rc;

    memcpy(copy, text, len);
    copy[len] = ',';
    rc = kist_json_each(copy, len, "index", "m", add_item, items, err);
    free(copy);
    return rc;
}

TEST(tells_an_array_item_by_item)
{
    static const struct {
        const char *text;
        int n, sum;
    } rows[] = {
        {"{\"m\":[1,2,3]}", 3, 6},
        {" { \"a\" : [7,[8]] , \"m\" : [ 1 , 2 ] , \"b\" : {\"m\":[5]} } \n", 2, 3},
        {"{\"m\":[]}", 0, 0},
        {"{\"\\u006d\":[4]}", 1, 4},
        {"{\"m\":[1],\"m\":[2]}", 1, 1}, /* the first, as a look-up in a parsed one has it */
    };
    struct kist_error err = {0};
    struct items few = {.fail_at = 2};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *root = NULL;
        struct items items = {0};

        TEST_CASE(rows[i].text);
        CHECK_OK(each(&items, rows[i].text, &err), err);
        CHECK_INT(items.n, rows[i].n);
        CHECK_INT((int)items.sum, rows[i].sum);
        REQUIRE_OK(parse(&root, rows[i].text, &err), err);
        CHECK_INT(cJSON_GetArraySize(kist_json_array(root, "m")), rows[i].n);
    }
    CHECK_INT(each(&few, "{\"m\":[1,2,3]}", &err), KIST_E_IO);
    CHECK_INT(few.n, 2);
}

TEST(tells_no_items_of_what_has_none)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{}", "'m' is missing"},
        {"{\"n\":[1]}", "'m' is missing"},
        {"{\"m\":{},\"m\":[1]}", "'m' is missing"},
        {"", "index is not JSON at byte 0"},
        {"[1]", "index is not JSON at byte 0"},
        {"{\"m\"", "index is not JSON at byte 4"},
        {"{\"m\":[1", "index is not JSON at byte 7"},
        {"{\"m\":[1,]}", "index is not JSON at byte 8"},
        {"{\"m\":[1]", "index is not JSON at byte 8"},
        {"{\"m\":[1],}", "index is not JSON at byte 9"},
        {"{\"m\":[1 2]}", "index is not JSON at byte 8"},
        {"{1:[1]}", "index is not JSON at byte 2"},
        {"{\"m\":[1]} x", "index goes on after its JSON at byte 10"},
        {"{\"m\":[\"\\u0000\"]}", "index is not acceptable JSON: NUL at byte 7"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct items items = {0};

        TEST_CASE(rows[i].text);
        CHECK_INT(each(&items, rows[i].text, &err), KIST_E_CORRUPT);
        CHECK_STR(err.message, rows[i].message);
    }
}

TEST(writes_what_it_can_read)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    struct kist_error err = {0};
    cJSON *list = cJSON_CreateArray();

    CHECK_OK(kist_json_put_string(root, "s", "a\"b", &err), err);
    CHECK_OK(kist_json_put_u64(root, "size", 68000000000, &err), err);
    CHECK_OK(kist_json_put_u64(root, "most", (uint64_t)1 << 53, &err), err);
    CHECK_OK(kist_json_put_bool(root, "b", true, &err), err);
    CHECK_OK(kist_json_append(list, cJSON_CreateNumber(1), &err), err);
    CHECK_OK(kist_json_put(root, "list", list, &err), err);
    CHECK_OK(kist_json_print(root, false, &out, &err), err);
    CHECK_STR(out.data,
              "{\"s\":\"a\\\"b\",\"size\":68000000000,\"most\":9007199254740992,\"b\":true,\"list\":[1]}");
    kist_buf_clear(&out);
    CHECK_OK(kist_json_print(kist_json_array(root, "list"), true, &out, &err), err);
    CHECK_STR(out.data, "[1]");
    CHECK_INT(kist_json_put(root, "x", NULL, &err), KIST_E_NOMEM);
    CHECK_INT(kist_json_append(NULL, cJSON_CreateTrue(), &err), KIST_E_NOMEM);
    CHECK_INT(kist_json_put_u64(root, "x", UINT64_MAX, &err), KIST_E_FAIL);
}
