#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "port/clock.h"
#include "port/system.h"
#include "private.h"

#define FORMAT_MAJOR 1
#define FORMAT_TEXT "kist-store 1.0\n"
#define FORMAT_MAX 64
#define INDEX_NAME "index.json"
#define LASTING 0400 /* mode of an index.json whose name is on the medium */

uint64_t kist_store_rounded(const struct kist_store *s, uint64_t size)
{
    uint64_t rest = size % s->block;

    return rest && size <= UINT64_MAX - s->block ? size + s->block - rest : size;
}

int kist_store_read(struct port_dir *dir, const char *name, struct kist_buf *out, struct kist_error *err)
{
    struct port_file *f;
    uint64_t size = 0;
    size_t got = 0;
    int rc = port_file_open(&f, dir, name, err);

    if (rc < 0) {
        return rc;
    }
    kist_buf_clear(out);
    rc = port_file_size(f, &size, err);
    if (rc == 0 && size > out->max) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "'%s/%s' has more than %zu bytes", port_dir_path(dir), name,
                            out->max);
    }
    if (rc == 0) {
        rc = kist_buf_reserve(out, (size_t)size, err);
    }
    if (rc == 0) {
        rc = port_file_read_at(f, 0, out->data, (size_t)size, &got, err);
        out->len = got;
        out->data[got] = '\0';
    }
    port_file_discard(f);
    return rc;
}

/* ---- locks and writing ---- */

void kist_store_lock_holder(const struct port_file *f, char text[KIST_STORE_HOLDER_MAX])
{
    char command[128];
    int holder = port_file_lock_holder(f, command, sizeof(command));

    if (holder == 0 || !kist_str_format(text, KIST_STORE_HOLDER_MAX, "process %d%s%s%s", holder, command[0] ? " (" : "", command,
                                        command[0] ? ")" : "")) {
        memcpy(text, "another process", sizeof("another process"));
    }
}

void kist_store_tell_wait(const struct port_file *f, const char *what, const char *name)
{
    char holder[KIST_STORE_HOLDER_MAX];

    kist_store_lock_holder(f, holder);
    kist_log(KIST_LOG_WARN, "waiting for %s '%s', locked by %s", what, name, holder);
}

int kist_store_wait_lock(struct port_file *f, bool exclusive, const char *what, const char *name, struct kist_error *err)
{
    int rc = port_file_lock(f, exclusive, 1000, err);

    if (rc == KIST_E_CONFLICT) {
        kist_store_tell_wait(f, what, name);
        rc = port_file_lock(f, exclusive, -1, err);
    }
    return rc;
}

int kist_store_lock(struct kist_store *s, bool exclusive, struct port_file **lock, struct kist_error *err)
{
    struct port_file *f;
    int rc = port_file_open_rw(&f, s->root, "lock", err);

    *lock = NULL;
    if (rc < 0) {
        return rc;
    }
    rc = kist_store_wait_lock(f, exclusive, "the store", kist_store_root(s), err);
    if (rc < 0) {
        port_file_discard(f);
        return rc;
    }
    *lock = f;
    return 0;
}

void kist_store_lock_auto(struct port_file **lock)
{
    port_file_discard(*lock);
}

int kist_store_temp_name(char name[KIST_STORE_NAME_MAX], const char *prefix, struct kist_error *err)
{
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];
    int rc = port_system_random(random, sizeof(random), err);

    if (rc < 0) {
        return rc;
    }
    kist_str_hex(hex, random, sizeof(random));
    return kist_str_format(name, KIST_STORE_NAME_MAX, "%s%s", prefix, hex)
               ? 0
               : kist_error_set(err, KIST_E_FAIL, "a name with '%s' is too long", prefix);
}

