/* The parts put together: tar -> tree, contents, recipe -> tables, tail, trailer. */
#include "layer/layer.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "layer/implied.h"
#include "layer/tables.h"
#include "layer/writer.h"

/* Offsets into what the budget bounds are 32 bits wide. */
#define NAMES_MAX (1U << 30)
#define INODES_MAX (UINT32_MAX / 64)

/* The tree is whole: everything the kernel needs but the superblock's own bytes. */
static int write_squashfs(struct kist_layer_writer *w, struct kist_error *err)
{
    struct kist_tables tables = {
        .tree = &w->tree,
        .order = &w->order,
        .contents = &w->contents,
        .ids = &w->ids,
        .xattrs = &w->xattrs,
        .compressor = kist_blocks_compressor(w->blocks),
        .out = &w->out,
        .super = &w->super,
    };
    int rc = kist_order_init(&w->order, &w->tree, &w->xattrs, err);

    if (rc == 0) {
        rc = kist_tables_write(&tables, err);
    }
    w->super.bytes_used = w->out.position;
    if (rc == 0) {
        rc = kist_out_pad(&w->out, KIST_SQUASHFS_PAD, err);
    }
    if (rc < 0) {
        return rc;
    }
    kist_squashfs_super_put(w->super_bytes, &w->super);
    kist_sha256_update(&w->out.hash, w->super_bytes, sizeof(w->super_bytes));
    kist_sha256_final(&w->out.hash, w->trailer.squashfs_hash);
    w->trailer.squashfs_bytes = w->out.position;
    kist_out_hash_start(&w->out);
    return 0;
}

/* RUNS and IMPLIED. */
static int write_streams(struct kist_layer_writer *w, struct kist_error *err)
{
    int rc = kist_contents_save(&w->contents, &w->chunks, err);

    if (rc == 0) {
        rc = kist_chunks_next(&w->chunks, KIST_LAYER_IMPLIED, err);
    }
    if (rc == 0) {
        rc = kist_implied_write(&w->tree, &w->order, &w->chunks, &w->trailer.implied, err);
    }
    return rc < 0 ? rc : kist_chunks_finish(&w->chunks, err);
}

static int finish(void *arg, struct kist_error *err)
{
    struct kist_layer_writer *w = KIST_CONTAINER_OF(arg, struct kist_layer_writer, ingest);
    int rc = kist_recipe_end(&w->recipe, err);

    if (rc == 0) {
        rc = kist_chunks_next(&w->chunks, KIST_LAYER_RUNS, err);
    }
    if (rc == 0) {
        rc = kist_contents_finish(&w->contents, err);
    }
    if (rc == 0) {
        rc = write_squashfs(w, err);
    }
    return rc < 0 ? rc : write_streams(w, err);
}

static const struct kist_tar_handler handler = {
    .raw = kist_ingest_raw,
    .entry = kist_ingest_entry,
    .data = kist_ingest_data,
    .end = kist_ingest_end,
    .finish = finish,
};

static int open_parts(struct kist_layer_writer *w, struct port_file *file, const struct kist_layer_options *o,
                      bool resumed, struct kist_error *err)
{
    static const unsigned char later[KIST_SQUASHFS_SUPER_SIZE]; /* for the superblock, not hashed now */
    uint16_t root_id;
    int rc = kist_out_init(&w->out, file, o->max_bytes, err);

    w->out.more = o->more;
    w->out.more_arg = o->more_arg;
    if (rc == 0 && !resumed) {
        rc = kist_out_write(&w->out, later, sizeof(later), err);
        kist_out_hash_start(&w->out);
    }
    w->out.position = sizeof(later);
    if (rc == 0) {
        rc = kist_blocks_new(&w->blocks, &w->out, w->super.compressor, o->level, o->workers, err);
    }
    kist_chunks_init(&w->chunks, w->blocks);
    kist_recipe_init(&w->recipe, &w->chunks);
    kist_contents_init(&w->contents, w->blocks, &w->budget);
    kist_xattrs_init(&w->xattrs, &w->budget);
    if (rc == 0) {
        rc = kist_ids_find(&w->ids, 0, &root_id, err); /* implied directories and whiteouts are of owner 0 */
    }
    if (rc == 0) {
        rc = kist_tree_init(&w->tree, &w->budget, err);
    }
    return rc;
}

