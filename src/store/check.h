/*
 * Whether what is kept is what it was: index.json, blobs and layer files, each against its digest or its hashes; and putting right
 * what is not. Nothing here deletes what it cannot replace.
 */
#ifndef KIST_STORE_CHECK_H
#define KIST_STORE_CHECK_H

#include "store/store.h"

enum kist_damage_kind { KIST_DAMAGE_INDEX, KIST_DAMAGE_BLOB, KIST_DAMAGE_LAYER };

/* One damaged thing. */
struct kist_damage {
    enum kist_damage_kind kind;
    struct kist_digest digest; /* of the blob; diff ID of the layer; of the index: the ID of the image whose entry is wrong */
    bool all;                  /* of the index: it cannot be read at all */
    bool missing;
    char why[256];             /* "its contents have another digest" */
};

struct kist_check {
    struct kist_image_list images; /* of the index; none where that cannot be read */
    struct kist_damage *damages;   /* what cannot be read at all first, then blobs, then layers */
    size_t damage_count;
    uint64_t blobs, layers, bytes; /* read */
};

/*
 * Reads all that images need, from the medium and not from memory, with one buffer. deep: also rebuilds the tar of each layer and
 * compares its diff ID. Asks what kist_store_stop_on set. Takes no lock; what goes away meanwhile is not damage. 0 also where damage is found. Release check whatever it
 * returns.
 */
int kist_store_check(struct kist_store *s, bool deep, struct kist_check *check, struct kist_error *err) KIST_CHECKED;
void kist_check_release(struct kist_check *check);
/* Whether image needs what is damaged. */
bool kist_damage_hurts(const struct kist_damage *damage, const struct kist_image *image);

/*
 * Makes index.json anew: from the entries that can still be read in it, put right by the manifests that are kept, and an entry
 * without a name for each image that no entry is about any more. A copy of the old one goes to damaged/. 1: it was changed; 0: nothing to change.
 */
int kist_store_index_rebuild(struct kist_store *s, struct kist_error *err) KIST_CHECKED;

/* Data, which has that digest, takes the place of a damaged or missing blob, a copy of which goes to damaged/. */
int kist_store_blob_replace(struct kist_store *s, const struct kist_digest *digest, const void *data, size_t len,
                            struct kist_error *err) KIST_CHECKED;
/* As kist_store_layer_resume; but a layer that is there does not count: it is replaced when the new one is committed, and a copy goes to damaged/. */
int kist_store_layer_replace(struct kist_store *s, const struct kist_digest *diff_id, struct kist_store_layer_tx **out,
                             struct kist_error *err) KIST_CHECKED;

#endif