/* What takes the place of something as large may use what is kept for that: afterwards all is as it was. */
static int check_room(struct kist_store *s, struct port_dir *dir, const char *name, size_t len, struct kist_error *err)
{
    uint64_t cost = kist_store_cost(s, len);
    struct port_stat st;

    if (cost <= kist_store_headroom(s) && port_dir_stat(dir, name, &st, NULL) == 0 && st.type == PORT_TYPE_FILE &&
        kist_store_rounded(s, len) <= KIST_MAX(st.allocated, kist_store_rounded(s, st.size))) {
        return 0;
    }
    return kist_store_fits(s, cost, err);
}

static int fill_file(struct port_file *f, const void *data, size_t len, bool sync, struct kist_error *err)
{
    int rc = port_file_append(f, data, len, err), closed;

    if (rc == 0 && sync) {
        rc = port_file_sync(f, err);
    }
    closed = port_file_close(f, rc < 0 ? NULL : err);
    return rc < 0 ? rc : closed;
}

int kist_store_new_file(struct port_dir *dir, const char *name, const void *data, size_t len, bool sync,
                        struct kist_error *err)
{
    struct port_file *f;
    int rc = port_file_create(&f, dir, name, false, err);

    return rc < 0 ? rc : fill_file(f, data, len, sync, err);
}

int kist_store_write_locked(struct kist_store *s, struct port_dir *dir, const char *name, const void *data,
                            size_t len, struct kist_error *err)
{
    char temp[KIST_STORE_NAME_MAX];
    int rc;

    if ((rc = check_room(s, dir, name, len, err)) < 0) {
        return kist_error_wrap(err, "cannot write '%s/%s'", port_dir_path(dir), name);
    }
    rc = kist_store_temp_name(temp, "", err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_store_new_file(s->tmp, temp, data, len, true, err);
    if (rc == 0) {
        rc = port_dir_rename(s->tmp, temp, dir, name, err);
    }
    if (rc < 0) {
        (void)!port_dir_unlink(s->tmp, temp, NULL);
        return kist_error_wrap(err, "cannot write '%s/%s'", port_dir_path(dir), name);
    }
    return port_dir_sync(dir, err);
}

int kist_store_write_file(struct kist_store *s, struct port_dir *dir, const char *name, const void *data,
                          size_t len, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    int rc = kist_store_lock(s, kist_store_limited(s), &lock, err);

    return rc < 0 ? rc : kist_store_write_locked(s, dir, name, data, len, err);
}

int kist_store_write_loose(struct kist_store *s, struct port_dir *dir, const char *name, const void *data, size_t len,
                           struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct port_file *f;
    int rc = 0;

    if ((kist_store_limited(s) && (rc = kist_store_lock(s, true, &lock, err)) < 0) ||
        (rc = check_room(s, dir, name, len, err)) < 0 || (rc = port_file_create(&f, dir, name, true, err)) < 0) {
        return rc;
    }
    return fill_file(f, data, len, false, err);
}

/* ---- the index on disk ---- */

static int load(struct kist_store *s, struct kist_index *index, bool whole, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    int rc = kist_store_read(s->root, INDEX_NAME, &text, err);

    *index = (struct kist_index){.root = NULL};
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s/index.json' is missing (try 'kist system check --repair')",
                              kist_store_root(s));
    }
    if (rc < 0) {
        return rc;
    }
    if ((rc = kist_store_unseal(&text, err)) == 0) {
        rc = whole ? kist_index_parse(index, kist_buf_text(&text), text.len, err)
                   : kist_index_parse_images(index, kist_buf_text(&text), text.len, err);
    }
    return rc == KIST_E_CORRUPT
               ? kist_error_wrap(err, "'%s/index.json' is damaged (try 'kist system check --repair')", kist_store_root(s))
               : rc;
}

int kist_store_index_load(struct kist_store *s, struct kist_index *index, struct kist_error *err)
{
    return load(s, index, true, err);
}

int kist_store_index_read(struct kist_store *s, struct kist_index *index, struct kist_error *err)
{
    return load(s, index, false, err);
}

