/* A thousand images. Times are printed, not judged: that is for tests/bench. */
#include "port/clock.h"
#include "store/index.h"
#include "store_fixture.h"

#define IMAGES 1000
#define LAYERS 8 /* an image's: one of all, three of a hundred, the rest its own */

static unsigned layer_number(unsigned image, unsigned layer)
{
    if (layer == 0) {
        return 0;
    }
    return layer < 4 ? 1000000 + image / 100 * 10 + layer : image * 100 + layer;
}

static void build_index(struct kist_index *index)
{
    struct kist_error err;

    REQUIRE_OK(kist_index_parse(index, KIST_INDEX_EMPTY, strlen(KIST_INDEX_EMPTY), &err), err);
    for (unsigned i = 0; i < IMAGES; i++) {
        struct kist_digest diff_ids[LAYERS];
        char name[64];
        struct kist_image image = {
            .name = name, .diff_ids = diff_ids, .layer_count = LAYERS, .pulled = 1000 + i};

        CHECK(kist_str_format(name, sizeof(name), "docker.io/library/image%u:latest", i));
        image.config = fixture_digest(2000000 + i);
        image.source = image.manifest.digest = fixture_digest(3000000 + i);
        image.manifest.size = 500;
        CHECK(kist_str_copy(image.manifest.media_type, sizeof(image.manifest.media_type),
                            KIST_MEDIA_OCI_MANIFEST));
        kist_platform_set(&image.platform, "linux", "arm", "v7");
        for (unsigned k = 0; k < LAYERS; k++) {
            diff_ids[k] = fixture_digest(layer_number(i, k));
        }
        CHECK_OK(kist_index_add(index, &image, &err), err);
    }
}

static void write_store(struct fixture *f)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(16 << 20);
    char path[128], hex[KIST_DIGEST_HEX_MAX];

    build_index(&index);
    CHECK_OK(kist_index_print(&index, &text, &f->err), f->err);
    fixture_put(f, "index.json", kist_buf_text(&text));
    printf("index.json: %zu bytes\n", text.len);
    for (size_t i = 0; i < index.images.n; i++) {
        const struct kist_image *image = &index.images.v[i];

        CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s", kist_digest_hex(hex, &image->config)));
        fixture_put(f, path, "config");
        CHECK(kist_str_format(path, sizeof(path), "blobs/sha256/%s",
                              kist_digest_hex(hex, &image->manifest.digest)));
        fixture_put(f, path, "manifest");
        for (size_t k = 0; k < image->layer_count; k++) {
            CHECK(kist_str_format(path, sizeof(path), "layers/sha256/%s",
                                  kist_digest_hex(hex, &image->diff_ids[k])));
            fixture_put(f, path, "layer");
        }
    }
}

TEST(a_thousand_images)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_store_removed removed;
    const struct kist_image *found;
    int layers = 1 + IMAGES / 100 * 3 + IMAGES * (LAYERS - 4);
    struct fixture f;
    uint64_t start;

    REQUIRE(fixture_init(&f));
    write_store(&f);
    CHECK_INT(fixture_count(&f, "layers/sha256"), layers);

    start = port_clock_monotonic();
    CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
    printf("list: %u ms\n", (unsigned)(port_clock_monotonic() - start));
    REQUIRE(list.n == IMAGES);
    for (size_t i = 0; i < list.n; i++) {
        CHECK_INT(list.v[i].pulled, 1000 + IMAGES - 1 - i);
        CHECK_INT(list.v[i].bytes, (2 + LAYERS) * 4096);
        CHECK_INT(list.v[i].shared, 4 * 4096);
    }
    CHECK_OK(kist_image_list_find(&list, "image7", NULL, &found, &f.err), f.err);

    start = port_clock_monotonic();
    CHECK_OK(kist_store_image_remove(f.store, "image7", false, &removed, &f.err), f.err);
    printf("remove one: %u ms\n", (unsigned)(port_clock_monotonic() - start));
    CHECK_INT(removed.deleted.n, 1 + LAYERS - 4);
    CHECK_INT(removed.freed, (2 + LAYERS - 4) * 4096);
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), layers - (LAYERS - 4));
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 2 * (IMAGES - 1));

    start = port_clock_monotonic();
    CHECK_OK(kist_store_prune(f.store, &(struct kist_store_prune){.all = true}, &removed, &f.err), f.err);
    printf("prune all: %u ms\n", (unsigned)(port_clock_monotonic() - start));
    CHECK_INT(removed.deleted.n, IMAGES - 1 + layers - (LAYERS - 4));
    kist_store_removed_release(&removed);
    CHECK_INT(fixture_count(&f, "layers/sha256"), 0);
    CHECK_INT(fixture_count(&f, "blobs/sha256"), 0);
    fixture_release(&f);
}
