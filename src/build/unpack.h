/* An archive that somebody sent, unpacked on its way and within measure. */
#ifndef KIST_BUILD_UNPACK_H
#define KIST_BUILD_UNPACK_H

#include "codec/decode.h"
#include "transfer/intake.h"

struct kist_unpack_sink {
    struct kist_sink sink;     /* takes it as it is: plain, gzip or zstd */
    struct kist_sink measured; /* takes it unpacked */
    struct kist_sink *next;
    struct kist_decoder *decoder;
    struct kist_intake_measure measure;
};

/* What comes out goes into next. KIST_E_CORRUPT for what is damaged, or unpacks to beyond all measure. Release it whatever comes back. */
int kist_unpack_sink_init(struct kist_unpack_sink *u, struct kist_sink *next, struct kist_error *err) KIST_CHECKED;
void kist_unpack_sink_release(struct kist_unpack_sink *u);

/* What the first bytes of a file say. */
enum kist_archive_kind {
    KIST_ARCHIVE_NONE,
    KIST_ARCHIVE_TAR,
    KIST_ARCHIVE_PACKED, /* gzip or zstd: a tar may be in it */
    KIST_ARCHIVE_XZ,     /* these kist cannot unpack */
    KIST_ARCHIVE_BZIP2,
};

#define KIST_ARCHIVE_HEAD 512 /* bytes that tell it */

enum kist_archive_kind kist_archive_kind(const void *data, size_t len);

#endif
