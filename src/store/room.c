/*
 * Room that was given: partial/room-<random>, "<bytes> <kind>/<name>", locked by its owner for as long as it holds. It is read and
 * written only by whoever has the store's lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

#define PREFIX "room-"
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
    uint64_t bytes;
};

static int add_one(void *arg, const char *name, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    struct sum *sum = arg;
    uint64_t bytes, used;
    char *place;
    int rc;

    if (!kist_str_starts(name, PREFIX) || !kist_store_partial_reap(sum->store, name)) {
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
        return kist_error_set(err, KIST_E_CORRUPT, "'%s/%s' is damaged", port_dir_path(sum->store->partial), name);
    }
    rc = place_usage(sum->store, place, &used, err);
    if (rc == 0 && bytes > used) {
        sum->bytes += bytes - used;
    }
    return rc;
}

int kist_store_rooms(struct kist_store *s, uint64_t *promised, struct kist_error *err)
{
    struct sum sum = {.store = s};
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

static int make_room(struct kist_store_room *r, uint64_t bytes, struct kist_error *err)
{
    struct kist_store *s = r->store;
    int rc;

    if ((rc = kist_store_temp_name(r->name, PREFIX, err)) < 0 ||
        (rc = port_file_create(&r->file, s->partial, r->name, false, err)) < 0 ||
        (rc = port_file_lock(r->file, true, 0, err)) < 0) {
        return rc;
    }
    return change_room(r, bytes, err);
}

static int take_locked(struct kist_store_room *r, uint64_t bytes, struct kist_store_room *from, struct kist_error *err)
{
    struct kist_store *s = r->store;
    uint64_t before = from ? from->bytes : 0, used = 0, file = kist_store_cost(s, TEXT_MAX);
    int rc;

    if ((rc = place_usage(s, r->place, &used, err)) < 0) {
        return rc;
    }
    if (from && (rc = change_room(from, before - KIST_MIN(before, bytes), err)) < 0) {
        return rc;
    }
    rc = bytes > INT64_MAX - used ? kist_error_set(err, KIST_E_NO_SPACE, "needs %" PRIu64 " bytes", bytes)
                                  : kist_store_fits(s, bytes + file, err);
    rc = rc < 0 ? rc : make_room(r, used + bytes, err);
    if (rc < 0 && from) {
        (void)!change_room(from, before, NULL);
    }
    return rc;
}

int kist_store_room_take(struct kist_store *s, const char *kind, const char *name, uint64_t bytes,
                         struct kist_store_room *from, struct kist_store_room **out, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store_room *r;
    int rc;

    *out = NULL;
    if (!kist_store_limited(s)) {
        return kist_store_fits(s, bytes, err);
    }
    r = calloc(1, sizeof(*r));
    if (!r) {
        return kist_error_nomem(err);
    }
    r->store = s;
    rc = kist_str_format(r->place, sizeof(r->place), "%s/%s", kind, name)
             ? kist_store_lock(s, true, &lock, err)
             : kist_error_set(err, KIST_E_FAIL, "the name '%.60s' is too long", name);
    rc = rc < 0 ? rc : take_locked(r, bytes, from, err);
    if (rc < 0) {
        kist_store_room_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

int kist_store_room_grow(struct kist_store_room *room, uint64_t least, uint64_t wish, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store_space space;
    int rc;

    if (!room || least == 0) {
        return 0;
    }
    if ((rc = kist_store_lock(room->store, true, &lock, err)) < 0 ||
        (rc = kist_store_space(room->store, &space, err)) < 0) {
        return rc;
    }
    if (least > space.left) {
        return kist_store_no_room(&space, least, " more", err);
    }
    return change_room(room, room->bytes + KIST_MIN(KIST_MAX(least, wish), space.left), err);
}

uint64_t kist_store_room_bytes(const struct kist_store_room *room)
{
    return room ? kist_store_cost_inverse(room->store, room->bytes) : UINT64_MAX;
}

void kist_store_room_free(struct kist_store_room *room)
{
    if (room) {
        if (room->file) {
            (void)!port_dir_unlink(room->store->partial, room->name, NULL);
            port_file_discard(room->file);
        }
        free(room);
    }
}
