/* A tar on its way into a layer file of the store: stopped where the store is to stop, hashed, written. */
#ifndef KIST_STORE_REWRITER_H
#define KIST_STORE_REWRITER_H

#include "layer/layer.h"
#include "store/store.h"

struct kist_rewriter {
    struct kist_sink sink; /* takes the tar */
    struct kist_store *store;
    struct kist_store_layer_tx *tx; /* whoever commits it sets it NULL */
    struct kist_sha256_sink hash;
    struct kist_layer_writer *writer;
    uint64_t passed, asked; /* bytes; how many when the store was last asked to stop */
};

/* Takes ownership of tx always. expected: bytes of the layer file, about. End it whatever comes back. */
int kist_rewriter_begin(struct kist_rewriter *r, struct kist_store *s, struct kist_store_layer_tx *tx,
                        const struct kist_layer_options *options, uint64_t expected, struct kist_error *err) KIST_CHECKED;
/* After the sink's finish: the file is whole; all that is left is to commit tx. */
int kist_rewriter_seal(struct kist_rewriter *r, struct kist_digest *diff_id, struct kist_layer_info *info,
                       struct kist_error *err) KIST_CHECKED;
/* What was not committed is removed. */
void kist_rewriter_end(struct kist_rewriter *r);

#endif
