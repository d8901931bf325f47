#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

#define NONE SIZE_MAX

/* What index.json will say of the image. name and diff_ids are borrowed from the two. */
static int describe(const struct kist_store *s, struct kist_image *image, const struct kist_image_new *new,
                    const struct kist_config *config, struct kist_error *err)
{
    const struct kist_descriptor *desc = new->manifest_desc;
    struct kist_digest real;

    kist_digest_of(&real, kist_buf_text(new->manifest), new->manifest->len);
    if (!kist_digest_equal(&real, &desc->digest) || desc->size != new->manifest->len) {
        return kist_error_set(err, KIST_E_CORRUPT, "the manifest is not what its descriptor says");
    }
    *image = (struct kist_image){
        .name = (char *)(uintptr_t) new->name,
        .manifest = *desc,
        .source = *new->source,
        /* an index often knows the variant where the config does not */
        .platform = desc->platform.os[0] ? desc->platform : config->platform,
        .created = config->created,
        .pulled = kist_store_now(s),
        .diff_ids = config->diff_ids,
        .layer_count = config->diff_id_count,
    };
    kist_digest_of(&image->config, kist_buf_text(new->config), new->config->len);
    return 0;
}

/* lasts: they are known to, if they are there. */
static int require_layers(struct kist_store *s, const struct kist_image *image, bool lasts, struct kist_error *err)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        char text[KIST_DIGEST_TEXT_MAX];
        int rc = kist_store_layer_find(s, &image->diff_ids[i], err);

        if (rc <= 0) {
            return rc < 0 ? rc
                          : kist_error_set(err, KIST_E_NOT_FOUND, "layer '%s' is not in the store",
                                           kist_digest_text(text, &image->diff_ids[i]));
        }
    }
    /* one that another process put there just now may not last yet */
    return lasts ? 0 : port_dir_sync(s->layers, err);
}

/* Who has this name for this platform; of images without a name, the one with this ID. */
static size_t find_holder(const struct kist_image_list *list, const struct kist_image *image)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct kist_image *other = &list->v[i];

        if (image->name ? other->name && strcmp(other->name, image->name) == 0 &&
                              kist_platform_equal(&other->platform, &image->platform)
                        : kist_digest_equal(&other->config, &image->config)) {
            return i;
        }
    }
    return NONE;
}

/* Another entry of the same image ID than i; only a nameless one when nameless. */
static size_t find_twin(const struct kist_image_list *list, const struct kist_digest *id, size_t i,
                        bool nameless)
{
    for (size_t k = 0; k < list->n; k++) {
        if (k != i && kist_digest_equal(&list->v[k].config, id) && !(nameless && list->v[k].name)) {
            return k;
        }
    }
    return NONE;
}

/* name, on this platform, is from now on what holder was: of no other image any more. */
static int note_previous(struct kist_index *index, size_t holder, const struct kist_image *image, const char *name,
                         struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < index->images.n && rc == 0; i++) {
        struct kist_image *other = &index->images.v[i];

        if (kist_platform_equal(&other->platform, &image->platform) && kist_image_previous_drop(other, name)) {
            rc = kist_index_mark(index, i, err);
        }
    }
    if (rc == 0) {
        rc = kist_image_previous_add(&index->images.v[holder], name, err);
    }
    return rc == 0 ? kist_index_mark(index, holder, err) : rc;
}

int kist_index_hand_over(struct kist_index *index, const struct kist_image *from, size_t to, struct kist_error *err)
{
    struct kist_image *image = &index->images.v[to];
    int rc = kist_image_previous_add(image, from->previous, err);

    image->pinned = image->pinned || from->pinned;
    return rc == 0 ? kist_index_mark(index, to, err) : rc;
}

/* The holder's name goes to another image: it stays without one, unless it has more names. */
static int displace(struct kist_index *index, size_t holder, const struct kist_image *image, struct kist_error *err)
{
    size_t twin = find_twin(&index->images, &index->images.v[holder].config, holder, false);
    int rc = note_previous(index, holder, image, image->name, err);

    if (rc == 0 && twin == NONE) {
        kist_index_unname(index, holder);
        rc = kist_index_mark(index, holder, err);
    } else if (rc == 0 && (rc = kist_index_hand_over(index, &index->images.v[holder], twin, err)) == 0) {
        kist_index_remove(index, holder);
    }
    return rc;
}

/* The entry added last is of an image that may have been there: what was said of that holds on. */
static int inherit(struct kist_index *index, struct kist_error *err)
{
    size_t last = index->images.n - 1, nameless;
    const struct kist_image *image = &index->images.v[last];
    size_t twin = find_twin(&index->images, &image->config, last, false);
    int rc = 0;

    if (twin != NONE && index->images.v[twin].pinned) {
        index->images.v[last].pinned = true;
        rc = kist_index_mark(index, last, err);
    }
    nameless = find_twin(&index->images, &image->config, last, true);
    if (rc == 0 && nameless != NONE && (rc = kist_index_hand_over(index, &index->images.v[nameless], last, err)) == 0) {
        kist_index_remove(index, nameless);
    }
    return rc;
}

