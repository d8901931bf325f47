/* Base64 (RFC 4648, section 4), with padding. */
#ifndef KIST_CODEC_BASE64_H
#define KIST_CODEC_BASE64_H

#include "base/buf.h"

int kist_base64_encode(struct kist_buf *out, const void *data, size_t len,
                       struct kist_error *err) KIST_CHECKED;
/* Whole text, padding optional, no white space; KIST_E_CORRUPT on anything else. */
int kist_base64_decode(struct kist_buf *out, const char *text, struct kist_error *err) KIST_CHECKED;

#endif
