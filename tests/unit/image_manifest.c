#include "image/manifest.h"

#include "base/buf.h"
#include "base/limits.h"
#include "test.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "\"digest\":\"sha256:" HEX "\""
#define OCI_CONFIG                                                                                           \
    "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\"," DIGEST ",\"size\":7}"
#define OCI_LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\"," DIGEST ",\"size\":9}"
#define DOCKER_CONFIG                                                                                        \
    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\"," DIGEST ",\"size\":7}"
#define DOCKER_LAYER                                                                                         \
    "{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\"," DIGEST ",\"size\":9}"
#define ENTRY(platform) "{\"mediaType\":\"" KIST_MEDIA_OCI_MANIFEST "\"," DIGEST ",\"size\":5" platform "}"
#define ON(os, arch, variant)                                                                                \
    ENTRY(",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}")
#define TYPE(type) "\"mediaType\":\"" type "\","
#define V2 "\"schemaVersion\":2,"

static int parse(struct kist_manifest *m, const char *text, const char *content_type, struct kist_error *err)
{
    return kist_manifest_parse(m, text, strlen(text), content_type, err);
}

TEST(reads_images)
{
    static const struct {
        const char *text, *content_type, *type;
        size_t layers;
    } rows[] = {
        {"{" V2 TYPE(KIST_MEDIA_OCI_MANIFEST) OCI_CONFIG ",\"layers\":[" OCI_LAYER "," OCI_LAYER "]}", NULL,
         KIST_MEDIA_OCI_MANIFEST, 2},
        {"{" V2 OCI_CONFIG ",\"layers\":[" OCI_LAYER "]}", NULL, KIST_MEDIA_OCI_MANIFEST, 1},
        {"{" V2 OCI_CONFIG ",\"layers\":[" OCI_LAYER "]}", "text/plain", KIST_MEDIA_OCI_MANIFEST, 1},
        {"{" V2 TYPE(KIST_MEDIA_DOCKER_MANIFEST) DOCKER_CONFIG ",\"layers\":[" DOCKER_LAYER "]}",
         "application/json", KIST_MEDIA_DOCKER_MANIFEST, 1},
        {"{" V2 DOCKER_CONFIG ",\"layers\":[" DOCKER_LAYER "]}", KIST_MEDIA_DOCKER_MANIFEST,
         KIST_MEDIA_DOCKER_MANIFEST, 1},
        {"{" V2 OCI_CONFIG ",\"layers\":null}", NULL, KIST_MEDIA_OCI_MANIFEST, 0},
        {"{" V2 DOCKER_CONFIG
         ",\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"," DIGEST
         ",\"size\":9,\"urls\":[\"https://example.com/x\"]}]}",
         NULL, KIST_MEDIA_OCI_MANIFEST, 1},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(manifest) struct kist_manifest m = {0};
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        REQUIRE_OK(parse(&m, rows[i].text, rows[i].content_type, &err), err);
        CHECK_INT(m.kind, KIST_MANIFEST_IMAGE);
        CHECK_STR(m.media_type, rows[i].type);
        CHECK_INT(m.entry_count, rows[i].layers);
        CHECK_INT(m.config.size, 7);
        CHECK_INT(m.config.digest.bytes[0], 0xe3);
        for (size_t j = 0; j < m.entry_count; j++) {
            CHECK_INT(m.entries[j].size, 9);
            CHECK_STR(m.entries[j].platform.os, "");
        }
    }
}

