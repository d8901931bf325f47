#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "removal.h"

/* An image that may go. */
struct candidate {
    size_t image, place; /* in the index */
    int64_t used, pulled; /* the last time any of its entries was */
};

struct pruning {
    struct kist_removal removal;
    const struct kist_store_prune *options;
    uint64_t left;                /* bytes that dead pulls left, which go first */
    struct kist_digest_set held;  /* by leases and containers */
    struct kist_digest_set needed; /* what the index needs: a digest once for each entry that does */
    uint32_t *needs;              /* of needed.v[i], by how many entries that stay, where kist_digest_set_find points to */
    bool *stays;                  /* image g may not go */
    struct candidate *candidates;
    size_t count;
};

static const struct kist_image *entry(const struct pruning *p, size_t i)
{
    return &p->removal.index.images.v[i];
}

static size_t entries(const struct pruning *p)
{
    return p->removal.index.images.n;
}

/* ---- what stays ---- */

static bool is_held(const struct pruning *p, const struct kist_image *image)
{
    return image->pinned || kist_digest_set_has(&p->held, &image->config) ||
           kist_digest_set_has(&p->held, &image->manifest.digest);
}

/* Entries in an order of their own, to be searched or walked. */
static const struct kist_image **sorted(const struct pruning *p, int (*compare)(const void *, const void *))
{
    const struct kist_image **v = calloc(entries(p) + 1, sizeof(struct kist_image *));

    for (size_t i = 0; v && i < entries(p); i++) {
        v[i] = entry(p, i);
    }
    if (v && entries(p) > 0) {
        qsort(v, entries(p), sizeof(struct kist_image *), compare);
    }
    return v;
}

static size_t image_of(const struct pruning *p, const struct kist_image *image)
{
    return p->removal.image_of[image - p->removal.index.images.v];
}

static int by_name(const void *a, const void *b)
{
    const struct kist_image *const *x = a, *const *y = b;

    return strcmp((*x)->name ? (*x)->name : "", (*y)->name ? (*y)->name : "");
}

/* Somebody has name on image's platform now: there is something that image can be gone back from. */
static bool is_current(const struct pruning *p, const struct kist_image *const *names, const char *name,
                       const struct kist_platform *platform)
{
    size_t low = 0, high = entries(p);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(names[middle]->name ? names[middle]->name : "", name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < entries(p) && names[low]->name && strcmp(names[low]->name, name) == 0; low++) {
        if (kist_platform_equal(&names[low]->platform, platform)) {
            return true;
        }
    }
    return false;
}

static int keep_previous(struct pruning *p, struct kist_error *err)
{
    KIST_AUTO(free) const struct kist_image **names = sorted(p, by_name);
    char name[KIST_REFERENCE_TEXT_MAX];

    if (!names) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < entries(p); i++) {
        const struct kist_image *image = entry(p, i);
        const char *word = image->previous ? image->previous : "";

        for (size_t len; *word != '\0'; word += len, word += *word == ' ') {
            len = strcspn(word, " ");
            if (kist_str_format(name, sizeof(name), "%.*s", (int)KIST_MIN(len, sizeof(name)), word) &&
                is_current(p, names, name, &image->platform)) {
                p->stays[image_of(p, image)] = true;
            }
        }
    }
    return 0;
}

/* Host and path of the repository that image is of: of its name, or of one it had; "" of none. */
static const char *repository(const struct kist_image *image, size_t *len)
{
    const char *text = image->name ? image->name : image->previous ? image->previous : "";
    size_t end = strcspn(text, "@ "), path = 0;

    for (size_t i = 0; i < end; i++) {
        path = text[i] == '/' ? i : path;
    }
    *len = path + strcspn(text + path, ":@ ");
    return text;
}

static int compare_repositories(const struct kist_image *a, const struct kist_image *b)
{
    size_t a_len, b_len;
    const char *a_text = repository(a, &a_len), *b_text = repository(b, &b_len);
    int order = strncmp(a_text, b_text, KIST_MIN(a_len, b_len));

    return order != 0 ? order : a_len < b_len ? -1 : a_len > b_len;
}

/* By repository, the newest pulled first. */
static int by_repository(const void *a, const void *b)
{
    const struct kist_image *const *x = a, *const *y = b;
    int order = compare_repositories(*x, *y);

    if (order == 0 && (*x)->pulled != (*y)->pulled) {
        return (*x)->pulled > (*y)->pulled ? -1 : 1;
    }
    return order != 0 ? order : *x > *y ? -1 : 1;
}