int64_t kist_store_clock(struct kist_store *s)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    struct kist_error err;

    return kist_store_index_load(s, &index, &err) == 0 ? kist_index_clock(&index) : 0;
}

/* Said by the file itself, so that it goes with it when another takes its place. Where that fails, or is lost, it is synced once more. */
static void note_lasting(struct kist_store *s)
{
    (void)!port_dir_chmod(s->root, INDEX_NAME, LASTING, NULL);
}

bool kist_store_index_lasts(struct kist_store *s)
{
    struct port_stat st;

    return port_dir_stat(s->root, INDEX_NAME, &st, NULL) == 0 && st.mode == LASTING;
}

int kist_store_index_settle(struct kist_store *s, struct kist_error *err)
{
    int rc = 0;

    if (!kist_store_index_lasts(s) && (rc = port_dir_sync(s->root, err)) == 0) {
        note_lasting(s);
    }
    return rc;
}

static int save(struct kist_store *s, struct kist_index *index, bool less, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    int rc = port_clock_synchronised() ? kist_index_set_clock(index, port_clock_now(), err) : 0;

    if (rc == 0) {
        rc = kist_index_print(index, &text, err);
    }
    rc = rc < 0 ? rc : kist_store_seal(&text, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_store_write_locked(s, s->root, INDEX_NAME, text.data, text.len, err);
    rc = rc == KIST_E_NO_SPACE && less ? kist_store_spare_commit(s, text.data, text.len, err) : rc;
    if (rc == 0) {
        note_lasting(s);
    }
    return rc;
}

int kist_store_index_save(struct kist_store *s, struct kist_index *index, struct kist_error *err)
{
    int rc = save(s, index, false, err);

    if (rc == 0) {
        kist_store_spare_keep(s);
    }
    return rc;
}

int kist_store_index_save_less(struct kist_store *s, struct kist_index *index, struct kist_error *err)
{
    return save(s, index, true, err);
}

/* ---- opening ---- */

int kist_store_subdir(struct port_dir **out, struct port_dir *at, const char *name, bool sync,
                      struct kist_error *err)
{
    int rc = port_dir_open_at(out, at, name, false, err);

    if (rc == KIST_E_NOT_FOUND) {
        rc = port_dir_open_at(out, at, name, true, err);
        sync = true;
    }
    if (rc == 0 && sync && (rc = port_dir_sync(at, err)) < 0) {
        port_dir_close(*out);
        *out = NULL;
    }
    return rc;
}

static int open_pair(struct port_dir **out, struct port_dir *root, const char *name, bool sync,
                     struct kist_error *err)
{
    struct port_dir *middle;
    int rc = kist_store_subdir(&middle, root, name, sync, err);

    if (rc == 0) {
        rc = kist_store_subdir(out, middle, "sha256", sync, err);
        port_dir_close(middle);
    }
    return rc;
}

static int open_rooms(struct kist_store *s, bool sync, struct kist_error *err)
{
    int rc;

    if ((rc = open_pair(&s->blobs, s->root, "blobs", sync, err)) < 0 ||
        (rc = open_pair(&s->layers, s->root, "layers", sync, err)) < 0 ||
        (rc = kist_store_subdir(&s->partial, s->root, "partial", sync, err)) < 0 ||
        (rc = kist_store_subdir(&s->containers, s->root, "containers", sync, err)) < 0) {
        return rc;
    }
    return kist_store_subdir(&s->tmp, s->root, "tmp", sync, err);
}

/* What a store that was being made may hold already, and what a filesystem of its own has. */
static int refuse_foreign(void *arg, const char *name, struct kist_error *err)
{
    static const char *const ours[] = {"blobs", "layers", "partial",    "containers",
                                       "tmp",   "lock",   "index.json", "lost+found", "volumes", "spare"};

    for (size_t i = 0; i < KIST_COUNT(ours); i++) {
        if (strcmp(name, ours[i]) == 0) {
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_CONFLICT, "'%s' is not empty and holds no store", kist_store_root(arg));
}

/* FORMAT comes last: a store is one from the moment it has that, and whole then. */
static int make_store(struct kist_store *s, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct port_stat st;
    int rc;

    if ((rc = port_dir_list(s->root, refuse_foreign, s, err)) < 0 || (rc = open_rooms(s, true, err)) < 0 ||
        (rc = kist_store_lock(s, true, &lock, err)) < 0) {
        return rc;
    }
    if (port_dir_stat(s->root, "FORMAT", &st, NULL) == 0) {
        return 0; /* made by another process while we waited */
    }
    /* one that is there is never overwritten, wherever FORMAT may have gone */
    rc = port_dir_stat(s->root, INDEX_NAME, &st, err);
    if (rc == KIST_E_NOT_FOUND) {
        rc = kist_store_write_locked(s, s->root, INDEX_NAME, KIST_INDEX_EMPTY, strlen(KIST_INDEX_EMPTY),
                                     err);
    }
    if (rc < 0) {
        return rc;
    }
    return kist_store_write_locked(s, s->root, "FORMAT", FORMAT_TEXT, strlen(FORMAT_TEXT), err);
}

int kist_store_check_format(struct kist_store *s, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FORMAT_MAX);
    unsigned major = 0, minor = 0;
    char end = '\0';
    int rc = kist_store_read(s->root, "FORMAT", &text, err);

    if (rc < 0) {
        return rc;
    }
    if (sscanf(kist_buf_text(&text), "kist-store %5u.%5u%c", &major, &minor, &end) != 3 || end != '\n') {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s/FORMAT' is damaged", kist_store_root(s));
    }
    if (major != FORMAT_MAJOR) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "store '%s' has format %u.%u, this kist knows %d.x only", kist_store_root(s),
                              major, minor, FORMAT_MAJOR);
    }
    return 0;
}

