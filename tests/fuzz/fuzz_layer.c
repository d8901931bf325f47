/* rooms: layer */
/*
 * A layer file that flash has damaged. The input is the file, but that its trailer's own hash and what it
 * repeats of the file's size and of the superblock are made right first, so that damage reaches what lies
 * behind those checks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/sha256.h"
#include "layer/format.h"
#include "layer/layer.h"
#include "scratch.h"

#define OUTPUT_MAX (4U << 20) /* bytes taken of one tar or file: holes cost the input nothing */
#define READS_MAX 32

/* The input as a file of its own, trailer mended. */
static struct port_file *make_file(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size), *trailer = copy + size - KIST_LAYER_TRAILER_SIZE;
    struct kist_error err = {0};
    struct port_file *file;
    struct kist_sha256 h;

    if (!copy)
        abort();
    memcpy(copy, data, size);
    memcpy(trailer, KIST_LAYER_MAGIC, 8);
    kist_le16_put(trailer + 8, KIST_LAYER_MAJOR);
    kist_le32_put(trailer + 12, kist_le16_get(copy + 20));
    kist_le64_put(trailer + 16, size);
    kist_le32_put(trailer + 52, kist_le32_get(copy + 4));
    kist_sha256_init(&h);
    kist_sha256_update(&h, trailer, KIST_LAYER_TRAILER_HASHED);
    kist_sha256_final(&h, trailer + KIST_LAYER_TRAILER_HASHED);
    if (port_file_create(&file, folder, name, true, &err) < 0 ||
        port_file_append(file, copy, size, &err) < 0 || port_file_close(file, &err) < 0 ||
        port_file_open(&file, folder, name, &err) < 0)
        die("cannot keep the input", &err);
    free(copy);
    return file;
}

/* ---- whoever takes what is read ---- */

struct drain {
    struct kist_sink sink;
    size_t taken;
    unsigned char seen; /* so that what is given is also looked at */
};

static int drain_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct drain *d = (struct drain *)sink;
    unsigned char all = 0;

    for (size_t i = 0; i < len; i += 512)
        all |= ((const unsigned char *)data)[i];
    d->seen |= all;
    d->taken += len;
    return d->taken > OUTPUT_MAX ? kist_error_set(err, KIST_E_FAIL, "enough") : 0;
}

static int drain_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static const struct kist_sink_ops drain_ops = {drain_write, drain_finish};

struct visit {
    struct kist_layer *layer;
    unsigned reads;
};

static int each_found(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)err;
    if (strcmp(arg, e->path) != 0)
        abort();
    return 0;
}

static int each_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct visit *v = arg;
    struct drain d = {.sink = {&drain_ops}};
    size_t total = strlen(e->path) + (e->target ? strlen(e->target) : 0);

    (void)err;
    for (size_t i = 0; i < e->xattr_count; i++)
        total +=
            strlen(e->xattrs[i].name) + (e->xattrs[i].size ? *(const unsigned char *)e->xattrs[i].value : 0);
    if (total == SIZE_MAX)
        abort();
    if (v->reads++ < READS_MAX) {
        struct kist_error ignored = {0};

        (void)!kist_layer_find(v->layer, e->path, each_found, (void *)(uintptr_t)e->path, &ignored);
        (void)!kist_layer_read(v->layer, e->path, &d.sink, &ignored);
    }
    return 0;
}

static int each_implied(void *arg, const char *path, struct kist_error *err)
{
    (void)arg;
    (void)err;
    return strlen(path) == SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct drain d = {.sink = {&drain_ops}};
    struct kist_error err = {0};
    struct kist_layer *l;
    struct visit v = {0};

    if (size < KIST_SQUASHFS_SUPER_SIZE + KIST_LAYER_TRAILER_SIZE)
        return 0;
    scratch_prepare("fuzz_layer");
    if (kist_layer_open(&l, make_file(data, size), &err) < 0)
        return 0;
    v.layer = l;
    (void)!kist_layer_verify(l, &err);
    (void)!kist_layer_list(l, each_entry, &v, &err);
    (void)!kist_layer_implied(l, each_implied, NULL, &err);
    (void)!kist_layer_tar(l, &d.sink, &err);
    kist_layer_close(l);
    return 0;
}
