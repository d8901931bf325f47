#include "transfer/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "image/compose.h"
#include "transfer/load_parts.h"

#define CHUNK ((size_t)64 << 10)

static const char *shown_name(const struct kist_load_image *image)
{
    return image->name ? image->name : "<none>";
}

/* ---- layers ---- */

/* Of an image without a config: whatever layer the member is, is right. */
static int check_v1_layer(struct kist_load *l, struct kist_load_layer *layer, struct kist_error *err)
{
    const struct kist_load_member *m = kist_load_follow(l, layer->name);

    if (!m || m->kind == KIST_LOAD_SEEN) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the archive has no '%s'", layer->name);
    }
    if (m->kind != KIST_LOAD_LAYER) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' in the archive: %s", layer->name,
                              m->kind == KIST_LOAD_BAD ? m->text : "it is a document");
    }
    layer->diff_id = m->diff_id;
    return 0;
}

/* Nothing of the archive was looked at for a layer that is kept already; else its member has to have been it. */
static int check_layer(struct kist_load *l, const struct kist_load_layer *layer, struct kist_error *err)
{
    const struct kist_load_member *m = kist_load_follow(l, layer->name);
    char want[KIST_DIGEST_TEXT_MAX], got[KIST_DIGEST_TEXT_MAX];

    (void)kist_digest_text(want, &layer->diff_id);
    if (!m || m->kind == KIST_LOAD_SEEN) {
        return kist_store_has_layer(l->store, &layer->diff_id)
                   ? 0
                   : kist_error_set(err, KIST_E_NOT_FOUND, "layer '%s' is neither in the archive nor in the store", want);
    }
    if (m->kind != KIST_LOAD_LAYER) {
        return kist_error_set(err, KIST_E_CORRUPT, "layer '%s' ('%s' in the archive): %s", want, layer->name,
                              m->kind == KIST_LOAD_BAD ? m->text : "it is a document");
    }
    if (!kist_digest_equal(&m->diff_id, &layer->diff_id)) {
        return kist_error_set(err, KIST_E_CORRUPT, "layer '%s' ('%s' in the archive): its diff ID is '%s'", want,
                              layer->name, kist_digest_text(got, &m->diff_id));
    }
    return 0;
}

static int check_layers(struct kist_load *l, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < l->image_count && rc == 0; i++) {
        const struct kist_load_image *image = &l->images[i];

        for (size_t k = 0; k < image->layer_count && rc == 0; k++) {
            rc = image->v1 ? check_v1_layer(l, &image->layers[k], err) : check_layer(l, &image->layers[k], err);
        }
        if (rc < 0) {
            return kist_error_wrap(err, "image '%s'", shown_name(image));
        }
    }
    return rc;
}

/* ---- images ---- */

/* The manifest of an image that came without one: its layers are the tars they came from. */
static int make_manifest(struct kist_load *l, const struct kist_load_image *image, const struct kist_buf *config,
                         struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(free) struct kist_descriptor *layers = calloc(image->layer_count + 1, sizeof(*layers));
    struct kist_descriptor config_desc;
    int rc = layers ? 0 : kist_error_nomem(err);

    kist_compose_describe(&config_desc, KIST_MEDIA_OCI_CONFIG, config);
    for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
        layers[i] = (struct kist_descriptor){.media_type = KIST_MEDIA_OCI_LAYER, .digest = image->layers[i].diff_id};
        rc = kist_intake_tar_bytes(l->store, &layers[i].digest, &layers[i].size, err);
    }
    return rc == 0 ? kist_compose_manifest(&config_desc, layers, image->layer_count, out, err) : rc;
}

static int commit_image(struct kist_load *l, const struct kist_load_image *image, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(KIST_MAX_CONFIG), manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST);
    struct kist_descriptor desc = image->manifest_desc;
    struct kist_image_new new = {image->name, &manifest, &desc, &config, &desc.digest};
    enum kist_store_change change;
    struct kist_digest id;
    int rc = image->v1 ? kist_load_v1_config(image, &config, err)
                       : kist_buf_add(&config, image->config, image->config_len, err);

    if (rc == 0 && image->manifest) {
        rc = kist_buf_add(&manifest, image->manifest, image->manifest_len, err);
    } else if (rc == 0 && (rc = make_manifest(l, image, &config, &manifest, err)) == 0) {
        kist_compose_describe(&desc, KIST_MEDIA_OCI_MANIFEST, &manifest);
        desc.platform = image->manifest_desc.platform;
    }
    if (rc < 0 || (rc = kist_store_image_add(l->store, &new, &change, err)) < 0) {
        return rc;
    }
    kist_digest_of(&id, kist_buf_text(&config), config.len);
    if (l->options->image_done) {
        l->options->image_done(l->options->arg, image->name, &id, change);
    }
    return 0;
}

