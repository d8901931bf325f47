#include "layer/compress.h"

#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_LEVEL 3
#define ZSTD_MIN_MATCH 4 /* of programs and texts in blocks of 128 KiB: 1.6 % smaller for 5 % of the time */
#define GZIP_LEVEL 6

struct kist_compressor {
    ZSTD_CCtx *zstd; /* NULL: gzip */
    z_stream zlib;
};

static int zstd_open(struct kist_compressor *c, int level, struct kist_error *err)
{
    size_t rc;

    c->zstd = ZSTD_createCCtx();
    if (!c->zstd) {
        return kist_error_nomem(err);
    }
    rc = ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level ? level : ZSTD_LEVEL);
    if (!ZSTD_isError(rc) && (level == 0 || level == ZSTD_LEVEL)) {
        rc = ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_minMatch, ZSTD_MIN_MATCH);
    }
    if (ZSTD_isError(rc)) {
        return kist_error_set(err, KIST_E_FAIL, "zstd level %d: %s", level, ZSTD_getErrorName(rc));
    }
    return 0;
}

int kist_compressor_new(struct kist_compressor **out, enum kist_squashfs_compressor id, int level,
                        struct kist_error *err)
{
    struct kist_compressor *c = calloc(1, sizeof(*c));
    int rc = 0;

    if (!c) {
        return kist_error_nomem(err);
    }
    if (id == KIST_SQUASHFS_ZSTD) {
        rc = zstd_open(c, level, err);
    } else {
        rc = deflateInit(&c->zlib, level ? level : GZIP_LEVEL);
        if (rc != Z_OK) {
            rc = rc == Z_MEM_ERROR ? kist_error_nomem(err)
                                   : kist_error_set(err, KIST_E_FAIL, "gzip level %d is not possible", level);
        }
    }
    if (rc < 0) {
        kist_compressor_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void kist_compressor_free(struct kist_compressor *c)
{
    if (!c) {
        return;
    }
    if (c->zstd) {
        (void)ZSTD_freeCCtx(c->zstd);
    } else {
        (void)deflateEnd(&c->zlib);
    }
    free(c);
}

static int zstd_pack(struct kist_compressor *c, const void *in, size_t len, void *out, size_t *packed,
                     struct kist_error *err)
{
    size_t n = ZSTD_compress2(c->zstd, out, len - 1, in, len);

    if (!ZSTD_isError(n)) {
        *packed = n;
        return 0;
    }
    *packed = 0;
    switch (ZSTD_getErrorCode(n)) {
    case ZSTD_error_dstSize_tooSmall:
        return 0;
    case ZSTD_error_memory_allocation:
        return kist_error_nomem(err);
    default:
        return kist_error_set(err, KIST_E_FAIL, "zstd: %s", ZSTD_getErrorName(n));
    }
}

static int gzip_pack(struct kist_compressor *c, const void *in, size_t len, void *out, size_t *packed,
                     struct kist_error *err)
{
    z_stream *z = &c->zlib;
    int rc;

    (void)deflateReset(z);
    z->next_in = (z_const Bytef *)in;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)len - 1;
    rc = deflate(z, Z_FINISH);
    if (rc != Z_STREAM_END && rc != Z_OK && rc != Z_BUF_ERROR) {
        return kist_error_set(err, KIST_E_FAIL, "gzip: error %d", rc);
    }
    *packed = rc == Z_STREAM_END ? z->total_out : 0;
    return 0;
}

int kist_compressor_pack(struct kist_compressor *c, const void *in, size_t len, void *out, size_t *packed,
                         struct kist_error *err)
{
    *packed = 0;
    if (len < 2) {
        return 0;
    }
    return c->zstd ? zstd_pack(c, in, len, out, packed, err) : gzip_pack(c, in, len, out, packed, err);
}
