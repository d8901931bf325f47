/* The recipe's opcodes as the tar goes by: what was not file data is kept, zeros as counts. */
#ifndef KIST_LAYER_RECIPE_H
#define KIST_LAYER_RECIPE_H

#include "layer/chunks.h"

#define KIST_RECIPE_BLOCK 512 /* a tar's */

struct kist_recipe {
    struct kist_chunks *chunks;            /* on its OPS stream */
    unsigned char held[KIST_RECIPE_BLOCK]; /* of a tar block that came in part */
    size_t held_len;
    uint64_t zeros; /* not yet written */
    size_t literal; /* length of the LITERAL at hand, and where its length stands in the chunk */
    size_t literal_at;
    bool literal_open;
};

void kist_recipe_init(struct kist_recipe *r, struct kist_chunks *chunks);

/* Bytes of the tar, at position in it, that are not file data. */
int kist_recipe_raw(struct kist_recipe *r, uint64_t position, const void *data, size_t len,
                    struct kist_error *err) KIST_CHECKED;
/* The next run's contents, whole. */
int kist_recipe_whole(struct kist_recipe *r, struct kist_error *err) KIST_CHECKED;
/* The next run, of which kist_recipe_data says the stretches. */
int kist_recipe_run(struct kist_recipe *r, struct kist_error *err) KIST_CHECKED;
int kist_recipe_data(struct kist_recipe *r, uint64_t offset, uint64_t len,
                     struct kist_error *err) KIST_CHECKED;
/* Makes what the chunk at hand holds so far readable, and goes on with it. */
void kist_recipe_settle_length(struct kist_recipe *r);
int kist_recipe_end(struct kist_recipe *r, struct kist_error *err) KIST_CHECKED;

#endif
