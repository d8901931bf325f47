/*
 * A writer goes on where another died. What it held in memory is made again by feeding it what it was fed,
 * but for file data: the headers are in the recipe, of which all full chunks lie in the layer file, and where
 * blocks went is in the journal. A mark's record:
 *
 *   u64 bytes of the layer file, sha256 of them (without the superblock), u32 length of the log of blocks
 * since the mark before, the log (blocks.h); then the state, compressed like blocks in pieces of at most
 * KIST_LAYER_BLOCK_SIZE: u32 content length, u32 stored length (KIST_SQUASHFS_BLOCK_RAW: as it is), bytes
 *
 * The state: u64 bytes of the tar, u64 zeros that the recipe holds back, u32 lengths of what follows: opcodes
 * not yet in a full chunk, bytes of a tar block that is not whole, of a fragment, of a file's block; these;
 * then what the caller added.
 */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/str.h"
#include "layer/read.h"
#include "layer/writer.h"

#define FRONT_SIZE ((size_t)44)
#define STATE_SIZE ((size_t)32)
#define PIECE_SIZE ((size_t)8)
#define ZEROS_MAX (64U << 20) /* of padding, in what is fed again */

static int stale(struct kist_error *err, const char *what)
{
    return kist_error_set(err, KIST_E_CORRUPT, "damaged checkpoint: %s", what);
}

/* ---- making a mark ---- */

static size_t held(const struct kist_block *block)
{
    return block ? block->len : 0;
}

static int add_held(struct kist_buf *state, const struct kist_block *block, struct kist_error *err)
{
    return block ? kist_buf_add(state, block->data, block->len, err) : 0;
}

int kist_layer_writer_state(struct kist_layer_writer *w, struct kist_buf *state, struct kist_error *err)
{
    unsigned char head[STATE_SIZE];
    int rc;

    kist_recipe_settle_length(&w->recipe);
    kist_le64_put(head, w->ingest.tar_bytes);
    kist_le64_put(head + 8, w->recipe.zeros);
    kist_le32_put(head + 16, (uint32_t)held(w->chunks.block));
    kist_le32_put(head + 20, (uint32_t)w->recipe.held_len);
    kist_le32_put(head + 24, (uint32_t)held(w->contents.fragment));
    kist_le32_put(head + 28, (uint32_t)held(w->contents.block));
    if ((rc = kist_buf_add(state, head, sizeof(head), err)) < 0 ||
        (rc = add_held(state, w->chunks.block, err)) < 0 ||
        (rc = kist_buf_add(state, w->recipe.held, w->recipe.held_len, err)) < 0 ||
        (rc = add_held(state, w->contents.fragment, err)) < 0) {
        return rc;
    }
    return add_held(state, w->contents.block, err);
}

static int add_pieces(struct kist_buf *record, struct kist_compressor *compressor,
                      const struct kist_buf *state, struct kist_error *err)
{
    for (size_t at = 0, len; at < state->len; at += len) {
        const char *piece = state->data + at;
        unsigned char *out;
        size_t packed;
        int rc;

        len = KIST_MIN(state->len - at, KIST_LAYER_BLOCK_SIZE);
        if ((rc = kist_buf_reserve(record, PIECE_SIZE + len, err)) < 0) {
            return rc;
        }
        out = (unsigned char *)record->data + record->len;
        rc = kist_compressor_pack(compressor, piece, len, out + PIECE_SIZE, &packed, err);
        if (rc < 0) {
            return rc;
        }
        if (packed == 0) {
            memcpy(out + PIECE_SIZE, piece, len);
        }
        kist_le32_put(out, (uint32_t)len);
        kist_le32_put(out + 4, (uint32_t)(packed ? packed : len | KIST_SQUASHFS_BLOCK_RAW));
        record->len += PIECE_SIZE + (packed ? packed : len);
    }
    return 0;
}