TEST(refuses)
{
    static const struct {
        const char *text, *content_type;
        int code;
        const char *reason;
    } rows[] = {
        {"", NULL, KIST_E_CORRUPT, "manifest"},
        {"[]", NULL, KIST_E_CORRUPT, "not a JSON object"},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, KIST_E_UNSUPPORTED, "schema 1"},
        {"{\"schemaVersion\":1}", "application/vnd.docker.distribution.manifest.v1+prettyjws",
         KIST_E_UNSUPPORTED, "schema 1"},
        {"{" V2 TYPE("application/vnd.docker.distribution.manifest.v1+json") "\"x\":1}", NULL,
         KIST_E_UNSUPPORTED, "schema 1"},
        {"{" OCI_CONFIG ",\"layers\":[]}", NULL, KIST_E_CORRUPT, "schemaVersion"},
        {"{\"schemaVersion\":\"2\"," OCI_CONFIG ",\"layers\":[]}", NULL, KIST_E_CORRUPT, "schemaVersion"},
        {"{\"schemaVersion\":3," OCI_CONFIG ",\"layers\":[]}", NULL, KIST_E_CORRUPT, "schemaVersion"},
        {"{" V2 TYPE("application/vnd.example.thing+json") OCI_CONFIG "}", NULL, KIST_E_UNSUPPORTED,
         "application/vnd.example.thing+json"},
        {"{" V2 "\"errors\":[]}", NULL, KIST_E_CORRUPT, "neither"},
        {"{" V2 OCI_CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, KIST_E_CORRUPT, "at once"},
        {"{" V2 TYPE(KIST_MEDIA_OCI_INDEX) OCI_CONFIG ",\"layers\":[]}", NULL, KIST_E_CORRUPT,
         "not what it holds"},
        {"{" V2 TYPE(KIST_MEDIA_OCI_MANIFEST) "\"manifests\":[]}", NULL, KIST_E_CORRUPT, "not what it holds"},
        {"{" V2 "\"layers\":[]}", NULL, KIST_E_CORRUPT, "config has no media type"},
        {"{" V2 "\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"," DIGEST
         ",\"size\":7},\"layers\":[]}",
         NULL, KIST_E_UNSUPPORTED, "is not a container image"},
        {"{" V2 "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\"," DIGEST
         ",\"size\":99999999},\"layers\":[]}",
         NULL, KIST_E_CORRUPT, "99999999 bytes"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/vnd.example\"," DIGEST ",\"size\":9}]}",
         NULL, KIST_E_UNSUPPORTED, "layer 1 is of type 'application/vnd.example'"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"\\u001b[2J\"," DIGEST ",\"size\":9}]}", NULL,
         KIST_E_UNSUPPORTED, "'?[2J'"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"," DIGEST
         ",\"size\":-1}]}",
         NULL, KIST_E_CORRUPT, "no valid size"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"," DIGEST
         ",\"size\":1.5}]}",
         NULL, KIST_E_CORRUPT, "no valid size"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"," DIGEST
         ",\"size\":1e30}]}",
         NULL, KIST_E_CORRUPT, "no valid size"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"," DIGEST
         ",\"size\":\"9\"}]}",
         NULL, KIST_E_CORRUPT, "no valid size"},
        {"{" V2 OCI_CONFIG ",\"layers\":[{\"mediaType\":\"application/"
                           "vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:12\",\"size\":9}]}",
         NULL, KIST_E_CORRUPT, "layer: invalid digest"},
        {"{" V2 OCI_CONFIG
         ",\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"size\":9}]}",
         NULL, KIST_E_CORRUPT, "layer has no digest"},
        {"{" V2 OCI_CONFIG ",\"layers\":[5]}", NULL, KIST_E_CORRUPT, "layer has no media type"},
        {"{" V2 "\"manifests\":[{}]}", NULL, KIST_E_CORRUPT, "manifest has no media type"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_manifest m;
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        CHECK_INT(parse(&m, rows[i].text, rows[i].content_type, &err), rows[i].code);
        if (!strstr(err.message, rows[i].reason)) {
            CHECK_STR(err.message, rows[i].reason);
        }
        CHECK(m.entries == NULL);
    }
}

/* An image of count layers, or an index of count entries. */
static int parse_many(const char *head, const char *item, size_t count, struct kist_manifest *m,
                      struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    struct kist_error ignored;

    CHECK_OK(kist_buf_puts(&text, head, &ignored), ignored);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(kist_buf_printf(&text, &ignored, "%s%s", i ? "," : "", item), ignored);
    }
    CHECK_OK(kist_buf_puts(&text, "]}", &ignored), ignored);
    return kist_manifest_parse(m, text.data, text.len, NULL, err);
}

