#include "codec/collect.h"

static int collect_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(KIST_CONTAINER_OF(sink, struct kist_collect, sink)->out, data, len, err);
}

static int collect_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static const struct kist_sink_ops collect_ops = {.write = collect_write, .finish = collect_finish};

void kist_collect_init(struct kist_collect *c, struct kist_buf *out)
{
    *c = (struct kist_collect){.sink = {&collect_ops}, .out = out};
}
