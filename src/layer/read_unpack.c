#include "layer/read.h"

#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx */
#include <zstd.h>

struct kist_unpack {
    bool is_zlib, is_zstd;
    z_stream zlib;
    ZSTD_DCtx *zstd; /* in room, from the first use on: many layers are opened of which nothing is unpacked */
    _Alignas(8) unsigned char room[];
};

size_t kist_unpack_size(void)
{
    return sizeof(struct kist_unpack) + ZSTD_estimateDCtxSize();
}

int kist_unpack_init(struct kist_unpack *u, unsigned id, struct kist_error *err)
{
    if (id != KIST_SQUASHFS_ZSTD && id != KIST_SQUASHFS_GZIP)
        return kist_error_set(err, KIST_E_UNSUPPORTED, "layer file: no reader for squashfs compressor %u",
                              id);
    u->is_zstd = id == KIST_SQUASHFS_ZSTD;
    u->is_zlib = !u->is_zstd && inflateInit(&u->zlib) == Z_OK;
    return u->is_zstd || u->is_zlib ? 0 : kist_error_nomem(err);
}

void kist_unpack_release(struct kist_unpack *u)
{
    if (u->is_zlib)
        inflateEnd(&u->zlib);
}

bool kist_unpack_run(struct kist_unpack *u, const void *src, size_t len, void *dst, size_t size, size_t *got)
{
    if (u->is_zstd) {
        if (!u->zstd)
            u->zstd = ZSTD_initStaticDCtx(u->room, ZSTD_estimateDCtxSize());
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
