/* Files of the context, hashed on their way. */
#include <string.h>

#include "base/le.h"
#include "base/str.h"
#include "build/copy_private.h"

static int reading_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_copy_reading *r = KIST_CONTAINER_OF(sink, struct kist_copy_reading, sink);

    if (len > r->limit - r->bytes) {
        return kist_error_set(err, KIST_E_FAIL, "it grew while it was read");
    }
    r->bytes += len;
    kist_sha256_update(&r->hash, data, len);
    return r->next ? kist_sink_write(r->next, data, len, err) : 0;
}

static int reading_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

/* Others say how a file is kept where it is, not what it is: labels, signatures, what a union of directories needs. */
static bool is_kept(const struct kist_layer_xattr *x)
{
    return strcmp(x->name, "security.capability") == 0 ||
           (kist_str_starts(x->name, "user.") && !kist_str_starts(x->name, "user.overlay."));
}

static int reading_begin(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_layer_xattr kept[KIST_MAX_TAR_XATTRS];
    struct kist_copy_reading *r = arg;
    struct kist_layer_entry copy = *e;

    if (e->type != KIST_LAYER_FILE) {
        return kist_error_set(err, KIST_E_FAIL, "it is no longer a file");
    }
    copy.xattrs = kept;
    copy.xattr_count = 0;
    for (size_t i = 0; i < e->xattr_count && copy.xattr_count < KIST_COUNT(kept); i++) {
        const struct kist_layer_xattr *x = &e->xattrs[i];
        unsigned char size[8];

        if (is_kept(x)) {
            kept[copy.xattr_count++] = *x;
            kist_le64_put(size, x->size);
            kist_sha256_update(&r->hash, x->name, strlen(x->name) + 1);
            kist_sha256_update(&r->hash, size, sizeof(size));
            kist_sha256_update(&r->hash, x->value, x->size);
        }
    }
    kist_sha256_update(&r->hash, "", 1);
    return r->begin ? r->begin(r->arg, &copy, err) : 0;
}

int kist_copy_read(struct kist_copy_plan *c, const char *path, struct kist_copy_reading *r, unsigned char sum[KIST_COPY_SUM],
                   struct kist_error *err)
{
    static const struct kist_sink_ops ops = {reading_write, reading_finish};
    unsigned char whole[KIST_SHA256_SIZE];
    int rc;

    r->sink.ops = &ops;
    r->bytes = 0;
    kist_sha256_init(&r->hash);
    rc = kist_context_read(c->from, path, reading_begin, r, &r->sink, err);
    kist_sha256_final(&r->hash, whole);
    memcpy(sum, whole, KIST_COPY_SUM);
    return rc < 0 && err && err->sys_errno == 0 ? kist_error_wrap(err, "cannot read '%s'", path) : rc; /* the system's names its file */
}

int kist_copy_source_path(const struct kist_copy_plan *c, const struct kist_copy_item *item, const struct kist_copy_entry *e,
                          char path[KIST_MAX_PATH + 1], struct kist_error *err)
{
    const char *from = kist_copy_text(c, item->from), *below = kist_copy_text(c, e->path);

    if (!kist_str_format(path, KIST_MAX_PATH + 1, "%s%s%s", from, *from && *below ? "/" : "", below)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "a path below '%.80s' is too long", from);
    }
    return 0;
}
