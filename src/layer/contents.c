#include "layer/contents.h"

#include <stdlib.h>
#include <string.h>

void kist_contents_init(struct kist_contents *c, struct kist_blocks *blocks, struct kist_budget *budget)
{
    *c = (struct kist_contents){.blocks = blocks, .budget = budget};
}

void kist_contents_release(struct kist_contents *c)
{
    free(c->runs);
    free(c->words);
    free(c->fragments);
}

uint64_t kist_run_words(const struct kist_run *r)
{
    if (r->fragment != KIST_SQUASHFS_NO_FRAGMENT) {
        return r->size / KIST_LAYER_BLOCK_SIZE;
    }
    return r->size / KIST_LAYER_BLOCK_SIZE + (r->size % KIST_LAYER_BLOCK_SIZE != 0);
}

static void fragment_done(void *owner, const struct kist_block *block, uint64_t position, uint32_t word)
{
    struct kist_contents *c = owner;

    c->fragments[block->number] = (struct kist_fragment){.position = position, .word = word};
}

static void data_done(void *owner, const struct kist_block *block, uint64_t position, uint32_t word)
{
    struct kist_contents *c = owner;
    struct kist_run *r = &c->runs[block->number];

    c->words[block->place] = word;
    if (r->position == 0) {
        r->position = position;
    }
}

static int fragment_submit(struct kist_contents *c, struct kist_error *err)
{
    struct kist_block *block = c->fragment;

    if (!block) {
        return 0;
    }
    c->fragment = NULL;
    block->done = fragment_done;
    block->owner = c;
    block->number = (uint32_t)c->fragment_count - 1;
    return kist_blocks_submit(c->blocks, block, err);
}

/* Room in a fragment for all of a small file. */
static int fragment_open(struct kist_contents *c, struct kist_run *r, struct kist_error *err)
{
    int rc;

    if (c->fragment && c->fragment->len + r->size > KIST_LAYER_BLOCK_SIZE) {
        rc = fragment_submit(c, err);
        if (rc < 0) {
            return rc;
        }
    }
    if (!c->fragment) {
        rc = kist_array_grow(&c->fragments, &c->fragment_size, c->fragment_count + 1, sizeof(*c->fragments),
                             err);
        if (rc == 0) {
            rc = kist_blocks_take(c->blocks, &c->fragment, err);
        }
        if (rc < 0) {
            return rc;
        }
        c->fragment_count++;
    }
    r->fragment = (uint32_t)c->fragment_count - 1;
    r->offset = (uint32_t)c->fragment->len;
    return 0;
}

static int words_open(struct kist_contents *c, struct kist_run *r, struct kist_error *err)
{
    uint64_t words = kist_run_words(r);
    int rc = words > SIZE_MAX / 16 ? kist_error_nomem(err) : kist_budget_take(c->budget, words * 4, err);

    if (rc == 0) {
        rc = kist_array_grow(&c->words, &c->word_size, c->word_count + (size_t)words, sizeof(*c->words), err);
    }
    if (rc < 0) {
        return rc;
    }
    memset(c->words + c->word_count, 0, (size_t)words * sizeof(*c->words));
    r->words = (uint32_t)c->word_count;
    c->place = r->words;
    c->word_count += (size_t)words;
    return 0;
}

int kist_contents_begin(struct kist_contents *c, uint64_t size, struct kist_error *err)
{
    struct kist_run *r;
    int rc = kist_budget_count(c->budget, c->run_count, err);

    if (rc == 0) {
        rc = kist_array_grow(&c->runs, &c->run_size, c->run_count + 1, sizeof(*c->runs), err);
    }
    if (rc < 0) {
        return rc;
    }
    r = &c->runs[c->run_count];
    *r = (struct kist_run){.size = size, .fragment = KIST_SQUASHFS_NO_FRAGMENT};
    rc = size < KIST_LAYER_BLOCK_SIZE ? fragment_open(c, r, err) : words_open(c, r, err);
    if (rc == 0) {
        c->run_count++;
        c->left = size;
    }
    return rc;
}

