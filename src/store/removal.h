/* Entries that leave the index together, and what goes with them: what 'rmi' and pruning share. */
#ifndef KIST_STORE_REMOVAL_H
#define KIST_STORE_REMOVAL_H

#include "private.h"

/* An image is all the entries of one image ID. */
struct kist_removal {
    struct kist_store *store;
    struct kist_index index;
    size_t *members;              /* the entries, those of one image side by side, ascending */
    size_t *first;                /* image g has members[first[g]] up to members[first[g + 1]] */
    size_t *image_of;             /* entry i is of image image_of[i] */
    size_t images;
    bool *chosen;                 /* entry i goes */
    bool *unnamed;                /* entry i stays, without its name */
    size_t *order, ordered;       /* images with an entry that goes, in the order in which they are told of */
    struct kist_digest_set gone;  /* what was deleted of what these needed */
    uint64_t freed;               /* bytes of these */
};

/* Loads the index; nothing is chosen yet. model: it will be carried out as a model only. The caller holds the lock, exclusive. Release r
 * whatever it returns. */
int kist_removal_begin(struct kist_removal *r, struct kist_store *s, bool model, struct kist_error *err) KIST_CHECKED;
/*
 * Takes the chosen entries out of the index, saves that, and sweeps. With model nothing is done, and gone and freed are what the
 * caller has put there. removed is told what went: names and IDs image by image, then layers.
 */
int kist_removal_carry_out(struct kist_removal *r, bool model, struct kist_store_removed *removed,
                           struct kist_error *err) KIST_CHECKED;
void kist_removal_release(struct kist_removal *r);
/* All entries of image g go. */
bool kist_removal_dooms(const struct kist_removal *r, size_t g);

#endif
