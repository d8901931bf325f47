/* What the store's files share: its open directories, its lock, and the rules of what may be deleted. */
#ifndef KIST_STORE_PRIVATE_H
#define KIST_STORE_PRIVATE_H

#include "base/limits.h"
#include "store/index.h"
#include "store/quota.h"
#include "store/set.h"
#include "store/store.h"

#define KIST_STORE_NAME_MAX 40 /* of a file in tmp/ or of a lease */
#define KIST_STORE_LEASE_PREFIX "lease-"
#define KIST_STORE_LEFT_PREFIX "left-" /* of a lease that outlives its process */
/* A lease names the manifests, configs and layers of images, one digest in hex a line. */
#define KIST_STORE_LEASE_MAX ((size_t)KIST_MAX_STORE_IMAGES * 16 * KIST_DIGEST_HEX_MAX)
#define KIST_STORE_JOURNAL_SUFFIX ".journal" /* after a layer's name: its journal */
#define KIST_STORE_JOURNAL_MAX (KIST_DIGEST_HEX_MAX + sizeof(KIST_STORE_JOURNAL_SUFFIX))

struct kist_store {
    struct port_dir *root, *blobs, *layers, *partial, *containers, *tmp;
    /* Whether a sweep takes what leases of the dead hold too, or only says so. */
    enum { KIST_STORE_KEEP_LEFT, KIST_STORE_DROP, KIST_STORE_WOULD_DROP } drop_left;
    uint32_t block; /* the filesystem's unit: what a file takes is a multiple of it */
    struct kist_store_limits limits;
    struct kist_store *below[KIST_MAX_STORES]; /* read-only: root, blobs and layers are open, no more */
    size_t below_count;
    bool time_fixed; /* kist_store_fix_time */
    int64_t time;
    bool (*stop)(void *arg); /* kist_store_stop_on */
    void *stop_arg;
};

/* ---- stores below (stack.c) ---- */