static int keep_newest(struct pruning *p, struct kist_error *err)
{
    KIST_AUTO(free) const struct kist_image **v = sorted(p, by_repository);
    KIST_AUTO(free) size_t *counted = calloc(p->removal.images + 1, sizeof(size_t)); /* in which repository it last was */
    size_t number = 1;
    uint64_t kept = 0;

    if (!v || !counted) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < entries(p); i++) {
        size_t image = image_of(p, v[i]);

        if (i > 0 && compare_repositories(v[i], v[i - 1]) != 0) {
            number++;
            kept = 0;
        }
        if (kept < p->options->keep && counted[image] != number) {
            counted[image] = number;
            p->stays[image] = true;
            kept++;
        }
    }
    return 0;
}

static int find_staying(struct pruning *p, struct kist_error *err)
{
    int rc = kist_store_held(p->removal.store, &p->removal.index, &p->held, err);

    kist_digest_set_seal(&p->held);
    for (size_t i = 0; i < entries(p); i++) {
        const struct kist_image *image = entry(p, i);

        if (is_held(p, image) || (!p->options->all && image->name)) {
            p->stays[image_of(p, image)] = true;
        }
    }
    if (rc == 0 && p->options->keep_previous) {
        rc = keep_previous(p, err);
    }
    if (rc == 0 && p->options->keep > 0) {
        rc = keep_newest(p, err);
    }
    for (size_t i = 0; i < entries(p) && rc >= 0 && p->options->takes; i++) {
        if (!p->stays[image_of(p, entry(p, i))]) {
            rc = p->options->takes(p->options->arg, entry(p, i), err);
            p->stays[image_of(p, entry(p, i))] = rc == 0;
        }
    }
    return KIST_MIN(rc, 0);
}

/* ---- what goes ---- */

static int by_use(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->used != y->used) {
        return x->used < y->used ? -1 : 1;
    }
    if (x->pulled != y->pulled) {
        return x->pulled < y->pulled ? -1 : 1;
    }
    return x->place < y->place ? -1 : 1;
}

static void find_candidates(struct pruning *p)
{
    struct kist_store *s = p->removal.store;

    for (size_t g = 0; g < p->removal.images; g++) {
        struct candidate c = {.image = g, .place = p->removal.members[p->removal.first[g]]};

        for (size_t m = p->removal.first[g]; m < p->removal.first[g + 1] && !p->stays[g]; m++) {
            const struct kist_image *image = entry(p, p->removal.members[m]);
            char hex[KIST_DIGEST_HEX_MAX];
            struct port_stat st = {.mtime = 0};

            (void)!port_dir_stat(s->blobs, kist_digest_hex(hex, &image->manifest.digest), &st, NULL);
            c.used = KIST_MAX(c.used, st.mtime);
            c.pulled = KIST_MAX(c.pulled, image->pulled);
        }
        if (!p->stays[g]) {
            p->candidates[p->count++] = c;
        }
    }
    if (p->count > 0) {
        qsort(p->candidates, p->count, sizeof(*p->candidates), by_use);
    }
}

static int count_needs(struct pruning *p, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < entries(p) && rc == 0; i++) {
        rc = kist_image_reaches(entry(p, i), &p->needed, err);
    }
    kist_digest_set_seal(&p->needed);
    p->needs = calloc(p->needed.n + 1, sizeof(*p->needs));
    if (rc == 0 && !p->needs) {
        rc = kist_error_nomem(err);
    }
    for (size_t i = 0; i < p->needed.n && rc == 0; i++) {
        p->needs[kist_digest_set_find(&p->needed, &p->needed.v[i])]++;
    }
    return rc;
}

static int let_go(struct pruning *p, struct port_dir *dir, const struct kist_digest *digest, struct kist_error *err)
{
    size_t at = kist_digest_set_find(&p->needed, digest);

    if (--p->needs[at] > 0 || kist_digest_set_has(&p->held, digest)) {
        return 0;
    }
    p->removal.freed += kist_store_size_of(p->removal.store, dir, digest);
    return kist_digest_set_add(&p->removal.gone, digest, err);
}

