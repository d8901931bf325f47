#include "layer/out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int kist_out_init(struct kist_out *o, struct port_file *file, uint64_t max, struct kist_error *err)
{
    *o = (struct kist_out){.file = file, .max = max};
    o->buffer = malloc(KIST_OUT_BUFFER);
    if (!o->buffer) {
        return kist_error_nomem(err);
    }
    kist_out_hash_start(o);
    return 0;
}

void kist_out_release(struct kist_out *o)
{
    free(o->buffer);
    o->buffer = NULL;
}

int kist_out_flush(struct kist_out *o, struct kist_error *err)
{
    size_t used = o->used;

    o->used = 0;
    return used > 0 ? port_file_append(o->file, o->buffer, used, err) : 0;
}

static bool past(const struct kist_out *o, size_t len)
{
    return o->max > 0 && (len > o->max || o->position > o->max - len);
}

int kist_out_write(struct kist_out *o, const void *data, size_t len, struct kist_error *err)
{
    if (len == 0) {
        return 0;
    }
    if (past(o, len) && o->more) {
        int rc = o->more(o->more_arg, o->position + len, &o->max, err);

        if (rc < 0) {
            return rc;
        }
    }
    if (past(o, len)) {
        return kist_error_set(err, KIST_E_NO_SPACE, "the layer needs more than %" PRIu64 " bytes", o->max);
    }
    kist_sha256_update(&o->hash, data, len);
    o->position += len;
    if (len > KIST_OUT_BUFFER - o->used) {
        int rc = kist_out_flush(o, err);

        if (rc < 0) {
            return rc;
        }
    }
    if (len > KIST_OUT_BUFFER / 2 && o->used == 0) {
        return port_file_append(o->file, data, len, err);
    }
    memcpy(o->buffer + o->used, data, len);
    o->used += len;
    return 0;
}

int kist_out_pad(struct kist_out *o, size_t align, struct kist_error *err)
{
    size_t over = (size_t)(o->position & (align - 1));

    return over > 0 ? kist_out_write(o, kist_zeros, align - over, err) : 0;
}

void kist_out_hash_start(struct kist_out *o)
{
    kist_sha256_init(&o->hash);
}