TEST(caps_counts)
{
    struct kist_manifest m;
    struct kist_error err = {0};

    CHECK_OK(parse_many("{" V2 OCI_CONFIG ",\"layers\":[", OCI_LAYER, KIST_MAX_LAYERS, &m, &err), err);
    CHECK_INT(m.entry_count, KIST_MAX_LAYERS);
    kist_manifest_release(&m);
    CHECK_INT(parse_many("{" V2 OCI_CONFIG ",\"layers\":[", OCI_LAYER, KIST_MAX_LAYERS + 1, &m, &err),
              KIST_E_UNSUPPORTED);
    CHECK_STR(err.message, "the manifest has 129 layers, more than the 128 there may be");
    CHECK_OK(parse_many("{" V2 "\"manifests\":[", ENTRY(""), KIST_MAX_INDEX, &m, &err), err);
    kist_manifest_release(&m);
    CHECK_INT(parse_many("{" V2 "\"manifests\":[", ENTRY(""), KIST_MAX_INDEX + 1, &m, &err),
              KIST_E_UNSUPPORTED);
}

TEST(chooses)
{
    static const struct {
        const char *entries, *want;
        bool aarch32;
        int index; /* -1: nothing fits */
    } rows[] = {
        {ON("linux", "amd64", "") "," ON("linux", "arm64", "v8"), "arm64", false, 1},
        {ON("linux", "arm", "v5") "," ON("linux", "arm", "v6") "," ON("linux", "arm", "v7"), "arm/v6", false,
         1},
        {ON("linux", "arm", "v5") "," ON("linux", "arm", "v6") "," ON("linux", "arm", "v7"), "arm", false, 2},
        {ON("linux", "arm", "v7"), "arm/v6", false, -1},
        {ON("linux", "arm", "v6") "," ON("linux", "arm", "v7"), "arm64", true, 1},
        {ON("linux", "arm", "v6") "," ON("linux", "arm", "v7"), "arm64", false, -1},
        {ON("linux", "arm", "v7") "," ON("linux", "arm64", ""), "arm64", true, 1},
        {ON("linux", "amd64", "v3") "," ON("linux", "amd64", ""), "amd64", false, 1},
        {ON("linux", "amd64", "v3"), "amd64", false, -1},
        {ON("linux", "amd64", "") "," ON("linux", "amd64", ""), "amd64", false, 0},
        {ON("unknown", "unknown", "") "," ON("linux", "amd64", ""), "amd64", false, 1},
        {ON("windows", "amd64", ""), "amd64", false, -1},
        {ENTRY("") "," ON("linux", "amd64", ""), "amd64", false, 1},
        {ON("linux", "386", "") "," ENTRY(""), "amd64", false, 1},
        {"{\"mediaType\":\"application/vnd.example\"," DIGEST ",\"size\":5}," ON("linux", "amd64", ""),
         "amd64", false, 1},
        {"", "amd64", false, -1},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(manifest) struct kist_manifest m = {0};
        const struct kist_descriptor *chosen;
        struct kist_platform want;
        struct kist_error err = {0};
        char text[4096], platform[64];

        TEST_CASE(rows[i].entries);
        snprintf(platform, sizeof(platform), "linux/%s", rows[i].want);
        snprintf(text, sizeof(text), "{" V2 "\"manifests\":[%s]}", rows[i].entries);
        REQUIRE_OK(kist_platform_parse(&want, platform, &err), err);
        REQUIRE_OK(parse(&m, text, KIST_MEDIA_OCI_INDEX, &err), err);
        CHECK_INT(m.kind, KIST_MANIFEST_INDEX);
        CHECK_STR(m.media_type, KIST_MEDIA_OCI_INDEX);
        chosen = kist_manifest_choose(&m, &want, rows[i].aarch32, &err);
        CHECK_INT(chosen ? chosen - m.entries : -1, rows[i].index);
        CHECK_INT(err.code, chosen ? KIST_OK : KIST_E_NOT_FOUND);
    }
}

TEST(names_the_platforms_there_are)
{
    static const char text[] = "{" V2 "\"manifests\":[" ON("linux", "amd64", "") "," ON(
        "linux", "arm", "v7") "," ON("unknown", "unknown", "") "]}";
    KIST_AUTO(manifest) struct kist_manifest m = {0};
    struct kist_platform want;
    struct kist_error err = {0};

    REQUIRE_OK(kist_platform_parse(&want, "riscv64", &err), err);
    REQUIRE_OK(parse(&m, text, NULL, &err), err);
    CHECK(kist_manifest_choose(&m, &want, false, &err) == NULL);
    CHECK_STR(err.message, "no image for platform 'linux/riscv64', there are: linux/amd64, linux/arm/v7");
}
