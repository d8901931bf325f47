#include "transfer/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec/collect.h"
#include "image/manifest.h"
#include "port/system.h"
#include "transfer/layer_pull.h"

struct repair {
    struct kist_store *store;
    const struct kist_repair_options *options;
    struct kist_repair_result *result;
    char dead[KIST_REFERENCE_HOST_MAX]; /* the registry that could not be reached, and is not tried again */
};

static void tell(struct repair *r, const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                 const struct kist_error *err)
{
    r->result->damaged++;
    r->result->repaired += rc == 1;
    r->options->event(r->options->event_arg, damage, images, rc, err);
}

/* ---- from a registry ---- */

static int read_manifest(struct repair *r, const struct kist_image *image, struct kist_manifest *manifest,
                         struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    int rc = kist_store_blob(r->store, &image->manifest.digest, &text, err);

    return rc < 0 ? rc : kist_manifest_parse(manifest, kist_buf_text(&text), text.len, image->manifest.media_type, err);
}

static int fetch_manifest(struct repair *r, struct kist_registry *registry, const struct kist_digest *digest,
                          struct kist_error *err)
{
    struct kist_registry_document doc = {.body = KIST_BUF_INIT(KIST_MAX_MANIFEST)};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = kist_registry_manifest(registry, kist_digest_text(text, digest), &doc, err);

    if (rc == 0) {
        rc = kist_store_blob_replace(r->store, digest, doc.body.data, doc.body.len, err);
        kist_registry_document_release(&doc);
    }
    return rc;
}

static int fetch_config(struct repair *r, struct kist_registry *registry, const struct kist_manifest *manifest,
                        struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf body = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const struct kist_descriptor *desc = &manifest->config;
    struct kist_collect collect;
    struct kist_digest real;
    int rc;

    kist_collect_init(&collect, &body);
    rc = kist_registry_blob(registry, &desc->digest, desc->size, &collect.sink, NULL, err);
    if (rc < 0) {
        return rc;
    }
    kist_digest_of(&real, kist_buf_text(&body), body.len);
    return kist_digest_equal(&real, &desc->digest)
               ? kist_store_blob_replace(r->store, &desc->digest, kist_buf_text(&body), body.len, err)
               : kist_error_set(err, KIST_E_CORRUPT, "what the registry sent has another digest");
}

static int fetch_layer(struct repair *r, struct kist_registry *registry, const struct kist_image *image,
                       const struct kist_manifest *manifest, const struct kist_digest *diff_id, struct kist_error *err)
{
    size_t i = 0;

    while (i < image->layer_count && !kist_digest_equal(&image->diff_ids[i], diff_id)) {
        i++;
    }
    if (i >= manifest->entry_count || image->layer_count != manifest->entry_count) {
        return kist_error_set(err, KIST_E_CORRUPT, "the image's manifest names other layers");
    }
    struct kist_pull_layer layer = {.diff_id = *diff_id, .blob = manifest->entries[i]};
    struct kist_layer_pull pull = {
        .store = r->store,
        .registry = registry,
        .options = &r->options->layer,
        .layer = &layer,
        .expected = layer.blob.size,
        .replaces = true,
    };

    return kist_layer_pull(&pull, err);
}

static int fetch_from(struct repair *r, const struct kist_reference *ref, const struct kist_image *image,
                      const struct kist_damage *damage, struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest manifest = {.entries = NULL};
    struct kist_registry *registry = NULL;
    int rc = kist_registry_open(&registry, ref, &r->options->registry, err);

    if (rc == 0 && damage->kind == KIST_DAMAGE_BLOB && kist_digest_equal(&damage->digest, &image->manifest.digest)) {
        rc = fetch_manifest(r, registry, &damage->digest, err);
    } else if (rc == 0 && (rc = read_manifest(r, image, &manifest, err)) == 0) {
        rc = damage->kind == KIST_DAMAGE_LAYER
                 ? fetch_layer(r, registry, image, &manifest, &damage->digest, err)
                 : fetch_config(r, registry, &manifest, err);
    }
    kist_registry_close(registry);
    return rc;
}

static bool stopped(const struct repair *r)
{
    const struct kist_registry_options *o = &r->options->registry;

    return o->stop && o->stop(o->stop_arg);
}

/* From the first place that still has it, of those that its images came from. */
static int fetch(struct repair *r, const struct kist_image_list *images, const struct kist_damage *damage,
                 struct kist_error *err)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    const char *place = NULL;
    int rc = kist_error_set(err, KIST_E_NOT_FOUND, "no image that needs it has a name that tells where it came from");

    for (size_t i = 0; i < images->n && rc < 0 && !stopped(r); i++) {
        const struct kist_image *image = &images->v[i];
        const char *origin = image->from ? image->from : image->name;
        struct kist_reference ref;

        if (kist_damage_hurts(damage, image) && image->place) {
            place = image->place;
            continue;
        }
        if (!origin || !kist_damage_hurts(damage, image) || kist_reference_parse(&ref, origin, NULL) < 0) {
            continue;
        }
        rc = strcmp(ref.host, r->dead) == 0
                 ? kist_error_set(err, KIST_E_NETWORK, "registry '%s' cannot be reached", ref.host)
                 : fetch_from(r, &ref, image, damage, err);
        if (rc == KIST_E_NETWORK) {
            memcpy(r->dead, ref.host, sizeof(r->dead));
        }
        if (rc < 0) {
            (void)kist_error_wrap(err, "cannot fetch it again for '%s'", kist_reference_familiar(text, &ref));
            place = NULL;
        }
    }
    return rc < 0 && place ? kist_error_set(err, KIST_E_CONFLICT, "it is in the read-only store '%s'", place) : rc;
}

