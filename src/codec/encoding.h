/* How the bytes of a layer are packed on their way. */
#ifndef KIST_CODEC_ENCODING_H
#define KIST_CODEC_ENCODING_H

enum kist_encoding { KIST_ENCODING_NONE, KIST_ENCODING_GZIP, KIST_ENCODING_ZSTD };

#endif
