#include "codec/tar_write.h"
#include "image/compose.h"
#include "store/reshape.h"
#include "store_fixture.h"

#define NAME "docker.io/library/big:latest"
#define SIZE ((size_t)1 << 20)

/* A real layer of one file, whose bytes depend on number. */
static struct kist_digest add_layer(struct fixture *f, unsigned char number)
{
    const struct kist_layer_options options = {.compressor = KIST_LAYER_ZSTD};
    KIST_AUTO(free) unsigned char *data = malloc(SIZE);
    struct kist_store_layer_tx *tx = NULL;
    struct kist_layer_writer *writer = NULL;
    struct kist_layer_info info;
    struct kist_tar_writer tar;
    struct kist_sha256_sink hash;
    struct kist_digest diff_id;
    char name[8];

    if (!data) {
        abort();
    }
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (unsigned char)(number + (i * 7 + i / 61 * i / 97) % 64);
    }
    snprintf(name, sizeof(name), "big%u", number);
    CHECK_OK(kist_store_layer_begin_unnamed(f->store, &tx, &f->err), f->err);
    CHECK_OK(kist_layer_writer_new(&writer, kist_store_layer_file(tx), &options, &f->err), f->err);
    kist_sha256_sink_init(&hash, kist_layer_writer_sink(writer), UINT64_MAX, "tar");
    kist_tar_writer_init(&tar, &hash.sink);
    CHECK_OK(kist_tar_writer_file(&tar, name, 0, data, SIZE, &f->err), f->err);
    CHECK_OK(kist_tar_writer_end(&tar, &f->err), f->err);
    CHECK_OK(kist_sink_finish(&hash.sink, &f->err), f->err);
    kist_sha256_final(&hash.hash, diff_id.bytes);
    CHECK_OK(kist_layer_writer_seal(writer, &diff_id, &info, &f->err), f->err);
    kist_layer_writer_free(writer);
    CHECK_INT(kist_store_layer_commit_as(tx, &diff_id, &f->err), 0);
    return diff_id;
}

static void add_image(struct fixture *f)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1 << 16), manifest = KIST_BUF_INIT(1 << 16);
    struct kist_descriptor desc, none = {.media_type = "x"};
    struct kist_image_new new = {NAME, &manifest, &desc, &config, &desc.digest};
    struct kist_digest first = add_layer(f, 1), second = add_layer(f, 2);
    char a[KIST_DIGEST_TEXT_MAX], b[KIST_DIGEST_TEXT_MAX];
    enum kist_store_change change;

    CHECK_OK(kist_buf_printf(&config, &f->err,
                             "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\","
                             "\"%s\"]}}",
                             kist_digest_text(a, &first), kist_digest_text(b, &second)),
             f->err);
    CHECK_OK(kist_compose_manifest(&none, NULL, 0, &manifest, &f->err), f->err);
    kist_compose_describe(&desc, KIST_MEDIA_OCI_MANIFEST, &manifest);
    CHECK_OK(kist_store_image_add(f->store, &new, &change, &f->err), f->err);
}

struct patience {
    int left;
};

static bool impatient(void *arg)
{
    return ((struct patience *)arg)->left-- <= 0;
}

static uint64_t layer_bytes(struct fixture *f)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};

    CHECK_OK(kist_store_images(f->store, &list, &f->err), f->err);
    CHECK_INT(list.n, 1);
    return list.n == 1 ? list.v[0].bytes : 0;
}

TEST(a_stop_leaves_all_as_it_was)
{
    const struct kist_layer_options gzip = {.compressor = KIST_LAYER_GZIP};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    add_image(&f);
    for (int asked = 0; asked < 3; asked++) {
        KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
        struct patience patience = {asked};
        struct kist_reshaped result;
        struct kist_digest id;
        uint64_t bytes = layer_bytes(&f);

        kist_store_stop_on(f.store, impatient, &patience);
        CHECK_INT(kist_store_recompress(f.store, NULL, 0, &gzip, false, &result, &f.err), KIST_E_INTERRUPTED);
        CHECK_INT(result.changed, 0);
        patience.left = asked;
        CHECK_OK(kist_store_images(f.store, &list, &f.err), f.err);
        CHECK_INT(kist_store_image_flatten(f.store, &list.v[0], NAME, &gzip, &id, &result, &f.err), KIST_E_INTERRUPTED);
        kist_store_stop_on(f.store, NULL, NULL);
        CHECK_INT(layer_bytes(&f), bytes);
        CHECK_INT(fixture_count(&f, "layers/sha256"), 2);
        CHECK_INT(fixture_count(&f, "partial") + fixture_count(&f, "tmp"), 0);
    }
    fixture_release(&f);
}

TEST(recompresses_what_is_packed_otherwise)
{
    const struct kist_layer_options gzip = {.compressor = KIST_LAYER_GZIP};
    struct kist_reshaped first, again, less;
    struct fixture f;

    REQUIRE(fixture_init(&f));
    add_image(&f);
    CHECK_OK(kist_store_recompress(f.store, NULL, 0, &gzip, false, &first, &f.err), f.err);
    CHECK(first.layers == 2 && first.changed == 2 && first.after != first.before);
    CHECK_OK(kist_store_recompress(f.store, NULL, 0, &gzip, false, &again, &f.err), f.err);
    CHECK(again.layers == 2 && again.changed == 0 && again.after == first.after);
    CHECK_OK(kist_store_recompress(f.store, NULL, 0, &gzip, true, &less, &f.err), f.err);
    CHECK_INT(less.changed, 0); /* the same bytes again are no gain */
    fixture_release(&f);
}
