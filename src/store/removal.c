#include "removal.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const struct kist_image *entry(const struct kist_removal *r, size_t i)
{
    return &r->index.images.v[i];
}

/* ---- images, out of entries ---- */

static int by_id(const void *a, const void *b)
{
    const struct kist_image *const *x = a, *const *y = b;
    int order = kist_digest_compare(&(*x)->config, &(*y)->config);

    return order != 0 ? order : *x < *y ? -1 : 1;
}

static int group(struct kist_removal *r, struct kist_error *err)
{
    const struct kist_image_list *list = &r->index.images;
    KIST_AUTO(free) const struct kist_image **sorted = calloc(list->n + 1, sizeof(struct kist_image *));

    if (!sorted) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list->n; i++) {
        sorted[i] = &list->v[i];
    }
    if (list->n > 0) {
        qsort(sorted, list->n, sizeof(struct kist_image *), by_id);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (i == 0 || !kist_digest_equal(&sorted[i]->config, &sorted[i - 1]->config)) {
            r->first[r->images++] = i;
        }
        r->members[i] = (size_t)(sorted[i] - list->v);
        r->image_of[r->members[i]] = r->images - 1;
    }
    r->first[r->images] = list->n;
    return 0;
}

int kist_removal_begin(struct kist_removal *r, struct kist_store *s, bool model, struct kist_error *err)
{
    size_t n;
    int rc;

    *r = (struct kist_removal){.store = s};
    rc = model ? kist_store_index_read(s, &r->index, err) : kist_store_index_load(s, &r->index, err);
    if (rc < 0) {
        return rc;
    }
    n = r->index.images.n + 1;
    r->members = calloc(n, sizeof(size_t));
    r->first = calloc(n, sizeof(size_t));
    r->image_of = calloc(n, sizeof(size_t));
    r->order = calloc(n, sizeof(size_t));
    r->chosen = calloc(n, sizeof(bool));
    r->unnamed = calloc(n, sizeof(bool));
    return r->members && r->first && r->image_of && r->order && r->chosen && r->unnamed ? group(r, err) : kist_error_nomem(err);
}

void kist_removal_release(struct kist_removal *r)
{
    free(r->members);
    free(r->first);
    free(r->image_of);
    free(r->order);
    free(r->chosen);
    free(r->unnamed);
    kist_digest_set_release(&r->gone);
    kist_index_release(&r->index);
}

bool kist_removal_dooms(const struct kist_removal *r, size_t g)
{
    for (size_t k = r->first[g]; k < r->first[g + 1]; k++) {
        if (!r->chosen[r->members[k]]) {
            return false;
        }
    }
    return true;
}

/* ---- telling ---- */

/* Lines, each told once: slots find them by a hash. */
struct telling {
    struct kist_strv *lines;
    size_t *slots, size; /* places in lines, plus 1 */
};

static int tell_once(struct telling *t, const char *text, struct kist_error *err)
{
    size_t at = 5381;

    for (const char *p = text; *p != '\0'; p++) {
        at = at * 33 + (unsigned char)*p;
    }
    for (at %= t->size; t->slots[at] != 0; at = (at + 1) % t->size) {
        if (strcmp(t->lines->v[t->slots[at] - 1], text) == 0) {
            return 0;
        }
    }
    t->slots[at] = t->lines->n + 1;
    return kist_strv_add(t->lines, text, err);
}

/* Docker names the digest too, which it keeps as a name of its own: it goes with the last tag of the
 * repository. */
static int tell_digest(const struct kist_removal *r, size_t g, size_t i, struct telling *untagged,
                       struct kist_error *err)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref, other;

    if (kist_reference_parse(&ref, entry(r, i)->name, NULL) < 0 || ref.has_digest) {
        return 0;
    }
    for (size_t m = r->first[g]; m < r->first[g + 1]; m++) {
        size_t k = r->members[m];

        if (!r->chosen[k] && !r->unnamed[k] && entry(r, k)->name && kist_reference_parse(&other, entry(r, k)->name, NULL) == 0 &&
            strcmp(other.host, ref.host) == 0 && strcmp(other.path, ref.path) == 0) {
            return 0;
        }
    }
    ref.tag[0] = '\0';
    ref.has_digest = true;
    ref.digest = entry(r, i)->source;
    return tell_once(untagged, kist_reference_text(text, &ref), err);
}

static int tell_names(const struct kist_removal *r, size_t g, struct telling *untagged, struct kist_error *err)
{
    int rc = 0;

    for (int digests = 0; digests < 2; digests++) {
        for (size_t m = r->first[g]; m < r->first[g + 1] && rc == 0; m++) {
            size_t i = r->members[m];

            if ((r->chosen[i] || r->unnamed[i]) && entry(r, i)->name) {
                rc = digests ? tell_digest(r, g, i, untagged, err) : tell_once(untagged, entry(r, i)->name, err);
            }
        }
    }
    return rc;
}