/* Nobody but root and this user can have written what name in dir is, or dir itself for NULL. No such name is fine. */
int kist_store_trust(struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/* FORMAT of a store; KIST_E_NOT_FOUND where there is none. */
int kist_store_check_format(struct kist_store *s, struct kist_error *err) KIST_CHECKED;
/* The directory that has blob or layer hex: s's own, else that of the first store below; s's own where none has. */
struct port_dir *kist_store_blob_dir(struct kist_store *s, const char *hex);
struct port_dir *kist_store_layer_dir(struct kist_store *s, const char *hex);
/* Appends the images of stores below that no earlier one hides by name and platform, or that have no name and are known by ID. */
int kist_store_below_images(struct kist_store *s, struct kist_image_list *list, struct kist_error *err) KIST_CHECKED;
/*
 * rc, what came of looking for text among s's own images; but where that is KIST_E_NOT_FOUND and a store below has it, KIST_E_CONFLICT:
 * it "cannot be <verb>".
 */
int kist_store_refuse_below(struct kist_store *s, const char *text, const char *verb, int rc,
                            struct kist_error *err) KIST_CHECKED;

/* What a file of size bytes takes on flash. */
uint64_t kist_store_rounded(const struct kist_store *s, uint64_t size);

/* The same of the file that is named by digest; 0 where it is missing: that is for others to say. */
uint64_t kist_store_size_of(struct kist_store *s, struct port_dir *dir, const struct kist_digest *digest);

/*
 * The store's lock: exclusive to change index.json or delete files, shared to put files into tmp/. Waits for
 * as long as it is held elsewhere, saying so after a second. Release by port_file_discard, or
 * KIST_AUTO(store_lock).
 */
int kist_store_lock(struct kist_store *s, bool exclusive, struct port_file **lock,
                    struct kist_error *err) KIST_CHECKED;
void kist_store_lock_auto(struct port_file **lock);

/* Seconds since 1970; what kist_store_fix_time said, else the clock's. */
int64_t kist_store_now(const struct kist_store *s);

/* Tells, as a warning, who holds the lock on f that somebody waits for: "waiting for <what> '<name>', locked by process 123 (kist pull a)". */
void kist_store_tell_wait(const struct port_file *f, const char *what, const char *name);

/* prefix and 16 random hex digits. */
int kist_store_temp_name(char name[KIST_STORE_NAME_MAX], const char *prefix,
                         struct kist_error *err) KIST_CHECKED;

/* A directory of the store, made where it is missing. One that is new, or whose maker may have died before saying so, is made
 * to last: sync. */
int kist_store_subdir(struct port_dir **out, struct port_dir *at, const char *name, bool sync,
                      struct kist_error *err) KIST_CHECKED;

/* A new file in a directory that nobody sees yet. */
int kist_store_new_file(struct port_dir *dir, const char *name, const void *data, size_t len, bool sync,
                        struct kist_error *err) KIST_CHECKED;

/* kist_store_write_file for whoever holds the lock. */
int kist_store_write_locked(struct kist_store *s, struct port_dir *dir, const char *name, const void *data,
                            size_t len, struct kist_error *err) KIST_CHECKED;

/* All of a small file, at most out->max bytes. */
int kist_store_read(struct port_dir *dir, const char *name, struct kist_buf *out,
                    struct kist_error *err) KIST_CHECKED;

/*
 * index.json ends in a checksum of all that is before it (FORMAT.md). The first puts it there; the second takes it off, with
 * KIST_E_CORRUPT where it is another, and is content where there is none; the third takes it off after it has turned over the one bit
 * that was wrong, false where it was more than one.
 */
int kist_store_seal(struct kist_buf *text, struct kist_error *err) KIST_CHECKED;
int kist_store_unseal(struct kist_buf *text, struct kist_error *err) KIST_CHECKED;
bool kist_store_mend(struct kist_buf *text) KIST_CHECKED;

int kist_store_index_load(struct kist_store *s, struct kist_index *index,
                          struct kist_error *err) KIST_CHECKED;
/* Only its images, for who changes none of them: a third of the time and memory. */
int kist_store_index_read(struct kist_store *s, struct kist_index *index,
                          struct kist_error *err) KIST_CHECKED;
/* The commit. The caller holds the lock, and loaded index under it. It notes the time, where the kernel vouches for it. */
int kist_store_index_save(struct kist_store *s, struct kist_index *index,
                          struct kist_error *err) KIST_CHECKED;
/* The same for an index that images went out of: also on a disk that is full. kist_store_spare_keep after what that frees. */
int kist_store_index_save_less(struct kist_store *s, struct kist_index *index,
                               struct kist_error *err) KIST_CHECKED;

/* ---- blocks for that (spare.c): the caller holds the lock, exclusive ---- */

/* There are as many as index.json would need now, if these are to be had. */
void kist_store_spare_keep(struct kist_store *s);
/* Bytes that they take; no lock is needed. */
uint64_t kist_store_spare_bytes(struct kist_store *s);
/* index.json is data from now on, without a free block. KIST_E_NO_SPACE, with err as it was, where there are not enough. */
int kist_store_spare_commit(struct kist_store *s, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
/* index.json, and so all that it names, is known to be on the medium. The caller holds the lock. */
bool kist_store_index_lasts(struct kist_store *s);
/* In the place of a save where there is nothing to change: who wrote this index may have died before it lasted. */
int kist_store_index_settle(struct kist_store *s, struct kist_error *err) KIST_CHECKED;

/*
 * The image takes its name: who had it for this platform loses it, an entry of the image without a name goes. *change says
 * what that came to. 1: index changed and is to be saved; 0: it says all this already.
 */
int kist_index_put(struct kist_index *index, struct kist_image *image, enum kist_store_change *change,
                   struct kist_error *err) KIST_CHECKED;

/*
 * Keeps data as the blob it is; one that is there, whole, is not written again, but lasts from now on; lasts: it is known to do so
 * already. The caller holds the lock.
 */
int kist_store_blob_put(struct kist_store *s, const struct kist_digest *digest, const void *data, size_t len, bool lasts,
                        struct kist_error *err) KIST_CHECKED;

/*
 * A copy of what is damaged, and about to be overwritten, goes to damaged/ for people to look at; unless there is no room for it. At
 * most KIST_MAX_DAMAGED bytes are kept there, the newest. None there is success. The caller holds the lock, exclusive.
 */
int kist_store_set_aside(struct kist_store *s, struct port_dir *dir, const char *name,
                         struct kist_error *err) KIST_CHECKED;
/* damaged/, made when missing; with room for bytes more in it. */
int kist_store_damaged(struct kist_store *s, uint64_t bytes, struct port_dir **out, struct kist_error *err) KIST_CHECKED;

/* 1: the layer is kept; 0: it is not. */
int kist_store_layer_find(struct kist_store *s, const struct kist_digest *diff_id,
                          struct kist_error *err) KIST_CHECKED;

/* A layer is kept, or was begun. */
bool kist_store_layer_begun(struct kist_store *s, const struct kist_digest *diff_id);

/* As kist_store_layer_begin; but a layer that is there does not count: it is replaced when the new file is committed. */
int kist_store_layer_rewrite(struct kist_store *s, const struct kist_digest *diff_id,
                             struct kist_store_layer_tx **out, struct kist_error *err) KIST_CHECKED;

/* ---- leases ---- */

/*
 * Adds to keep, and seals it, what leases of the living name, and such of the dead as outlive them; deletes the other ones of the
 * dead, among them what names nothing that is not in keep anyway. The caller holds the lock.
 */
int kist_store_leases_collect(struct kist_store *s, struct kist_digest_set *keep,
                              struct kist_error *err) KIST_CHECKED;
/* An unnamed claim on nothing but tmp/<the lease's name>; ended by kist_store_lease_end. */
int kist_store_lease_bare(struct kist_store *s, struct kist_store_lease **out,
                          struct kist_error *err) KIST_CHECKED;
const char *kist_store_lease_name(const struct kist_store_lease *lease);
/* Deletes name in partial/ unless somebody alive holds it; true where somebody does. The caller holds the
 * lock. */
bool kist_store_partial_reap(struct kist_store *s, const char *name);

/*
 * Deletes what the dead left in partial/, but for leases that outlive them and, of layers that can be gone on with, those in keep, which
 * is sealed; keep NULL: those that a lease names. *stale: there was something. The caller holds the lock.
 */
int kist_store_partial_sweep(struct kist_store *s, const struct kist_digest_set *keep, bool *stale,
                             struct kist_error *err) KIST_CHECKED;

/* kist_store_left_drop; index was loaded under the lock, which the caller holds. */
int kist_store_left_drop_locked(struct kist_store *s, const struct kist_index *index, bool dry_run, uint64_t *freed,
                                struct kist_error *err) KIST_CHECKED;

/* "<hex>.journal"; returns name. */
const char *kist_store_journal_name(char name[KIST_STORE_JOURNAL_MAX], const char *hex);

/* ---- sweeping: the caller holds the lock, exclusive ---- */

typedef void kist_store_freed_fn(void *arg, const struct kist_digest *digest, uint64_t bytes);

/* Adds all that image needs to set. */
int kist_image_reaches(const struct kist_image *image, struct kist_digest_set *set,
                       struct kist_error *err) KIST_CHECKED;
/* Adds what is kept whatever the index says: what live leases name, the images of containers, and of images that are not in
 * the index also what they need; and the layers of the build cache, but for the second. */
int kist_store_held(struct kist_store *s, const struct kist_index *index, struct kist_digest_set *keep,
                    struct kist_error *err) KIST_CHECKED;
int kist_store_held_otherwise(struct kist_store *s, const struct kist_index *index, struct kist_digest_set *keep,
                              struct kist_error *err) KIST_CHECKED;
/* Adds the layers that steps of builds name. The caller holds the lock. */
int kist_store_steps_reach(struct kist_store *s, struct kist_digest_set *keep, struct kist_error *err) KIST_CHECKED;
/* Deletes blobs and layers that neither index, nor a live lease, nor a container reaches; tells freed (may be
 * NULL) of each. */
int kist_store_sweep(struct kist_store *s, const struct kist_index *index, kist_store_freed_fn *freed,
                     void *arg, struct kist_error *err) KIST_CHECKED;
/* At opening, when the lock is free: tmp/ and partial/, and where these show that somebody died, all the
 * rest. */
void kist_store_sweep_opening(struct kist_store *s);

/* ---- containers ---- */

/* Deletes directories in containers/ that never got a reference, or lost it to a power cut. The caller holds
 * the lock. */
int kist_store_containers_sweep(struct kist_store *s, struct kist_error *err) KIST_CHECKED;

/* ---- the limit ---- */

/* There is one besides the disk. */
bool kist_store_limited(const struct kist_store *s);
/* Bytes of a file that costs no more than that. */
uint64_t kist_store_cost_inverse(const struct kist_store *s, uint64_t bytes);
/* What is kept free for the rewrite of index.json. */
uint64_t kist_store_headroom(struct kist_store *s);
/* Bytes that rooms hold and their places do not take yet. reap: of the living, and those of the dead are deleted; the caller
 * holds the lock. */
int kist_store_rooms(struct kist_store *s, bool reap, uint64_t *promised, struct kist_error *err) KIST_CHECKED;
/* kist_store_space for whoever holds the lock, exclusively: nobody else takes of what is left. */
int kist_store_space_locked(struct kist_store *s, struct kist_store_space *space, struct kist_error *err) KIST_CHECKED;
/* 0: a lease of so many digests may be written. Some of what is kept is for that: who makes room begins with a lease. The caller
 * holds the lock. */
int kist_store_lease_fits(struct kist_store *s, size_t digests, struct kist_error *err) KIST_CHECKED;
/* 0: so many bytes may be written now. The caller holds the lock, exclusively; where there is no limit he need not. */
int kist_store_fits(struct kist_store *s, uint64_t bytes, struct kist_error *err) KIST_CHECKED;

/* Takes dir's directory name away, into tmp/, under the name of a lease: so long as we live nobody else deletes it, and once we
 * are dead anybody may. sync: that it is gone lasts. The caller holds the lock. */
int kist_store_move_away(struct kist_store *s, struct port_dir *dir, const char *name, bool sync,
                         struct kist_store_lease **lease, struct kist_error *err) KIST_CHECKED;

/* ---- volumes: the caller holds the lock, exclusive ---- */

/* The file of a container's directory that lists its volumes, one a line; absent where it has none. */
#define KIST_STORE_USES "uses"
#define KIST_STORE_USES_MAX (64U << 10)
/* Makes the volumes that are not there yet. */
int kist_store_volumes_make(struct kist_store *s, const struct kist_strv *names, struct kist_error *err) KIST_CHECKED;

/* ---- finding ---- */

/* As kist_image_list_find, and says whether text was an image ID (or its prefix). */
int kist_image_list_match(const struct kist_image_list *list, const char *text,
                          const struct kist_platform *want, const struct kist_image **found, bool *by_id,
                          struct kist_error *err) KIST_CHECKED;

#endif
