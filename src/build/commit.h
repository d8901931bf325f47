/* A container's changes -> an image on top of the one it was made from. */
#ifndef KIST_BUILD_COMMIT_H
#define KIST_BUILD_COMMIT_H

#include "container/container.h"
#include "layer/layer.h"

struct kist_commit {
    const struct kist_container *container;
    bool pause;                      /* it is frozen meanwhile, where it runs */
    const char *name;                /* whole reference, or NULL */
    const char *author, *message;    /* may be NULL */
    const struct kist_strv *changes; /* instructions (image/change.h) */
    struct kist_layer_options layer;
    int64_t created;                 /* seconds since 1970 */
};

/*
 * *id: the image's. Its configuration is the base image's, with what the container was told instead, with the changes. KIST_E_USAGE: a
 * change makes no sense; KIST_E_NOT_FOUND: the base image is gone.
 */
int kist_commit(const struct kist_engine *e, const struct kist_commit *c, struct kist_digest *id, struct kist_error *err) KIST_CHECKED;

#endif
