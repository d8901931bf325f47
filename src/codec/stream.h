/*
 * A stage of a pipeline: whoever has bytes calls write, then finish once at their end. A stage knows only
 * the next one. After an error neither is called again; a stage is released by whoever made it.
 */
#ifndef KIST_CODEC_STREAM_H
#define KIST_CODEC_STREAM_H

#include "base/error.h"

struct kist_sink;

struct kist_sink_ops {
    int (*write)(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err);
    /* The input ended here: KIST_E_CORRUPT when it should not have. Calls the next stage's finish. */
    int (*finish)(struct kist_sink *sink, struct kist_error *err);
};

/* The first member of every stage's struct. */
struct kist_sink {
    const struct kist_sink_ops *ops;
};

static inline int KIST_CHECKED kist_sink_write(struct kist_sink *sink, const void *data, size_t len,
                                               struct kist_error *err)
{
    return sink->ops->write(sink, data, len, err);
}

static inline int KIST_CHECKED kist_sink_finish(struct kist_sink *sink, struct kist_error *err)
{
    return sink->ops->finish(sink, err);
}

#endif
