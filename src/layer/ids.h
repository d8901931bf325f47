/* The table of uids and gids: squashfs inodes name them by 16-bit index. */
#ifndef KIST_LAYER_IDS_H
#define KIST_LAYER_IDS_H

#include "base/error.h"

struct kist_ids {
    uint32_t *values;
    uint32_t count;
    size_t size;
    uint16_t *slots; /* hash table of index + 1 */
    uint32_t slot_count;
};

void kist_ids_release(struct kist_ids *ids);
/* Index of value, added when new. KIST_E_UNSUPPORTED past 65,535 of them. */
int kist_ids_find(struct kist_ids *ids, uint32_t value, uint16_t *index, struct kist_error *err) KIST_CHECKED;

#endif
