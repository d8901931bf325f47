#include <string.h>

#include "base/limits.h"
#include "port/clock.h"
#include "private.h"

#define DAY 86400

static int read_blob(struct port_dir *dir, const struct kist_digest *digest, struct kist_buf *out, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct kist_digest real;
    int rc = kist_store_read(dir, kist_digest_hex(hex, digest), out, err);

    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, rc, "blob 'sha256:%s' is not in the store", hex);
    }
    if (rc < 0) {
        return rc;
    }
    kist_digest_of(&real, kist_buf_text(out), out->len);
    if (!kist_digest_equal(&real, digest)) {
        return kist_error_set(err, KIST_E_CORRUPT,
                              "blob 'sha256:%s' is damaged: its contents have another digest", hex);
    }
    return 0;
}

int kist_store_blob(struct kist_store *s, const struct kist_digest *digest, struct kist_buf *out, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];

    return read_blob(kist_store_blob_dir(s, kist_digest_hex(hex, digest)), digest, out, err);
}

int kist_store_blob_put(struct kist_store *s, const struct kist_digest *digest, const void *data, size_t len, bool lasts,
                        struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf kept = KIST_BUF_INIT(len);
    char hex[KIST_DIGEST_HEX_MAX];

    if (read_blob(s->blobs, digest, &kept, NULL) == 0) {
        return lasts ? 0 : port_dir_sync(s->blobs, err);
    }
    return kist_store_write_locked(s, s->blobs, kist_digest_hex(hex, digest), data, len, err);
}

void kist_store_image_used(struct kist_store *s, const struct kist_digest *manifest)
{
    char hex[KIST_DIGEST_HEX_MAX];
    int64_t age, now = port_clock_now();
    struct port_stat st;

    (void)kist_digest_hex(hex, manifest);
    if (port_dir_stat(s->blobs, hex, &st, NULL) == 0) {
        age = now - st.mtime;
        /* a last use in the future is from before the clock was set: it would never age */
        if (age < 0 || age >= DAY) {
            (void)!port_dir_touch(s->blobs, hex, NULL);
        }
    }
}
