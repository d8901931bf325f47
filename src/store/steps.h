/*
 * The build cache: what steps of builds became, by a key that says all that went into them; in cache/steps, a line a step. The
 * layers that steps name are kept like those of images, until room is wanted or 'builder prune' takes them.
 */
#ifndef KIST_STORE_STEPS_H
#define KIST_STORE_STEPS_H

#include "store/store.h"

#define KIST_STORE_STEP_TEXT_MAX 64

struct kist_store_step {
    struct kist_digest key;
    bool changed;               /* files: there is a layer */
    struct kist_digest diff_id; /* of that */
    int64_t created, used;      /* seconds since 1970; used: to a day */
    char text[KIST_STORE_STEP_TEXT_MAX]; /* the instruction, for people; what does not fit is cut */
    /* set by kist_store_steps: */
    uint64_t bytes; /* of the layer file, on flash; 0 where a step before names the same layer */
    bool needed;    /* by an image, a container or a lease: without the step the layer stays */
};

struct kist_store_step_list {
    struct kist_store_step *v;
    size_t n;
};

/* All that are known and whose layers are kept, the one used longest ago first. */
int kist_store_steps(struct kist_store *s, struct kist_store_step_list *list, struct kist_error *err) KIST_CHECKED;
void kist_store_step_list_release(struct kist_store_step_list *list);
/* KIST_AUTO(store_step_list) */
void kist_store_step_list_auto(struct kist_store_step_list *list);

/*
 * The step of this key. Its layer is kept from now on, for as long as lease holds; false: there is none, or no layer any more. That
 * the step was used is written down, at most once a day.
 */
bool kist_store_step_find(struct kist_store *s, const struct kist_digest *key, struct kist_store_lease *lease,
                          struct kist_store_step *step) KIST_CHECKED;
/* Writes down what a step became, in the place of what was known of its key. created, and used where it is 0, are the caller's. */
int kist_store_step_add(struct kist_store *s, const struct kist_store_step *step, struct kist_error *err) KIST_CHECKED;

struct kist_store_step_prune {
    bool all;         /* also steps whose layers something else needs: nothing is freed by these */
    bool dry_run;
    int64_t until;    /* only what was last used then or before, seconds since 1970; 0: whenever */
    uint64_t keep;    /* bytes: no more goes than leaves so many taken by layers of steps alone; 0: all goes that may */
    uint64_t need;    /* bytes: no more goes than it takes to free so many; 0: the same */
};
/* Forgets steps, the one used longest ago first, and frees their layers. keys of those that went are added to removed->deleted. */
int kist_store_step_drop(struct kist_store *s, const struct kist_store_step_prune *options,
                         struct kist_store_removed *removed, struct kist_error *err) KIST_CHECKED;

#endif
