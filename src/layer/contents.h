/*
 * File contents on their way into data blocks and fragments, and where they went: one run a file (format.h),
 * kept whether or not an inode names it in the end.
 */
#ifndef KIST_LAYER_CONTENTS_H
#define KIST_LAYER_CONTENTS_H

#include "layer/budget.h"
#include "layer/chunks.h"

#define KIST_CONTENTS_NONE UINT32_MAX /* number of the run that an empty file has */

struct kist_run {
    uint64_t position; /* of the first block that is no hole; 0: there is none yet */
    uint64_t size;
    uint32_t words;    /* index of its first word */
    uint32_t fragment; /* or KIST_SQUASHFS_NO_FRAGMENT */
    uint32_t offset;   /* in the fragment */
};

struct kist_fragment {
    uint64_t position;
    uint32_t word;
};

struct kist_contents {
    struct kist_blocks *blocks;
    struct kist_budget *budget;
    struct kist_run *runs;
    uint32_t *words;
    struct kist_fragment *fragments;
    size_t run_count, run_size, word_count, word_size, fragment_count, fragment_size;
    struct kist_block *block;    /* of the file at hand */
    struct kist_block *fragment; /* being filled by small files */
    uint32_t place;              /* the word that block's content will have */
    uint64_t left;               /* bytes of the file at hand still to come */
};

/* blocks and budget must outlive it. */
void kist_contents_init(struct kist_contents *c, struct kist_blocks *blocks, struct kist_budget *budget);
void kist_contents_release(struct kist_contents *c);

/* A file of size > 0 bytes begins; all must come by write and skip. Its run is the next number, from 0. */
int kist_contents_begin(struct kist_contents *c, uint64_t size, struct kist_error *err) KIST_CHECKED;
/* data NULL: the bytes are not at hand (kist_blocks_replay). */
int kist_contents_write(struct kist_contents *c, const void *data, size_t len,
                        struct kist_error *err) KIST_CHECKED;
/* Zeros; whole blocks of them cost nothing but their words. */
int kist_contents_skip(struct kist_contents *c, uint64_t len, struct kist_error *err) KIST_CHECKED;

/* All is in the file: positions and words are known. */
int kist_contents_finish(struct kist_contents *c, struct kist_error *err) KIST_CHECKED;

/* How many words a run has. */
uint64_t kist_run_words(const struct kist_run *r);
/* Bytes of its contents in holes. */
uint64_t kist_contents_holes(const struct kist_contents *c, const struct kist_run *r);
/* The records of RUNS. */
int kist_contents_save(const struct kist_contents *c, struct kist_chunks *chunks,
                       struct kist_error *err) KIST_CHECKED;

#endif
