/*
 * What processes left in partial/ that died there, or failed: whose leases outlive them it is kept for, to be
 * gone on with, for a time.
 */
#include <string.h>

#include "base/str.h"
#include "port/clock.h"
#include "private.h"

const char *kist_store_journal_name(char name[KIST_STORE_JOURNAL_MAX], const char *hex)
{
    (void)!kist_str_format(name, KIST_STORE_JOURNAL_MAX, "%s" KIST_STORE_JOURNAL_SUFFIX, hex);
    return name;
}

/* Whether a living process holds name in partial/, or nobody can tell; of the dead and without keep, it is
 * deleted, with all of it. */
static bool held(struct kist_store *s, const char *name, bool keep)
{
    char journal[KIST_STORE_JOURNAL_MAX];
    struct port_file *f;
    int rc = port_file_open(&f, s->partial, name, NULL);

    if (rc < 0) {
        return rc != KIST_E_NOT_FOUND;
    }
    rc = port_file_lock(f, true, 0, NULL);
    if (rc == 0 && !keep) {
        /* still locked: whoever waits for it sees that the name is gone, and starts anew */
        if (strlen(name) == KIST_DIGEST_HEX_MAX - 1) {
            (void)!port_dir_unlink(s->partial, kist_store_journal_name(journal, name), NULL);
        }
        (void)!port_dir_unlink(s->partial, name, NULL);
    }
    port_file_discard(f);
    return rc < 0;
}

bool kist_store_partial_reap(struct kist_store *s, const char *name)
{
    return held(s, name, false);
}

/* ---- leases ---- */

struct collect {
    struct kist_store *store;
    struct kist_digest_set *keep;
    struct kist_digest_set left; /* what leases of the dead name */
    bool dead;                   /* their turn */
};

/* What the lease names is added to set. KIST_E_CORRUPT. */
static int read_lease(struct kist_store *s, const char *name, struct kist_digest_set *set,
                      struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_STORE_LEASE_MAX);
    struct kist_digest digest;
    int rc = kist_store_read(s->partial, name, &text, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* ended in this moment */
    }
    for (const char *p = kist_buf_text(&text); *p != '\0'; p += KIST_DIGEST_HEX_MAX) {
        if (strcspn(p, "\n") != KIST_DIGEST_HEX_MAX - 1 || p[KIST_DIGEST_HEX_MAX - 1] == '\0' ||
            !kist_str_unhex(digest.bytes, sizeof(digest.bytes), p)) {
            return kist_error_set(err, KIST_E_CORRUPT, "lease '%s' is damaged", name);
        }
        if ((rc = kist_digest_set_add(set, &digest, err)) < 0) {
            return rc;
        }
    }
    return 0;
}

static bool too_old(struct kist_store *s, const char *name)
{
    struct port_stat st;

    return port_dir_stat(s->partial, name, &st, NULL) == 0 && port_clock_now() - st.mtime > KIST_MAX_LEFT_AGE;
}

bool kist_store_layer_begun(struct kist_store *s, const struct kist_digest *digest)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct port_stat st;

    (void)kist_digest_hex(hex, digest);
    return port_dir_stat(s->layers, hex, &st, NULL) == 0 || port_dir_stat(s->partial, hex, &st, NULL) == 0;
}

/* A lease of the dead is worth something where it keeps what nothing else does. */
static int collect_left(struct collect *c, const char *name, struct kist_error *err)
{
    size_t before = c->left.n;
    bool needed = false;
    int rc = read_lease(c->store, name, &c->left, NULL);

    if (rc < 0 && rc != KIST_E_CORRUPT) {
        return kist_error_set(err, (enum kist_err)rc, "cannot read lease '%s'", name);
    }
    for (size_t i = before; i < c->left.n && rc == 0; i++) {
        needed |=
            !kist_digest_set_has(c->keep, &c->left.v[i]) && kist_store_layer_begun(c->store, &c->left.v[i]);
    }
    if (!needed || c->store->drop_left != KIST_STORE_KEEP_LEFT || too_old(c->store, name)) {
        c->left.n = before;
        (void)held(c->store, name, c->store->drop_left == KIST_STORE_WOULD_DROP);
    }
    return 0;
}

static int collect_lease(void *arg, const char *name, struct kist_error *err)
{
    struct collect *c = arg;
    bool left = kist_str_starts(name, KIST_STORE_LEFT_PREFIX);

    if (!left && !kist_str_starts(name, KIST_STORE_LEASE_PREFIX)) {
        return 0;
    }
    if (held(c->store, name, left)) {
        return c->dead ? 0 : read_lease(c->store, name, c->keep, err);
    }
    return c->dead && left ? collect_left(c, name, err) : 0;
}

int kist_store_leases_collect(struct kist_store *s, struct kist_digest_set *keep, struct kist_error *err)
{
    struct collect c = {.store = s, .keep = keep};
    int rc = port_dir_list(s->partial, collect_lease, &c, err);

    if (rc == 0) {
        kist_digest_set_seal(keep);
        c.dead = true;
        rc = port_dir_list(s->partial, collect_lease, &c, err);
    }
    for (size_t i = 0; i < c.left.n && rc == 0; i++) {
        rc = kist_digest_set_add(keep, &c.left.v[i], err);
    }
    kist_digest_set_release(&c.left);
    kist_digest_set_seal(keep);
    return rc;
}

