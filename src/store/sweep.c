#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "private.h"

/* ---- what is reached ---- */

int kist_image_reaches(const struct kist_image *image, struct kist_digest_set *set, struct kist_error *err)
{
    int rc;

    if ((rc = kist_digest_set_add(set, &image->manifest.digest, err)) < 0 ||
        (rc = kist_digest_set_add(set, &image->config, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        if ((rc = kist_digest_set_add(set, &image->diff_ids[i], err)) < 0) {
            return rc;
        }
    }
    return 0;
}

/*
 * A container keeps its image also where index.json does not name that any more (restored from a backup,
 * say): then its config, if that is still there, says which layers it needs.
 */
static int container_reaches(struct kist_store *s, const struct kist_digest *image,
                             struct kist_digest_set *keep, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(config) struct kist_config config = {.created = 0};
    int rc = kist_digest_set_add(keep, image, err);

    if (rc < 0 || kist_store_blob(s, image, &text, NULL) < 0 ||
        kist_config_parse(&config, kist_buf_text(&text), text.len, NULL) < 0) {
        return rc;
    }
    for (size_t i = 0; i < config.diff_id_count && rc == 0; i++) {
        rc = kist_digest_set_add(keep, &config.diff_ids[i], err);
    }
    return rc;
}

int kist_store_held_otherwise(struct kist_store *s, const struct kist_index *index, struct kist_digest_set *keep,
                              struct kist_error *err)
{
    struct kist_container_refs refs = {.v = NULL};
    int rc = kist_store_leases_collect(s, keep, err);

    if (rc == 0) {
        rc = kist_store_containers(s, &refs, err);
    }
    for (size_t i = 0; i < refs.n && rc == 0; i++) {
        bool named = false;

        for (size_t k = 0; k < index->images.n && !named; k++) {
            named = kist_digest_equal(&index->images.v[k].config, &refs.v[i].image);
        }
        rc = named ? kist_digest_set_add(keep, &refs.v[i].image, err)
                   : container_reaches(s, &refs.v[i].image, keep, err);
    }
    kist_container_refs_release(&refs);
    return rc;
}

int kist_store_held(struct kist_store *s, const struct kist_index *index, struct kist_digest_set *keep,
                    struct kist_error *err)
{
    int rc = kist_store_held_otherwise(s, index, keep, err);

    return rc < 0 ? rc : kist_store_steps_reach(s, keep, err);
}

static int collect(struct kist_store *s, const struct kist_index *index, struct kist_digest_set *keep,
                   struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < index->images.n && rc == 0; i++) {
        rc = kist_image_reaches(&index->images.v[i], keep, err);
    }
    if (rc == 0) {
        rc = kist_store_held(s, index, keep, err);
    }
    kist_digest_set_seal(keep);
    return rc;
}

/* ---- deleting ---- */

struct sweep {
    struct kist_store *store;
    struct port_dir *dir; /* blobs or layers */
    const struct kist_digest_set *keep;
    bool certain; /* settled */
    kist_store_freed_fn *freed;
    void *freed_arg;
};

/*
 * Whoever took the last name from something may have died before that lasted: deleted now, a power cut could
 * bring the name back, and not what it stands for.
 */
static int settle(struct kist_store *s, bool *certain, struct kist_error *err)
{
    struct port_dir *volumes;
    int rc = 0;

    if (*certain || (rc = port_dir_sync(s->root, err)) < 0 || (rc = port_dir_sync(s->containers, err)) < 0) {
        return rc;
    }
    rc = port_dir_open_at(&volumes, s->root, "volumes", false, err);
    if (rc == 0) {
        rc = port_dir_sync(volumes, err);
        port_dir_close(volumes);
    }
    *certain = rc == 0 || rc == KIST_E_NOT_FOUND;
    return *certain ? 0 : rc;
}

static int sweep_one(void *arg, const char *name, struct kist_error *err)
{
    struct sweep *w = arg;
    struct kist_digest digest;
    struct port_stat st;
    int rc;

    /* other names are not ours to judge */
    if (strlen(name) != KIST_DIGEST_HEX_MAX - 1 ||
        !kist_str_unhex(digest.bytes, sizeof(digest.bytes), name) || kist_digest_set_has(w->keep, &digest)) {
        return 0;
    }
    rc = port_dir_stat(w->dir, name, &st, err);
    if (rc == 0 && w->store->drop_left != KIST_STORE_WOULD_DROP) {
        rc = settle(w->store, &w->certain, err);
        rc = rc < 0 ? rc : port_dir_unlink(w->dir, name, err);
    }
    if (rc == 0 && w->freed) {
        w->freed(w->freed_arg, &digest, kist_store_rounded(w->store, st.size));
    }
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}

int kist_store_sweep(struct kist_store *s, const struct kist_index *index, kist_store_freed_fn *freed,
                     void *arg, struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set keep = {.v = NULL};
    struct sweep w = {.store = s, .dir = s->layers, .keep = &keep, .freed = freed, .freed_arg = arg};
    bool dry = s->drop_left == KIST_STORE_WOULD_DROP, stale;
    int rc = dry ? 0 : kist_store_containers_sweep(s, err);

    if (rc < 0 || (rc = collect(s, index, &keep, err)) < 0 ||
        (rc = port_dir_list(s->layers, sweep_one, &w, err)) < 0) {
        return rc;
    }
    w.dir = s->blobs;
    rc = port_dir_list(s->blobs, sweep_one, &w, err);
    return rc < 0 || dry ? rc : kist_store_partial_sweep(s, &keep, &stale, err);
}

/* ---- at opening ---- */

struct opening {
    struct kist_store *store;
    bool stale;   /* somebody died here */
    bool certain; /* settled */
};

/* A directory here is one being deleted by whoever holds the lease of its name. */
static int reap_temporary(void *arg, const char *name, struct kist_error *err)
{
    struct opening *o = arg;

    (void)err;
    if (!kist_store_partial_reap(o->store, name)) {
        o->stale = true;
        if (settle(o->store, &o->certain, NULL) == 0) {
            (void)!port_dir_remove_tree(o->store->tmp, name, NULL);
        }
    }
    return 0;
}

void kist_store_sweep_opening(struct kist_store *s)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct opening o = {.store = s};
    struct kist_error err = {.code = KIST_OK};

    /* Where that fails the store is busy, or read-only: neither is a reason not to open it. */
    if (port_file_open_rw(&lock, s->root, "lock", NULL) < 0) {
        lock = NULL;
        return;
    }
    if (port_file_lock(lock, true, 0, NULL) < 0 || kist_store_partial_sweep(s, NULL, &o.stale, NULL) < 0 ||
        port_dir_list(s->tmp, reap_temporary, &o, NULL) < 0 || !o.stale) {
        return;
    }
    if (kist_store_index_read(s, &index, &err) < 0 || kist_store_sweep(s, &index, NULL, NULL, &err) < 0) {
        kist_log(KIST_LOG_WARN, "cannot sweep the store: %s", err.message);
    }
}
