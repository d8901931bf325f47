#include <stdlib.h>

#include "base/path.h"
#include "base/str.h"
#include "private.h"
#include "store/check.h"

#define STEP (1U << 20) /* bytes of room taken at a time */
#define JOURNAL_STEP (256U << 10)
#define STOP_MS 200 /* how late a stop may be noticed */
#define TELL_MS 1000 /* of waiting, before it is told for whom */

struct kist_store_layer_tx {
    struct kist_store *store;
    struct port_file *file; /* partial/<hex>, locked */
    struct port_file *journal; /* partial/<hex>.journal, or NULL */
    char hex[KIST_DIGEST_HEX_MAX];
    struct kist_store_room *journal_room;
    bool journal_given_up; /* there is no room for it */
    struct kist_store_room *room; /* what the file may take, once it is written with kist_store_layer_writer */
    uint64_t max;                 /* the caller's own limit of bytes, 0 none */
    bool replaces;                /* a layer that is kept already */
    bool aside;                   /* that goes to damaged/ */
};

static int find_layer(struct kist_store *s, const char *hex, struct kist_error *err)
{
    struct port_stat st;
    int rc = port_dir_stat(kist_store_layer_dir(s, hex), hex, &st, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    return st.type == PORT_TYPE_FILE && st.size > 0;
}

int kist_store_layer_find(struct kist_store *s, const struct kist_digest *diff_id, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];

    return find_layer(s, kist_digest_hex(hex, diff_id), err);
}

bool kist_store_has_layer(struct kist_store *s, const struct kist_digest *diff_id)
{
    return kist_store_layer_find(s, diff_id, NULL) == 1;
}

int kist_store_layer_open(struct kist_store *s, const struct kist_digest *diff_id, struct port_file **out,
                          struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    int rc;

    (void)kist_digest_hex(hex, diff_id);
    rc = port_file_open(out, kist_store_layer_dir(s, hex), hex, err);

    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, rc, "layer 'sha256:%s' is not in the store", hex)
                                  : rc;
}

void kist_store_stop_on(struct kist_store *s, bool (*stop)(void *arg), void *arg)
{
    s->stop = stop;
    s->stop_arg = arg;
}

static void unlink_partial(const struct kist_store_layer_tx *tx)
{
    char journal[KIST_STORE_JOURNAL_MAX];

    (void)!port_dir_unlink(tx->store->partial, kist_store_journal_name(journal, tx->hex), NULL);
    (void)!port_dir_unlink(tx->store->partial, tx->hex, NULL);
}

static void tx_free(struct kist_store_layer_tx *tx)
{
    port_file_discard(tx->journal);
    port_file_discard(tx->file);
    kist_store_room_free(tx->journal_room);
    kist_store_room_free(tx->room);
    free(tx);
}

/* Waits until nobody else adds this layer. */
static int lock_partial(const struct kist_store *s, struct port_file *f, const char *hex, struct kist_error *err)
{
    unsigned waited = 0;
    int rc;

    /* a signal ends the wait of one thread only, and not of one that is just about to wait */
    while ((rc = port_file_lock(f, true, STOP_MS, err)) == KIST_E_CONFLICT) {
        waited += STOP_MS;
        if (waited == TELL_MS) {
            kist_store_tell_wait(f, "layer", hex);
        }
        if (s->stop && s->stop(s->stop_arg)) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
        }
        if (!s->stop && waited >= TELL_MS) {
            return port_file_lock(f, true, -1, err);
        }
    }
    return rc;
}

/* 0 with tx->file; 1: the layer is kept; the file was another's or swept while we waited: *again. */
static int try_begin(struct kist_store_layer_tx *tx, bool resume, bool *again, struct kist_error *err)
{
    struct kist_store *s = tx->store;
    char journal[KIST_STORE_JOURNAL_MAX];
    int rc = tx->replaces ? 0 : find_layer(s, tx->hex, err);

    *again = false;
    if (rc != 0) {
        return rc;
    }
    rc = port_file_open_rw(&tx->file, s->partial, tx->hex, err);
    if (rc < 0) {
        return rc;
    }
    rc = lock_partial(s, tx->file, tx->hex, err);
    if (rc < 0) {
        return rc;
    }
    if (!port_file_is(tx->file, s->partial, tx->hex)) {
        *again = true;
        return 0;
    }
    rc = tx->replaces ? 0 : find_layer(s, tx->hex, err);
    if (rc != 0) {
        unlink_partial(tx);
        return rc;
    }
    return resume ? port_file_open_rw(&tx->journal, s->partial, kist_store_journal_name(journal, tx->hex), err)
                  : port_file_truncate(tx->file, 0, err);
}

static int begin(struct kist_store *s, const struct kist_digest *diff_id, bool resume, bool replaces,
                 struct kist_store_layer_tx **out, struct kist_error *err)
{
    struct kist_store_layer_tx *tx = calloc(1, sizeof(*tx));
    bool again;
    int rc;

