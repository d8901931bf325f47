/* What a start needs from the bundle, the container's directory, and from the directory of the run; only for
 * the engine. */
#ifndef KIST_CONTAINER_BUNDLE_H
#define KIST_CONTAINER_BUNDLE_H

#include "container/engine.h"
#include "container/spec.h"

/* The layers, open, with what they imply. */
struct kist_bundle_layers {
    struct port_layer *v;
    struct kist_strv *implied, names;
    size_t n;
};

int kist_bundle_layers_open(struct kist_bundle_layers *l, struct kist_store *store,
                            const struct kist_container_fixed *fixed, struct kist_error *err) KIST_CHECKED;
void kist_bundle_layers_close(struct kist_bundle_layers *l);
/* file, always taken, as the layer, which has its name already: it is looked at, and only its descriptor stays. */
int kist_bundle_layer_take(struct port_layer *layer, struct kist_strv *implied, struct port_file *file, struct kist_error *err)
    KIST_CHECKED;

/* The layers of mounts that have some of their own (container.h, "kist.from"). All zero is none. */
struct kist_bundle_inside {
    struct kist_bundle_layers *v; /* one a mount */
    size_t n;
};

int kist_bundle_inside_open(struct kist_bundle_inside *inside, struct kist_spec *spec, struct kist_store *store,
                            struct kist_error *err) KIST_CHECKED;
void kist_bundle_inside_close(struct kist_bundle_inside *inside);

/*
 * Relative sources of spec's binds become paths: "etc/..." files are written into run (root is the store's
 * path), "volumes/..." made in dir, "volume/<name>" found in store.
 */
int kist_bundle_sources(struct kist_spec *spec, struct kist_store *store, struct port_dir *dir,
                        struct port_dir *run, struct kist_error *err) KIST_CHECKED;

#endif
