#include <string.h>

#include "removal.h"

static const struct kist_image *entry(const struct kist_removal *r, size_t i)
{
    return &r->index.images.v[i];
}

static int choose(struct kist_removal *r, const char *text, bool *by_id, struct kist_error *err)
{
    const struct kist_image_list *list = &r->index.images;
    const struct kist_image *found;
    int rc = kist_image_list_match(list, text, NULL, &found, by_id, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct kist_image *image = &list->v[i];
        size_t g = r->image_of[i], before = 0;

        r->chosen[i] = *by_id ? kist_digest_equal(&image->config, &found->config)
                              : image->name && strcmp(image->name, found->name) == 0;
        if (r->chosen[i]) {
            while (before < r->ordered && r->order[before] != g) {
                before++;
            }
            r->order[before] = g;
            r->ordered += before == r->ordered;
        }
    }
    return 0;
}

static int refuse_many_names(const struct kist_removal *r, const char *text, struct kist_error *err)
{
    const char *first = NULL;

    for (size_t i = 0; i < r->index.images.n; i++) {
        const char *name = r->chosen[i] ? entry(r, i)->name : NULL;

        if (name && first && strcmp(name, first) != 0) {
            return kist_error_set(
                err, KIST_E_CONFLICT,
                "image '%s' has several names, '%s' and '%s' among them (name the one to remove, or "
                "use --force)",
                text, first, name);
        }
        first = first ? first : name;
    }
    return 0;
}

/* Containers use image g, whose entries all are to go: one of them stays, and loses its name. False: it has none. */
static bool keep_unnamed(struct kist_removal *r, size_t g)
{
    bool named = false;

    for (size_t m = r->first[g]; m < r->first[g + 1]; m++) {
        named = named || entry(r, r->members[m])->name;
    }
    if (named) {
        r->chosen[r->members[r->first[g]]] = false;
        r->unnamed[r->members[r->first[g]]] = true;
    }
    return named;
}

static int spare_used(struct kist_removal *r, const char *text, bool force, struct kist_error *err)
{
    struct kist_container_refs refs;
    int rc = kist_store_containers(r->store, &refs, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < refs.n && rc == 0; i++) {
        for (size_t o = 0; o < r->ordered && rc == 0; o++) {
            size_t g = r->order[o];

            if (kist_removal_dooms(r, g) &&
                kist_digest_equal(&refs.v[i].image, &entry(r, r->members[r->first[g]])->config)) {
                const char *who = refs.v[i].name[0] ? refs.v[i].name : refs.v[i].id;

                if (force && keep_unnamed(r, g)) {
                    continue;
                }
                rc = kist_error_set(err, KIST_E_CONFLICT,
                                    "image '%s' is used by container '%s' (try 'kist rm %s')", text, who, who);
            }
        }
    }
    kist_container_refs_release(&refs);
    return rc;
}

int kist_store_image_remove(struct kist_store *s, const char *text, bool force,
                            struct kist_store_removed *removed, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_removal r = {.store = s};
    bool by_id = false;
    int rc;

    *removed = (struct kist_store_removed){.freed = 0};
    rc = kist_store_lock(s, true, &lock, err);
    if (rc < 0) {
        return rc;
    }
    if ((rc = kist_removal_begin(&r, s, false, err)) == 0 && (rc = choose(&r, text, &by_id, err)) == 0) {
        rc = by_id && !force ? refuse_many_names(&r, text, err) : 0;
        if (rc == 0 && (rc = spare_used(&r, text, force, err)) == 0) {
            rc = kist_removal_carry_out(&r, false, removed, err);
        }
    }
    kist_removal_release(&r);
    return kist_store_refuse_below(s, text, "removed", rc, err);
}

void kist_store_removed_release(struct kist_store_removed *r)
{
    kist_strv_release(&r->untagged);
    kist_strv_release(&r->deleted);
}
