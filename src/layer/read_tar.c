#include "layer/read.h"

/* The recipe being carried out. */
struct cook {
    struct kist_layer *layer;
    struct kist_sink *sink;
    struct kist_read_stream ops, runs;
    struct kist_read_run run;         /* the one last taken */
    struct kist_read_place run_words; /* where its size words begin */
    uint32_t runs_left;
    uint64_t left; /* bytes of tar still to come */
    bool done;
};

static struct cook *cook_of(struct kist_read_run *run)
{
    return KIST_CONTAINER_OF(run, struct cook, run);
}

static int word_next(struct kist_read_run *run, uint32_t *word, struct kist_error *err)
{
    uint64_t value;
    int result = kist_read_stream_varint(&cook_of(run)->runs, &value, err);

    if (result >= 0 && value > UINT32_MAX)
        return KIST_READ_DAMAGED(err, "the list of contents has a size word of %" PRIu64, value);
    *word = (uint32_t)value;
    return result;
}

static int word_rewind(struct kist_read_run *run, struct kist_error *err)
{
    struct cook *c = cook_of(run);

    return kist_read_stream_seek(&c->runs, c->run_words, err);
}

static int take_fragment(struct cook *c, struct kist_error *err)
{
    uint64_t fragment, offset = 0;
    int result = kist_read_stream_varint(&c->runs, &fragment, err);

    if (result >= 0 && fragment > 0)
        result = kist_read_stream_varint(&c->runs, &offset, err);
    if (result < 0)
        return result;
    if (fragment > UINT32_MAX || offset >= KIST_LAYER_BLOCK_SIZE)
        return KIST_READ_DAMAGED(err, "the list of contents has a fragment %" PRIu64 " at %" PRIu64, fragment,
                                 offset);
    c->run.fragment = fragment > 0 ? (uint32_t)(fragment - 1) : KIST_SQUASHFS_NO_FRAGMENT;
    c->run.fragment_offset = (uint32_t)offset;
    return 0;
}

/* The next record of RUNS becomes the run; what is left of the one before is passed over. */
static int take_run(struct cook *c, struct kist_error *err)
{
    int result = kist_read_run_end(&c->run, err);

    if (result < 0)
        return result;
    if (c->runs_left == 0)
        return KIST_READ_DAMAGED(err, "the recipe wants more files than there are");
    c->runs_left--;
    c->run = (struct kist_read_run){.next = word_next, .rewind = word_rewind};
    if ((result = kist_read_stream_varint(&c->runs, &c->run.size, err)) < 0 ||
        (result = take_fragment(c, err)) < 0)
        return result;
    kist_read_run_begin(&c->run);
    if (c->run.words > 0)
        result = kist_read_stream_varint(&c->runs, &c->run.first, err);
    kist_read_run_begin(&c->run);
    c->run_words = kist_read_stream_tell(&c->runs);
    return result;
}

/* n more bytes are about to be given. */
static int give(struct cook *c, uint64_t n, struct kist_error *err)
{
    if (n > c->left)
        return KIST_READ_DAMAGED(err, "the recipe gives more than the tar's %" PRIu64 " bytes",
                                 c->layer->info.tar_bytes);
    c->left -= n;
    return 0;
}

static int copy_run(struct cook *c, uint64_t offset, uint64_t n, struct kist_error *err)
{
    int result = give(c, n, err);

    return result < 0 ? result : kist_read_run_copy(c->layer, &c->run, offset, n, c->sink, err);
}

static int literal(struct cook *c, uint64_t n, struct kist_error *err)
{
    int result = give(c, n, err);

    while (n > 0 && result >= 0) {
        const unsigned char *data;
        size_t len;

        result = kist_read_stream_span(&c->ops, n, &data, &len, err);
        if (result >= 0)
            result = kist_sink_write(c->sink, data, len, err);
        n -= result >= 0 ? len : 0;
    }
    return result;
}

static int finish(struct cook *c, struct kist_error *err)
{
    int result = kist_read_run_end(&c->run, err);

    c->done = true;
    if (result < 0)
        return result;
    if (c->left > 0)
        return KIST_READ_DAMAGED(err, "the recipe ends %" PRIu64 " bytes before the tar does", c->left);
    if (!kist_read_stream_ended(&c->ops) || !kist_read_stream_ended(&c->runs) || c->runs_left > 0)
        return KIST_READ_DAMAGED(err, "the recipe ends before all of it is used");
    return kist_sink_finish(c->sink, err);
}

/* One opcode. */
static int step(struct cook *c, struct kist_error *err)
{
    const unsigned char *op;
    uint64_t n = 0, offset = 0;
    size_t len;
    int result = kist_read_stream_span(&c->ops, 1, &op, &len, err);
    unsigned code;

    if (result < 0)
        return result;
    code = *op;
    if (code == KIST_LAYER_OP_DATA)
        result = kist_read_stream_varint(&c->ops, &offset, err);
    if (result >= 0 &&
        (code == KIST_LAYER_OP_DATA || code == KIST_LAYER_OP_LITERAL || code == KIST_LAYER_OP_ZERO))
        result = kist_read_stream_varint(&c->ops, &n, err);
    if (result < 0)
        return result;
    switch (code) {
    case KIST_LAYER_OP_END:
        return finish(c, err);
    case KIST_LAYER_OP_LITERAL:
        return literal(c, n, err);
    case KIST_LAYER_OP_ZERO:
        result = give(c, n, err);
        return result < 0 ? result : kist_read_zeros(c->sink, n, err);
    case KIST_LAYER_OP_WHOLE:
        result = take_run(c, err);
        return result < 0 ? result : copy_run(c, 0, c->run.size, err);
    case KIST_LAYER_OP_RUN:
        return take_run(c, err);
    case KIST_LAYER_OP_DATA:
        return copy_run(c, offset, n, err);
    default:
        return KIST_READ_DAMAGED(err, "the recipe has an opcode %u", code);
    }
}

int kist_layer_tar(struct kist_layer *l, struct kist_sink *sink, struct kist_error *err)
{
    struct cook c = {.layer = l, .sink = sink, .runs_left = l->trailer.runs, .left = l->info.tar_bytes};
    int result = 0;

    kist_read_stream_open(l, &c.ops, KIST_LAYER_OPS);
    kist_read_stream_open(l, &c.runs, KIST_LAYER_RUNS);
    while (result >= 0 && !c.done)
        result = step(&c, err);
    kist_read_stream_close(&c.runs);
    kist_read_stream_close(&c.ops);
    return result < 0 ? result : 0;
}
