/*
 * Work that threads do side by side, and whose results are wanted in the order in which it was given out: what comes of it does not
 * depend on who did what. The caller fills items, submits them, and is handed them back when their turn has come; while it
 * has to wait for one, it works too.
 */
#ifndef KIST_CODEC_ORDERED_H
#define KIST_CODEC_ORDERED_H

#include "base/error.h"

#define KIST_ORDERED_WORKERS_MAX 16
#define KIST_ORDERED_ITEMS_MAX (3 + 2 * KIST_ORDERED_WORKERS_MAX)

struct kist_ordered_ops {
    /* A worker's own tool. One is made for the caller and for each worker. */
    int (*tool_new)(void *arg, void **tool, struct kist_error *err);
    void (*tool_free)(void *tool);
    /* In any thread; what goes wrong is left in the item. */
    void (*work)(void *tool, void *item);
    /* In the caller's thread, in the order of submission; then the item is free again. */
    int (*done)(void *arg, void *item, struct kist_error *err);
};

struct kist_ordered;

/*
 * items: count of them (at most KIST_ORDERED_ITEMS_MAX, more than workers), the caller's, free at first; they, ops and arg must
 * outlive it. At most workers threads beside the caller, fewer where the system has none left; 0: all in the caller's.
 */
int kist_ordered_new(struct kist_ordered **out, const struct kist_ordered_ops *ops, void *arg, void *const *items,
                     unsigned count, unsigned workers, struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. Stops the workers; what is under way is given up. */
void kist_ordered_free(struct kist_ordered *o);

/* A free item. One that is taken is submitted, or returned unused. */
int kist_ordered_take(struct kist_ordered *o, void **item, struct kist_error *err) KIST_CHECKED;
void kist_ordered_return(struct kist_ordered *o, void *item);
int kist_ordered_submit(struct kist_ordered *o, void *item, struct kist_error *err) KIST_CHECKED;
/* All that was submitted is done. */
int kist_ordered_drain(struct kist_ordered *o, struct kist_error *err) KIST_CHECKED;

/* The caller's own tool. */
void *kist_ordered_tool(struct kist_ordered *o);

#endif
