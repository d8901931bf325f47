/* rooms: store */
/* index.json: what was read must print, and read again as the same. */
#include "store/index.h"

#include <stdlib.h>

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(2 * KIST_MAX_STORE_INDEX);
    struct kist_error err;
    struct kist_index index, again;

    if (kist_index_parse(&index, (const char *)data, size, &err) < 0) {
        return 0;
    }
    if (index.images.n > 0) {
        struct kist_image image = index.images.v[0];

        /* its memory moves with the list, so a copy of its name and layers is what is added */
        if (kist_index_add(&index, &image, &err) == 0) {
            kist_index_unname(&index, 0);
        }
    }
    if (kist_index_print(&index, &out, &err) == 0) {
        if (kist_index_parse(&again, kist_buf_text(&out), out.len, &err) < 0 ||
            again.images.n != index.images.n) {
            abort();
        }
        kist_index_release(&again);
    }
    kist_index_release(&index);
    return 0;
}