static int commit(struct kist_load *l, struct kist_error *err)
{
    int rc = check_layers(l, err);

    for (size_t i = 0; i < l->image_count && rc == 0; i++) {
        rc = commit_image(l, &l->images[i], err);
    }
    return rc;
}

/* ---- archives ---- */

static int begin(struct kist_load *l, struct kist_store *s, const struct kist_load_options *options,
                 struct kist_error *err)
{
    *l = (struct kist_load){.store = s, .options = options};
    kist_store_stop_on(s, options->stop, options->stop_arg);
    return kist_store_lease_begin(s, NULL, 0, &l->lease, err);
}

static void end(struct kist_load *l)
{
    kist_load_plan_release(l);
    kist_load_members_release(l);
    kist_store_lease_end(l->lease);
    kist_store_stop_on(l->store, NULL, NULL);
}

/* Where it can be read twice, the first time tells what is needed; else that may come behind the layers. */
static int load_archive(struct kist_load *l, const struct kist_load_source *source, struct kist_error *err)
{
    int rc = 0;

    if (source->rewind) {
        rc = kist_load_archive(l, source, true, err);
        if (rc == 0 && !l->planned) {
            rc = kist_load_plan(l, err);
        }
        if (rc < 0 || (rc = source->rewind(source->arg, err)) < 0) {
            return rc;
        }
    }
    rc = kist_load_archive(l, source, false, err);
    if (rc == 0 && !l->planned) {
        rc = kist_load_plan(l, err);
    }
    return rc < 0 ? rc : commit(l, err);
}

int kist_load(struct kist_store *s, const struct kist_load_source *source, const struct kist_load_options *options,
              struct kist_error *err)
{
    struct kist_load l;
    int rc = begin(&l, s, options, err);

    if (rc == 0) {
        rc = load_archive(&l, source, err);
    }
    end(&l);
    return rc;
}

/* ---- directories ---- */

static int copy_file(struct kist_load *l, struct port_file *file, struct kist_intake *in, struct kist_error *err)
{
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    const struct kist_load_options *o = l->options;
    uint64_t at = 0;
    size_t got = 1;
    int rc = chunk ? 0 : kist_error_nomem(err);

    while (rc == 0 && got > 0) {
        if (o->stop && o->stop(o->stop_arg)) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
        }
        rc = port_file_read_at(file, at, chunk, CHUNK, &got, err);
        at += got;
        l->measure.received += got;
        if (rc == 0 && got > 0) {
            rc = kist_intake_write(in, chunk, got, err);
        }
    }
    return rc;
}

static int take_file(struct kist_load *l, const struct kist_load_layer *layer, bool v1, struct kist_error *err)
{
    const struct kist_digest *wanted = v1 ? NULL : &layer->diff_id;
    struct port_file *file;
    struct kist_intake *in;
    uint64_t size;
    int rc = kist_load_open(l, layer->name, &file, &size, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* told when all is checked */
    }
    rc = kist_intake_new(&in, l->store, l->lease, &l->options->layer, wanted, &l->measure, err);
    if (rc == 0) {
        rc = copy_file(l, file, in, err);
        if (rc == 0) {
            rc = kist_load_end_layer(l, layer->name, in, wanted, err);
        }
        kist_intake_free(in);
    }
    port_file_discard(file);
    return rc < 0 ? kist_error_wrap(err, "'%s' in the archive", layer->name) : 0;
}

static int load_files(struct kist_load *l, struct kist_error *err)
{
    int rc = kist_load_plan(l, err);

    for (size_t i = 0; i < l->image_count && rc == 0; i++) {
        const struct kist_load_image *image = &l->images[i];

        for (size_t k = 0; k < image->layer_count && rc == 0; k++) {
            const struct kist_load_layer *layer = &image->layers[k];

            if ((image->v1 || !kist_store_has_layer(l->store, &layer->diff_id)) && !kist_load_find(l, layer->name)) {
                rc = take_file(l, layer, image->v1, err);
            }
        }
    }
    return rc < 0 ? rc : commit(l, err);
}

int kist_load_directory(struct kist_store *s, const char *path, const struct kist_load_options *options,
                        struct kist_error *err)
{
    struct kist_load l;
    int rc = begin(&l, s, options, err);

    if (rc == 0) {
        rc = port_dir_open(&l.dir, path, false, err);
    }
    if (rc == 0) {
        rc = load_files(&l, err);
    }
    port_dir_close(l.dir);
    end(&l);
    return rc;
}
