/*
 * The decompressing stages: gzip (RFC 1952, several members), zstd (RFC 8878, several frames, skippable
 * frames) and none. The form is told by the first bytes, not by the media type, which registries get wrong.
 */
#ifndef KIST_CODEC_DECODE_H
#define KIST_CODEC_DECODE_H

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

#endif
