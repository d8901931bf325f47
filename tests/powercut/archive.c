#include <string.h>

#include "codec/collect.h"
#include "codec/tar_write.h"
#include "powercut.h"
#include "transfer/import.h"
#include "transfer/load.h"

static struct kist_buf archive = KIST_BUF_INIT(1U << 20);

static void put_file(struct kist_tar_writer *w, const char *name, const struct kist_buf *data)
{
    struct kist_error err = {.code = KIST_OK};

    must(kist_tar_writer_file(w, name, 0, kist_buf_text(data), data->len, &err), &err, name);
}

static void put_layers(struct kist_tar_writer *w, const struct test_image *image)
{
    for (size_t i = 0; i < IMAGE_LAYERS && image->layers[i]; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%u.tar", image->layers[i]);
        put_file(w, name, layer_tar(image->layers[i]));
    }
}

static void put_documents(struct kist_tar_writer *w, const struct test_image *image)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16), text = KIST_BUF_INIT(1U << 16);
    struct kist_error err = {.code = KIST_OK};

    must(image_config(&config, image, &err), &err, "a config");
    must(kist_buf_printf(&text, &err, "[{\"Config\":\"c.json\",\"RepoTags\":[\"%s\"],\"Layers\":[", image->name), &err, "text");
    for (size_t i = 0; i < IMAGE_LAYERS && image->layers[i]; i++) {
        must(kist_buf_printf(&text, &err, "%s\"%u.tar\"", i ? "," : "", image->layers[i]), &err, "text");
    }
    must(kist_buf_puts(&text, "]}]", &err), &err, "text");
    put_file(w, "c.json", &config);
    put_file(w, "manifest.json", &text);
}

void archive_make(const struct test_image *image, bool layers_first)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_tar_writer w;
    struct kist_collect collect;

    kist_buf_clear(&archive);
    kist_collect_init(&collect, &archive);
    kist_tar_writer_init(&w, &collect.sink);
    if (layers_first) {
        put_layers(&w, image);
        put_documents(&w, image);
    } else {
        put_documents(&w, image);
        put_layers(&w, image);
    }
    must(kist_tar_writer_end(&w, &err), &err, "an archive");
}

void archive_release(void)
{
    kist_buf_release(&archive);
}

static int read_archive(void *arg, void *data, size_t size, size_t *got, struct kist_error *err)
{
    size_t *at = arg;

    (void)err;
    *got = KIST_MIN(size, archive.len - *at);
    memcpy(data, archive.data + *at, *got);
    *at += *got;
    return 0;
}

int archive_load(struct kist_store *s, size_t cut, struct kist_error *err)
{
    struct kist_load_options options = {.layer = {.level = 1}};
    size_t at = 0, whole = archive.len;
    struct kist_load_source source = {.read = read_archive, .arg = &at};
    int rc;

    archive.len -= cut;
    rc = kist_load(s, &source, &options, err);
    archive.len = whole;
    return rc;
}

int archive_import(struct kist_store *s, const char *name, unsigned layer, struct kist_error *err)
{
    struct kist_import_options options = {.layer = {.level = 1}, .name = name, .comment = "by hand", .created = 1700000000};
    const struct kist_buf *tar = layer_tar(layer);
    struct kist_import *in;
    struct kist_digest id;
    int rc;

    (void)!kist_platform_parse(&options.platform, "linux/arm/v7", NULL);
    rc = kist_import_new(&in, s, &options, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_sink_write(kist_import_sink(in), tar->data, tar->len, err);
    if (rc == 0 && (rc = kist_sink_finish(kist_import_sink(in), err)) == 0) {
        rc = kist_import_commit(in, &id, err);
    }
    kist_import_free(in);
    return rc;
}