/* ---- all the rest ---- */

struct partial {
    struct kist_store *store;
    const struct kist_digest_set *keep;
};

/* A layer that was begun, and can be gone on with. */
static bool is_wanted(const struct partial *p, const char *name)
{
    char journal[KIST_STORE_JOURNAL_MAX];
    struct kist_digest digest;
    struct port_stat st;

    return strlen(name) == KIST_DIGEST_HEX_MAX - 1 &&
           kist_str_unhex(digest.bytes, sizeof(digest.bytes), name) &&
           kist_digest_set_has(p->keep, &digest) &&
           port_dir_stat(p->store->partial, kist_store_journal_name(journal, name), &st, NULL) == 0 &&
           st.size > 0;
}

static int sweep_partial(void *arg, const char *name, struct kist_error *err)
{
    struct partial *p = arg;
    struct kist_store *s = p->store;
    char hex[KIST_DIGEST_HEX_MAX];
    struct port_stat st;

    (void)err;
    /* goes with its layer's file; without that it is nothing */
    if (kist_str_ends(name, KIST_STORE_JOURNAL_SUFFIX)) {
        size_t len = strlen(name) - strlen(KIST_STORE_JOURNAL_SUFFIX);

        if (len == 0 || !kist_str_format(hex, sizeof(hex), "%.*s", (int)len, name) ||
            port_dir_stat(s->partial, hex, &st, NULL) == KIST_E_NOT_FOUND) {
            (void)!port_dir_unlink(s->partial, name, NULL);
        }
        return 0;
    }
    if (!kist_str_starts(name, KIST_STORE_LEFT_PREFIX) && !is_wanted(p, name)) {
        (void)held(s, name, false);
    }
    return 0;
}

static int count_one(void *arg, const char *name, struct kist_error *err)
{
    (void)name, (void)err;
    ++*(unsigned *)arg;
    return 0;
}

int kist_store_partial_sweep(struct kist_store *s, const struct kist_digest_set *keep, bool *stale,
                             struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set leased = {.v = NULL};
    struct partial p = {.store = s, .keep = keep ? keep : &leased};
    unsigned before = 0, after = 0;
    int rc;

    if ((rc = port_dir_list(s->partial, count_one, &before, err)) < 0 ||
        (rc = before && !keep ? kist_store_leases_collect(s, &leased, err) : 0) < 0 ||
        (rc = port_dir_list(s->partial, sweep_partial, &p, err)) < 0 ||
        (rc = port_dir_list(s->partial, count_one, &after, err)) < 0) {
        return rc;
    }
    *stale = after < before;
    return 0;
}

/* ---- all of it ---- */

struct leftover {
    struct kist_store *store;
    uint64_t bytes;
    bool any;
};

static void add_freed(void *arg, const struct kist_digest *digest, uint64_t bytes)
{
    struct leftover *l = arg;

    (void)digest;
    l->bytes += bytes;
}

/* A lease, or a layer that nobody is at work on, and its journal. */
static int add_partial(void *arg, const char *name, struct kist_error *err)
{
    struct leftover *l = arg;
    struct kist_digest digest;

    (void)err;
    if (kist_str_starts(name, KIST_STORE_LEFT_PREFIX)) {
        l->any |= !held(l->store, name, true);
    } else if (strlen(name) == KIST_DIGEST_HEX_MAX - 1 && kist_str_unhex(digest.bytes, sizeof(digest.bytes), name) &&
               !held(l->store, name, true)) {
        l->any = true;
        l->bytes += kist_store_layer_begun_bytes(l->store, &digest);
    }
    return 0;
}

int kist_store_left_drop_locked(struct kist_store *s, const struct kist_index *index, bool dry_run, uint64_t *freed,
                                struct kist_error *err)
{
    struct leftover l = {.store = s};
    int rc = port_dir_list(s->partial, add_partial, &l, err);

    if (rc == 0 && l.any) {
        s->drop_left = dry_run ? KIST_STORE_WOULD_DROP : KIST_STORE_DROP;
        rc = kist_store_sweep(s, index, add_freed, &l, err);
        s->drop_left = KIST_STORE_KEEP_LEFT;
    }
    *freed += rc == 0 ? l.bytes : 0;
    return rc;
}

int kist_store_left_drop(struct kist_store *s, bool dry_run, uint64_t *freed, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_index_read(s, &index, err)) < 0) {
        return rc;
    }
    return kist_store_left_drop_locked(s, &index, dry_run, freed, err);
}

uint64_t kist_store_layer_begun_bytes(struct kist_store *s, const struct kist_digest *diff_id)
{
    char hex[KIST_DIGEST_HEX_MAX], journal[KIST_STORE_JOURNAL_MAX];
    uint64_t bytes[2] = {0, 0};

    (void)kist_digest_hex(hex, diff_id);
    (void)!port_dir_usage(s->partial, hex, &bytes[0], NULL);
    (void)!port_dir_usage(s->partial, kist_store_journal_name(journal, hex), &bytes[1], NULL);
    return bytes[0] + bytes[1];
}