int kist_layer_writer_mark(struct kist_layer_writer *w, const struct kist_buf *state, bool sync,
                           struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf record = KIST_BUF_INIT(KIST_JOURNAL_RECORD_MAX);
    struct kist_sha256 hash;
    unsigned char front[FRONT_SIZE];
    const struct kist_buf *log;
    int rc = kist_blocks_log_take(w->blocks, &log, err);

    if (rc < 0 || (rc = kist_out_flush(&w->out, err)) < 0) {
        return rc;
    }
    hash = w->out.hash;
    kist_le64_put(front, w->out.position);
    kist_sha256_final(&hash, front + 8);
    kist_le32_put(front + 40, (uint32_t)log->len);
    if ((rc = kist_buf_add(&record, front, sizeof(front), err)) < 0 ||
        (rc = kist_buf_add(&record, log->data, log->len, err)) < 0 ||
        (rc = add_pieces(&record, kist_blocks_compressor(w->blocks), state, err)) < 0 ||
        (rc = kist_journal_add(&w->journal, &record, err)) < 0 || !sync) {
        return rc;
    }
    rc = port_file_sync(w->out.file, err);
    return rc < 0 ? rc : port_file_sync(w->journal.file, err);
}

uint64_t kist_layer_writer_mark_cost(const struct kist_layer_writer *w)
{
    const size_t window = 12U << 10, window_size = 32U << 10; /* of gzip, which may be the block's end */
    size_t block = held(w->contents.block);

    return held(w->chunks.block) / 8 + (held(w->contents.fragment) + block) * 2 / 5 + (block < window_size ? window : 0);
}

uint64_t kist_layer_writer_bytes(const struct kist_layer_writer *w, uint64_t *journal)
{
    *journal = w->journal.bytes;
    return w->out.position;
}

/* ---- finding the last mark that can be gone on from ---- */

struct found {
    struct kist_journal journal; /* up to it */
    uint64_t position;           /* of the layer file */
    struct kist_sha256 hash;     /* up to there */
    struct kist_buf log;         /* of all blocks up to there */
    struct kist_buf record;
    size_t pieces; /* where they begin in record */
};

static void found_release(struct found *f)
{
    kist_buf_release(&f->log);
    kist_buf_release(&f->record);
}

/* What the layer file has up to position goes into the hash; false when that is not what want says. */
static bool same_file(struct found *f, struct port_file *file, uint64_t position,
                      const unsigned char want[KIST_SHA256_SIZE])
{
    unsigned char data[4096], digest[KIST_SHA256_SIZE];
    struct kist_sha256 hash;
    size_t got;

    while (f->position < position) {
        size_t len = (size_t)KIST_MIN(position - f->position, (uint64_t)sizeof(data));

        if (port_file_read_at(file, f->position, data, len, &got, NULL) < 0 || got < len) {
            return false;
        }
        kist_sha256_update(&f->hash, data, len);
        f->position += len;
    }
    hash = f->hash;
    kist_sha256_final(&hash, digest);
    return memcmp(digest, want, sizeof(digest)) == 0;
}

/* 1: record is a mark that holds, and next what was found so far with it; 0: it is not. */
static int accept(struct found *next, struct port_file *file, const struct kist_buf *record,
                  struct kist_error *err)
{
    const unsigned char *front = (const unsigned char *)record->data;
    uint64_t position;
    size_t log;
    int rc;

    if (record->len < FRONT_SIZE) {
        return 0;
    }
    position = kist_le64_get(front);
    log = kist_le32_get(front + 40);
    if (log > record->len - FRONT_SIZE || position < next->position ||
        !same_file(next, file, position, front + 8)) {
        return 0;
    }
    next->pieces = FRONT_SIZE + log;
    rc = kist_buf_add(&next->log, front + FRONT_SIZE, log, err);
    return rc < 0 ? rc : 1;
}

