/*
 * Room that was given: partial/room-<random>, "<bytes> <kind>/<name>", locked by its owner for as long as it holds. It is read and
 * written only by whoever has the store's lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "private.h"
#include "store/steps.h"

#define PREFIX "room-"
#define ROUNDS 5
#define PLACE_MAX 320
#define TEXT_MAX (PLACE_MAX + 24)

struct kist_store_room {
    struct kist_store *store;
    struct port_file *file;
    uint64_t bytes;
    char name[KIST_STORE_NAME_MAX];
    char place[PLACE_MAX];
};

/* What place takes now. */
static int place_usage(struct kist_store *s, const char *place, uint64_t *bytes, struct kist_error *err)
{
    const char *name = strchr(place, '/');
    char kind[32];
    struct port_dir *dir;
    int rc;

    *bytes = 0;
    if (!name || !kist_str_format(kind, sizeof(kind), "%.*s", (int)(name - place), place)) {
        return kist_error_set(err, KIST_E_CORRUPT, "room for '%.60s'", place);
    }
    rc = port_dir_open_at(&dir, s->root, kind, false, err);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_dir_usage(dir, name + 1, bytes, err);
    port_dir_close(dir);
    return rc;
}

/* ---- all there are ---- */

struct sum {
    struct kist_store *store;
    bool reap;
    uint64_t bytes;
};

static int add_one(void *arg, const char *name, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    struct sum *sum = arg;
    uint64_t bytes, used;
    char *place;
    int rc;

    if (!kist_str_starts(name, PREFIX) || (sum->reap && !kist_store_partial_reap(sum->store, name))) {
        return 0;
    }
    rc = kist_store_read(sum->store->partial, name, &text, err);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* given back in this moment */
    }
    place = text.len > 0 ? strchr(text.data, ' ') : NULL;
    if (place) {
        *place++ = '\0';
        place[strcspn(place, "\n")] = '\0';
    }
    if (!place || !kist_str_u64(text.data, INT64_MAX, &bytes)) {
        if (!sum->reap) {
            return 0; /* being made */
        }
        return kist_error_set(err, KIST_E_CORRUPT, "'%s/%s' is damaged", port_dir_path(sum->store->partial), name);
    }
    rc = place_usage(sum->store, place, &used, err);
    if (rc == 0 && bytes > used) {
        sum->bytes += bytes - used;
    }
    return rc;
}

int kist_store_rooms(struct kist_store *s, bool reap, uint64_t *promised, struct kist_error *err)
{
    struct sum sum = {.store = s, .reap = reap};
    int rc = port_dir_list(s->partial, add_one, &sum, err);

    *promised = sum.bytes;
    return rc;
}

/* ---- one's own ---- */

static int write_room(struct kist_store_room *r, uint64_t bytes, struct kist_error *err)
{
    char text[TEXT_MAX];

    if (!kist_str_format(text, sizeof(text), "%020" PRIu64 " %s\n", bytes, r->place)) {
        return kist_error_set(err, KIST_E_FAIL, "the name '%.60s' is too long", r->place);
    }
    return port_file_write_at(r->file, 0, text, strlen(text), err);
}

static int change_room(struct kist_store_room *r, uint64_t bytes, struct kist_error *err)
{
    int rc = write_room(r, bytes, err);

    if (rc == 0) {
        r->bytes = bytes;
    }
    return rc;
}

/* Takes its file away; r can be made again. */
static void drop_file(struct kist_store_room *r)
{
    if (r->file) {
        (void)!port_dir_unlink(r->store->partial, r->name, NULL);
        port_file_discard(r->file);
        r->file = NULL;
    }
}

static int make_room(struct kist_store_room *r, uint64_t bytes, struct kist_error *err)
{
    struct kist_store *s = r->store;
    int rc;

    if ((rc = kist_store_temp_name(r->name, PREFIX, err)) < 0 ||
        (rc = port_file_create(&r->file, s->partial, r->name, false, err)) < 0) {
        r->file = NULL;
        return rc;
    }
    rc = port_file_lock(r->file, true, 0, err);
    rc = rc < 0 ? rc : change_room(r, bytes, err);
    if (rc < 0) {
        drop_file(r);
    }
    return rc;
}

/* What is asked for: a new room of bytes, or least bytes more for one that has a file already. */
struct asking {
    struct kist_store_room *room, *from;
    uint64_t least, wish;
};

/* Told is what the place needs in all, and may have. */
static int grow_locked(const struct asking *a, const struct kist_store_space *space, struct kist_error *err)
{
    struct kist_store_room *r = a->room;
    struct kist_store_space all = *space;
    int rc;

    all.left += r->bytes;
    rc = kist_store_space_fits(&all, r->bytes + a->least, err);
    return rc < 0 ? rc : change_room(r, r->bytes + KIST_MIN(KIST_MAX(a->least, a->wish), space->left), err);
}

static int take_locked(const struct asking *a, struct kist_store_space *space, struct kist_error *err)
{
    uint64_t before = a->from ? a->from->bytes : 0, given = KIST_MIN(before, a->least), used = 0;
    int rc = place_usage(a->room->store, a->room->place, &used, err);

    if (rc < 0 || (given > 0 && (rc = change_room(a->from, before - given, err)) < 0)) {
        return rc;
    }
    space->left += given;
    rc = a->least > INT64_MAX - used
             ? kist_error_set(err, KIST_E_NO_SPACE, "needs %" PRIu64 " bytes", a->least)
             : kist_store_space_fits(space, a->least + kist_store_cost(a->room->store, TEXT_MAX), err);
    rc = rc < 0 ? rc : make_room(a->room, used + a->least, err);
    if (rc < 0 && given > 0) {
        (void)!change_room(a->from, before, NULL);
    }
    return rc;
}

