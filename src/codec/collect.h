/* The stage that ends a pipeline in memory: what comes is appended to a buffer, up to its max. */
#ifndef KIST_CODEC_COLLECT_H
#define KIST_CODEC_COLLECT_H

#include "base/buf.h"
#include "codec/stream.h"

struct kist_collect {
    struct kist_sink sink;
    struct kist_buf *out; /* the caller's */
};

void kist_collect_init(struct kist_collect *c, struct kist_buf *out);

#endif
