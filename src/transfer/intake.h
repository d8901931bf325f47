/* A layer as it comes from an archive: sha256 -> decode -> sha256 -> layer writer -> partial file -> commit. */
#ifndef KIST_TRANSFER_INTAKE_H
#define KIST_TRANSFER_INTAKE_H

#include "layer/layer.h"
#include "store/store.h"

/* What has come in all, and what became of it: what unpacks to beyond all measure is refused. */
struct kist_intake_measure {
    uint64_t received, unpacked; /* bytes */
};

/* The most that so many bytes may unpack to (KIST_MAX_UNPACK_...). */
uint64_t kist_intake_limit(uint64_t packed);
/* unpacked grows by len; KIST_E_CORRUPT where that is past the limit for what was received. */
int kist_intake_measure(struct kist_intake_measure *m, uint64_t len, struct kist_error *err) KIST_CHECKED;

struct kist_intake_result {
    struct kist_digest digest;  /* of the bytes as they came */
    struct kist_digest diff_id; /* all zero where the layer was kept already, and not looked into */
    uint64_t kept;              /* bytes of the layer file; 0: it was kept already */
};

struct kist_intake;

/*
 * diff_id is what the layer has to be, or NULL where only its end tells. lease names diff_id already, else is made to name what
 * it turns out to be. measure and the rest must outlive the intake.
 */
int kist_intake_new(struct kist_intake **out, struct kist_store *s, struct kist_store_lease *lease,
                    const struct kist_layer_options *options, const struct kist_digest *diff_id,
                    struct kist_intake_measure *measure, struct kist_error *err) KIST_CHECKED;
/* KIST_E_CORRUPT and KIST_E_UNSUPPORTED are the layer's fault, the rest ours. */
int kist_intake_write(struct kist_intake *in, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
/* The layer is whole, and in the store when this returns 0. */
int kist_intake_end(struct kist_intake *in, struct kist_intake_result *result, struct kist_error *err) KIST_CHECKED;
/* Without an end before, nothing of the layer is left. NULL is nothing. */
void kist_intake_free(struct kist_intake *in);

/* Bytes of the tar of a kept layer. */
int kist_intake_tar_bytes(struct kist_store *s, const struct kist_digest *diff_id, uint64_t *bytes,
                          struct kist_error *err) KIST_CHECKED;

#endif
