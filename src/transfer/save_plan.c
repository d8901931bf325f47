#include "transfer/save_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "image/compose.h"
#include "transfer/intake.h"

/* ---- which images ---- */

static int add_name(struct kist_save_image *image, const char *name, struct kist_error *err)
{
    struct kist_reference ref;

    /* what was kept by digest alone has no tag that an archive could give it */
    if (!name || kist_reference_parse(&ref, name, NULL) < 0 || ref.has_digest) {
        return 0;
    }
    for (size_t i = 0; i < image->names.n; i++) {
        if (strcmp(image->names.v[i], name) == 0) {
            return 0;
        }
    }
    return kist_strv_add(&image->names, name, err);
}

static int add_image(struct kist_save_plan *p, const struct kist_image *image, const char *name, struct kist_error *err)
{
    size_t i = 0;

    while (i < p->image_count && !kist_digest_equal(&p->images[i].image->config, &image->config)) {
        i++;
    }
    if (i == p->image_count) {
        p->images[p->image_count++] =
            (struct kist_save_image){.image = image, .manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST)};
    }
    return add_name(&p->images[i], name, err);
}

static int find(const struct kist_save_plan *p, const char *text, const struct kist_save_options *o,
                const struct kist_image **found, struct kist_error *err)
{
    int rc = kist_image_list_find(&p->list, text, o->platform, found, err);

    return rc == KIST_E_NOT_FOUND && !o->platform_sure ? kist_image_list_find(&p->list, text, NULL, found, err) : rc;
}

/* A repository alone, as "fedora": its tags. 1: there are some. */
static int add_repository(struct kist_save_plan *p, const char *text, const struct kist_save_options *o,
                          struct kist_error *err)
{
    const char *slash = strrchr(text, '/');
    struct kist_reference want, have;
    int rc = 0;

    if (strpbrk(slash ? slash : text, ":@") || kist_reference_parse(&want, text, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < p->list.n && rc >= 0; i++) {
        const char *name = p->list.v[i].name;
        const struct kist_image *image;

        if (!name || kist_reference_parse(&have, name, NULL) < 0 || have.has_digest ||
            strcmp(have.host, want.host) != 0 || strcmp(have.path, want.path) != 0) {
            continue;
        }
        rc = find(p, name, o, &image, err);
        rc = rc == 0 ? add_image(p, image, name, err) : rc;
        rc = rc == 0 ? 1 : rc;
    }
    return rc;
}

static int add_text(struct kist_save_plan *p, const char *text, const struct kist_save_options *o,
                    struct kist_error *err)
{
    char name[KIST_REFERENCE_TEXT_MAX];
    const struct kist_image *image;
    struct kist_reference ref;
    int rc = add_repository(p, text, o, err);

    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = find(p, text, o, &image, err);
    if (rc < 0) {
        return rc;
    }
    /* asked for by ID it comes without its names, as with Docker */
    if (!image->name || kist_reference_parse(&ref, text, NULL) < 0 ||
        strcmp(kist_reference_text(name, &ref), image->name) != 0) {
        return add_image(p, image, NULL, err);
    }
    return add_image(p, image, image->name, err);
}

/* ---- their layers ---- */

static bool is_left_out(const struct kist_save_options *o, const struct kist_digest *diff_id)
{
    for (size_t i = 0; i < o->without_count; i++) {
        if (kist_digest_equal(&o->without[i], diff_id)) {
            return true;
        }
    }
    return false;
}

static int add_layer(struct kist_save_plan *p, struct kist_store *s, const struct kist_digest *diff_id,
                     const struct kist_save_options *o, struct kist_descriptor *desc, struct kist_error *err)
{
    struct kist_save_layer *layer = p->layers;
    int rc = 0;

    while (layer < p->layers + p->layer_count && !kist_digest_equal(&layer->diff_id, diff_id)) {
        layer++;
    }
    if (layer == p->layers + p->layer_count) {
        *layer = (struct kist_save_layer){.diff_id = *diff_id, .left_out = is_left_out(o, diff_id)};
        p->layer_count++;
        rc = kist_intake_tar_bytes(s, diff_id, &layer->size, err);
    }
    *desc = (struct kist_descriptor){.media_type = KIST_MEDIA_OCI_LAYER, .digest = *diff_id, .size = layer->size};
    return rc;
}

/* ---- its documents ---- */

static bool same_layers(const struct kist_manifest *m, const struct kist_descriptor *layers, size_t count)
{
    bool same = m->kind == KIST_MANIFEST_IMAGE && m->entry_count == count;

    for (size_t i = 0; same && i < count; i++) {
        same = kist_digest_equal(&m->entries[i].digest, &layers[i].digest) && m->entries[i].size == layers[i].size;
    }
    return same;
}

/* The manifest that is kept, where its layers are plain tars; else one that says so. */
static int take_manifest(struct kist_save_image *image, struct kist_store *s, const struct kist_descriptor *layers,
                         struct kist_error *err)
{
    KIST_AUTO(manifest) struct kist_manifest m = {.entries = NULL};
    const struct kist_descriptor *kept = &image->image->manifest;
    int rc = kist_store_blob(s, &kept->digest, &image->manifest, err);

