#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "private.h"

struct kist_store_lease {
    struct kist_store *store;
    struct port_file *file; /* partial/<name>, locked for as long as it is open */
    char name[KIST_STORE_NAME_MAX];
    bool outlives; /* kist_store_lease_outlive */
    struct kist_digest *digests;
    size_t count;
};

static int write_lease(struct kist_store_lease *lease, const struct kist_digest *digests, size_t count,
                       struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_STORE_LEASE_MAX);
    struct kist_digest *all;
    int rc = 0;

    if (count > KIST_STORE_LEASE_MAX / KIST_DIGEST_HEX_MAX - lease->count) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "too many layers and blobs at once");
    }
    all = realloc(lease->digests, (lease->count + count + 1) * sizeof(*all));
    if (!all) {
        return kist_error_nomem(err);
    }
    lease->digests = all;
    for (size_t i = 0; i < count && rc == 0; i++) {
        char hex[KIST_DIGEST_HEX_MAX];

        rc = kist_buf_printf(&text, err, "%s\n", kist_digest_hex(hex, &digests[i]));
    }
    if (rc == 0) {
        rc = port_file_append(lease->file, kist_buf_text(&text), text.len, err);
    }
    if (rc < 0) {
        /* half a line would make the lease a damaged one to others */
        (void)!port_file_truncate(lease->file, lease->count * KIST_DIGEST_HEX_MAX, NULL);
    } else if (count > 0) {
        memcpy(lease->digests + lease->count, digests, count * sizeof(*digests));
        lease->count += count;
    }
    return rc;
}

static void lease_free(struct kist_store_lease *lease)
{
    if (lease->file) {
        (void)!port_dir_unlink(lease->store->partial, lease->name, NULL);
        port_file_discard(lease->file);
    }
    free(lease->digests);
    free(lease);
}

/* The caller holds the store's lock, so nobody finds the lease before it is whole and locked. */
static int lease_new(struct kist_store *s, const struct kist_digest *digests, size_t count,
                     struct kist_store_lease **out, struct kist_error *err)
{
    struct kist_store_lease *lease = calloc(1, sizeof(*lease));
    int rc;

    if (!lease) {
        return kist_error_nomem(err);
    }
    lease->store = s;
    rc = kist_store_temp_name(lease->name, KIST_STORE_LEASE_PREFIX, err);
    if (rc < 0 || (rc = port_file_create(&lease->file, s->partial, lease->name, false, err)) < 0 ||
        (rc = port_file_lock(lease->file, true, 0, err)) < 0 || (rc = write_lease(lease, digests, count, err)) < 0) {
        lease_free(lease);
        return rc;
    }
    *out = lease;
    return 0;
}

int kist_store_lease_bare(struct kist_store *s, struct kist_store_lease **out, struct kist_error *err)
{
    return lease_new(s, NULL, 0, out, err);
}

const char *kist_store_lease_name(const struct kist_store_lease *lease)
{
    return lease->name;
}

int kist_store_lease_begin(struct kist_store *s, const struct kist_digest *digests, size_t count,
                           struct kist_store_lease **out, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    int rc;

    *out = NULL;
    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_index_read(s, &index, err)) < 0) {
        return rc;
    }
    if (kist_store_lease_fits(s, count, NULL) < 0 &&
        ((rc = kist_store_sweep(s, &index, NULL, NULL, err)) < 0 || (rc = kist_store_lease_fits(s, count, err)) < 0)) {
        return rc;
    }
    if ((rc = lease_new(s, digests, count, out, err)) < 0) {
        return rc;
    }
    /* whatever garbage a power cut left must not stand in the way of what comes now */
    rc = kist_store_sweep(s, &index, NULL, NULL, err);
    if (rc < 0) {
        lease_free(*out);
        *out = NULL;
    }
    return rc;
}

static uint64_t cost_of(const struct kist_store_lease *lease, size_t count)
{
    return count > 0 ? kist_store_cost(lease->store, (uint64_t)count * KIST_DIGEST_HEX_MAX) : 0;
}

int kist_store_lease_add(struct kist_store_lease *lease, const struct kist_digest *digests, size_t count,
                         struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    int rc = kist_store_lock(lease->store, true, &lock, err); /* a sweep reads it whole, before this or after */

    if (rc == 0) {
        rc = kist_store_fits(lease->store, cost_of(lease, lease->count + count) - cost_of(lease, lease->count), err);
    }
    return rc < 0 ? rc : write_lease(lease, digests, count, err);
}

int kist_store_lease_outlive(struct kist_store_lease *lease, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store *s = lease->store;
    char name[KIST_STORE_NAME_MAX];
    int rc;

    if ((rc = kist_store_temp_name(name, KIST_STORE_LEFT_PREFIX, err)) < 0 ||
        (rc = port_file_sync(lease->file, err)) < 0 || (rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = port_dir_rename(s->partial, lease->name, s->partial, name, err)) < 0) {
        return rc;
    }
    memcpy(lease->name, name, sizeof(name));
    lease->outlives = true;
    return port_dir_sync(s->partial, err);
}

void kist_store_lease_leave(struct kist_store_lease *lease)
{
    bool any = false;

    for (size_t i = 0; lease && i < lease->count && !any; i++) {
        any = kist_store_layer_begun(lease->store, &lease->digests[i]);
    }
    if (any && lease->outlives) {
        port_file_discard(lease->file);
        lease->file = NULL;
        lease_free(lease);
    } else {
        kist_store_lease_end(lease);
    }
}

static bool reached(const struct kist_store_lease *lease, const struct kist_index *index)
{
    KIST_AUTO(digest_set) struct kist_digest_set set = {.v = NULL};

    for (size_t i = 0; i < index->images.n; i++) {
        if (kist_image_reaches(&index->images.v[i], &set, NULL) < 0) {
            return false;
        }
    }
    kist_digest_set_seal(&set);
    for (size_t i = 0; i < lease->count; i++) {
        if (!kist_digest_set_has(&set, &lease->digests[i])) {
            return false;
        }
    }
    return true;
}

/* A transfer that failed leaves nothing: its layers go now, not when the next command happens to come by. */
void kist_store_lease_end(struct kist_store_lease *lease)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    struct kist_store *s;
    bool unfinished;

    if (!lease) {
        return;
    }
    s = lease->store;
    unfinished = lease->count > 0 && kist_store_lock(s, true, &lock, NULL) == 0 &&
                 kist_store_index_read(s, &index, NULL) == 0 && !reached(lease, &index);
    lease_free(lease);
    if (unfinished) {
        (void)!kist_store_sweep(s, &index, NULL, NULL, NULL);
    }
}
