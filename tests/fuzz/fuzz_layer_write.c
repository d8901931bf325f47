/* rooms: layer */
/*
 * A tar that someone hostile made, written as a layer. Whatever the writer accepts must verify, list, and
 * give back the tar. The first byte chooses the compressor and into what pieces the rest is cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/layer.h"
#include "mend.h"
#include "scratch.h"

/* The tar that comes back is compared as it comes. */
struct compare {
    struct kist_sink sink;
    const uint8_t *want;
    size_t left;
};

static int compare_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct compare *c = (struct compare *)sink;

    (void)err;
    if (len > c->left || memcmp(data, c->want, len) != 0)
        abort();
    c->want += len;
    c->left -= len;
    return 0;
}

static int compare_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)err;
    if (((struct compare *)sink)->left != 0)
        abort();
    return 0;
}

static const struct kist_sink_ops compare_ops = {compare_write, compare_finish};

struct seen {
    unsigned entries, implied;
};

static int each_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct seen *s = arg;

    (void)err;
    s->entries++;
    s->implied += e->implied;
    if (e->path[0] == '/' || strcmp(e->path, "..") == 0 || strncmp(e->path, "../", 3) == 0 ||
        strstr(e->path, "/../") || strstr(e->path, "//"))
        abort();
    for (size_t i = 0; i < e->xattr_count; i++)
        if (strncmp(e->xattrs[i].name, "trusted.overlay.", 16) == 0)
            abort();
    return 0;
}

static int each_implied(void *arg, const char *path, struct kist_error *err)
{
    struct seen *s = arg;

    (void)err;
    (void)path;
    if (s->implied-- == 0)
        abort();
    return 0;
}

static int write_layer(struct port_file *file, const uint8_t *data, size_t size, unsigned how,
                       struct kist_error *err)
{
    const struct kist_layer_options options = {
        .compressor = how & 1 ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD,
        .level = 1,
        .max_inodes = 1000,
        .max_names = 1U << 20,
        .max_bytes = 4U << 20,
    };
    size_t piece = how & 2 ? 1 + how : size + 1;
    struct kist_layer_writer *w;
    struct kist_digest diff_id;
    int rc = kist_layer_writer_new(&w, file, &options, err);

    if (rc < 0)
        die("no writer", err);
    kist_digest_of(&diff_id, data, size);
    for (size_t at = 0; at < size && rc == 0; at += piece)
        rc = kist_sink_write(kist_layer_writer_sink(w), data + at, KIST_MIN(piece, size - at), err);
    if (rc == 0)
        rc = kist_sink_finish(kist_layer_writer_sink(w), err);
    if (rc == 0)
        rc = kist_layer_writer_seal(w, &diff_id, NULL, err);
    kist_layer_writer_free(w);
    return rc;
}

static void check(struct port_file *file, const uint8_t *data, size_t size)
{
    struct compare back = {{&compare_ops}, data, size};
    struct kist_error err = {0};
    struct seen seen = {0};
    struct kist_layer *l;

    if (kist_layer_open(&l, file, &err) < 0)
        die("open", &err);
    if (kist_layer_verify(l, &err) < 0)
        die("verify", &err);
    if (kist_layer_tar(l, &back.sink, &err) < 0)
        die("tar", &err);
    if (kist_layer_list(l, each_entry, &seen, &err) < 0)
        die("list", &err);
    if (seen.entries == 0 || kist_layer_implied(l, each_implied, &seen, &err) < 0 || seen.implied != 0)
        die("implied", &err);
    kist_layer_close(l);
}

static void run(const uint8_t *tar, size_t size, unsigned how)
{
    struct kist_error err = {0};
    struct port_file *file;

    if (port_file_create(&file, folder, name, true, &err) < 0)
        die("create", &err);
    if (write_layer(file, tar, size, how, &err) < 0) {
        port_file_discard(file);
        return;
    }
    if (port_file_close(file, &err) < 0 || port_file_open(&file, folder, name, &err) < 0)
        die("reopen", &err);
    check(file, tar, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *tar;

    if (size < 1)
        return 0;
    scratch_prepare("fuzz_layer_write");
    tar = malloc(size);
    if (!tar)
        abort();
    memcpy(tar, data + 1, size - 1);
    mend_tar(tar, size - 1);
    run(tar, size - 1, data[0]);
    free(tar);
    return 0;
}
