/* A build context that was sent as a tar: it becomes a layer file that nothing names, and that goes with the context. */
#include <fcntl.h>
#include <stdlib.h>

#include "build/context_private.h"
#include "build/unpack.h"
#include "store/rewriter.h"

#define EXPECTED ((uint64_t)1 << 20) /* bytes of room taken at first */

struct kist_context_tar {
    struct kist_sink sink;
    struct kist_context *context;
    struct kist_unpack_sink unpack;
    struct kist_rewriter rewriter;
    struct kist_layer *layer;
};

static int tar_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_sink_write(&KIST_CONTAINER_OF(sink, struct kist_context_tar, sink)->unpack.sink, data, len, err);
}

static int tar_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct kist_context_tar *t = KIST_CONTAINER_OF(sink, struct kist_context_tar, sink);
    struct kist_layer_info info;
    struct kist_digest diff_id;
    struct port_file *file;
    int fd, rc = kist_sink_finish(&t->unpack.sink, err);

    if (rc < 0 || (rc = kist_rewriter_seal(&t->rewriter, &diff_id, &info, err)) < 0) {
        return rc;
    }
    kist_unpack_sink_release(&t->unpack);
    fd = fcntl(port_file_fd(kist_store_layer_file(t->rewriter.tx)), F_DUPFD_CLOEXEC, 0);
    rc = fd < 0 ? kist_error_set(err, KIST_E_IO, "cannot open the build context again")
                : port_file_adopt(&file, fd, "build context", err);
    if (rc < 0) {
        kist_fd_auto(&fd);
        return rc;
    }
    rc = kist_layer_open(&t->layer, file, err);
    if (rc < 0) {
        return rc;
    }
    t->context->view = (struct kist_view){&t->layer, 1};
    return 0;
}

int kist_context_open_tar(struct kist_context **out, struct kist_store *s, const struct kist_layer_options *options,
                          struct kist_error *err)
{
    static const struct kist_sink_ops ops = {tar_write, tar_finish};
    struct kist_store_layer_tx *tx;
    struct kist_context_tar *t;
    int rc = kist_context_open_empty(out, err);

    if (rc < 0) {
        return rc;
    }
    (*out)->tar = t = calloc(1, sizeof(*t));
    rc = t ? kist_store_layer_begin_unnamed(s, &tx, err) : kist_error_nomem(err);
    if (rc == 0) {
        t->sink.ops = &ops;
        t->context = *out;
        rc = kist_rewriter_begin(&t->rewriter, s, tx, options, EXPECTED, err);
    }
    rc = rc == 0 ? kist_unpack_sink_init(&t->unpack, &t->rewriter.sink, err) : rc;
    if (rc < 0) {
        kist_context_close(*out);
        *out = NULL;
    }
    return rc;
}

struct kist_sink *kist_context_sink(struct kist_context *c)
{
    return &c->tar->sink;
}

int kist_context_layer_path(const struct kist_context *c, char path[KIST_MAX_PATH + 1], struct kist_error *err)
{
    return c->tar && c->tar->layer && kist_store_layer_path(c->tar->rewriter.tx, path, KIST_MAX_PATH + 1)
               ? 0
               : kist_error_set(err, KIST_E_FAIL, "the build context is no layer file");
}

void kist_context_tar_free(struct kist_context_tar *t)
{
    if (t) {
        kist_layer_close(t->layer);
        kist_unpack_sink_release(&t->unpack);
        kist_rewriter_end(&t->rewriter);
        free(t);
    }
}
