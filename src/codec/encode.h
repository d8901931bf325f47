/*
 * The compressing stage, whose output depends on its input alone: not on how that was cut, not on the machine, not on the
 * number of threads. gzip (RFC 1952): deflate of chunks of 1 MiB, each with the 32 KiB before it as dictionary and ended at
 * a byte. zstd (RFC 8878): level 3, a new frame every 8 MiB.
 */
#ifndef KIST_CODEC_ENCODE_H
#define KIST_CODEC_ENCODE_H

#include "codec/encoding.h"
#include "codec/stream.h"

struct kist_encoder;

/*
 * A stage into next, whose finish it calls. KIST_ENCODING_NONE passes all on as it is. workers: threads that compress beside
 * the caller's, for gzip only. Memory: 2.3 MiB, and as much again for each worker and one more; zstd 5 MiB.
 */
int kist_encoder_new(struct kist_encoder **out, enum kist_encoding encoding, unsigned workers, struct kist_sink *next,
                     struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. */
void kist_encoder_free(struct kist_encoder *e);
struct kist_sink *kist_encoder_sink(struct kist_encoder *e);

/* Names the form of the output, library's version and all, in one word: "gzip-1-1.3.1". The same word, the same output. */
const char *kist_encoder_form(enum kist_encoding encoding);

#endif