    if (rc == 0) {
        rc = kist_manifest_parse(&m, kist_buf_text(&image->manifest), image->manifest.len, kept->media_type, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (same_layers(&m, layers, image->image->layer_count)) {
        image->manifest_desc = *kept;
    } else {
        kist_buf_clear(&image->manifest);
        rc = kist_compose_manifest(&image->config, layers, image->image->layer_count, &image->manifest, err);
        kist_compose_describe(&image->manifest_desc, KIST_MEDIA_OCI_MANIFEST, &image->manifest);
    }
    image->manifest_desc.platform = image->image->platform;
    return rc;
}

static int prepare(struct kist_save_plan *p, struct kist_save_image *image, struct kist_store *s,
                   const struct kist_save_options *o, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(free) struct kist_descriptor *layers = calloc(image->image->layer_count + 1, sizeof(*layers));
    int rc = layers ? kist_store_blob(s, &image->image->config, &config, err) : kist_error_nomem(err);

    kist_compose_describe(&image->config, KIST_MEDIA_OCI_CONFIG, &config);
    for (size_t i = 0; i < image->image->layer_count && rc == 0; i++) {
        rc = add_layer(p, s, &image->image->diff_ids[i], o, &layers[i], err);
    }
    return rc == 0 ? take_manifest(image, s, layers, err) : rc;
}

/* Nobody shall remove the images while they are read; a store that cannot be written is safe from that. */
static void take_lease(struct kist_save_plan *p, struct kist_store *s)
{
    size_t count = 0, max = 0;
    struct kist_digest *digests;

    for (size_t i = 0; i < p->image_count; i++) {
        max += p->images[i].image->layer_count + 2;
    }
    digests = calloc(max + 1, sizeof(*digests));
    for (size_t i = 0; digests && i < p->image_count; i++) {
        const struct kist_image *image = p->images[i].image;

        if (image->layer_count > 0) {
            memcpy(digests + count, image->diff_ids, image->layer_count * sizeof(*digests));
        }
        count += image->layer_count;
        digests[count++] = image->config;
        digests[count++] = image->manifest.digest;
    }
    if (digests && kist_store_lease_begin(s, digests, count, &p->lease, NULL) < 0) {
        p->lease = NULL;
    }
    free(digests);
}

int kist_save_plan(struct kist_save_plan *p, struct kist_store *s, char *const *texts, size_t count,
                   const struct kist_save_options *options, struct kist_error *err)
{
    size_t layers = 0;
    int rc;

    *p = (struct kist_save_plan){.images = NULL};
    rc = kist_store_images(s, &p->list, err);
    if (rc < 0) {
        return rc;
    }
    p->images = calloc(p->list.n + 1, sizeof(*p->images));
    rc = p->images ? 0 : kist_error_nomem(err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = add_text(p, texts[i], options, err);
    }
    for (size_t i = 0; i < p->image_count; i++) {
        layers += p->images[i].image->layer_count;
    }
    if (rc < 0 || !(p->layers = calloc(layers + 1, sizeof(*p->layers)))) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    take_lease(p, s);
    for (size_t i = 0; i < p->image_count && rc == 0; i++) {
        rc = prepare(p, &p->images[i], s, options, err);
    }
    return rc;
}

void kist_save_plan_release(struct kist_save_plan *p)
{
    for (size_t i = 0; i < p->image_count; i++) {
        kist_strv_release(&p->images[i].names);
        kist_buf_release(&p->images[i].manifest);
    }
    free(p->images);
    free(p->layers);
    kist_image_list_release(&p->list);
    kist_store_lease_end(p->lease);
}