static int choose_image(struct pruning *p, size_t g, struct kist_error *err)
{
    struct kist_removal *r = &p->removal;
    int rc = 0;

    r->order[r->ordered++] = g;
    for (size_t m = r->first[g]; m < r->first[g + 1] && rc == 0; m++) {
        const struct kist_image *image = entry(p, r->members[m]);

        r->chosen[r->members[m]] = true;
        if ((rc = let_go(p, r->store->blobs, &image->manifest.digest, err)) == 0) {
            rc = let_go(p, r->store->blobs, &image->config, err);
        }
        for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
            rc = let_go(p, r->store->layers, &image->diff_ids[i], err);
        }
    }
    return rc;
}

/* Bytes of images to free; UINT64_MAX where all may go. */
static int goal(const struct pruning *p, uint64_t *bytes, struct kist_error *err)
{
    struct kist_store_space space;
    int rc;

    *bytes = p->options->need - KIST_MIN(p->options->need, p->left);
    if (p->options->target_free == 0) {
        *bytes = p->options->need > 0 ? *bytes : UINT64_MAX;
        return 0;
    }
    rc = kist_store_space(p->removal.store, &space, err);
    space.left += p->options->dry_run ? p->left : 0; /* otherwise it is free by now */
    if (rc == 0 && space.left < p->options->target_free) {
        *bytes = KIST_MAX(*bytes, p->options->target_free - space.left);
    }
    return rc;
}

static int prune(struct pruning *p, struct kist_store_removed *removed, struct kist_error *err)
{
    struct kist_removal *r = &p->removal;
    uint64_t bytes = 0;
    int rc;

    p->stays = calloc(r->images + 1, sizeof(bool));
    p->candidates = calloc(r->images + 1, sizeof(*p->candidates));
    if (!p->stays || !p->candidates) {
        return kist_error_nomem(err);
    }
    if ((rc = find_staying(p, err)) < 0 || (rc = count_needs(p, err)) < 0 || (rc = goal(p, &bytes, err)) < 0) {
        return rc;
    }
    find_candidates(p);
    for (size_t i = 0; i < p->count && r->freed < bytes && rc == 0; i++) {
        rc = choose_image(p, p->candidates[i].image, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (r->ordered == 0) { /* there may be garbage of one who died all the same */
        removed->missing = bytes != UINT64_MAX ? bytes : 0;
        return p->options->dry_run ? 0 : kist_store_sweep(r->store, &r->index, NULL, NULL, err);
    }
    if (!p->options->dry_run) { /* what is really freed counts */
        r->gone.n = 0;
        r->freed = 0;
    }
    rc = kist_removal_carry_out(r, p->options->dry_run, removed, err);
    removed->missing = bytes != UINT64_MAX && bytes > r->freed ? bytes - r->freed : 0;
    return rc;
}

int kist_store_prune(struct kist_store *s, const struct kist_store_prune *options, struct kist_store_removed *removed,
                     struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct pruning p = {.options = options};
    int rc;

    *removed = (struct kist_store_removed){.freed = 0};
    rc = kist_store_lock(s, true, &lock, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_removal_begin(&p.removal, s, options->dry_run, err);
    if (rc == 0) {
        rc = kist_store_left_drop_locked(s, &p.removal.index, options->dry_run, &p.left, err);
    }
    rc = rc < 0 ? rc : prune(&p, removed, err);
    removed->freed += p.left;
    kist_removal_release(&p.removal);
    kist_digest_set_release(&p.held);
    kist_digest_set_release(&p.needed);
    free(p.needs);
    free(p.stays);
    free(p.candidates);
    return rc;
}

/* ---- pins ---- */

int kist_store_image_pin(struct kist_store *s, const char *text, bool pin, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    const struct kist_image *found;
    struct kist_digest id;
    bool changed = false;
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_index_load(s, &index, err)) < 0 ||
        (rc = kist_image_list_find(&index.images, text, NULL, &found, err)) < 0) {
        return kist_store_refuse_below(s, text, "pinned", rc, err);
    }
    id = found->config;
    for (size_t i = 0; i < index.images.n && rc == 0; i++) {
        struct kist_image *image = &index.images.v[i];

        if (kist_digest_equal(&image->config, &id) && image->pinned != pin) {
            image->pinned = pin;
            changed = true;
            rc = kist_index_mark(&index, i, err);
        }
    }
    if (rc < 0) {
        return rc;
    }
    /* who wrote this index may have died before it lasted */
    return changed ? kist_store_index_save(s, &index, err) : port_dir_sync(s->root, err);
}