static int try(const struct asking *a, uint64_t *missing, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store *s = a->room->store;
    struct kist_store_space space;
    int rc;

    *missing = 0;
    if ((kist_store_limited(s) && (rc = kist_store_lock(s, true, &lock, err)) < 0) ||
        (rc = kist_store_space_locked(s, &space, err)) < 0) {
        return rc;
    }
    rc = a->room->file               ? grow_locked(a, &space, err)
         : kist_store_limited(s)     ? take_locked(a, &space, err)
                                     : kist_store_space_fits(&space, a->least, err);
    if (rc == KIST_E_NO_SPACE) {
        *missing = a->least + kist_store_cost(s, TEXT_MAX) + space.over - KIST_MIN(space.left, a->least);
    }
    return rc;
}

/* 1: images went that make room for so many bytes; 0: there are none such. */
static int evict_images(struct kist_store *s, uint64_t missing, struct kist_error *err)
{
    struct kist_store_prune options = {
        .all = true, .keep_previous = s->limits.keep_previous, .dry_run = true, .need = missing};
    struct kist_store_removed removed;
    int rc = kist_store_prune(s, &options, &removed, err);
    bool enough = rc == 0 && removed.freed >= missing;

    kist_store_removed_release(&removed);
    if (!enough) {
        return rc;
    }
    options.dry_run = false;
    rc = kist_store_prune(s, &options, &removed, err);
    for (size_t i = 0; i < removed.untagged.n; i++) {
        kist_log(KIST_LOG_INFO, "image '%s' went to make room", removed.untagged.v[i]);
    }
    kist_store_removed_release(&removed);
    return rc < 0 ? rc : 1;
}

/* What can be built again goes before images do. */
static int evict(struct kist_store *s, uint64_t missing, struct kist_error *err)
{
    const struct kist_store_step_prune options = {.need = missing};
    struct kist_store_removed removed;
    int rc = kist_store_step_drop(s, &options, &removed, err);
    bool went = removed.freed > 0;

    kist_store_removed_release(&removed);
    return rc < 0 ? rc : went ? 1 : evict_images(s, missing, err);
}

/* 1: something went; 0: nothing may. What somebody who died left to be gone on with goes before images do. */
static int clear(struct kist_store *s, int round, uint64_t missing, struct kist_error *err)
{
    uint64_t freed = 0;
    int rc = round == 0 ? kist_store_left_drop(s, false, &freed, err) : 0;

    return rc < 0 ? rc : freed > 0 ? 1 : s->limits.evict ? evict(s, missing, err) : 0;
}

/* Others may take what was just made free; but not for ever. */
static int ask(const struct asking *a, struct kist_error *err)
{
    struct kist_error full = {.code = KIST_OK}, why;
    uint64_t missing;
    int rc = try(a, &missing, &full), cleared = 1;

    for (int round = 0; round < ROUNDS && rc == KIST_E_NO_SPACE && cleared > 0; round++) {
        cleared = clear(a->room->store, round, missing, &why);
        if (cleared > 0) {
            rc = try(a, &missing, &full);
        } else if (cleared < 0) {
            (void)kist_error_wrap(&why, "cannot make room");
            full = why;
            rc = cleared;
        }
    }
    if (rc < 0 && err) {
        *err = full;
    }
    return rc;
}

int kist_store_room_take(struct kist_store *s, const char *kind, const char *name, uint64_t bytes,
                         struct kist_store_room *from, struct kist_store_room **out, struct kist_error *err)
{
    struct kist_store_room *r = calloc(1, sizeof(*r));
    const struct asking a = {.room = r, .from = from, .least = bytes};
    int rc;

    *out = NULL;
    if (!r) {
        return kist_error_nomem(err);
    }
    r->store = s;
    rc = kist_str_format(r->place, sizeof(r->place), "%s/%s", kind, name)
             ? ask(&a, err)
             : kist_error_set(err, KIST_E_FAIL, "the name '%.60s' is too long", name);
    if (rc < 0 || !r->file) {
        kist_store_room_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

int kist_store_room_take_path(struct kist_store *s, const char *path, uint64_t bytes, struct kist_store_room **out,
                              struct kist_error *err)
{
    const char *root = kist_store_root(s), *at = path + strlen(root), *name;
    char kind[32];

    *out = NULL;
    if (!kist_str_starts(path, root) || *at++ != '/' || !(name = strchr(at, '/')) || name[1] == '\0' ||
        strchr(name + 1, '/') || !kist_str_format(kind, sizeof(kind), "%.*s", (int)(name - at), at)) {
        return 0;
    }
    return kist_store_room_take(s, kind, name + 1, bytes, NULL, out, err);
}

int kist_store_room_grow(struct kist_store_room *room, uint64_t least, uint64_t wish, struct kist_error *err)
{
    const struct asking a = {.room = room, .least = least, .wish = wish};

    return room && least > 0 ? ask(&a, err) : 0;
}

uint64_t kist_store_room_bytes(const struct kist_store_room *room)
{
    return room ? kist_store_cost_inverse(room->store, room->bytes) : UINT64_MAX;
}

void kist_store_room_free(struct kist_store_room *room)
{
    if (room) {
        drop_file(room);
        free(room);
    }
}
