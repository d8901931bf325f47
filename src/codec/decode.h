/*
 * The decompressing stages: gzip (RFC 1952, several members), zstd (RFC 8878, several frames, skippable
 * frames) and none. The form is told by the first bytes, not by the media type, which registries get wrong.
 */
#ifndef KIST_CODEC_DECODE_H
#define KIST_CODEC_DECODE_H

#include "base/buf.h"
#include "codec/encoding.h"
#include "codec/stream.h"

struct kist_decoder;

/*
 * A stage that decodes whatever it is given into next. At most limit bytes come out: KIST_E_CORRUPT past it
 * (a bomb). Truncated or corrupt input and bytes after the end that are neither zeros nor a further member
 * are KIST_E_CORRUPT. A zstd window above the cap is KIST_E_UNSUPPORTED. Memory: a fixed output buffer and
 * the decoder's window, at most 8 MiB for zstd (KIST_MAX_ZSTD_WINDOW_LOG). The checksums inside gzip are not
 * verified: every user of this stage verifies a SHA-256 over the output.
 */
int kist_decoder_new(struct kist_decoder **out, struct kist_sink *next, uint64_t limit,
                     struct kist_error *err) KIST_CHECKED;
void kist_decoder_free(struct kist_decoder *d);
struct kist_sink *kist_decoder_sink(struct kist_decoder *d);
/* What the input turned out to be; KIST_ENCODING_NONE before its first four bytes. */
enum kist_encoding kist_decoder_encoding(const struct kist_decoder *d);

/*
 * Places where another decoder can go on: asked by due, after output was passed on, whether one is wanted, the decoder tells mark
 * at the next it comes to - the end of a deflate block, a further gzip member or zstd frame, anywhere in what is not
 * compressed - when all that was decoded so far has been passed on. mark returns 1 to be told of the one after it instead; its
 * error is returned by the stage's write.
 */
struct kist_decoder_watch {
    bool (*due)(void *arg);
    int (*mark)(void *arg, struct kist_error *err);
    void *arg;
};

/* watch must outlive d. */
void kist_decoder_watch(struct kist_decoder *d, const struct kist_decoder_watch *watch);
/* During a mark: bytes of input that lie before it. */
uint64_t kist_decoder_consumed(const struct kist_decoder *d);
/* During a mark: appends what kist_decoder_restore needs, a window of up to 32 KiB in it. */
int kist_decoder_save(struct kist_decoder *d, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;
/*
 * A new decoder goes on there: what it is given next are the bytes from kist_decoder_consumed on. in is all
 * that out held after kist_decoder_save, of which the decoder's part begins at byte at. KIST_E_CORRUPT, and d
 * is of no more use.
 */
int kist_decoder_restore(struct kist_decoder *d, const struct kist_buf *in, size_t at,
                         struct kist_error *err) KIST_CHECKED;

#endif