/* 1 with *f, or 0. */
static int find(struct found *f, struct port_file *file, struct port_file *journal,
                const unsigned char identity[KIST_SHA256_SIZE], struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf record = KIST_BUF_INIT(KIST_JOURNAL_RECORD_MAX);
    struct found next = {.position = KIST_SQUASHFS_SUPER_SIZE};
    int rc;

    kist_sha256_init(&next.hash);
    kist_buf_init(&next.log, SIZE_MAX / 4);
    kist_buf_init(&next.record, KIST_JOURNAL_RECORD_MAX);
    *f = next;
    if (!kist_journal_open(&next.journal, journal, identity)) {
        return 0;
    }
    while ((rc = kist_journal_next(&next.journal, &record, err)) == 1 &&
           (rc = accept(&next, file, &record, err)) == 1) {
        struct kist_buf spare = next.record;

        next.record = record;
        record = spare;
        *f = next;
    }
    f->log = next.log; /* it may have moved */
    return rc < 0 ? rc : f->pieces > 0;
}

static int unpack_state(const struct found *f, struct kist_unpack *unpack, struct kist_buf *state,
                        struct kist_error *err)
{
    const unsigned char *p = (const unsigned char *)f->record.data + f->pieces,
                        *end = (const unsigned char *)f->record.data + f->record.len;

    kist_buf_clear(state);
    while ((size_t)(end - p) >= PIECE_SIZE) {
        size_t len = kist_le32_get(p), stored = kist_le32_get(p + 4) & KIST_SQUASHFS_BLOCK_LENGTH, got = len;
        bool raw = kist_le32_get(p + 4) & KIST_SQUASHFS_BLOCK_RAW;
        int rc;

        p += PIECE_SIZE;
        if (len > KIST_LAYER_BLOCK_SIZE || stored > (size_t)(end - p) || (raw && stored != len)) {
            return stale(err, "a piece is too large");
        }
        if ((rc = kist_buf_reserve(state, len, err)) < 0) {
            return rc;
        }
        if (raw) {
            memcpy(state->data + state->len, p, len);
        } else if (!kist_unpack_run(unpack, p, stored, state->data + state->len, len, &got) || got != len) {
            return stale(err, "a piece does not unpack");
        }
        state->len += len;
        p += stored;
    }
    return state->len >= STATE_SIZE ? 0 : stale(err, "it is too short");
}

/* ---- feeding the writer again ---- */

struct replay {
    struct kist_layer_writer *w;
    struct port_file *file;
    struct kist_unpack *unpack;
    uint64_t tar_bytes; /* to be fed, all in all */
    uint64_t zeros;     /* fed that are nobody's data */
    unsigned char *chunk, *packed;
};

static int skip_data(struct replay *r, struct kist_error *err)
{
    uint64_t left = kist_tar_data_left(r->w->tar);

    return kist_tar_data_skip(r->w->tar, KIST_MIN(left, r->tar_bytes - r->w->ingest.tar_bytes), err);
}

/* len bytes that are no file data, from data or, where that is NULL, zeros. */
static int feed(struct replay *r, const unsigned char *data, uint64_t len, struct kist_error *err)
{
    int rc = skip_data(r, err);

    if (rc == 0 && len > r->tar_bytes - r->w->ingest.tar_bytes) {
        return stale(err, "the recipe has more than the tar");
    }
    r->zeros += data ? 0 : len;
    if (r->zeros > ZEROS_MAX) {
        return stale(err, "it has more padding than is worth the time");
    }
    while (rc == 0 && len > 0) {
        size_t n = (size_t)(data ? len : KIST_MIN(len, (uint64_t)sizeof(kist_zeros)));

        rc = kist_sink_write(kist_tar_sink(r->w->tar), data ? data : kist_zeros, n, err);
        len -= n;
    }
    return rc;
}

