#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

/* What an rmi is about. */
struct removal {
    struct kist_store *store;
    struct kist_index index;
    const char *text;              /* as the user gave it */
    bool *chosen;                  /* index entry i goes */
    bool *doomed;                  /* and the image with it: no other entry has its ID */
    struct kist_digest_set needed; /* by doomed images: manifests, configs, layers */
    struct kist_digest_set gone;   /* of these, what was deleted */
    struct kist_store_removed *removed;
};

static const struct kist_image *image_at(const struct removal *r, size_t i)
{
    return &r->index.images.v[i];
}

static bool same_id(const struct removal *r, size_t i, size_t k)
{
    return kist_digest_equal(&image_at(r, i)->config, &image_at(r, k)->config);
}

/* ---- choosing ---- */

static int choose(struct removal *r, bool *by_id, struct kist_error *err)
{
    const struct kist_image_list *list = &r->index.images;
    const struct kist_image *found;
    int rc = kist_image_list_match(list, r->text, NULL, &found, by_id, err);

    if (rc < 0) {
        return rc;
    }
    r->chosen = calloc(list->n, sizeof(*r->chosen));
    r->doomed = calloc(list->n, sizeof(*r->doomed));
    if (!r->chosen || !r->doomed) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct kist_image *image = &list->v[i];

        r->chosen[i] = *by_id ? kist_digest_equal(&image->config, &found->config)
                              : image->name && strcmp(image->name, found->name) == 0;
    }
    for (size_t i = 0; i < list->n; i++) {
        r->doomed[i] = r->chosen[i];
        for (size_t k = 0; k < list->n && r->doomed[i]; k++) {
            r->doomed[i] = r->chosen[k] || !same_id(r, i, k);
        }
    }
    return 0;
}

static int refuse_many_names(const struct removal *r, struct kist_error *err)
{
    const char *first = NULL;

    for (size_t i = 0; i < r->index.images.n; i++) {
        const char *name = r->chosen[i] ? image_at(r, i)->name : NULL;

        if (name && first && strcmp(name, first) != 0) {
            return kist_error_set(
                err, KIST_E_CONFLICT,
                "image '%s' has several names, '%s' and '%s' among them (name the one to remove, or "
                "use --force)",
                r->text, first, name);
        }
        first = first ? first : name;
    }
    return 0;
}

static int refuse_used(const struct removal *r, struct kist_error *err)
{
    struct kist_container_refs refs;
    int rc = kist_store_containers(r->store, &refs, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < refs.n && rc == 0; i++) {
        for (size_t k = 0; k < r->index.images.n && rc == 0; k++) {
            if (r->doomed[k] && kist_digest_equal(&refs.v[i].image, &image_at(r, k)->config)) {
                const char *who = refs.v[i].name[0] ? refs.v[i].name : refs.v[i].id;

                rc = kist_error_set(err, KIST_E_CONFLICT,
                                    "image '%s' is used by container '%s' (try 'kist rm %s')", r->text, who,
                                    who);
            }
        }
    }
    kist_container_refs_release(&refs);
    return rc;
}

/* ---- telling ---- */

static int tell_once(struct kist_strv *list, const char *text, struct kist_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i], text) == 0) {
            return 0;
        }
    }
    return kist_strv_add(list, text, err);
}

/* Docker names the digest too, which it keeps as a name of its own: it goes with the last tag of the
 * repository. */
static int tell_digest(struct removal *r, size_t i, struct kist_error *err)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref, other;

    if (kist_reference_parse(&ref, image_at(r, i)->name, NULL) < 0 || ref.has_digest) {
        return 0;
    }
    for (size_t k = 0; k < r->index.images.n; k++) {
        if (!r->chosen[k] && same_id(r, i, k) && image_at(r, k)->name &&
            kist_reference_parse(&other, image_at(r, k)->name, NULL) == 0 &&
            strcmp(other.host, ref.host) == 0 && strcmp(other.path, ref.path) == 0) {
            return 0;
        }
    }
    ref.tag[0] = '\0';
    ref.has_digest = true;
    ref.digest = image_at(r, i)->source;
    return tell_once(&r->removed->untagged, kist_reference_text(text, &ref), err);
}

