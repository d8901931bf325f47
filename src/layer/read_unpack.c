#include "layer/read.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

struct kist_unpack {
    ZSTD_DCtx *zstd; /* NULL: gzip */
    z_stream zlib;
};

int kist_unpack_new(struct kist_unpack **out, unsigned id, struct kist_error *err)
{
    struct kist_unpack *u;

    *out = NULL;
    if (id != KIST_SQUASHFS_ZSTD && id != KIST_SQUASHFS_GZIP)
        return kist_error_set(err, KIST_E_UNSUPPORTED, "layer file: no reader for squashfs compressor %u",
                              id);
    u = calloc(1, sizeof(*u));
    if (!u)
        return kist_error_nomem(err);
    if (id == KIST_SQUASHFS_ZSTD)
        u->zstd = ZSTD_createDCtx();
    if (id == KIST_SQUASHFS_ZSTD ? !u->zstd : inflateInit(&u->zlib) != Z_OK) {
        free(u);
        return kist_error_nomem(err);
    }
    *out = u;
    return 0;
}

void kist_unpack_free(struct kist_unpack *u)
{
    if (!u)
        return;
    if (u->zstd)
        ZSTD_freeDCtx(u->zstd);
    else
        inflateEnd(&u->zlib);
    free(u);
}

bool kist_unpack_run(struct kist_unpack *u, const void *src, size_t len, void *dst, size_t size, size_t *got)
{
    if (u->zstd) {
        *got = ZSTD_decompressDCtx(u->zstd, dst, size, src, len);
        return !ZSTD_isError(*got);
    }
    if (inflateReset(&u->zlib) != Z_OK)
        return false;
    u->zlib.next_in = (unsigned char *)(uintptr_t)src;
    u->zlib.avail_in = (uInt)len;
    u->zlib.next_out = dst;
    u->zlib.avail_out = (uInt)size;
    if (inflate(&u->zlib, Z_FINISH) != Z_STREAM_END)
        return false;
    *got = size - u->zlib.avail_out;
    return true;
}
