#include "store/index.h"

#include "base/limits.h"
#include "test.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define HEAD "{\"mediaType\":\"t\",\"digest\":\"" D1 "\",\"size\":7,"
#define NOTES "\"kist.config\":\"" D2 "\",\"kist.source\":\"" D1 "\","
#define IMAGE(more) HEAD "\"annotations\":{" NOTES more "}}"
#define INDEX(items) "{\"manifests\":[" items "]}"

static struct kist_error err;

static int parse(struct kist_index *index, const char *text)
{
    return kist_index_parse(index, text, strlen(text), &err);
}

TEST(reads_an_image)
{
    static const char text[] = INDEX(
        HEAD "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v6\"},\"annotations\":{"
             "\"org.opencontainers.image.ref.name\":\"docker.io/library/a:latest\"," NOTES
             "\"kist.layers\":\"" D1 "," D2
             "\",\"kist.created\":\"2024-01-31T12:00:00Z\",\"kist.pulled\":\"1970-01-01T00:00:09Z\"}}");
    struct kist_index index;
    const struct kist_image *image;
    char digest[KIST_DIGEST_TEXT_MAX], platform[KIST_PLATFORM_TEXT_MAX];

    REQUIRE_OK(parse(&index, text), err);
    CHECK_INT(index.images.n, 1);
    image = &index.images.v[0];
    CHECK_STR(image->name, "docker.io/library/a:latest");
    CHECK_STR(image->manifest.media_type, "t");
    CHECK_STR(kist_digest_text(digest, &image->manifest.digest), D1);
    CHECK_INT(image->manifest.size, 7);
    CHECK_STR(kist_digest_text(digest, &image->config), D2);
    CHECK_STR(kist_digest_text(digest, &image->source), D1);
    CHECK_STR(kist_platform_text(platform, &image->platform), "linux/arm/v6");
    CHECK_INT(image->created, 1706702400);
    CHECK_INT(image->pulled, 9);
    CHECK_INT(image->layer_count, 2);
    CHECK_STR(kist_digest_text(digest, &image->diff_ids[0]), D1);
    CHECK_STR(kist_digest_text(digest, &image->diff_ids[1]), D2);
    kist_index_release(&index);
}

TEST(reads_the_least)
{
    struct kist_index index;

    REQUIRE_OK(parse(&index, INDEX(IMAGE("\"kist.layers\":\"\""))), err);
    CHECK_STR(index.images.v[0].name, NULL);
    CHECK_INT(index.images.v[0].layer_count, 0);
    CHECK_INT(index.images.v[0].created, 0);
    kist_index_release(&index);
    REQUIRE_OK(parse(&index, KIST_INDEX_EMPTY), err);
    CHECK_INT(index.images.n, 0);
    kist_index_release(&index);
}

TEST(refuses_damage)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "index is"},
        {"[]", "'manifests' is missing"},
        {"{}", "'manifests' is missing"},
        {"{\"manifests\":{}}", "'manifests' is missing"},
        {INDEX("7"), "image 1: 'digest' is missing"},
        {INDEX("{}"), "image 1: 'digest' is missing"},
        {INDEX("{\"digest\":\"sha256:12\"}"), "image 1: 'digest': "},
        {INDEX("{\"digest\":\"" D1 "\"}"), "image 1: annotations, media type or size is missing"},
        {INDEX("{\"mediaType\":\"t\",\"digest\":\"" D1 "\",\"size\":-1,\"annotations\":{}}"),
         "image 1: annotations, "},
        {INDEX("{\"mediaType\":\"t\",\"digest\":\"" D1 "\",\"size\":1,\"annotations\":{}}"),
         "'kist.config' is missing"},
        {INDEX(HEAD "\"annotations\":{\"kist.config\":\"" D1 "\"}}"), "'kist.source' is missing"},
        {INDEX(IMAGE("\"a\":1")), "'kist.layers' is missing"},
        {INDEX(IMAGE("\"kist.layers\":\"" D1 ",\"")), "'kist.layers' holds something else than digests"},
        {INDEX(IMAGE("\"kist.layers\":\"" D1 "x\"")), "'kist.layers' holds something else than digests"},
        {INDEX(IMAGE("\"kist.layers\":\",,\"")), "'kist.layers' holds something else than digests"},
        {INDEX(IMAGE("\"kist.layers\":\"\",\"kist.created\":\"yesterday\"")), "'kist.created' is not a time"},
        {INDEX(IMAGE("\"kist.layers\":\"\",\"kist.pulled\":\"\"")), "'kist.pulled' is not a time"},
        {INDEX(IMAGE("\"kist.layers\":\"\",\"org.opencontainers.image.ref.name\":\"alpine\"")),
         "'alpine' is no whole"},
        {INDEX(IMAGE("\"kist.layers\":\"\",\"org.opencontainers.image.ref.name\":\"../../etc\"")),
         "is no whole"},
        {INDEX(IMAGE("\"kist.layers\":\"\"") "," IMAGE("\"kist.layers\":\"x\"")), "image 2: 'kist.layers'"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_index index;

        TEST_CASE(rows[i].text);
        CHECK_INT(parse(&index, rows[i].text), KIST_E_CORRUPT);
        if (!strstr(err.message, rows[i].message)) {
            CHECK_STR(err.message, rows[i].message);
        }
        CHECK(!index.root && !index.images.v);
    }
}

