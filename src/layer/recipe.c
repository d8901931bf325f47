#include "layer/recipe.h"

#include <string.h>

#define OP_MAX (1 + 2 * KIST_LAYER_VARINT_MAX)
#define LITERAL_HEAD 4 /* opcode, a length padded to 3 bytes: written before it is known */
#define ZEROS_MIN 24   /* fewer zeros at the end of a piece stay in the LITERAL */

void kist_recipe_init(struct kist_recipe *r, struct kist_chunks *chunks)
{
    *r = (struct kist_recipe){.chunks = chunks};
}

void kist_recipe_settle_length(struct kist_recipe *r)
{
    if (r->literal_open) {
        unsigned char *at = r->chunks->block->data + r->literal_at;

        at[0] = (unsigned char)(r->literal | 0x80);
        at[1] = (unsigned char)(r->literal >> 7 | 0x80);
        at[2] = (unsigned char)(r->literal >> 14);
    }
}

static void literal_close(struct kist_recipe *r)
{
    kist_recipe_settle_length(r);
    r->literal_open = false;
}

static int literal_open(struct kist_recipe *r, struct kist_error *err)
{
    int rc = kist_chunks_reserve(r->chunks, LITERAL_HEAD + 1, err);

    if (rc < 0) {
        return rc;
    }
    kist_chunks_byte(r->chunks, KIST_LAYER_OP_LITERAL);
    r->literal_at = r->chunks->block->len;
    r->chunks->block->len += LITERAL_HEAD - 1;
    r->literal = 0;
    r->literal_open = true;
    return 0;
}

/* Opens no new chunk while a LITERAL is open: its length is in the old one. */
static int literal_add(struct kist_recipe *r, const unsigned char *p, size_t len, struct kist_error *err)
{
    while (len > 0) {
        size_t n;
        int rc;

        if (r->literal_open && kist_chunks_room(r->chunks) == 0) {
            literal_close(r);
        }
        if (!r->literal_open) {
            rc = literal_open(r, err);
            if (rc < 0) {
                return rc;
            }
        }
        n = KIST_MIN(len, kist_chunks_room(r->chunks));
        rc = kist_chunks_add(r->chunks, p, n, err);
        if (rc < 0) {
            return rc;
        }
        r->literal += n;
        p += n;
        len -= n;
    }
    return 0;
}

static int op(struct kist_recipe *r, enum kist_layer_op code, struct kist_error *err)
{
    int rc;

    literal_close(r);
    rc = kist_chunks_reserve(r->chunks, OP_MAX, err);
    if (rc == 0) {
        kist_chunks_byte(r->chunks, (unsigned char)code);
    }
    return rc;
}

static int zeros_write(struct kist_recipe *r, struct kist_error *err)
{
    int rc;

    if (r->zeros == 0) {
        return 0;
    }
    rc = op(r, KIST_LAYER_OP_ZERO, err);
    if (rc == 0) {
        kist_chunks_varint(r->chunks, r->zeros);
        r->zeros = 0;
    }
    return rc;
}

/* How many of the len bytes, from the end, are zero. */
static size_t zeros_at_end(const unsigned char *p, size_t len)
{
    static const unsigned char none[64];
    size_t n = len;

    while (n >= sizeof(none) && memcmp(p + n - sizeof(none), none, sizeof(none)) == 0) {
        n -= sizeof(none);
    }
    while (n > 0 && p[n - 1] == 0) {
        n--;
    }
    return len - n;
}

/* What of one block of the tar is not file data: its zeros, if many, are at its end. */
static int piece(struct kist_recipe *r, const unsigned char *p, size_t len, struct kist_error *err)
{
    size_t zeros = zeros_at_end(p, len);
    int rc;

    if (zeros < ZEROS_MIN && zeros < len) {
        zeros = 0;
    }
    if (zeros < len) {
        rc = zeros_write(r, err);
        if (rc == 0) {
            rc = literal_add(r, p, len - zeros, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    r->zeros += zeros;
    return 0;
}

/* All that was told of so far becomes opcodes. */
static int settle(struct kist_recipe *r, struct kist_error *err)
{
    int rc = piece(r, r->held, r->held_len, err);

    r->held_len = 0;
    return rc < 0 ? rc : zeros_write(r, err);
}

int kist_recipe_raw(struct kist_recipe *r, uint64_t position, const void *data, size_t len,
                    struct kist_error *err)
{
    const unsigned char *p = data;
    int rc = 0;

    while (len > 0 && rc == 0) {
        size_t left = KIST_RECIPE_BLOCK - (size_t)(position % KIST_RECIPE_BLOCK); /* of the tar's block */
        size_t n = KIST_MIN(len, left);

        if (n == left && r->held_len == 0) {
            rc = piece(r, p, n, err);
        } else { /* how the tar is cut on its way here must not show */
            memcpy(r->held + r->held_len, p, n);
            r->held_len += n;
            if (n == left) {
                rc = piece(r, r->held, r->held_len, err);
                r->held_len = 0;
            }
        }
        position += n;
        p += n;
        len -= n;
    }
    return rc;
}

int kist_recipe_whole(struct kist_recipe *r, struct kist_error *err)
{
    int rc = settle(r, err);

    return rc < 0 ? rc : op(r, KIST_LAYER_OP_WHOLE, err);
}

int kist_recipe_run(struct kist_recipe *r, struct kist_error *err)
{
    int rc = settle(r, err);

    return rc < 0 ? rc : op(r, KIST_LAYER_OP_RUN, err);
}

int kist_recipe_data(struct kist_recipe *r, uint64_t offset, uint64_t len, struct kist_error *err)
{
    int rc = op(r, KIST_LAYER_OP_DATA, err);

    if (rc == 0) {
        kist_chunks_varint(r->chunks, offset);
        kist_chunks_varint(r->chunks, len);
    }
    return rc;
}

int kist_recipe_end(struct kist_recipe *r, struct kist_error *err)
{
    int rc = settle(r, err);

    return rc < 0 ? rc : op(r, KIST_LAYER_OP_END, err);
}
