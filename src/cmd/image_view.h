/* Images as people and scripts see them: Docker's words for fields, as JSON objects. */
#ifndef KIST_CMD_IMAGE_VIEW_H
#define KIST_CMD_IMAGE_VIEW_H

#include "codec/json.h"
#include "store/store.h"

#define KIST_SHORT_ID_MAX 13

/* The first 12 hex digits of an image ID. Returns dst. */
char *kist_image_short_id(char dst[KIST_SHORT_ID_MAX], const struct kist_digest *id);

/*
 * A row of 'images', as Docker's --format sees it (Repository, Tag, ID, Digest, CreatedSince, CreatedAt, Size, SharedSize, UniqueSize),
 * and ours: Name, Platform, Pinned, Bytes, SharedBytes. full: the ID is not cut. cJSON_Delete it.
 */
int kist_image_row(const struct kist_image *image, bool full, cJSON **row, struct kist_error *err) KIST_CHECKED;

/* CreatedSince and CreatedAt of a row; created: seconds since 1970, 0 or less unknown. */
int kist_image_times(cJSON *row, int64_t created, struct kist_error *err) KIST_CHECKED;

/* What 'image inspect' prints of an image (Docker's Engine API, ImageInspect). cJSON_Delete it. */
int kist_image_details(struct kist_store *store, const struct kist_image_list *list, const struct kist_image *image,
                       cJSON **details, struct kist_error *err) KIST_CHECKED;

#endif