TEST(refuses_too_many_layers)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1 << 20);
    struct kist_index index;

    CHECK_OK(
        kist_buf_puts(&text, "{\"manifests\":[" HEAD "\"annotations\":{" NOTES "\"kist.layers\":\"" D1, &err),
        err);
    for (int i = 0; i < 128; i++) {
        CHECK_OK(kist_buf_puts(&text, "," D2, &err), err);
    }
    CHECK_OK(kist_buf_puts(&text, "\"}}]}", &err), err);
    CHECK_INT(parse(&index, text.data), KIST_E_CORRUPT);
    CHECK_STR(err.message, "image 1: an image of 129 layers");
}

/* What a newer kist wrote beside what we know. */
TEST(changes_carry_along_the_unknown)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"annotations\":{\"kist.new\":\"x\"},\"manifests\":[" HEAD
        "\"artifactType\":\"y\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"docker.io/library/"
        "a:1\"," NOTES "\"kist.layers\":\"\",\"kist.pin\":\"true\"}}]}";
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1 << 16);
    struct kist_index index;
    struct kist_image copy;

    REQUIRE_OK(parse(&index, text), err);
    copy = index.images.v[0];
    copy.created = 60;
    CHECK_OK(kist_index_add(&index, &copy, &err), err);
    kist_index_unname(&index, 0);
    CHECK_STR(index.images.v[0].name, NULL);
    CHECK_STR(index.images.v[1].name, "docker.io/library/a:1");
    CHECK_OK(kist_index_print(&index, &out, &err), err);
    CHECK_STR(out.data,
              "{\"schemaVersion\":2,\"annotations\":{\"kist.new\":\"x\"},\"manifests\":[" HEAD
              "\"artifactType\":\"y\",\"annotations\":{" NOTES
              "\"kist.layers\":\"\",\"kist.pin\":\"true\"}}," HEAD
              "\"platform\":{\"architecture\":\"\",\"os\":\"\"},"
              "\"annotations\":{\"org.opencontainers.image.ref.name\":\"docker.io/library/a:1\"," NOTES
              "\"kist.layers\":\"\",\"kist.created\":\"1970-01-01T00:01:00Z\"}}]}");
    kist_index_remove(&index, 0);
    CHECK_INT(index.images.n, 1);
    CHECK_STR(index.images.v[0].name, "docker.io/library/a:1");
    CHECK_INT(cJSON_GetArraySize(index.manifests), 1);
    kist_index_release(&index);
}

/* What is written can be read again: the cap on images stands before the one on JSON values. */
TEST(holds_so_many_images_and_no_more)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL}, back = {.root = NULL};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    struct kist_digest layers[8] = {{{1}}};
    struct kist_image image = {.name = NULL, .diff_ids = layers, .layer_count = KIST_COUNT(layers), .created = 1, .pulled = 1};

    kist_platform_set(&image.platform, "linux", "arm", "v6");
    REQUIRE_OK(parse(&index, KIST_INDEX_EMPTY), err);
    for (unsigned i = 0; i < KIST_MAX_STORE_IMAGES; i++) {
        char name[64];

        CHECK(kist_str_format(name, sizeof(name), "docker.io/library/a%u:latest", i));
        image.name = name;
        REQUIRE_OK(kist_index_add(&index, &image, &err), err);
    }
    CHECK_INT(kist_index_add(&index, &image, &err), KIST_E_NO_SPACE);
    CHECK_OK(kist_index_print(&index, &text, &err), err);
    CHECK_OK(parse(&back, kist_buf_text(&text)), err);
    CHECK_INT(back.images.n, KIST_MAX_STORE_IMAGES);
}

/* The time the index vouches for, beside what others note of it. */
TEST(vouches_for_a_time)
{
    static const struct {
        const char *annotations;
        int64_t clock;
    } rows[] = {
        {"", 0},
        {",\"annotations\":{\"x\":\"y\"}", 0},
        {",\"annotations\":{\"kist.clock\":\"2024-01-31T12:00:00Z\",\"x\":\"y\"}", 1706702400},
        {",\"annotations\":{\"kist.clock\":\"soon\"}", 0},
        {",\"annotations\":{\"kist.clock\":3}", 0},
        {",\"annotations\":\"odd\"", 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(index) struct kist_index index = {.root = NULL};
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(4096);

        TEST_CASE(rows[i].annotations);
        CHECK_OK(kist_buf_printf(&text, &err, "{\"schemaVersion\":2,\"manifests\":[]%s}", rows[i].annotations), err);
        CHECK_OK(kist_index_parse(&index, kist_buf_text(&text), text.len, &err), err);
        CHECK(kist_index_clock(&index) == rows[i].clock);
        CHECK_OK(kist_index_set_clock(&index, 1796000000, &err), err);
        CHECK(kist_index_clock(&index) == 1796000000);
        kist_buf_clear(&text);
        CHECK_OK(kist_index_print(&index, &text, &err), err);
        CHECK((strstr(kist_buf_text(&text), "\"x\":\"y\"") != NULL) == (strstr(rows[i].annotations, "\"x\"") != NULL));
        TEST_CASE(NULL);
    }
}
