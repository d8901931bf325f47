#include "layer/read.h"

int kist_read_zeros(struct kist_sink *sink, uint64_t n, struct kist_error *err)
{
    int result = 0;

    while (n > 0 && result >= 0) {
        size_t len = (size_t)KIST_MIN(n, sizeof(kist_zeros));

        result = kist_sink_write(sink, kist_zeros, len, err);
        n -= len;
    }
    return result;
}

static void run_reset(struct kist_read_run *run)
{
    run->taken = 0;
    run->next_at = run->first;
}

void kist_read_run_begin(struct kist_read_run *run)
{
    run->words = run->size / KIST_LAYER_BLOCK_SIZE;
    if (run->fragment == KIST_SQUASHFS_NO_FRAGMENT && run->size % KIST_LAYER_BLOCK_SIZE != 0)
        run->words++;
    run_reset(run);
}

static int run_take(struct kist_read_run *run, struct kist_error *err)
{
    int result = run->next(run, &run->word, err);

    if (result < 0)
        return result;
    run->taken++;
    run->word_at = run->next_at;
    run->next_at += run->word & KIST_SQUASHFS_BLOCK_LENGTH;
    return 0;
}

int kist_read_run_end(struct kist_read_run *run, struct kist_error *err)
{
    int result = 0;

    while (result >= 0 && run->taken < run->words)
        result = run_take(run, err);
    return result;
}

/* Makes word number index (from 0) the one last taken. */
static int run_seek(struct kist_read_run *run, uint64_t index, struct kist_error *err)
{
    int result = 0;

    if (index + 1 < run->taken) {
        result = run->rewind(run, err);
        run_reset(run);
    }
    while (result >= 0 && run->taken <= index)
        result = run_take(run, err);
    return result;
}

/* n bytes at offset of block index, within that block. */
static int copy_block(struct kist_layer *l, struct kist_read_run *run, uint64_t index, size_t offset,
                      size_t n, struct kist_sink *sink, struct kist_error *err)
{
    uint64_t want = KIST_MIN(run->size - index * KIST_LAYER_BLOCK_SIZE, KIST_LAYER_BLOCK_SIZE);
    const unsigned char *data;
    size_t len;
    int result = run_seek(run, index, err);

    if (result < 0)
        return result;
    if (run->word == 0)
        return kist_read_zeros(sink, n, err);
    result = kist_read_block(l, KIST_READ_DATA, run->word_at, run->word, &data, &len, err);
    if (result < 0)
        return result;
    if (len != want)
        return KIST_READ_DAMAGED(err, "data block at byte %" PRIu64 " has %zu bytes, not %" PRIu64,
                                 run->word_at, len, want);
    return kist_sink_write(sink, data + offset, n, err);
}

/* n bytes at offset of the file's end that shares a block with the ends of others. */
static int copy_fragment(struct kist_layer *l, const struct kist_read_run *run, size_t offset, size_t n,
                         struct kist_sink *sink, struct kist_error *err)
{
    const unsigned char *data;
    size_t len;
    int result = kist_read_fragment(l, run->fragment, &data, &len, err);

    if (result < 0)
        return result;
    if (run->fragment_offset > len || offset + n > len - run->fragment_offset)
        return KIST_READ_DAMAGED(err, "fragment block %" PRIu32 " has no %zu bytes at %" PRIu32,
                                 run->fragment, offset + n, run->fragment_offset);
    return kist_sink_write(sink, data + run->fragment_offset + offset, n, err);
}

int kist_read_run_copy(struct kist_layer *l, struct kist_read_run *run, uint64_t offset, uint64_t n,
                       struct kist_sink *sink, struct kist_error *err)
{
    int result = 0;

    if (offset > run->size || n > run->size - offset)
        return KIST_READ_DAMAGED(err, "the recipe wants more of a file than there is");
    while (n > 0 && result >= 0) {
        uint64_t index = offset / KIST_LAYER_BLOCK_SIZE;
        size_t within = (size_t)(offset % KIST_LAYER_BLOCK_SIZE);
        size_t len = (size_t)KIST_MIN(n, KIST_LAYER_BLOCK_SIZE - within);

        if (index < run->words)
            result = copy_block(l, run, index, within, len, sink, err);
        else
            result = copy_fragment(l, run, within, len, sink, err);
        offset += len;
        n -= len;
    }
    return result;
}
