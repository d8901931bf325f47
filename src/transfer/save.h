/* Save: kept images -> a docker-archive that is an OCI layout too, or an OCI layout alone; the same images, the same bytes. */
#ifndef KIST_TRANSFER_SAVE_H
#define KIST_TRANSFER_SAVE_H

#include "codec/stream.h"
#include "store/store.h"

struct kist_save_options {
    bool oci;                             /* no manifest.json: an OCI layout and nothing else */
    const struct kist_platform *platform; /* of a name with several */
    bool platform_sure;                   /* that platform or none; else rather that */
    const struct kist_digest *without;    /* diff IDs of layers to leave out: whoever loads it has them */
    size_t without_count;
};

/*
 * texts name images as 'rmi' does; a repository alone means all its tags, as with Docker. Layers are uncompressed tars named
 * by their diff IDs, checked on the way. The whole archive goes into sink, with its finish. KIST_E_NOT_FOUND,
 * KIST_E_CONFLICT (ambiguous), KIST_E_CORRUPT: what is kept is damaged.
 */
int kist_save(struct kist_store *s, char *const *texts, size_t count, const struct kist_save_options *options,
              struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;

#endif
