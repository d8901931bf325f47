#include "layer/ids.h"

#include <stdlib.h>

#include "layer/budget.h"
#include "layer/squashfs.h"

void kist_ids_release(struct kist_ids *ids)
{
    free(ids->values);
    free(ids->slots);
}

/* The slot that holds value, or the empty one where it belongs. */
static uint16_t *slot_of(const struct kist_ids *ids, uint32_t value)
{
    uint32_t at = value * 2654435761U;

    for (at ^= at >> 16;; at++) {
        uint16_t *slot = &ids->slots[at & (ids->slot_count - 1)];

        if (*slot == 0 || ids->values[*slot - 1] == value) {
            return slot;
        }
    }
}

static int slots_grow(struct kist_ids *ids, struct kist_error *err)
{
    uint32_t count = ids->slot_count ? ids->slot_count * 4 : 64;
    uint16_t *slots = calloc(count, sizeof(*slots));

    if (!slots) {
        return kist_error_nomem(err);
    }
    free(ids->slots);
    ids->slots = slots;
    ids->slot_count = count;
    for (uint32_t i = 0; i < ids->count; i++) {
        *slot_of(ids, ids->values[i]) = (uint16_t)(i + 1);
    }
    return 0;
}

int kist_ids_find(struct kist_ids *ids, uint32_t value, uint16_t *index, struct kist_error *err)
{
    uint16_t *slot;
    int rc = 0;

    if (ids->count >= ids->slot_count / 2) {
        rc = slots_grow(ids, err);
        if (rc < 0) {
            return rc;
        }
    }
    slot = slot_of(ids, value);
    if (*slot == 0) {
        if (ids->count == KIST_SQUASHFS_MAX_IDS) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "the layer has more than %d owners and groups",
                                  KIST_SQUASHFS_MAX_IDS);
        }
        rc = kist_array_grow(&ids->values, &ids->size, ids->count + 1, sizeof(*ids->values), err);
        if (rc < 0) {
            return rc;
        }
        ids->values[ids->count++] = value;
        *slot = (uint16_t)ids->count;
    }
    *index = (uint16_t)(*slot - 1);
    return 0;
}
