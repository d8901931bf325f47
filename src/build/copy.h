/*
 * COPY and ADD: a plan of what goes where, its digest for the cache, and the layer's tar. The plan needs only the sources; where in the image
 * they go is found when the tar is written. The same sources give the same tar, whatever order a filesystem lists them in.
 */
#ifndef KIST_BUILD_COPY_H
#define KIST_BUILD_COPY_H

#include "build/context.h"
#include "build/known.h"
#include "image/digest.h"
#include "registry/registry.h"

struct kist_copy_source {
    const char *path; /* as written, expanded: a path or pattern in the context, with ADD also a URL; of a heredoc its name */
    const char *text; /* of a heredoc: its len bytes; else NULL */
    size_t len;
};

struct kist_copy_options {
    bool add;                /* ADD: archives in the context are unpacked, URLs fetched */
    bool link;               /* nothing of the image is looked at: the layer fits on any */
    bool parents;            /* directories on the way to a source are made below the destination */
    const char *workdir;     /* absolute: where a relative destination begins; NULL: "/" */
    const char *chown;       /* USER[:GROUP], names being looked up in the image; NULL: 0:0, or of a stage or image what they were */
    const char *chmod;       /* octal, or symbolic as chmod(1); NULL: as they are */
    const char *checksum;    /* of ADD's one URL, "sha256:..."; NULL */
    const struct kist_strv *exclude; /* patterns, relative to a source that is a directory; may be NULL */
    int64_t epoch;           /* SOURCE_DATE_EPOCH: times after it become it; INT64_MAX: none do */
    const struct kist_layer_options *limits; /* max_inodes and max_names bound the plan */
    struct kist_store *store;                /* where what is fetched is kept meanwhile; needed for ADD only */
    const struct kist_registry_options *net; /* for URLs */
    struct kist_known *known; /* files that need not be read for their digests; NULL: none */
};

/* For what is told of a plan. */
struct kist_copy_total {
    uint64_t files, bytes; /* bytes of files, as far as they are known */
};

struct kist_copy_plan;

/*
 * name ("COPY", "ADD") begins messages. from: the context, or the stage or image of --from; it, options and sources must outlive the plan.
 * KIST_E_NOT_FOUND: "COPY failed: file not found in build context or excluded by .dockerignore: stat x: file does not exist". KIST_E_USAGE: a
 * path that leads out, a destination that must end in "/", a malformed option. KIST_E_NO_SPACE: past a limit.
 */
int kist_copy_new(struct kist_copy_plan **out, const char *name, struct kist_context *from, const struct kist_copy_source *sources,
                  size_t count, const char *dest, const struct kist_copy_options *options, struct kist_error *err) KIST_CHECKED;
void kist_copy_free(struct kist_copy_plan *c);
/* KIST_AUTO(copy) struct kist_copy_plan *c = NULL; */
void kist_copy_auto(struct kist_copy_plan **c);

/* Reads all there is to be copied, but for files that are known: names, kinds, modes, link targets, bytes, and owners where they count; not times. */
int kist_copy_digest(struct kist_copy_plan *c, struct kist_digest *digest, struct kist_error *err) KIST_CHECKED;
/* After digest. */
void kist_copy_total(const struct kist_copy_plan *c, struct kist_copy_total *total);
/*
 * After digest: the tar of the layer on top of image, into sink, which is not finished. KIST_E_FAIL: a file changed since digest read it, a
 * file is where the image has a directory, or the other way round. KIST_E_NOT_FOUND: a user or group of chown that the image does not have.
 */
int kist_copy_write(struct kist_copy_plan *c, const struct kist_view *image, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;

#endif