/* Layer files are mounted as they are and the index believed: nobody else may have written them. */
static int check_owner(struct kist_store *s, struct kist_error *err)
{
    static const char *const names[] = {"blobs", "layers", "containers", "index.json"};

    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        int rc = kist_store_trust(s->root, names[i], err);

        if (rc < 0) {
            return rc == KIST_E_CORRUPT ? kist_error_wrap(err, "store '%s'", kist_store_root(s)) : rc;
        }
    }
    return 0;
}

static int open_store(struct kist_store *s, const char *root, bool create, struct kist_error *err)
{
    struct port_space space;
    int rc = port_dir_open(&s->root, root, create, err);

    if (rc == 0 && (rc = port_dir_space(s->root, &space, err)) == 0) {
        s->block = space.block;
        rc = kist_store_check_format(s, err);
        if (rc == KIST_E_NOT_FOUND && create) {
            rc = make_store(s, err);
        } else if (rc == 0) {
            rc = open_rooms(s, false, err);
        }
    }
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no store at '%s'", root);
    }
    return rc < 0 ? rc : check_owner(s, err);
}

int kist_store_open(struct kist_store **out, const char *root, bool create, struct kist_error *err)
{
    struct kist_store *s = calloc(1, sizeof(*s));
    int rc;

    if (!s) {
        return kist_error_nomem(err);
    }
    rc = open_store(s, root, create, err);
    if (rc < 0) {
        kist_store_close(s);
        return rc;
    }
    kist_store_sweep_opening(s);
    *out = s;
    return 0;
}

void kist_store_close(struct kist_store *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->below_count; i++) {
        kist_store_close(s->below[i]);
    }
    port_dir_close(s->root);
    port_dir_close(s->blobs);
    port_dir_close(s->layers);
    port_dir_close(s->partial);
    port_dir_close(s->containers);
    port_dir_close(s->tmp);
    free(s);
}

const char *kist_store_root(const struct kist_store *s)
{
    return port_dir_path(s->root);
}
