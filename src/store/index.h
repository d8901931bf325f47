/* index.json as text and as what it means (src/store/FORMAT.md). What newer kists add to it survives a change
 * by this one. */
#ifndef KIST_STORE_INDEX_H
#define KIST_STORE_INDEX_H

#include "codec/json.h"
#include "store/store.h"

/* Annotations of an image's descriptor. */
#define KIST_NOTE_NAME "org.opencontainers.image.ref.name"
#define KIST_NOTE_CONFIG "kist.config"
#define KIST_NOTE_SOURCE "kist.source"
#define KIST_NOTE_LAYERS "kist.layers"
#define KIST_NOTE_CREATED "kist.created"
#define KIST_NOTE_PULLED "kist.pulled"
#define KIST_NOTE_PINNED "kist.pinned"
#define KIST_NOTE_PREVIOUS "kist.previous"
#define KIST_NOTE_FROM "kist.from"
#define KIST_NOTE_CLOCK "kist.clock" /* of the document */

struct kist_index {
    cJSON *root;                   /* the whole document */
    cJSON *manifests;              /* the array in it; its item i is images.v[i] */
    struct kist_image_list images; /* bytes and shared not filled in */
};

/* KIST_E_CORRUPT for what is no index, or names anything wrongly. */
int kist_index_parse(struct kist_index *index, const char *text, size_t len,
                     struct kist_error *err) KIST_CHECKED;
/* The same for who changes nothing: only images is filled in, and the document is never in memory as a whole. */
int kist_index_parse_images(struct kist_index *index, const char *text, size_t len,
                            struct kist_error *err) KIST_CHECKED;
int kist_index_print(const struct kist_index *index, struct kist_buf *out,
                     struct kist_error *err) KIST_CHECKED;
void kist_index_release(struct kist_index *index);
void kist_index_auto(struct kist_index *index);

/* The time that the index vouches for, seconds since 1970: 0 for none. */
int64_t kist_index_clock(const struct kist_index *index);
int kist_index_set_clock(struct kist_index *index, int64_t now, struct kist_error *err) KIST_CHECKED;

/* Appends a copy of image. */
int kist_index_add(struct kist_index *index, const struct kist_image *image,
                   struct kist_error *err) KIST_CHECKED;
/* The images i with chosen[i] are in taken from here on, which has room for them, and no longer in the index. */
void kist_index_take(struct kist_index *index, const bool *chosen, struct kist_image_list *taken);
void kist_index_remove(struct kist_index *index, size_t i);
/* Image i has no name from here on, but knows where it is from; it says so in the document after kist_index_mark. */
void kist_index_unname(struct kist_index *index, size_t i);
/* The document says of image i what its pinned, previous and from say now. */
int kist_index_mark(struct kist_index *index, size_t i, struct kist_error *err) KIST_CHECKED;

/* Adds those of names, which are parted by blanks and may be NULL, to what image is the previous one of; it says so in the
 * index after kist_index_mark. The second tells whether name is one of these, the last takes it out and tells whether it was. */
int kist_image_previous_add(struct kist_image *image, const char *names, struct kist_error *err) KIST_CHECKED;
bool kist_image_previous_of(const struct kist_image *image, const char *name);
bool kist_image_previous_drop(struct kist_image *image, const char *name);
/* Image to is pinned if from is, and the previous one of what from is (src/store/add.c). */
int kist_index_hand_over(struct kist_index *index, const struct kist_image *from, size_t to,
                         struct kist_error *err) KIST_CHECKED;

/* The document of an empty store. */
#define KIST_INDEX_EMPTY "{\"schemaVersion\":2,\"mediaType\":\"" KIST_MEDIA_OCI_INDEX "\",\"manifests\":[]}"

#endif