/* What the images that go need; layers has their layers, the top first, as Docker lists them. */
static int tell_images(const struct kist_removal *r, struct kist_digest_set *needed, struct kist_digest_set *layers,
                       struct kist_store_removed *removed, struct kist_error *err)
{
    struct telling names = {.lines = &removed->untagged, .size = r->index.images.n * 4 + 1};
    KIST_AUTO(free) size_t *slots = calloc(names.size, sizeof(*slots));
    int rc = slots ? 0 : kist_error_nomem(err);

    names.slots = slots;
    for (size_t o = 0; o < r->ordered && rc == 0; o++) {
        size_t g = r->order[o];
        char text[KIST_DIGEST_TEXT_MAX];

        rc = tell_names(r, g, &names, err);
        if (rc < 0 || !kist_removal_dooms(r, g)) {
            continue;
        }
        rc = kist_strv_add(&removed->deleted, kist_digest_text(text, &entry(r, r->members[r->first[g]])->config), err);
        for (size_t m = r->first[g]; m < r->first[g + 1] && rc == 0; m++) {
            const struct kist_image *image = entry(r, r->members[m]);

            rc = kist_image_reaches(image, needed, err);
            for (size_t i = image->layer_count; i > 0 && rc == 0; i--) {
                rc = kist_digest_set_add(layers, &image->diff_ids[i - 1], err);
            }
        }
    }
    kist_digest_set_seal(needed);
    return rc;
}

static int tell_layers(const struct kist_removal *r, const struct kist_digest_set *layers, struct kist_strv *deleted,
                       struct kist_error *err)
{
    KIST_AUTO(free) bool *told = calloc(r->gone.n + 1, sizeof(bool));
    int rc = told ? 0 : kist_error_nomem(err);

    for (size_t i = 0; i < layers->n && rc == 0; i++) {
        size_t at = kist_digest_set_find(&r->gone, &layers->v[i]);
        char text[KIST_DIGEST_TEXT_MAX];

        if (at != SIZE_MAX && !told[at]) {
            told[at] = true;
            rc = kist_strv_add(deleted, kist_digest_text(text, &layers->v[i]), err);
        }
    }
    return rc;
}

/* ---- removing ---- */

struct freeing {
    struct kist_removal *removal;
    struct kist_digest_set needed;
};

static void note_freed(void *arg, const struct kist_digest *digest, uint64_t bytes)
{
    struct freeing *f = arg;

    /* what else the sweep finds was garbage before, and no work of this removal */
    if (kist_digest_set_has(&f->needed, digest)) {
        f->removal->freed += bytes;
        (void)!kist_digest_set_add(&f->removal->gone, digest, NULL);
    }
}

/* What is said of an entry that goes holds on for the others of its image. */
static int hand_over(struct kist_removal *r, size_t g, struct kist_error *err)
{
    size_t stays = SIZE_MAX;
    int rc = 0;

    for (size_t m = r->first[g]; m < r->first[g + 1] && stays == SIZE_MAX; m++) {
        stays = r->chosen[r->members[m]] ? stays : r->members[m];
    }
    for (size_t m = r->first[g]; m < r->first[g + 1] && stays != SIZE_MAX && rc == 0; m++) {
        const struct kist_image *image = entry(r, r->members[m]);

        if (r->chosen[r->members[m]] && (image->pinned || image->previous)) {
            rc = kist_index_hand_over(&r->index, image, stays, err);
        }
    }
    return rc;
}

static int remove_chosen(struct kist_removal *r, struct freeing *f, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list taken = {.v = calloc(r->index.images.n + 1, sizeof(*taken.v))};
    int rc = taken.v ? 0 : kist_error_nomem(err);

    for (size_t o = 0; o < r->ordered && rc == 0; o++) {
        rc = hand_over(r, r->order[o], err);
    }
    for (size_t i = 0; i < r->index.images.n && rc == 0; i++) {
        if (r->unnamed[i]) {
            kist_index_unname(&r->index, i);
            rc = kist_index_mark(&r->index, i, err);
        }
    }
    if (rc < 0) {
        return rc;
    }
    kist_index_take(&r->index, r->chosen, &taken);
    rc = kist_store_index_save_less(r->store, &r->index, err);
    if (rc == 0) {
        rc = kist_store_sweep(r->store, &r->index, note_freed, f, err);
        kist_store_spare_keep(r->store);
    }
    return rc;
}

int kist_removal_carry_out(struct kist_removal *r, bool model, struct kist_store_removed *removed,
                           struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set layers = {.v = NULL};
    struct freeing f = {.removal = r};
    int rc = tell_images(r, &f.needed, &layers, removed, err);

    if (rc == 0 && !model) {
        rc = remove_chosen(r, &f, err);
    }
    kist_digest_set_release(&f.needed);
    kist_digest_set_seal(&r->gone);
    removed->freed = r->freed;
    return rc < 0 ? rc : tell_layers(r, &layers, &removed->deleted, err);
}
