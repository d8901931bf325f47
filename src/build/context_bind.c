#include "build/context_bind.h"

int kist_context_bind(struct kist_context **out, struct kist_copy_plan *copy, struct kist_store *s, const struct kist_layer_options *limits,
                      char path[KIST_MAX_PATH + 1], struct kist_error *err)
{
    const struct kist_view nothing = {.count = 0};
    int rc = kist_context_open_tar(out, s, limits, err);

    if (rc < 0) {
        *out = NULL;
        return rc;
    }
    rc = kist_copy_write(copy, &nothing, kist_context_sink(*out), err);
    rc = rc < 0 ? rc : kist_sink_finish(kist_context_sink(*out), err);
    rc = rc < 0 ? rc : kist_context_layer_path(*out, path, err);
    if (rc < 0) {
        kist_context_close(*out);
        *out = NULL;
    }
    return rc;
}
