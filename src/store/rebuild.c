/* index.json from what is left of it, and from the manifests and configs that are kept. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "private.h"
#include "store/check.h"

#define ENTRY "{\"mediaType\":" /* how kist begins a descriptor, and nothing in it */
#define FIELD_MAX 4096

struct rebuilding {
    struct kist_store *store;
    struct kist_index old;          /* what the text says, whole or in pieces */
    bool whole;                     /* all of it could be read */
    struct kist_image_list kept;    /* by the manifests: no names */
    bool *taken;                    /* kept.v[i] has an entry */
    struct kist_index made;
    bool changed;
};

/* ---- the images that are kept ---- */

/* 1: whole; 0: damaged, missing, or another thing; else what keeps us from knowing. */
static int verdict(int rc)
{
    return rc == 0 ? 1 : rc == KIST_E_NOT_FOUND || rc == KIST_E_CORRUPT || rc == KIST_E_UNSUPPORTED ? 0 : rc;
}

/* 1: digest is a manifest whose config is kept too; 0: it is not. */
static int read_image(struct kist_store *s, const struct kist_digest *digest, struct kist_image *image,
                      struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest manifest = {.entries = NULL};
    KIST_AUTO(config) struct kist_config config = {.created = 0};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST), other = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc;

    if ((rc = kist_store_blob(s, digest, &text, err)) < 0 ||
        (rc = kist_manifest_parse(&manifest, kist_buf_text(&text), text.len, NULL, err)) < 0) {
        return verdict(rc);
    }
    if (manifest.kind != KIST_MANIFEST_IMAGE || (rc = kist_store_blob(s, &manifest.config.digest, &other, err)) < 0 ||
        (rc = kist_config_parse(&config, kist_buf_text(&other), other.len, err)) < 0) {
        return rc < 0 ? verdict(rc) : 0;
    }
    *image = (struct kist_image){
        .manifest = {.digest = *digest, .size = text.len, .platform = config.platform},
        .source = *digest,
        .config = manifest.config.digest,
        .platform = config.platform,
        .created = config.created,
        .diff_ids = config.diff_ids,
        .layer_count = config.diff_id_count,
    };
    memcpy(image->manifest.media_type, manifest.media_type, sizeof(image->manifest.media_type));
    config.diff_ids = NULL;
    return 1;
}

static int find_kept(void *arg, const char *name, struct kist_error *err)
{
    struct rebuilding *r = arg;
    struct kist_digest digest;
    struct kist_image image, *v;
    int rc = 0;

    if (strlen(name) != KIST_DIGEST_HEX_MAX - 1 || !kist_str_unhex(digest.bytes, sizeof(digest.bytes), name) ||
        (rc = read_image(r->store, &digest, &image, err)) <= 0) {
        return rc;
    }
    v = realloc(r->kept.v, (r->kept.n + 1) * sizeof(*v));
    if (!v) {
        free(image.diff_ids);
        return kist_error_nomem(err);
    }
    r->kept.v = v;
    v[r->kept.n++] = image;
    return 0;
}

/* ---- what is left of the index ---- */

/* The string member key in the len bytes of an entry, as kist writes it; "" where there is none. */
static const char *field(const char *entry, size_t len, const char *key, char value[FIELD_MAX])
{
    char pattern[64];
    const char *at;
    size_t n;

    value[0] = '\0';
    if (kist_str_format(pattern, sizeof(pattern), "\"%s\":\"", key) &&
        (at = memmem(entry, len, pattern, strlen(pattern))) != NULL) {
        at += strlen(pattern);
        for (n = 0; at + n < entry + len && at[n] != '"' && at[n] != '\\' && n < FIELD_MAX; n++) {
        }
        if (at + n == entry + len || at[n] != '"' || !kist_str_format(value, FIELD_MAX, "%.*s", (int)n, at)) {
            value[0] = '\0';
        }
    }
    return value;
}

