#include "image/config.h"

#include "test.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"
#define ARCH "\"architecture\":\"amd64\",\"os\":\"linux\","

static int parse(struct kist_config *c, const char *text, struct kist_error *err)
{
    return kist_config_parse(c, text, strlen(text), err);
}

TEST(reads_everything)
{
    static const char text[] =
        "{\"created\":\"2024-01-31T12:00:00.5Z\",\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":"
        "\"linux\","
        "\"config\":{\"User\":\"app:1\",\"WorkingDir\":\"/srv\",\"StopSignal\":\"SIGINT\","
        "\"Env\":[\"PATH=/bin\",\"A=b=c\"],\"Entrypoint\":[\"/init\",\"\"],\"Cmd\":null,\"Shell\":[\"/bin/"
        "ash\",\"-c\"],"
        "\"Volumes\":{\"/data\":{},\"/log\":null},\"ExposedPorts\":{\"80/"
        "tcp\":{}},\"Labels\":{\"a\":\"b\",\"c\":\"\",\"d\":5},"
        "\"Healthcheck\":{\"Test\":[\"NONE\"]}},\"history\":[{}],\"rootfs\":{\"type\":\"layers\",\"diff_"
        "ids\":["
        "\"sha256:" HEX "\",\"sha256:" HEX "\"]}}";
    KIST_AUTO(config) struct kist_config c = {0};
    struct kist_error err = {0};

    REQUIRE_OK(parse(&c, text, &err), err);
    CHECK_INT(c.created, 1706702400);
    CHECK_STR(c.platform.os, "linux");
    CHECK_STR(c.platform.arch, "arm");
    CHECK_STR(c.platform.variant, "v7");
    CHECK_STR(c.user, "app:1");
    CHECK_STR(c.working_dir, "/srv");
    CHECK_STR(c.stop_signal, "SIGINT");
    REQUIRE(c.env.n == 2 && c.entrypoint.n == 2 && c.shell.n == 2 && c.volumes.n == 2);
    CHECK_STR(c.env.v[1], "A=b=c");
    CHECK_STR(c.entrypoint.v[0], "/init");
    CHECK_STR(c.entrypoint.v[1], "");
    CHECK(c.entrypoint.v[2] == NULL);
    CHECK_INT(c.cmd.n, 0);
    CHECK_STR(c.shell.v[1], "-c");
    CHECK_STR(c.volumes.v[0], "/data");
    CHECK_STR(c.volumes.v[1], "/log");
    REQUIRE(c.exposed_ports.n == 1 && c.labels.n == 2);
    CHECK_STR(c.exposed_ports.v[0], "80/tcp");
    CHECK_STR(c.labels.v[0], "a=b");
    CHECK_STR(c.labels.v[1], "c=");
    CHECK_INT(c.diff_id_count, 2);
    CHECK_INT(c.diff_ids[1].bytes[31], 0x55);
}

TEST(fills_in_what_is_absent)
{
    static const char *const rows[] = {
        "{" ARCH ROOTFS "}",
        "{" ARCH "\"config\":null," ROOTFS "}",
        "{" ARCH "\"created\":\"0001-01-01T00:00:00Z\",\"config\":{}," ROOTFS "}",
        "{" ARCH "\"created\":\"yesterday\",\"config\":{\"User\":5,\"Env\":null}," ROOTFS "}",
        "{\"architecture\":\"x86_64\"," ROOTFS "}",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(config) struct kist_config c = {0};
        struct kist_error err = {0};

        TEST_CASE(rows[i]);
        REQUIRE_OK(parse(&c, rows[i], &err), err);
        CHECK_STR(c.user, "");
        CHECK_STR(c.working_dir, "");
        CHECK_STR(c.stop_signal, "");
        CHECK_INT(c.created, 0);
        CHECK_INT(c.env.n, 0);
        CHECK_STR(c.platform.os, "linux");
        CHECK_STR(c.platform.arch, "amd64");
    }
}

TEST(takes_an_image_without_layers)
{
    KIST_AUTO(config) struct kist_config c = {0};
    struct kist_error err = {0};

    REQUIRE_OK(parse(&c, "{" ARCH "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}", &err), err);
    CHECK_INT(c.diff_id_count, 0);
}

TEST(refuses_what_is_no_config)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "image config"},
        {"[]", "architecture"},
        {"{\"os\":\"linux\"," ROOTFS "}", "architecture"},
        {"{" ARCH "\"x\":1}", "rootfs"},
        {"{" ARCH "\"rootfs\":{\"type\":\"tree\"}}", "rootfs"},
        {"{" ARCH "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:1\"]}}", "invalid digest"},
        {"{" ARCH "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[{}]}}", "not a string"},
        {"{" ARCH "\"config\":{\"Env\":[1]}," ROOTFS "}", "'Env' is not a list of strings"},
        {"{" ARCH "\"config\":{\"Cmd\":[[\"a\"]]}," ROOTFS "}", "'Cmd' is not a list of strings"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_config c;
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        CHECK_INT(parse(&c, rows[i].text, &err), KIST_E_CORRUPT);
        if (!strstr(err.message, rows[i].reason)) {
            CHECK_STR(err.message, rows[i].reason);
        }
        CHECK(c.diff_ids == NULL && c.user == NULL);
    }
}