static bool varint(const unsigned char **p, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        unsigned char byte = *(*p)++;

        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* Whole opcodes: none crosses from one chunk into the next. Where file data goes, the tar itself says. */
static int feed_ops(struct replay *r, const unsigned char *p, size_t len, struct kist_error *err)
{
    const unsigned char *end = p + len;
    int rc = 0;

    while (rc == 0 && p < end) {
        unsigned char code = *p++;
        uint64_t n = 0;
        bool good = code <= KIST_LAYER_OP_DATA && code != KIST_LAYER_OP_END;

        if (code == KIST_LAYER_OP_DATA) {
            good = varint(&p, end, &n);
        }
        if (good && code != KIST_LAYER_OP_WHOLE && code != KIST_LAYER_OP_RUN) {
            good = varint(&p, end, &n) && (code != KIST_LAYER_OP_LITERAL || n <= (size_t)(end - p));
        }
        if (!good) {
            return stale(err, "its recipe is none");
        }
        if (code == KIST_LAYER_OP_LITERAL) {
            rc = feed(r, p, n, err);
            p += n;
        } else if (code == KIST_LAYER_OP_ZERO) {
            rc = feed(r, NULL, n, err);
        }
    }
    return rc;
}

static int feed_chunk(struct replay *r, uint64_t position, uint32_t word, struct kist_error *err)
{
    size_t stored = word & KIST_SQUASHFS_BLOCK_LENGTH, len = stored, got;
    bool raw = word & KIST_SQUASHFS_BLOCK_RAW;

    if (stored > KIST_LAYER_CHUNK_SIZE ||
        port_file_read_at(r->file, position, raw ? r->chunk : r->packed, stored, &got, NULL) < 0) {
        return stale(err, "a chunk cannot be read");
    }
    if (got < stored ||
        (!raw && !kist_unpack_run(r->unpack, r->packed, stored, r->chunk, KIST_LAYER_CHUNK_SIZE, &len))) {
        return stale(err, "a chunk does not unpack");
    }
    return feed_ops(r, r->chunk, len, err);
}

static int feed_log(struct replay *r, const struct kist_buf *log, struct kist_error *err)
{
    uint64_t position = KIST_SQUASHFS_SUPER_SIZE;
    int rc = 0;

    for (size_t at = 0; at + 4 <= log->len && rc == 0; at += 4) {
        uint32_t word = kist_le32_get(log->data + at);

        if (word & KIST_BLOCKS_CHUNK) {
            rc = feed_chunk(r, position, word, err);
        }
        position += word & KIST_BLOCKS_HOLES ? 0 : word & KIST_SQUASHFS_BLOCK_LENGTH;
    }
    return rc;
}

/* The block that has come about again gets its bytes; the same number of them. */
static bool give(struct kist_block *block, const unsigned char **p, size_t len)
{
    if (held(block) != len) {
        return false;
    }
    if (len > 0) {
        memcpy(block->data, *p, len);
    }
    *p += len;
    return true;
}

/* The writer has been made as the state says, and from this state. */
static int feed_all(struct replay *r, const struct found *f, const struct kist_buf *state, size_t *own,
                    struct kist_error *err)
{
    const unsigned char *head = (const unsigned char *)state->data, *p = head + STATE_SIZE;
    size_t ops = kist_le32_get(head + 16), rest = kist_le32_get(head + 20);
    size_t fragment = kist_le32_get(head + 24), block = kist_le32_get(head + 28);
    struct kist_layer_writer *w = r->w;
    int rc;

    if (ops > KIST_LAYER_CHUNK_SIZE || rest >= KIST_RECIPE_BLOCK || fragment > KIST_LAYER_BLOCK_SIZE ||
        block > KIST_LAYER_BLOCK_SIZE || ops + rest + fragment + block > state->len - STATE_SIZE) {
        return stale(err, "its parts are too large");
    }
    r->tar_bytes = kist_le64_get(head);
    if ((rc = feed_log(r, &f->log, err)) < 0 || (rc = feed_ops(r, p, ops, err)) < 0 ||
        (rc = feed(r, NULL, kist_le64_get(head + 8), err)) < 0 || (rc = feed(r, p + ops, rest, err)) < 0 ||
        (rc = skip_data(r, err)) < 0) {
        return rc;
    }
    kist_recipe_settle_length(&w->recipe);
    if (!kist_blocks_replayed(w->blocks) || w->out.position != f->position ||
        w->ingest.tar_bytes != r->tar_bytes || held(w->chunks.block) != ops ||
        (ops > 0 && memcmp(w->chunks.block->data, p, ops) != 0) ||
        w->recipe.zeros != kist_le64_get(head + 8) || w->recipe.held_len != rest) {
        return stale(err, "it leads to another layer");
    }
    p += ops + rest;
    if (!give(w->contents.fragment, &p, fragment) || !give(w->contents.block, &p, block)) {
        return stale(err, "it leads to other contents");
    }
    *own = (size_t)(p - head);
    return 0;
}

static int replay(struct kist_layer_writer *w, struct port_file *file, const struct found *f,
                  struct kist_buf *state, size_t *own, struct kist_error *err)
{
    struct replay r = {.w = w,
                       .file = file,
                       .unpack = calloc(1, kist_unpack_size()),
                       .chunk = malloc(KIST_LAYER_CHUNK_SIZE),
                       .packed = malloc(KIST_LAYER_CHUNK_SIZE)};
    int rc = r.unpack && r.chunk && r.packed ? kist_unpack_init(r.unpack, w->super.compressor, err)
                                             : kist_error_nomem(err);

    if (rc == 0) {
        rc = unpack_state(f, r.unpack, state, err);
    }
    if (rc == 0) {
        kist_blocks_replay(w->blocks, f->log.data, f->log.len);
        rc = feed_all(&r, f, state, own, err);
    }
    if (r.unpack) {
        kist_unpack_release(r.unpack);
    }
    free(r.unpack);
    free(r.chunk);
    free(r.packed);
    return rc;
}

/* ---- both ---- */

/* Both files up to the mark. */
static int go_on(struct kist_layer_writer **out, struct port_file *file, const struct found *f,
                 const struct kist_layer_options *options, struct kist_buf *state, size_t *own,
                 struct kist_error *err)
{
    struct kist_layer_writer *w;
    int rc = kist_layer_writer_open(&w, file, options, true, err);

    if (rc < 0) {
        return rc;
    }
    w->journal = f->journal;
    w->out.hash = f->hash;
    rc = replay(w, file, f, state, own, err);
    if (rc == 0) {
        rc = port_file_truncate(file, f->position, err);
    }
    if (rc == 0) {
        rc = kist_journal_cut(&w->journal, err);
    }
    if (rc < 0) {
        kist_layer_writer_free(w);
        return rc;
    }
    kist_blocks_log_start(w->blocks);
    *out = w;
    return 1;
}

static int begin(struct kist_layer_writer **out, struct port_file *file, struct port_file *journal,
                 const unsigned char identity[KIST_SHA256_SIZE], const struct kist_layer_options *options,
                 struct kist_error *err)
{
    int rc = port_file_truncate(file, 0, err);

    if (rc == 0) {
        rc = kist_layer_writer_open(out, file, options, false, err);
    }
    if (rc < 0) {
        return rc;
    }
    rc = kist_journal_start(&(*out)->journal, journal, identity, err);
    if (rc < 0) {
        kist_layer_writer_free(*out);
        *out = NULL;
        return rc;
    }
    kist_blocks_log_start((*out)->blocks);
    return 0;
}

static void identify(unsigned char identity[KIST_SHA256_SIZE], const struct kist_digest *subject,
                     const struct kist_layer_options *options)
{
    const unsigned char numbers[] = {KIST_LAYER_MAJOR, KIST_LAYER_MINOR, (unsigned char)options->compressor,
                                     (unsigned char)options->level};
    struct kist_sha256 hash;

    kist_sha256_init(&hash);
    kist_sha256_update(&hash, numbers, sizeof(numbers));
    kist_sha256_update(&hash, subject->bytes, sizeof(subject->bytes));
    kist_sha256_final(&hash, identity);
}

int kist_layer_writer_resume(struct kist_layer_writer **out, struct port_file *file,
                             struct port_file *journal, const struct kist_digest *subject,
                             const struct kist_layer_options *options, struct kist_buf *state, size_t *own,
                             struct kist_error *err)
{
    unsigned char identity[KIST_SHA256_SIZE];
    struct found f;
    int rc;

    *out = NULL;
    identify(identity, subject, options);
    rc = find(&f, file, journal, identity, err);
    if (rc > 0) {
        rc = go_on(out, file, &f, options, state, own, err);
    }
    found_release(&f);
    /* what cannot be gone on from costs only time */
    return rc == 0 || rc == KIST_E_CORRUPT ? begin(out, file, journal, identity, options, err) : rc;
}
