/* The list of the directories that the tar never named, in the order in which entries are listed. */
#ifndef KIST_LAYER_IMPLIED_H
#define KIST_LAYER_IMPLIED_H

#include "layer/chunks.h"
#include "layer/order.h"

/* To chunks, on its IMPLIED stream; *count is how many there are. Uses up the order. */
int kist_implied_write(struct kist_tree *t, const struct kist_order *o, struct kist_chunks *chunks,
                       uint32_t *count, struct kist_error *err) KIST_CHECKED;

#endif
