#include "layer/budget.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int kist_budget_take(struct kist_budget *b, uint64_t len, struct kist_error *err)
{
    if (len > b->max_bytes - b->bytes) {
        return kist_error_set(err, KIST_E_NO_SPACE,
                              "the layer has more than %" PRIu64
                              " bytes of names, xattrs and block lists (raise mem)",
                              b->max_bytes);
    }
    b->bytes += len;
    return 0;
}

int kist_budget_count(const struct kist_budget *b, size_t count, struct kist_error *err)
{
    if (count >= b->max_inodes) {
        return kist_error_set(err, KIST_E_NO_SPACE, "the layer has more than %" PRIu32 " files (raise mem)",
                              b->max_inodes);
    }
    return 0;
}

int kist_array_grow(void *pointer_to_array, size_t *size, size_t need, size_t element, struct kist_error *err)
{
    size_t grown = *size < 64 ? 64 : *size;
    void *array;

    if (need <= *size) {
        return 0;
    }
    while (grown < need) {
        grown += grown / 2;
    }
    if (grown > SIZE_MAX / 2 / element) {
        return kist_error_nomem(err);
    }
    memcpy(&array, pointer_to_array, sizeof(array));
    array = realloc(array, grown * element);
    if (!array) {
        return kist_error_nomem(err);
    }
    memcpy(pointer_to_array, &array, sizeof(array));
    *size = grown;
    return 0;
}
