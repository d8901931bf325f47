#include "layer/ingest.h"

#include <stdlib.h>
#include <string.h>

#include "layer/place.h"

void kist_ingest_release(struct kist_ingest *in)
{
    free(in->extents);
}

int kist_ingest_raw(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct kist_ingest *in = arg;
    uint64_t position = in->tar_bytes;

    in->tar_bytes += len;
    return kist_recipe_raw(in->recipe, position, data, len, err);
}

static int keep_extents(struct kist_ingest *in, const struct kist_tar_entry *e, struct kist_error *err)
{
    int rc = kist_array_grow(&in->extents, &in->extent_size, e->extent_count, sizeof(*in->extents), err);

    if (rc == 0 && e->extent_count > 0) {
        memcpy(in->extents, e->extents, e->extent_count * sizeof(*in->extents));
    }
    in->extent_count = e->extent_count;
    in->extent = 0;
    in->in_extent = 0;
    return rc;
}

/* The data's opcodes, all before its first block: no chunk may come between the blocks of one file. */
static int write_ops(struct kist_ingest *in, struct kist_error *err)
{
    int rc = in->sparse ? kist_recipe_run(in->recipe, err) : kist_recipe_whole(in->recipe, err);

    for (size_t i = 0; in->sparse && i < in->extent_count && rc == 0; i++) {
        if (in->extents[i].length > 0) {
            rc = kist_recipe_data(in->recipe, in->extents[i].offset, in->extents[i].length, err);
        }
    }
    return rc;
}

int kist_ingest_entry(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    struct kist_ingest *in = arg;
    bool file = e->type == KIST_TAR_FILE;
    uint32_t run = (uint32_t)in->contents->run_count;
    int rc;

    in->left = file ? e->size : e->stored;
    in->keeps = in->left > 0;
    in->sparse = file && e->sparse;
    in->at = 0;
    rc = kist_place_entry(in, e, file && in->keeps ? run : KIST_CONTENTS_NONE, err);
    if (rc < 0 || !in->keeps) {
        return rc;
    }
    if (in->sparse) {
        rc = keep_extents(in, e, err);
    }
    if (rc == 0) {
        rc = write_ops(in, err);
    }
    return rc < 0 ? rc : kist_contents_begin(in->contents, in->left, err);
}

static int skip_to(struct kist_ingest *in, uint64_t offset, struct kist_error *err)
{
    uint64_t gap;

    if (offset < in->at) {
        return kist_error_set(err, KIST_E_CORRUPT, "a sparse file's stretches overlap");
    }
    gap = offset - in->at;
    in->at = offset;
    return kist_contents_skip(in->contents, gap, err);
}

static int sparse_data(struct kist_ingest *in, const unsigned char *p, size_t len, struct kist_error *err)
{
    while (len > 0) {
        const struct kist_tar_extent *x = &in->extents[in->extent];
        size_t n;
        int rc;

        if (in->extent == in->extent_count) {
            return kist_error_set(err, KIST_E_CORRUPT, "a sparse file has more data than its map");
        }
        if (in->in_extent == x->length) {
            in->extent++;
            in->in_extent = 0;
            continue;
        }
        rc = in->in_extent == 0 ? skip_to(in, x->offset, err) : 0;
        if (rc < 0) {
            return rc;
        }
        n = (size_t)KIST_MIN(len, x->length - in->in_extent);
        rc = kist_contents_write(in->contents, p, n, err);
        if (rc < 0) {
            return rc;
        }
        in->in_extent += n;
        in->at += n;
        p = p ? p + n : NULL;
        len -= n;
    }
    return 0;
}

int kist_ingest_data(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct kist_ingest *in = arg;

    in->tar_bytes += len;
    if (in->sparse) {
        return sparse_data(in, data, len, err);
    }
    in->at += len;
    return kist_contents_write(in->contents, data, len, err);
}

int kist_ingest_end(void *arg, struct kist_error *err)
{
    struct kist_ingest *in = arg;

    return in->keeps ? skip_to(in, in->left, err) : 0;
}