static int tell_names(struct removal *r, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < r->index.images.n && rc == 0; i++) {
        if (r->chosen[i] && image_at(r, i)->name) {
            rc = tell_once(&r->removed->untagged, image_at(r, i)->name, err);
        }
    }
    for (size_t i = 0; i < r->index.images.n && rc == 0; i++) {
        if (r->chosen[i] && image_at(r, i)->name) {
            rc = tell_digest(r, i, err);
        }
    }
    return rc;
}

static int tell_images(struct removal *r, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < r->index.images.n && rc == 0; i++) {
        char text[KIST_DIGEST_TEXT_MAX];

        if (r->doomed[i]) {
            rc = tell_once(&r->removed->deleted, kist_digest_text(text, &image_at(r, i)->config), err);
        }
        if (rc == 0 && r->doomed[i]) {
            rc = kist_image_reaches(image_at(r, i), &r->needed, err);
        }
    }
    kist_digest_set_seal(&r->needed);
    return rc;
}

/* The layers of one image that the sweep deleted, the top first, as Docker lists them. */
static int tell_layers(struct removal *r, const struct kist_image *image, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = image->layer_count; i > 0 && rc == 0; i--) {
        char text[KIST_DIGEST_TEXT_MAX];

        if (kist_digest_set_has(&r->gone, &image->diff_ids[i - 1])) {
            rc = tell_once(&r->removed->deleted, kist_digest_text(text, &image->diff_ids[i - 1]), err);
        }
    }
    return rc;
}

/* ---- removing ---- */

static void note_freed(void *arg, const struct kist_digest *digest, uint64_t bytes)
{
    struct removal *r = arg;

    /* what else the sweep finds was garbage before, and no work of this rmi */
    if (kist_digest_set_has(&r->needed, digest)) {
        r->removed->freed += bytes;
        (void)!kist_digest_set_add(&r->gone, digest, NULL);
    }
}

/* The entries that go move from the index into taken. */
static int take_out(struct removal *r, struct kist_image_list *taken, struct kist_error *err)
{
    taken->v = calloc(r->index.images.n, sizeof(*taken->v));
    if (!taken->v) {
        return kist_error_nomem(err);
    }
    for (size_t i = r->index.images.n; i > 0; i--) {
        if (r->chosen[i - 1]) {
            taken->v[taken->n++] = kist_index_take(&r->index, i - 1);
        }
    }
    return 0;
}

static int remove_chosen(struct removal *r, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list taken = {.v = NULL};
    int rc;

    if ((rc = tell_names(r, err)) < 0 || (rc = tell_images(r, err)) < 0 ||
        (rc = take_out(r, &taken, err)) < 0 || (rc = kist_store_index_save(r->store, &r->index, err)) < 0 ||
        (rc = kist_store_sweep(r->store, &r->index, note_freed, r, err)) < 0) {
        return rc;
    }
    kist_digest_set_seal(&r->gone);
    for (size_t i = taken.n; i > 0 && rc == 0; i--) {
        rc = tell_layers(r, &taken.v[i - 1], err);
    }
    return rc;
}

int kist_store_image_remove(struct kist_store *s, const char *text, bool force,
                            struct kist_store_removed *removed, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct removal r = {.store = s, .text = text, .removed = removed};
    bool by_id;
    int rc;

    *removed = (struct kist_store_removed){.freed = 0};
    if ((rc = kist_store_lock(s, true, &lock, err)) == 0 &&
        (rc = kist_store_index_load(s, &r.index, err)) == 0 && (rc = choose(&r, &by_id, err)) == 0) {
        rc = by_id && !force ? refuse_many_names(&r, err) : 0;
        if (rc == 0 && (rc = refuse_used(&r, err)) == 0) {
            rc = remove_chosen(&r, err);
        }
    }
    free(r.chosen);
    free(r.doomed);
    kist_digest_set_release(&r.needed);
    kist_digest_set_release(&r.gone);
    kist_index_release(&r.index);
    return rc;
}

void kist_store_removed_release(struct kist_store_removed *r)
{
    kist_strv_release(&r->untagged);
    kist_strv_release(&r->deleted);
}
