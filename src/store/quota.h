/*
 * The hard limit: what the store takes, what it may take, and the one check that everything passes that writes below its root.
 *
 * All sizes are as the filesystem counts them (du). A quota bounds what lies below the root; a reserve is free space of the
 * filesystem that is left to others. Always kept besides is room for one rewrite of index.json, so that removing works on a full
 * store. What a container writes itself is measured, and counts, but nothing here stops it.
 *
 * Whoever writes a small file takes kist_store_write_file, which checks. Whoever writes something large, slowly, or outside the
 * store's lock takes a room for it first: room is given under the lock, and counts as used until it is given back.
 */
#ifndef KIST_STORE_QUOTA_H
#define KIST_STORE_QUOTA_H

#include "layer/layer.h"
#include "store/store.h"

struct kist_store_amount {
    uint64_t value;
    bool percent; /* of the filesystem's size; else bytes */
};

struct kist_store_limits {
    struct kist_store_amount quota;   /* value 0: none */
    struct kist_store_amount reserve; /* value 0: none */
    bool evict;                       /* who needs room may remove images for it, the one used longest ago first */
    bool keep_previous;               /* but not what an update would fall back to */
};

/* Holds for all that is done through s from now on; until then there is no limit but the disk. */
void kist_store_limit(struct kist_store *s, const struct kist_store_limits *limits);
const struct kist_store_limits *kist_store_limits(const struct kist_store *s);

/* Bytes by kind; total is their sum, and what du -s says of the root. */
struct kist_store_usage {
    uint64_t layers, blobs, partial, containers, volumes, cache, other, total;
};

int kist_store_usage(struct kist_store *s, struct kist_store_usage *usage, struct kist_error *err) KIST_CHECKED;

/* Calls each for everything in kind ("containers", "volumes", "cache") with what it takes. Non-zero from each ends it and is returned. */
int kist_store_usage_each(struct kist_store *s, const char *kind,
                          int (*each)(void *arg, const char *name, uint64_t bytes, struct kist_error *err), void *arg,
                          struct kist_error *err) KIST_CHECKED;

struct kist_store_space {
    uint64_t quota, reserve; /* bytes; quota 0: none */
    uint64_t used;           /* below the root; 0 where there is no quota, since nobody asks */
    uint64_t promised;       /* room given and not yet written in */
    uint64_t kept;           /* for the rewrite of index.json */
    uint64_t available;      /* of the filesystem */
    uint64_t left;           /* what may still be written */
    uint64_t over;           /* what is taken and promised beyond the limit, with what is kept; then left is 0 */
    bool by_quota;           /* it is the quota that says so, not the disk */
};

/* A forecast: as of now, with the room of the dead for that of the living. Takes no lock. */
int kist_store_space(struct kist_store *s, struct kist_store_space *space, struct kist_error *err) KIST_CHECKED;

/* 0, or KIST_E_NO_SPACE where bytes are more than is left, as above. */
int kist_store_space_fits(const struct kist_store_space *space, uint64_t bytes, struct kist_error *err) KIST_CHECKED;

/* What a new file of size bytes takes at most, with the filesystem's own records of it. */
uint64_t kist_store_cost(const struct kist_store *s, uint64_t size);

/*
 * Room for what is about to be written at "<kind>/<name>" below the root, a file or a directory, there already or not: partial/<hex>,
 * containers/<id>, volumes/<name>, cache/<name>. It holds until it is freed or the process dies. What that place takes is counted
 * against it, so writing there takes nothing twice.
 *
 * NULL is room without end: where no limit is set there is nothing to hold, and all these take it.
 */
struct kist_store_room;
/*
 * Room for bytes more than the place takes now. from (may be NULL): another room, which becomes smaller by that first, for as
 * much as it has. Takes the store's lock, and removes images where the limits say so and it helps.
 * KIST_E_NO_SPACE: "needs 41.2 MiB, 12.0 MiB left under quota 256 MiB (try 'kist image prune')".
 */
int kist_store_room_take(struct kist_store *s, const char *kind, const char *name, uint64_t bytes,
                         struct kist_store_room *from, struct kist_store_room **out, struct kist_error *err) KIST_CHECKED;
/* The same for <root>/<kind>/<name>; a path that is not so is outside of what is limited, and nothing is held for it. */
int kist_store_room_take_path(struct kist_store *s, const char *path, uint64_t bytes, struct kist_store_room **out,
                              struct kist_error *err) KIST_CHECKED;
/* Makes it larger by least bytes, by up to wish where there is as much; the same otherwise. */
int kist_store_room_grow(struct kist_store_room *room, uint64_t least, uint64_t wish, struct kist_error *err) KIST_CHECKED;
/* Bytes of one file that fit in it; UINT64_MAX for NULL. */
uint64_t kist_store_room_bytes(const struct kist_store_room *room);
void kist_store_room_free(struct kist_store_room *room);

/*
 * The writer of tx's file, which never lets it pass what may be kept: it takes room as it goes, expected bytes (of the layer file)
 * at once. from as above, NULL or what a plan holds. Free the writer before tx ends. KIST_E_NO_SPACE, here or from the writer.
 */
int kist_store_layer_writer(struct kist_store_layer_tx *tx, const struct kist_layer_options *options, uint64_t expected,
                            struct kist_store_room *from, struct kist_layer_writer **out, struct kist_error *err)
    KIST_CHECKED;

/* len bytes at the end of tx's file, under the same limit: something large that is no layer, and goes with tx. */
int kist_store_layer_append(struct kist_store_layer_tx *tx, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;

/* kist_store_layer_writer with kist_layer_writer_resume, of a tx of kist_store_layer_resume. */
int kist_store_layer_writer_resume(struct kist_store_layer_tx *tx, const struct kist_layer_options *options,
                                   uint64_t expected, struct kist_store_room *from, const struct kist_digest *subject,
                                   struct kist_buf *state, size_t *own, struct kist_layer_writer **out,
                                   struct kist_error *err) KIST_CHECKED;
/* The journal may have so many bytes. KIST_E_NO_SPACE: there is no room. */
int kist_store_layer_journal_room(struct kist_store_layer_tx *tx, uint64_t bytes, struct kist_error *err) KIST_CHECKED;

/* As kist_store_write_file, for what need not outlast a power cut: no sync, no rename; name is replaced. */
int kist_store_write_loose(struct kist_store *s, struct port_dir *dir, const char *name, const void *data, size_t len,
                           struct kist_error *err) KIST_CHECKED;

#endif