/* ---- the order of things: index, then blobs, then the layers that these tell the way to ---- */

static int take_lease(struct repair *r, const struct kist_check *check, struct kist_store_lease **lease,
                      struct kist_error *err)
{
    KIST_AUTO(free) struct kist_digest *digests = calloc(check->damage_count + 1, sizeof(*digests));

    if (!digests) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < check->damage_count; i++) {
        digests[i] = check->damages[i].digest;
    }
    return kist_store_lease_begin(r->store, digests, check->damage_count, lease, err);
}

static int repair_all(struct repair *r, const struct kist_check *check, struct kist_error *err)
{
    struct kist_store_lease *lease = NULL;
    int rc = check->damage_count > 0 && r->options->repair ? take_lease(r, check, &lease, err) : 0;

    for (size_t i = 0; i < check->damage_count && rc == 0; i++) {
        const struct kist_damage *damage = &check->damages[i];
        struct kist_error why = {.code = KIST_OK};
        int done = 0;

        if (r->options->repair && damage->kind == KIST_DAMAGE_INDEX) {
            done = kist_error_set(&why, KIST_E_CORRUPT, "nothing that is kept tells what it was");
        } else if (r->options->repair) {
            done = fetch(r, &check->images, damage, &why);
            done = done == 0 ? 1 : done;
        }
        tell(r, damage, &check->images, done, &why);
        rc = stopped(r) ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") : 0;
    }
    kist_store_lease_end(lease);
    return rc;
}

/* What is damaged no more; images are as they were. */
static void tell_gone(struct repair *r, const struct kist_check *before, const struct kist_check *after)
{
    for (size_t i = 0; i < before->damage_count; i++) {
        const struct kist_damage *damage = &before->damages[i];
        bool there = false;

        for (size_t k = 0; k < after->damage_count && !there; k++) {
            there = after->damages[k].kind == damage->kind && after->damages[k].all == damage->all &&
                    kist_digest_equal(&after->damages[k].digest, &damage->digest);
        }
        if (!there) {
            tell(r, damage, before->images.n > 0 ? &before->images : &after->images, 1, NULL);
        }
    }
}

/* What an entry of the index may be wrong about shows as something that is missing. */
static bool may_be_index(const struct kist_check *check)
{
    for (size_t i = 0; i < check->damage_count; i++) {
        if (check->damages[i].kind == KIST_DAMAGE_INDEX || check->damages[i].missing) {
            return true;
        }
    }
    return false;
}

static int check_politely(struct repair *r, struct kist_check *check, struct kist_error *err)
{
    int rc;

    port_system_polite(true);
    rc = kist_store_check(r->store, r->options->deep, check, err);
    port_system_polite(false);
    return rc;
}

static int check_again(struct repair *r, struct kist_check *check, struct kist_error *err)
{
    struct kist_check again;
    int rc = kist_store_index_rebuild(r->store, err);

    if (rc <= 0) {
        return rc;
    }
    rc = check_politely(r, &again, err);
    if (rc < 0) {
        kist_check_release(&again);
        return rc;
    }
    tell_gone(r, check, &again);
    kist_check_release(check);
    *check = again;
    return 0;
}

static uint64_t count_ids(const struct kist_image_list *list)
{
    uint64_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        size_t k = 0;

        while (k < i && !kist_digest_equal(&list->v[k].config, &list->v[i].config)) {
            k++;
        }
        n += k == i;
    }
    return n;
}

int kist_repair(struct kist_store *store, const struct kist_repair_options *options, struct kist_repair_result *result,
                struct kist_error *err)
{
    struct repair r = {.store = store, .options = options, .result = result};
    struct kist_check check;
    int rc;

    *result = (struct kist_repair_result){.images = 0};
    kist_store_stop_on(store, options->registry.stop, options->registry.stop_arg);
    rc = check_politely(&r, &check, err);
    if (rc == 0 && options->repair && may_be_index(&check)) {
        rc = check_again(&r, &check, err);
    }
    result->images = count_ids(&check.images);
    result->blobs = check.blobs;
    result->layers = check.layers;
    result->bytes = check.bytes;
    if (rc == 0) {
        rc = repair_all(&r, &check, err);
    }
    kist_store_stop_on(store, NULL, NULL);
    kist_check_release(&check);
    return rc;
}