    *out = NULL;
    if (!tx) {
        return kist_error_nomem(err);
    }
    tx->store = s;
    tx->replaces = replaces;
    (void)kist_digest_hex(tx->hex, diff_id);
    while ((rc = try_begin(tx, resume, &again, err)) == 0 && again) {
        port_file_discard(tx->file);
        tx->file = NULL;
    }
    if (rc != 0) {
        tx_free(tx);
        return rc;
    }
    *out = tx;
    return 0;
}

int kist_store_layer_begin(struct kist_store *s, const struct kist_digest *diff_id,
                           struct kist_store_layer_tx **out, struct kist_error *err)
{
    return begin(s, diff_id, false, false, out, err);
}

int kist_store_layer_resume(struct kist_store *s, const struct kist_digest *diff_id,
                            struct kist_store_layer_tx **out, struct kist_error *err)
{
    return begin(s, diff_id, true, false, out, err);
}

int kist_store_layer_replace(struct kist_store *s, const struct kist_digest *diff_id,
                             struct kist_store_layer_tx **out, struct kist_error *err)
{
    int rc = begin(s, diff_id, true, true, out, err);

    if (rc == 0) {
        (*out)->aside = true;
    }
    return rc;
}

int kist_store_layer_rewrite(struct kist_store *s, const struct kist_digest *diff_id,
                             struct kist_store_layer_tx **out, struct kist_error *err)
{
    return begin(s, diff_id, false, true, out, err);
}

bool kist_store_layer_path(const struct kist_store_layer_tx *tx, char *path, size_t size)
{
    return kist_path_join(path, size, port_dir_path(tx->store->partial), tx->hex);
}

struct port_file *kist_store_layer_file(struct kist_store_layer_tx *tx)
{
    return tx->file;
}

/* The file grows by steps that make asking rare, and give away little where room is scarce. */
static int more_room(void *arg, uint64_t need, uint64_t *max, struct kist_error *err)
{
    struct kist_store_layer_tx *tx = arg;
    struct kist_store *s = tx->store;
    int rc;

    if (tx->max > 0 && need > tx->max) {
        return 0; /* the writer says so */
    }
    rc = kist_store_room_grow(tx->room, kist_store_cost(s, need) - kist_store_cost(s, *max), STEP + need / 8, err);
    if (rc == KIST_E_NO_SPACE && tx->journal && !tx->journal_given_up) { /* which can be done without */
        kist_store_room_free(tx->journal_room);
        tx->journal_room = NULL;
        tx->journal_given_up = true;
        rc = port_file_truncate(tx->journal, 0, err);
        return rc < 0 ? rc : more_room(arg, need, max, err);
    }
    if (rc == 0) {
        *max = kist_store_room_bytes(tx->room);
        *max = tx->max > 0 ? KIST_MIN(*max, tx->max) : *max;
    }
    return rc;
}

/* Takes the room; limited are the options that hold the writer to it. */
static int limit(struct kist_store_layer_tx *tx, struct kist_layer_options *limited, uint64_t expected,
                 struct kist_store_room *from, struct kist_error *err)
{
    struct kist_store *s = tx->store;
    uint64_t room, size;
    int rc = port_file_size(tx->file, &size, err); /* of what is to be gone on with */

