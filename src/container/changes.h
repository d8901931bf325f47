/*
 * What a container has changed against its image: what its writable directory holds, less what kist made there itself (directories
 * that layers imply, places for mounts) and less directories that are as below but for their time.
 */
#ifndef KIST_CONTAINER_CHANGES_H
#define KIST_CONTAINER_CHANGES_H

#include "codec/json.h"
#include "container/container.h"
#include "container/layers.h"

/* Whose changes. */
struct kist_changes {
    struct port_dir *dir;             /* containers/<id>/ */
    struct port_dir *written;         /* what lies over its layers, or, whole, is all of its root; NULL: dir's rw/upper, if there is one */
    bool whole;                       /* what is as below but for what is in it is no change then */
    const struct kist_layers *layers; /* of its image */
    const struct kist_digest *diff_ids; /* theirs */
    const cJSON *config;              /* its config.json */
    int64_t epoch;                    /* no time in the tar is later, seconds since 1970; negative: times stay */
};

/* Docker's letters. */
enum kist_change { KIST_CHANGE_ADDED = 'A', KIST_CHANGE_MODIFIED = 'C', KIST_CHANGE_DELETED = 'D' };

/*
 * Calls each for every path changed (absolute, clean), as `docker diff` lists them: a directory before what is in it, names in byte
 * order, but first what is gone with a directory that has come anew; of a deleted tree the top alone. Non-zero from each ends it and is returned.
 */
int kist_changes_list(const struct kist_changes *c,
                      int (*each)(void *arg, enum kist_change kind, const char *path, struct kist_error *err), void *arg,
                      struct kist_error *err) KIST_CHECKED;

/*
 * The same as a layer (OCI image spec, layer.md), into sink, with its finish: names in byte order, whiteouts in their place, owners by
 * number; no sockets. The same files give the same bytes. *any: it has an entry.
 */
int kist_changes_tar(const struct kist_changes *c, struct kist_sink *sink, bool *any, struct kist_error *err) KIST_CHECKED;

/*
 * Calls use, once, with what the container is made of; gives what it returns. pause: it is running, and is frozen meanwhile.
 */
int kist_container_changes(const struct kist_engine *e, const char *id, bool pause,
                           int (*use)(void *arg, const struct kist_changes *c, struct kist_error *err), void *arg,
                           struct kist_error *err) KIST_CHECKED;

#endif
