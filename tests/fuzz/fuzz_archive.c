/* rooms: transfer port_sim */
/*
 * An archive that someone hostile made, loaded into an empty store on the simulated disk. What fails leaves nothing; what loads is
 * whole, and can be saved. The first byte says whether it can be read twice, and into what pieces it is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "mend.h"
#include "port/sim.h"
#include "transfer/load.h"
#include "transfer/save.h"

#define ROOT "/store"

struct archive {
    const uint8_t *data;
    size_t size, at, piece;
};

static int read_archive(void *arg, void *data, size_t size, size_t *got, struct kist_error *err)
{
    struct archive *a = arg;

    (void)err;
    *got = KIST_MIN(KIST_MIN(size, a->piece), a->size - a->at);
    memcpy(data, a->data + a->at, *got);
    a->at += *got;
    return 0;
}

static int rewind_archive(void *arg, struct kist_error *err)
{
    (void)err;
    ((struct archive *)arg)->at = 0;
    return 0;
}

static void must(int rc, const char *what, const struct kist_error *err)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, err->message);
        abort();
    }
}

static int drop_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    (void)sink, (void)data, (void)len, (void)err;
    return 0;
}

static int drop_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static const struct kist_sink_ops drop_ops = {drop_write, drop_finish};

static size_t save_all(struct kist_store *s)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    const struct kist_save_options options = {.oci = false};
    struct kist_sink drop = {&drop_ops};
    struct kist_error err = {0};

    must(kist_store_images(s, &list, &err), "images", &err);
    for (size_t i = 0; i < list.n; i++) {
        char text[KIST_DIGEST_TEXT_MAX];
        char *id = kist_digest_text(text, &list.v[i].config);

        must(kist_save(s, &id, 1, &options, &drop, &err), "save", &err);
    }
    return list.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kist_load_options options = {
        .layer = {.level = 1, .max_inodes = 1000, .max_names = 1U << 20, .max_bytes = 4U << 20},
        .platform = {.os = "linux", .arch = "arm", .variant = "v7"},
    };
    struct kist_error err = {0};
    struct kist_store *s;
    uint8_t *copy = malloc(size + 1);
    struct archive a = {.data = copy, .size = size ? size - 1 : 0};
    struct kist_load_source source = {.read = read_archive, .arg = &a};
    size_t images;
    int rc;

    if (!copy || size < 1) {
        free(copy);
        return 0;
    }
    memcpy(copy, data + 1, a.size);
    mend_tar(copy, a.size);
    source.rewind = data[0] & 1 ? rewind_archive : NULL;
    a.piece = data[0] & 2 ? 1U + data[0] : SIZE_MAX;
    port_sim_reset(0);
    must(kist_store_open(&s, ROOT, true, &err), "open", &err);
    rc = kist_load(s, &source, &options, &err);
    images = save_all(s);
    kist_store_close(s);
    if ((rc == 0) != (images > 0) || port_sim_count(ROOT "/partial") + port_sim_count(ROOT "/tmp") > 0 ||
        (rc < 0 && port_sim_count(ROOT "/layers/sha256") + port_sim_count(ROOT "/blobs/sha256") > 0)) {
        fprintf(stderr, "load gave %d (%s), and there are %zu images\n", rc, err.message, images);
        abort();
    }
    free(copy);
    return 0;
}