int kist_layer_writer_open(struct kist_layer_writer **out, struct port_file *file, const struct kist_layer_options *options,
                           bool resumed, struct kist_error *err)
{
    struct kist_layer_writer *w = calloc(1, sizeof(*w));
    uint64_t names = options->max_names ? options->max_names : KIST_MAX_LAYER_NAMES;
    const enum kist_layer_compressor compressor = options->ask ? options->ask() : options->compressor;
    uint32_t inodes = options->max_inodes ? options->max_inodes : KIST_MAX_LAYER_INODES;
    int rc;

    if (!w) {
        return kist_error_nomem(err);
    }
    w->budget.max_bytes = KIST_MIN(names, NAMES_MAX);
    w->budget.max_inodes = KIST_MIN(inodes, INODES_MAX);
    w->super.block_size = KIST_LAYER_BLOCK_SIZE;
    w->super.compressor = compressor == KIST_LAYER_GZIP ? KIST_SQUASHFS_GZIP : KIST_SQUASHFS_ZSTD;
    w->ingest = (struct kist_ingest){
        .tree = &w->tree,
        .ids = &w->ids,
        .xattrs = &w->xattrs,
        .contents = &w->contents,
        .recipe = &w->recipe,
    };
    rc = open_parts(w, file, options, resumed, err);
    if (rc == 0) {
        rc = kist_tar_new(&w->tar, &handler, &w->ingest, err);
    }
    if (rc < 0) {
        kist_layer_writer_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

int kist_layer_writer_new(struct kist_layer_writer **out, struct port_file *file,
                          const struct kist_layer_options *options, struct kist_error *err)
{
    return kist_layer_writer_open(out, file, options, false, err);
}

void kist_layer_writer_free(struct kist_layer_writer *w)
{
    if (!w) {
        return;
    }
    kist_tar_free(w->tar);
    kist_blocks_free(w->blocks);
    kist_chunks_release(&w->chunks);
    kist_contents_release(&w->contents);
    kist_xattrs_release(&w->xattrs);
    kist_ids_release(&w->ids);
    kist_tree_release(&w->tree);
    kist_order_release(&w->order);
    kist_ingest_release(&w->ingest);
    kist_out_release(&w->out);
    free(w);
}

struct kist_sink *kist_layer_writer_sink(struct kist_layer_writer *w)
{
    return kist_tar_sink(w->tar);
}

static int write_index(struct kist_layer_writer *w, struct kist_error *err)
{
    int rc;

    w->trailer.index = w->out.position;
    rc = kist_out_write(&w->out, w->chunks.index.data, w->chunks.index.len, err);
    if (rc == 0) {
        rc = kist_out_pad(&w->out, KIST_LAYER_ALIGN, err);
    }
    if (rc == 0) {
        kist_sha256_final(&w->out.hash, w->trailer.tail_hash);
    }
    return rc;
}

static void fill_trailer(struct kist_layer_writer *w, const struct kist_digest *diff_id)
{
    struct kist_layer_trailer *t = &w->trailer;

    t->major = KIST_LAYER_MAJOR;
    t->minor = KIST_LAYER_MINOR;
    t->compressor = w->super.compressor;
    t->file_bytes = w->out.position + KIST_LAYER_TRAILER_SIZE;
    memcpy(t->chunks, w->chunks.counts, sizeof(t->chunks));
    t->inodes = w->super.inodes;
    t->tar_bytes = w->ingest.tar_bytes;
    t->recipe_bytes = w->chunks.stored + w->chunks.index.len;
    t->runs = (uint32_t)w->contents.run_count;
    memcpy(t->diff_id, diff_id->bytes, sizeof(t->diff_id));
}

int kist_layer_writer_seal(struct kist_layer_writer *w, const struct kist_digest *diff_id,
                           struct kist_layer_info *info, struct kist_error *err)
{
    unsigned char bytes[KIST_LAYER_TRAILER_SIZE];
    int rc = write_index(w, err);

    if (rc < 0) {
        return rc;
    }
    fill_trailer(w, diff_id);
    kist_layer_trailer_put(bytes, &w->trailer);
    rc = kist_out_write(&w->out, bytes, sizeof(bytes), err);
    if (rc == 0) {
        rc = kist_out_flush(&w->out, err);
    }
    if (rc == 0) {
        rc = port_file_write_at(w->out.file, 0, w->super_bytes, sizeof(w->super_bytes), err);
    }
    if (rc == 0 && info) {
        *info = (struct kist_layer_info){
            .file_bytes = w->trailer.file_bytes,
            .squashfs_bytes = w->trailer.squashfs_bytes,
            .recipe_bytes = w->trailer.recipe_bytes,
            .tar_bytes = w->trailer.tar_bytes,
            .inodes = w->trailer.inodes,
            .diff_id = *diff_id,
        };
    }
    return rc;
}
