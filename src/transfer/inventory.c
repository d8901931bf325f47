#include "transfer/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return kist_digest_compare(a, b);
}

/* Ascending, none twice. */
static size_t put_in_order(struct kist_digest *v, size_t n)
{
    size_t kept = 0;

    qsort(v, n, sizeof(*v), compare);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !kist_digest_equal(&v[kept - 1], &v[i])) {
            v[kept++] = v[i];
        }
    }
    return kept;
}

int kist_inventory_list(struct kist_store *s, struct kist_digest **diff_ids, size_t *count, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    size_t max = 0;
    int rc = kist_store_images(s, &list, err);

    *diff_ids = NULL;
    *count = 0;
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < list.n; i++) {
        max += list.v[i].layer_count;
    }
    *diff_ids = calloc(max + 1, sizeof(**diff_ids));
    if (!*diff_ids) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list.n; i++) {
        for (size_t k = 0; k < list.v[i].layer_count; k++) {
            /* one that was lost is to come again */
            if (kist_store_has_layer(s, &list.v[i].diff_ids[k])) {
                (*diff_ids)[(*count)++] = list.v[i].diff_ids[k];
            }
        }
    }
    *count = put_in_order(*diff_ids, *count);
    return 0;
}

int kist_inventory_parse(const char *text, struct kist_digest **diff_ids, size_t *count, struct kist_error *err)
{
    static const char prefix[] = "sha256:";
    size_t max = 1;

    *count = 0;
    for (const char *p = text; (p = strstr(p, prefix)); p += strlen(prefix)) {
        max++;
    }
    *diff_ids = calloc(max, sizeof(**diff_ids));
    if (!*diff_ids) {
        return kist_error_nomem(err);
    }
    for (const char *p = text; (p = strstr(p, prefix));) {
        char digest[KIST_DIGEST_TEXT_MAX];
        struct kist_digest *d = &(*diff_ids)[*count];

        p += strlen(prefix);
        (void)snprintf(digest, sizeof(digest), "%s%.64s", prefix, p);
        if (kist_digest_parse(d, digest, NULL) == 0) {
            ++*count;
        }
    }
    *count = put_in_order(*diff_ids, *count);
    if (*count == 0 && text[strspn(text, " \t\r\n")] != '\0' && !strstr(text, "[]")) {
        return kist_error_set(err, KIST_E_USAGE, "it names no layers: not what 'kist system inventory' prints");
    }
    return 0;
}