int kist_index_put(struct kist_index *index, struct kist_image *image, enum kist_store_change *change,
                   struct kist_error *err)
{
    size_t holder = find_holder(&index->images, image);
    int rc = 0;

    *change = KIST_STORE_DOWNLOADED;
    if (holder != NONE) {
        struct kist_image *old = &index->images.v[holder];

        if (!image->name || kist_digest_equal(&old->manifest.digest, &image->manifest.digest)) {
            *change = KIST_STORE_UNCHANGED;
            if (!image->name || kist_digest_equal(&old->source, &image->source)) {
                return 0;
            }
            image->pulled = old->pulled; /* only the registry's index around it is another */
            image->pinned = old->pinned;
            image->previous = old->previous;
            old->previous = NULL;
            kist_index_remove(index, holder);
            rc = kist_index_add(index, image, err);
            free(image->previous);
            image->previous = NULL;
            return rc == 0 ? 1 : rc;
        }
        *change = KIST_STORE_UPDATED;
        rc = displace(index, holder, image, err);
    }
    if (rc == 0) {
        rc = kist_index_add(index, image, err);
    }
    if (rc == 0) {
        rc = inherit(index, err);
    }
    return rc == 0 ? 1 : rc;
}

/* Nothing of image is news to index. */
static bool says_all(const struct kist_index *index, const struct kist_image *image)
{
    const size_t holder = find_holder(&index->images, image);
    const struct kist_image *old = holder != NONE ? &index->images.v[holder] : NULL;

    return old && kist_digest_equal(&old->manifest.digest, &image->manifest.digest) &&
           (!image->name || kist_digest_equal(&old->source, &image->source));
}

/* A store below has just this, under this name, and nothing of ours hides it: 1. */
static int is_below(struct kist_store *s, const struct kist_index *index, const struct kist_image *image,
                    struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    size_t holder;
    int rc;

    if (s->below_count == 0 || find_holder(&index->images, image) != NONE) {
        return 0;
    }
    if ((rc = kist_store_below_images(s, &list, err)) < 0) {
        return rc;
    }
    holder = find_holder(&list, image);
    return holder != NONE && kist_digest_equal(&list.v[holder].manifest.digest, &image->manifest.digest);
}

static int add_locked(struct kist_store *s, const struct kist_image_new *new, struct kist_image *image,
                      enum kist_store_change *change, struct kist_error *err)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    bool lasts;
    int rc;

    *change = KIST_STORE_UNCHANGED;
    if ((rc = kist_store_index_load(s, &index, err)) < 0) {
        return rc;
    }
    lasts = says_all(&index, image) && kist_store_index_lasts(s);
    if ((rc = require_layers(s, image, lasts, err)) < 0 || (rc = is_below(s, &index, image, err)) != 0) {
        return KIST_MIN(rc, 0);
    }
    if ((rc = kist_store_blob_put(s, &image->manifest.digest, new->manifest->data, new->manifest->len, lasts, err)) < 0 ||
        (rc = kist_store_blob_put(s, &image->config, new->config->data, new->config->len, lasts, err)) < 0) {
        return rc;
    }
    rc = kist_index_put(&index, image, change, err);
    kist_store_image_used(s, &image->manifest.digest); /* also where it was here for long */
    if (rc == 0) {
        return kist_store_index_settle(s, err);
    }
    return rc > 0 ? kist_store_index_save(s, &index, err) : rc;
}

int kist_store_image_add(struct kist_store *s, const struct kist_image_new *new,
                         enum kist_store_change *change, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(config) struct kist_config config = {.created = 0};
    struct kist_store_room *room = NULL;
    struct kist_image image;
    int rc;

    /* where something may go for it, it goes now, while nobody has the lock; that it does not help is told below */
    rc = kist_store_room_take(s, "blobs", "-", kist_store_cost(s, new->manifest->len) + kist_store_cost(s, new->config->len),
                              NULL, &room, err);
    kist_store_room_free(room);
    if ((rc == 0 || rc == KIST_E_NO_SPACE) &&
        (rc = kist_config_parse(&config, kist_buf_text(new->config), new->config->len, err)) == 0 &&
        (rc = describe(s, &image, new, &config, err)) == 0 && (rc = kist_store_lock(s, true, &lock, err)) == 0) {
        rc = add_locked(s, new, &image, change, err);
    }
    return rc < 0 ? kist_error_wrap(err, "cannot keep image '%s'", new->name ? new->name : "<none>") : 0;
}