    kist_store_room_free(tx->room);
    tx->room = NULL;
    if (rc == 0) {
        rc = kist_store_room_take(s, "partial", tx->hex, kist_store_cost(s, expected - KIST_MIN(size, expected)), from, &tx->room,
                                  err);
    }
    if (rc == KIST_E_NO_SPACE && size > 0 && tx->journal && (rc = kist_store_layer_restart(tx, err)) == 0) {
        rc = kist_store_room_take(s, "partial", tx->hex, kist_store_cost(s, expected), from, &tx->room, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (tx->room) {
        room = kist_store_room_bytes(tx->room);
        tx->max = limited->max_bytes;
        limited->max_bytes = tx->max > 0 ? KIST_MIN(tx->max, room) : room;
        limited->more = more_room;
        limited->more_arg = tx;
    }
    return 0;
}

int kist_store_layer_writer(struct kist_store_layer_tx *tx, const struct kist_layer_options *options, uint64_t expected,
                            struct kist_store_room *from, struct kist_layer_writer **out, struct kist_error *err)
{
    struct kist_layer_options limited = *options;
    int rc = limit(tx, &limited, expected, from, err);

    return rc < 0 ? rc : kist_layer_writer_new(out, tx->file, &limited, err);
}

int kist_store_layer_append(struct kist_store_layer_tx *tx, const void *data, size_t len, struct kist_error *err)
{
    struct kist_layer_options none = {.max_bytes = 0};
    uint64_t size, max;
    int rc = port_file_size(tx->file, &size, err);

    if (rc == 0 && !tx->room) {
        rc = limit(tx, &none, size + len, NULL, err);
    }
    max = kist_store_room_bytes(tx->room);
    if (rc == 0 && size + len > max) {
        rc = more_room(tx, size + len, &max, err);
    }
    return rc == 0 ? port_file_append(tx->file, data, len, err) : rc;
}

int kist_store_layer_writer_resume(struct kist_store_layer_tx *tx, const struct kist_layer_options *options,
                                   uint64_t expected, struct kist_store_room *from, const struct kist_digest *subject,
                                   struct kist_buf *state, size_t *own, struct kist_layer_writer **out,
                                   struct kist_error *err)
{
    struct kist_layer_options limited = *options;
    int rc = limit(tx, &limited, expected, from, err);

    return rc < 0 ? rc : kist_layer_writer_resume(out, tx->file, tx->journal, subject, &limited, state, own, err);
}

int kist_store_layer_journal_room(struct kist_store_layer_tx *tx, uint64_t bytes, struct kist_error *err)
{
    struct kist_store *s = tx->store;
    uint64_t cost = kist_store_cost(s, bytes), held = 0;
    struct kist_store_space space;
    char name[KIST_STORE_JOURNAL_MAX];
    int rc;

    if (tx->journal_given_up) {
        return kist_error_set(err, KIST_E_NO_SPACE, "the journal has been given up");
    }
    if (!kist_store_limited(s) || (tx->journal_room && (held = kist_store_room_bytes(tx->journal_room)) >= bytes)) {
        return 0;
    }
    /* no image shall go for it */
    if ((rc = kist_store_space(s, &space, err)) < 0 || (rc = kist_store_space_fits(&space, 2 * cost, err)) < 0) {
        return rc;
    }
    return tx->journal_room
               ? kist_store_room_grow(tx->journal_room, cost - kist_store_cost(s, held), JOURNAL_STEP, err)
               : kist_store_room_take(s, "partial", kist_store_journal_name(name, tx->hex), cost, NULL, &tx->journal_room, err);
}

int kist_store_layer_restart(struct kist_store_layer_tx *tx, struct kist_error *err)
{
    int rc = port_file_truncate(tx->journal, 0, err);

    return rc < 0 ? rc : port_file_truncate(tx->file, 0, err);
}

int kist_store_layer_lasts(struct kist_store_layer_tx *tx, struct kist_error *err)
{
    return port_dir_sync(tx->store->partial, err);
}

int kist_store_layer_begin_unnamed(struct kist_store *s, struct kist_store_layer_tx **out, struct kist_error *err)
{
    struct kist_store_layer_tx *tx = calloc(1, sizeof(*tx));
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    char name[KIST_STORE_NAME_MAX];
    int rc = tx ? kist_store_temp_name(name, "unnamed-", err) : kist_error_nomem(err);

    *out = NULL;
    /* a sweep that met the file before it is locked would take it for a dead one's */
    if (rc < 0 || (rc = kist_store_lock(s, false, &lock, err)) < 0 ||
        (rc = port_file_create(&tx->file, s->partial, name, false, err)) < 0) {
        free(tx);
        return rc;
    }
    tx->store = s;
    (void)!kist_str_copy(tx->hex, sizeof(tx->hex), name);
    rc = port_file_lock(tx->file, true, 0, err);
    if (rc < 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    *out = tx;
    return 0;
}

static int put_in_place(struct kist_store_layer_tx *tx, const char *hex, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store *s = tx->store;
    int rc = 0;

    if (tx->aside && ((rc = kist_store_lock(s, true, &lock, err)) < 0 ||
                      (rc = kist_store_set_aside(s, s->layers, hex, err)) < 0)) {
        return rc;
    }
    return port_dir_rename(s->partial, tx->hex, s->layers, hex, err);
}

/* From partial/ to layers/, under the name hex. */
static int commit(struct kist_store_layer_tx *tx, const char *hex, struct kist_error *err)
{
    struct kist_store *s = tx->store;
    char journal[KIST_STORE_JOURNAL_MAX];
    int rc = port_file_sync(tx->file, err), closed;

    kist_store_room_free(tx->room); /* all is written, and counts by itself */
    tx->room = NULL;
    if (rc == 0) {
        rc = put_in_place(tx, hex, err);
    }
    if (rc < 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    rc = port_dir_sync(s->layers, err);
    if (tx->journal) {
        (void)!port_dir_unlink(s->partial, kist_store_journal_name(journal, tx->hex), NULL);
    }
    /* only now: the lock keeps others from adding it again before it is there to last */
    closed = port_file_close(tx->file, rc < 0 ? NULL : err);
    tx->file = NULL;
    tx_free(tx);
    return rc < 0 ? rc : closed;
}

int kist_store_layer_commit(struct kist_store_layer_tx *tx, struct kist_error *err)
{
    return commit(tx, tx->hex, err);
}

int kist_store_layer_commit_as(struct kist_store_layer_tx *tx, const struct kist_digest *diff_id,
                               struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    int rc = find_layer(tx->store, kist_digest_hex(hex, diff_id), err);

    if (rc != 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    return commit(tx, hex, err);
}

void kist_store_layer_abort(struct kist_store_layer_tx *tx)
{
    if (tx) {
        unlink_partial(tx);
        tx_free(tx);
    }
}

void kist_store_layer_leave(struct kist_store_layer_tx *tx)
{
    if (tx) {
        tx_free(tx);
    }
}
