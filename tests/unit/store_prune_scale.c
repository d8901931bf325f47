/* rooms: port_sim */
/* A thousand images at once: what pruning asks of the disk grows as they do, and no faster. */
#include <errno.h>

#include "base/str.h"
#include "port/sim.h"
#include "store/index.h"
#include "test.h"

#define ROOT "/store"
#define LAYERS 3 /* an image's: one of all, one of ten, one its own */

static struct kist_digest digest(unsigned number)
{
    struct kist_digest d;

    kist_digest_of(&d, &number, sizeof(number));
    return d;
}

static void put(struct port_dir *at, const char *folder, const struct kist_digest *name)
{
    struct kist_error err = {.code = KIST_OK};
    struct port_dir *kind, *dir;
    struct port_file *f;
    char hex[KIST_DIGEST_HEX_MAX];

    REQUIRE_OK(port_dir_open_at(&kind, at, folder, true, &err), err);
    REQUIRE_OK(port_dir_open_at(&dir, kind, "sha256", true, &err), err);
    REQUIRE_OK(port_file_create(&f, dir, kist_digest_hex(hex, name), true, &err), err);
    CHECK_OK(port_file_append(f, "x", 1, &err), err);
    CHECK_OK(port_file_close(f, &err), err);
    port_dir_close(dir);
    port_dir_close(kind);
}

/* A store of so many images, the first of them with a name. */
static void build(unsigned count)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(16 << 20);
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s;
    struct port_dir *root;
    struct port_file *f;

    port_sim_reset(256 << 20);
    REQUIRE_OK(kist_store_open(&s, ROOT, true, &err), err);
    kist_store_close(s);
    REQUIRE_OK(port_dir_open(&root, ROOT, false, &err), err);
    REQUIRE_OK(kist_index_parse(&index, KIST_INDEX_EMPTY, strlen(KIST_INDEX_EMPTY), &err), err);
    for (unsigned i = 0; i < count; i++) {
        struct kist_digest diff_ids[LAYERS] = {digest(0), digest(1000000 + i / 10), digest(2000000 + i)};
        struct kist_image image = {.name = i == 0 ? (char[]){"docker.io/library/a:latest"} : NULL,
                                   .diff_ids = diff_ids, .layer_count = LAYERS, .pulled = 1000 + i};

        image.config = digest(3000000 + i);
        image.source = image.manifest.digest = digest(4000000 + i);
        CHECK(kist_str_copy(image.manifest.media_type, sizeof(image.manifest.media_type), KIST_MEDIA_OCI_MANIFEST));
        kist_platform_set(&image.platform, "linux", "arm", "v7");
        CHECK_OK(kist_index_add(&index, &image, &err), err);
        put(root, "blobs", &image.config);
        put(root, "blobs", &image.manifest.digest);
        for (size_t k = 0; k < LAYERS; k++) {
            put(root, "layers", &diff_ids[k]);
        }
    }
    CHECK_OK(kist_index_print(&index, &text, &err), err);
    REQUIRE_OK(port_file_create(&f, root, "index.json", true, &err), err);
    CHECK_OK(port_file_append(f, text.data, text.len, &err), err);
    CHECK_OK(port_file_close(f, &err), err);
    port_dir_close(root);
}

struct cost {
    uint64_t changes, calls;
};

static struct cost prune(unsigned count)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_store_removed removed;
    struct kist_store_prune options = {.keep_previous = true};
    struct cost cost = {0, 0};
    struct kist_store *s;

    build(count);
    if (kist_store_open(&s, ROOT, false, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.message);
        return cost;
    }
    port_sim_halt_at(0);
    port_sim_fail_at(UINT64_MAX, EIO, false);
    CHECK_OK(kist_store_prune(s, &options, &removed, &err), err);
    cost = (struct cost){port_sim_operations(), port_sim_calls()};
    CHECK_INT(removed.deleted.n, count - 1 + (count - 1) + (count / 10 - 1)); /* IDs, own layers, layers of ten */
    kist_store_removed_release(&removed);
    kist_store_close(s);
    CHECK_INT(port_sim_count(ROOT "/blobs/sha256"), 2);
    CHECK_INT(port_sim_count(ROOT "/layers/sha256"), LAYERS);
    return cost;
}

TEST(costs_what_it_removes)
{
    struct cost one = prune(100), two = prune(200), ten = prune(1000);

    /* for ten images: twenty blobs, eleven layers */
    CHECK_INT(two.changes - one.changes, 100 / 10 * 31);
    CHECK_INT(ten.changes - two.changes, 800 / 10 * 31);
    CHECK_INT(ten.calls - two.calls, 8 * (two.calls - one.calls));
    CHECK(ten.calls <= 1000 * 20);
}
