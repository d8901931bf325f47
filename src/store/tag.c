#include <stdlib.h>
#include <string.h>

#include "port/clock.h"
#include "private.h"

/* The entries that get the name too, as copies that share what theirs point to: putting them moves the entries about. */
static int choose(const struct kist_image_list *list, const char *text, struct kist_image **chosen, size_t *count,
                  struct kist_error *err)
{
    const struct kist_image *found;
    bool by_id;
    int rc = kist_image_list_match(list, text, NULL, &found, &by_id, err);

    if (rc < 0) {
        return rc;
    }
    *chosen = calloc(list->n, sizeof(**chosen));
    if (!*chosen) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct kist_image *image = &list->v[i];

        if (by_id ? image == found : image->name && strcmp(image->name, found->name) == 0) {
            (*chosen)[*count] = *image;
            (*chosen)[(*count)++].previous = NULL; /* stays with the entry */
        }
    }
    return 0;
}

/* An entry of ours needs blobs of ours; layers may stay where they are. */
static int take_blobs(struct kist_store *s, const struct kist_image *images, size_t count, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX(KIST_MAX_MANIFEST, KIST_MAX_CONFIG));
    int rc = 0;

    for (size_t i = 0; i < 2 * count && rc == 0; i++) {
        const struct kist_digest *digest = i % 2 ? &images[i / 2].config : &images[i / 2].manifest.digest;

        if ((rc = kist_store_blob(s, digest, &text, err)) == 0) {
            rc = kist_store_blob_put(s, digest, kist_buf_text(&text), text.len, false, err);
        }
    }
    return rc;
}

static int tag_locked(struct kist_store *s, const char *text, const char *name, struct kist_error *err)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    KIST_AUTO(image_list) struct kist_image_list below = {.v = NULL};
    KIST_AUTO(free) struct kist_image *chosen = NULL;
    size_t count = 0;
    bool changed = false;
    int rc;

    if ((rc = kist_store_index_load(s, &index, err)) < 0) {
        return rc;
    }
    rc = choose(&index.images, text, &chosen, &count, err);
    if (rc == KIST_E_NOT_FOUND && s->below_count > 0 && (rc = kist_store_below_images(s, &below, err)) == 0 &&
        (rc = choose(&below, text, &chosen, &count, err)) == 0) {
        rc = take_blobs(s, chosen, count, err);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        enum kist_store_change change;

        if (chosen[i].name && strcmp(chosen[i].name, name) == 0) {
            continue; /* its own name */
        }
        if (!chosen[i].from) {
            chosen[i].from = chosen[i].name; /* no registry need know the new one */
        }
        chosen[i].name = (char *)(uintptr_t)name;
        chosen[i].previous = NULL; /* what names went from it is its entry's to know */
        chosen[i].pulled = port_clock_now();
        if ((rc = kist_index_put(&index, &chosen[i], &change, err)) < 0) {
            return rc;
        }
        changed = changed || rc > 0;
    }
    if (!changed) {
        return kist_store_index_settle(s, err);
    }
    return kist_store_index_save(s, &index, err);
}

int kist_store_image_tag(struct kist_store *s, const char *text, const char *name, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    int rc = kist_store_lock(s, true, &lock, err);

    return rc < 0 ? rc : tag_locked(s, text, name, err);
}
