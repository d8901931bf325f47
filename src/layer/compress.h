/* One compressor for blocks that stand alone: zstd frames or zlib streams, as squashfs wants them. */
#ifndef KIST_LAYER_COMPRESS_H
#define KIST_LAYER_COMPRESS_H

#include "base/error.h"
#include "layer/squashfs.h"

struct kist_compressor;

/* id is KIST_SQUASHFS_ZSTD or _GZIP; level 0 is 3 for zstd, 6 for gzip. */
int kist_compressor_new(struct kist_compressor **out, enum kist_squashfs_compressor id, int level,
                        struct kist_error *err) KIST_CHECKED;
void kist_compressor_free(struct kist_compressor *c);

/* len bytes of in to out, which has room for len. *packed is their length there; 0: they do not shrink. */
int kist_compressor_pack(struct kist_compressor *c, const void *in, size_t len, void *out, size_t *packed,
                         struct kist_error *err) KIST_CHECKED;

#endif