static int data_submit(struct kist_contents *c, struct kist_error *err)
{
    struct kist_block *block = c->block;
    uint32_t place = c->place++;

    c->block = NULL;
    if (kist_blocks_hole(c->blocks, block)) {
        kist_blocks_return(c->blocks, block);
        return 0;
    }
    block->done = data_done;
    block->owner = c;
    block->number = (uint32_t)c->run_count - 1;
    block->place = place;
    return kist_blocks_submit(c->blocks, block, err);
}

/* The next bytes, from data or, where that is NULL, zeros; *taken of len fitted into the block. */
static int fill(struct kist_contents *c, const void *data, size_t len, size_t *taken, struct kist_error *err)
{
    bool small = c->runs[c->run_count - 1].fragment != KIST_SQUASHFS_NO_FRAGMENT;
    struct kist_block *block;
    size_t n;

    if (!small && !c->block) {
        int rc = kist_blocks_take(c->blocks, &c->block, err);

        if (rc < 0) {
            return rc;
        }
    }
    block = small ? c->fragment : c->block;
    n = KIST_MIN(len, KIST_LAYER_BLOCK_SIZE - block->len);
    if (data) {
        memcpy(block->data + block->len, data, n);
    } else {
        memset(block->data + block->len, 0, n);
    }
    block->len += n;
    c->left -= n;
    *taken = n;
    return !small && (block->len == KIST_LAYER_BLOCK_SIZE || c->left == 0) ? data_submit(c, err) : 0;
}

int kist_contents_write(struct kist_contents *c, const void *data, size_t len, struct kist_error *err)
{
    const unsigned char *p = data;

    if (len > c->left) {
        return kist_error_set(err, KIST_E_CORRUPT, "more data than the file's size");
    }
    while (len > 0) {
        size_t n;
        int rc = fill(c, p, len, &n, err);

        if (rc < 0) {
            return rc;
        }
        p = p ? p + n : NULL;
        len -= n;
    }
    return 0;
}

int kist_contents_skip(struct kist_contents *c, uint64_t len, struct kist_error *err)
{
    if (len > c->left) {
        return kist_error_set(err, KIST_E_CORRUPT, "a hole beyond the file's size");
    }
    while (len > 0) {
        bool whole = !c->block && c->runs[c->run_count - 1].fragment == KIST_SQUASHFS_NO_FRAGMENT;
        size_t n = (size_t)KIST_MIN(len, KIST_LAYER_BLOCK_SIZE);

        if (whole && (n == KIST_LAYER_BLOCK_SIZE || n == c->left)) {
            c->place++;
            c->left -= n;
        } else {
            int rc = fill(c, NULL, n, &n, err);

            if (rc < 0) {
                return rc;
            }
        }
        len -= n;
    }
    return 0;
}

int kist_contents_finish(struct kist_contents *c, struct kist_error *err)
{
    int rc = fragment_submit(c, err);

    return rc < 0 ? rc : kist_blocks_drain(c->blocks, err);
}

uint64_t kist_contents_holes(const struct kist_contents *c, const struct kist_run *r)
{
    uint64_t words = kist_run_words(r);
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < words; i++) {
        if (c->words[r->words + i] == 0) {
            bytes += KIST_MIN(KIST_LAYER_BLOCK_SIZE, r->size - i * KIST_LAYER_BLOCK_SIZE);
        }
    }
    return bytes;
}

int kist_contents_save(const struct kist_contents *c, struct kist_chunks *chunks, struct kist_error *err)
{
    for (size_t i = 0; i < c->run_count; i++) {
        const struct kist_run *r = &c->runs[i];
        uint64_t words = kist_run_words(r);
        int rc = kist_chunks_reserve(chunks, (size_t)4 * KIST_LAYER_VARINT_MAX, err);

        if (rc < 0) {
            return rc;
        }
        kist_chunks_varint(chunks, r->size);
        if (r->fragment == KIST_SQUASHFS_NO_FRAGMENT) {
            kist_chunks_byte(chunks, 0);
        } else {
            kist_chunks_varint(chunks, (uint64_t)r->fragment + 1);
            kist_chunks_varint(chunks, r->offset);
        }
        if (words > 0) {
            kist_chunks_varint(chunks, r->position);
        }
        for (uint64_t w = 0; w < words && rc == 0; w++) {
            rc = kist_chunks_reserve(chunks, KIST_LAYER_VARINT_MAX, err);
            if (rc == 0) {
                kist_chunks_varint(chunks, c->words[r->words + w]);
            }
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}