/* A field that is a whole reference; NULL for anything else. */
static int name_field(const char *entry, size_t len, const char *key, char **name, struct kist_error *err)
{
    char value[FIELD_MAX], whole[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;

    *name = NULL;
    if (*field(entry, len, key, value) == '\0' || kist_reference_parse(&ref, value, NULL) < 0 ||
        strcmp(kist_reference_text(whole, &ref), value) != 0) {
        return 0;
    }
    *name = strdup(value);
    return *name ? 0 : kist_error_nomem(err);
}

static int salvage_entry(struct kist_index *index, const char *entry, size_t len, struct kist_error *err)
{
    struct kist_image image = {.name = NULL};
    char value[FIELD_MAX];
    int rc = 0;

    /* that none of these is right is for the matching to find */
    (void)!kist_digest_parse(&image.manifest.digest, field(entry, len, "digest", value), NULL);
    (void)!kist_digest_parse(&image.config, field(entry, len, KIST_NOTE_CONFIG, value), NULL);
    if (kist_digest_parse(&image.source, field(entry, len, KIST_NOTE_SOURCE, value), NULL) < 0) {
        image.source = image.manifest.digest;
    }
    if (!kist_str_time(field(entry, len, KIST_NOTE_PULLED, value), &image.pulled)) {
        image.pulled = 0;
    }
    image.pinned = strcmp(field(entry, len, KIST_NOTE_PINNED, value), "true") == 0;
    if (*field(entry, len, KIST_NOTE_PREVIOUS, value) != '\0') {
        rc = kist_image_previous_add(&image, value, err);
    }
    if (rc == 0 && (rc = name_field(entry, len, KIST_NOTE_NAME, &image.name, err)) == 0 &&
        (rc = name_field(entry, len, KIST_NOTE_FROM, &image.from, err)) == 0) {
        rc = kist_index_add(index, &image, err);
    }
    free(image.name);
    free(image.from);
    free(image.previous);
    return rc;
}

static int salvage(struct rebuilding *r, const struct kist_buf *text, struct kist_error *err)
{
    const char *all = kist_buf_text(text), *end = all + text->len;
    const char *entry = memmem(all, text->len, ENTRY, strlen(ENTRY));
    int rc = kist_index_parse(&r->old, KIST_INDEX_EMPTY, strlen(KIST_INDEX_EMPTY), err);

    while (entry && rc == 0) {
        const char *after = entry + strlen(ENTRY);
        const char *next = memmem(after, (size_t)(end - after), ENTRY, strlen(ENTRY));

        rc = salvage_entry(&r->old, entry, (size_t)((next ? next : end) - entry), err);
        entry = next;
    }
    return rc;
}

static int read_old(struct rebuilding *r, struct kist_buf *text, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf fixed = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    int rc = kist_store_read(r->store->root, "index.json", text, err);

    if (rc < 0 && rc != KIST_E_NOT_FOUND && rc != KIST_E_CORRUPT) {
        return rc;
    }
    if (rc == 0 && (rc = kist_buf_add(&fixed, text->data, text->len, err)) == 0) {
        r->changed = kist_store_unseal(&fixed, NULL) < 0;
        if (r->changed) {
            (void)!kist_store_mend(&fixed);
        }
        rc = kist_index_parse(&r->old, kist_buf_text(&fixed), fixed.len, err);
        r->whole = rc == 0;
    }
    if (rc == KIST_E_NOMEM) {
        return rc;
    }
    return r->whole ? 0 : salvage(r, text, err);
}

/* ---- the new one ---- */

static bool same_layers(const struct kist_image *a, const struct kist_image *b)
{
    return a->layer_count > 0 && a->layer_count == b->layer_count &&
           memcmp(a->diff_ids, b->diff_ids, a->layer_count * sizeof(*a->diff_ids)) == 0;
}

/* The kept image that an entry is about, in which one thing may be wrong; or NULL. */
static const struct kist_image *match(const struct rebuilding *r, const struct kist_image *entry)
{
    const struct kist_image_list *kept = &r->kept;

    for (unsigned how = 0; how < 3; how++) {
        for (size_t i = 0; i < kept->n; i++) {
            const struct kist_image *k = &kept->v[i];

            if (how == 0   ? kist_digest_equal(&k->manifest.digest, &entry->manifest.digest)
                : how == 1 ? kist_digest_equal(&k->config, &entry->config)
                           : same_layers(k, entry)) {
                return k;
            }
        }
    }
    return NULL;
}

static bool says_so(const struct kist_image *entry, const struct kist_image *kept)
{
    return kist_digest_equal(&entry->manifest.digest, &kept->manifest.digest) &&
           entry->manifest.size == kept->manifest.size && kist_digest_equal(&entry->config, &kept->config) &&
           (same_layers(entry, kept) || (entry->layer_count == 0 && kept->layer_count == 0));
}

static int add_entry(struct rebuilding *r, const struct kist_image *entry, struct kist_error *err)
{
    const struct kist_image *kept = match(r, entry);
    struct kist_image image = *entry;

    if (!kept) {
        /* its blobs may be fetched again; of one read in pieces nothing is known then */
        r->changed = r->changed || !r->whole;
        return r->whole ? kist_index_add(&r->made, &image, err) : 0;
    }
    r->taken[kept - r->kept.v] = true;
    if (!r->whole || !says_so(entry, kept)) {
        r->changed = true;
        image.manifest = kept->manifest;
        image.config = kept->config;
        image.created = kept->created;
        image.diff_ids = kept->diff_ids;
        image.layer_count = kept->layer_count;
        if (!r->whole) {
            image.platform = kept->platform;
        }
    }
    return kist_index_add(&r->made, &image, err);
}

/* An image that no entry is about: garbage, where a layer is missing. */
static int add_nameless(struct rebuilding *r, const struct kist_image *image, struct kist_error *err)
{
    for (size_t i = 0; i < r->made.images.n; i++) {
        if (kist_digest_equal(&r->made.images.v[i].config, &image->config)) {
            return 0;
        }
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        int rc = kist_store_layer_find(r->store, &image->diff_ids[i], err);

        if (rc <= 0) {
            return rc;
        }
    }
    r->changed = true;
    return kist_index_add(&r->made, image, err);
}

static int make_new(struct rebuilding *r, struct kist_error *err)
{
    int rc = kist_index_parse(&r->made, KIST_INDEX_EMPTY, strlen(KIST_INDEX_EMPTY), err);

    r->taken = calloc(r->kept.n + 1, sizeof(*r->taken));
    if (rc == 0 && !r->taken) {
        rc = kist_error_nomem(err);
    }
    if (rc == 0 && kist_index_clock(&r->old) > 0) {
        rc = kist_index_set_clock(&r->made, kist_index_clock(&r->old), err);
    }
    for (size_t i = 0; i < r->old.images.n && rc == 0; i++) {
        rc = add_entry(r, &r->old.images.v[i], err);
    }
    for (size_t i = 0; i < r->kept.n && rc == 0; i++) {
        rc = r->taken[i] ? 0 : add_nameless(r, &r->kept.v[i], err);
    }
    return rc;
}

/* A copy of the old index, so that there is one in its place at every moment. */
static int keep_old(struct kist_store *s, const struct kist_buf *text, struct kist_error *err)
{
    struct port_dir *damaged;
    int rc;

    if (text->len == 0 || text->len > KIST_MAX_DAMAGED) {
        return 0;
    }
    rc = kist_store_damaged(s, text->len, &damaged, err);
    if (rc == 0) {
        rc = kist_store_write_locked(s, damaged, "index.json", text->data, text->len, err);
        port_dir_close(damaged);
    }
    return rc == KIST_E_NO_SPACE ? 0 : rc;
}

int kist_store_index_rebuild(struct kist_store *s, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    struct rebuilding r = {.store = s};
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) == 0 && (rc = read_old(&r, &text, err)) == 0 &&
        (rc = port_dir_list(s->blobs, find_kept, &r, err)) == 0) {
        rc = make_new(&r, err);
    }
    if (rc == 0 && !r.changed && r.whole) {
        rc = port_dir_sync(s->root, err); /* who wrote this index may have died before it lasted */
    } else if (rc == 0 && (rc = keep_old(s, &text, err)) == 0) {
        rc = kist_store_index_save(s, &r.made, err);
        rc = rc == 0 ? 1 : rc;
    }
    free(r.taken);
    kist_index_release(&r.old);
    kist_index_release(&r.made);
    kist_image_list_release(&r.kept);
    return rc;
}
