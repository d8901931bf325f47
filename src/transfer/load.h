/*
 * Load: an archive of images -> the store. OCI layouts, docker-archives of all ages (manifest.json; repositories), as a tar -
 * plain, gzip or zstd, in one pass and in whatever order its members come - or, for a layout, as a directory.
 */
#ifndef KIST_TRANSFER_LOAD_H
#define KIST_TRANSFER_LOAD_H

#include "layer/layer.h"
#include "store/store.h"

struct kist_load_options {
    struct kist_layer_options layer;
    struct kist_platform platform; /* of an index inside the archive's */
    bool platform_sure;            /* nothing for other platforms is loaded */
    bool aarch32;
    bool (*stop)(void *arg); /* asked now and then; may be NULL */
    void *stop_arg;
    /* A layer is in the store; kept: bytes of its file, 0 when it was there already. May be NULL, as the next. */
    void (*layer_done)(void *arg, const struct kist_digest *diff_id, uint64_t kept);
    /* An image is committed; name NULL: it has none. */
    void (*image_done)(void *arg, const char *name, const struct kist_digest *id, enum kist_store_change change);
    void *arg;
};

/* Where an archive comes from. */
struct kist_load_source {
    /* Up to size bytes to data; *got 0 at the end. */
    int (*read)(void *arg, void *data, size_t size, size_t *got, struct kist_error *err);
    /* Back to the beginning; NULL where that cannot be. Then a layer may be written that turns out not to be needed. */
    int (*rewind)(void *arg, struct kist_error *err);
    void *arg;
};

/*
 * An image whose layers are not all in the archive is loaded where the rest is kept. All is checked before the first image is
 * committed; on an error nothing stays of what came. KIST_E_CORRUPT: not what it should be; KIST_E_NOT_FOUND: a part is
 * neither in the archive nor in the store; KIST_E_UNSUPPORTED.
 */
int kist_load(struct kist_store *s, const struct kist_load_source *source, const struct kist_load_options *options,
              struct kist_error *err) KIST_CHECKED;
/* The same of an archive that is unpacked at path. */
int kist_load_directory(struct kist_store *s, const char *path, const struct kist_load_options *options,
                        struct kist_error *err) KIST_CHECKED;

#endif
