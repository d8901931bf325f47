#include <stdlib.h>
#include <string.h>

#include "private.h"

/* Newest pulled first; of one second, the one that came later into the index. */
static int newer(const void *a, const void *b)
{
    const struct kist_image *x = a, *y = b;

    if (x->pulled != y->pulled) {
        return x->pulled < y->pulled ? 1 : -1;
    }
    return x->bytes < y->bytes ? 1 : -1; /* the place in the index, until sizes are filled in */
}

static void sort(struct kist_image_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        list->v[i].bytes = i;
    }
    /* what came last stands last: turned round most lists are in order, and cost the sort nothing */
    for (size_t i = 0; i < list->n / 2; i++) {
        struct kist_image last = list->v[list->n - 1 - i];

        list->v[list->n - 1 - i] = list->v[i];
        list->v[i] = last;
    }
    if (list->n > 0) {
        qsort(list->v, list->n, sizeof(*list->v), newer);
    }
}

uint64_t kist_store_size_of(struct kist_store *s, struct port_dir *dir, const struct kist_digest *digest)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct port_stat st;

    return port_dir_stat(dir, kist_digest_hex(hex, digest), &st, NULL) == 0 ? kist_store_rounded(s, st.size) : 0;
}

/* One layer of one image. */
struct use {
    const struct kist_digest *diff_id;
    struct kist_image *image;
};

static int compare_uses(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    int order = kist_digest_compare(x->diff_id, y->diff_id);

    if (order == 0 && x->image != y->image) {
        order = x->image < y->image ? -1 : 1;
    }
    return order;
}

/* All uses of one layer: it counts once for each image, and is shared when these are not all the same image
 * ID. */
static void count_layer(struct kist_store *s, struct use *uses, size_t n)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct port_dir *dir = kist_store_layer_dir(s, kist_digest_hex(hex, uses[0].diff_id));
    uint64_t bytes = kist_store_size_of(s, dir, uses[0].diff_id);
    bool shared = false;

    for (size_t i = 1; i < n && !shared; i++) {
        shared = !kist_digest_equal(&uses[i].image->config, &uses[0].image->config);
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || uses[i].image != uses[i - 1].image) {
            uses[i].image->bytes += bytes;
            uses[i].image->shared += shared ? bytes : 0;
        }
    }
}

static int count_layers(struct kist_store *s, struct kist_image_list *list, struct kist_error *err)
{
    KIST_AUTO(free) struct use *uses = NULL;
    size_t total = 0, n = 0;

    for (size_t i = 0; i < list->n; i++) {
        total += list->v[i].layer_count;
    }
    if (total == 0) {
        return 0;
    }
    uses = calloc(total, sizeof(*uses));
    if (!uses) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = 0; k < list->v[i].layer_count; k++) {
            uses[n++] = (struct use){&list->v[i].diff_ids[k], &list->v[i]};
        }
    }
    qsort(uses, n, sizeof(*uses), compare_uses);
    for (size_t start = 0, i = 1; i <= n; i++) {
        if (i == n || !kist_digest_equal(uses[i].diff_id, uses[start].diff_id)) {
            count_layer(s, uses + start, i - start);
            start = i;
        }
    }
    return 0;
}

static uint64_t blob_size(struct kist_store *s, const struct kist_digest *digest)
{
    char hex[KIST_DIGEST_HEX_MAX];

    return kist_store_size_of(s, kist_store_blob_dir(s, kist_digest_hex(hex, digest)), digest);
}

int kist_store_images(struct kist_store *s, struct kist_image_list *list, struct kist_error *err)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    int rc = kist_store_index_read(s, &index, err);

    *list = (struct kist_image_list){.v = NULL};
    if (rc < 0) {
        return rc;
    }
    *list = index.images;
    index.images = (struct kist_image_list){.v = NULL};
    sort(list);
    rc = kist_store_below_images(s, list, err);
    for (size_t i = 0; i < list->n; i++) {
        struct kist_image *image = &list->v[i];

        image->bytes = kist_store_rounded(s, image->manifest.size) + blob_size(s, &image->config);
    }
    rc = rc < 0 ? rc : count_layers(s, list, err);
    if (rc < 0) {
        kist_image_list_release(list);
    }
    return rc;
}
