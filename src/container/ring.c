#include "container/ring.h"

#include <stdlib.h>

#include "base/str.h"

/* Somebody may turn the ring while we look for its newest file. */
#define TRIES 8

struct kist_ring {
    struct port_dir *dir;
    struct port_file *file; /* the newer one; NULL: to be opened */
    uint64_t half, size;
    bool shared;
    char name[64], older[72];
};

static bool set_names(char name[64], char older[72], const char *given)
{
    return kist_str_copy(name, 64, given) && kist_str_format(older, 72, "%s.1", given);
}

int kist_ring_open(struct kist_ring **out, const char *dir, const char *name, uint64_t bytes, bool shared,
                   struct kist_error *err)
{
    struct kist_ring *ring = calloc(1, sizeof(*ring));
    int rc;

    *out = NULL;
    if (!ring) {
        return kist_error_nomem(err);
    }
    ring->half = KIST_MAX(bytes, (uint64_t)KIST_RING_MIN) / 2;
    ring->shared = shared;
    rc = set_names(ring->name, ring->older, name) ? port_dir_open(&ring->dir, dir, true, err)
                                                  : kist_error_set(err, KIST_E_FAIL, "'%s' is too long", name);
    if (rc < 0) {
        free(ring);
        return rc;
    }
    *out = ring;
    return 0;
}

static void let_go(struct kist_ring *ring)
{
    port_file_discard(ring->file);
    ring->file = NULL;
}

/* The newer file, open, and where others add too locked; its size is known then. */
static int grasp(struct kist_ring *ring, struct kist_error *err)
{
    int rc = 0;

    for (int i = 0; i < TRIES; i++) {
        if (!ring->file) {
            rc = port_file_open_rw(&ring->file, ring->dir, ring->name, err);
            rc = rc < 0 ? rc : port_file_size(ring->file, &ring->size, err);
        }
        if (rc < 0 || !ring->shared) {
            return rc;
        }
        rc = port_file_lock(ring->file, true, 1000, err);
        if (rc == 0 && port_file_is(ring->file, ring->dir, ring->name)) {
            return port_file_size(ring->file, &ring->size, err);
        }
        let_go(ring);
        if (rc < 0) {
            return rc;
        }
    }
    return kist_error_set(err, KIST_E_CONFLICT, "'%s/%s' is busy", port_dir_path(ring->dir), ring->name);
}

int kist_ring_add(struct kist_ring *ring, const char *records, size_t len, struct kist_error *err)
{
    int rc = grasp(ring, err);

    if (rc == 0 && ring->size > 0 && ring->size + len > ring->half) {
        rc = port_dir_rename(ring->dir, ring->name, ring->dir, ring->older, err);
        let_go(ring);
        rc = rc < 0 ? rc : grasp(ring, err);
    }
    rc = rc < 0 ? rc : port_file_write_at(ring->file, ring->size, records, len, err);
    if (rc == 0) {
        ring->size += len;
    } else if (ring->file) {
        (void)!port_file_truncate(ring->file, ring->size, NULL); /* half a record is none */
    }
    if (ring->shared) {
        let_go(ring);
    }
    return rc;
}

void kist_ring_close(struct kist_ring *ring)
{
    if (ring) {
        let_go(ring);
        port_dir_close(ring->dir);
        free(ring);
    }
}

/* ---- reading ---- */

/* The older file where there is one, else the newer, else none yet. */
static int open_first(struct kist_ring_reader *r, struct kist_error *err)
{
    int rc = port_file_open(&r->file, r->dir, r->older, err);

    if (rc == KIST_E_NOT_FOUND) {
        rc = port_file_open(&r->file, r->dir, r->name, err);
    }
    r->at = 0;
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}

int kist_ring_read_open(struct kist_ring_reader *r, const char *dir, const char *name, struct kist_error *err)
{
    int rc;

    *r = (struct kist_ring_reader){.dir = NULL};
    if (!set_names(r->name, r->older, name)) {
        return kist_error_set(err, KIST_E_FAIL, "'%s' is too long", name);
    }
    rc = port_dir_open(&r->dir, dir, false, err);
    return rc < 0 ? rc : open_first(r, err);
}

/* At the end of a file that is not the newest any more. */
static int turn(struct kist_ring_reader *r, struct kist_error *err)
{
    const bool older = port_file_is(r->file, r->dir, r->older);
    struct port_file *next = NULL;
    /* what is neither was pushed out while we slept: all that is left comes next */
    int rc = port_file_open(&next, r->dir, older ? r->name : r->older, err);

    if (rc == 0) {
        port_file_discard(r->file);
        r->file = next;
        r->at = 0;
    }
    return rc == KIST_E_NOT_FOUND ? 0 : rc < 0 ? rc : 1;
}

int kist_ring_read(struct kist_ring_reader *r, char *data, size_t size, size_t *got, struct kist_error *err)
{
    bool last = false;
    int rc = r->file ? 0 : open_first(r, err);

    *got = 0;
    while (rc == 0 && r->file) {
        rc = port_file_read_at(r->file, r->at, data, size, got, err);
        r->at += *got;
        if (rc < 0 || *got > 0 || port_file_is(r->file, r->dir, r->name)) {
            break;
        }
        if (!last) {
            last = true; /* it may have grown until it was put aside, and grows no more */
            continue;
        }
        last = false;
        rc = turn(r, err);
        if (rc <= 0) {
            break;
        }
        rc = 0;
    }
    return rc;
}

void kist_ring_read_close(struct kist_ring_reader *r)
{
    port_file_discard(r->file);
    port_dir_close(r->dir);
    *r = (struct kist_ring_reader){.dir = NULL};
}
