/* index.json as text and as what it means (src/store/FORMAT.md). What newer kists add to it survives a change
 * by this one. */
#ifndef KIST_STORE_INDEX_H
#define KIST_STORE_INDEX_H

#include "codec/json.h"
#include "store/store.h"

struct kist_index {
    cJSON *root;                   /* the whole document */
    cJSON *manifests;              /* the array in it; its item i is images.v[i] */
    struct kist_image_list images; /* bytes and shared not filled in */
};

/* KIST_E_CORRUPT for what is no index, or names anything wrongly. */
int kist_index_parse(struct kist_index *index, const char *text, size_t len,
                     struct kist_error *err) KIST_CHECKED;
int kist_index_print(const struct kist_index *index, struct kist_buf *out,
                     struct kist_error *err) KIST_CHECKED;
void kist_index_release(struct kist_index *index);
void kist_index_auto(struct kist_index *index);

/* Appends a copy of image. */
int kist_index_add(struct kist_index *index, const struct kist_image *image,
                   struct kist_error *err) KIST_CHECKED;
/* Image i is no longer in the index; it is the caller's from here on. */
struct kist_image kist_index_take(struct kist_index *index, size_t i);
void kist_index_remove(struct kist_index *index, size_t i);
/* Image i has no name from here on. */
void kist_index_unname(struct kist_index *index, size_t i);

/* The document of an empty store. */
#define KIST_INDEX_EMPTY "{\"schemaVersion\":2,\"mediaType\":\"" KIST_MEDIA_OCI_INDEX "\",\"manifests\":[]}"

#endif
