/*
 * What is kept (src/store/FORMAT.md): images by name and digest, their blobs, one file a layer. Everything takes effect by
 * one rename of index.json; what neither it nor a container reaches is garbage. No lock is held during a transfer.
 */
#ifndef KIST_STORE_STORE_H
#define KIST_STORE_STORE_H

#include "base/buf.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "port/file.h"

struct kist_store;

/*
 * create makes an empty store where there is none (else KIST_E_NOT_FOUND). Opening sweeps what dead processes left in tmp/ and
 * partial/ when the lock is free. A newer major format is KIST_E_UNSUPPORTED, a directory with other things in it KIST_E_CONFLICT, and both
 * are left untouched; so is a damaged index, which is KIST_E_CORRUPT to all that need it. A store that anybody but root and this
 * user can have written is KIST_E_CORRUPT.
 */
int kist_store_open(struct kist_store **out, const char *root, bool create, struct kist_error *err) KIST_CHECKED;
void kist_store_close(struct kist_store *s);
/*
 * Puts read-only stores below s, each by its path, parted by ":", the first one that has something winning: their images are listed,
 * found and run as those of s, and their layers and blobs are as good as kept, but nothing in them is ever changed. One that is not there is a
 * warning. KIST_E_CORRUPT where anybody but root (and this user) can have written one. To be called once, before s is used.
 */
int kist_store_stack(struct kist_store *s, const char *paths, struct kist_error *err) KIST_CHECKED;
/*
 * When the store was last changed while the kernel held the clock for right (NTP): a time that has certainly passed, in
 * seconds since 1970; 0 where nobody knows.
 */
int64_t kist_store_clock(struct kist_store *s);
const char *kist_store_root(const struct kist_store *s);
/*
 * For stores that are to be the same whenever they are made: from kist_store_fix_time on, images are pulled at this time (seconds
 * since 1970); kist_store_stamp gives it, as time of modification, to all that is in the store but containers and volumes.
 */
void kist_store_fix_time(struct kist_store *s, int64_t now);
int kist_store_stamp(struct kist_store *s, struct kist_error *err) KIST_CHECKED;

/* ---- images ---- */

struct kist_image {
    char *name;                 /* "docker.io/library/alpine:latest", or NULL: no name */
    struct kist_descriptor manifest;
    struct kist_digest source;  /* digest the name resolved to at the registry: the index's, or the manifest's */
    struct kist_digest config;  /* the image ID */
    struct kist_platform platform;
    int64_t created;            /* from the config, 0 unknown */
    int64_t pulled;             /* when this store got it */
    bool pinned;                /* stays whatever is pruned: kist_store_image_pin */
    char *previous;             /* names, parted by blanks, that went from this image to another the last time; or NULL */
    char *from;                 /* the name it was pulled under, where it has another one now, or none; else NULL */
    struct kist_digest *diff_ids;
    size_t layer_count;
    const char *place;          /* root of the read-only store that has it, the store's memory; NULL: the writable one */
    uint64_t bytes;             /* on flash: layer files and blobs */
    uint64_t shared;            /* of these, bytes that other images (other IDs) also use */
};

struct kist_image_list {
    struct kist_image *v;
    size_t n;
};

/* All images, newest pulled first, sizes filled in. */
int kist_store_images(struct kist_store *s, struct kist_image_list *list, struct kist_error *err) KIST_CHECKED;
void kist_image_list_release(struct kist_image_list *list);
void kist_image_list_auto(struct kist_image_list *list);

/*
 * The image meant by text: a reference (with want's platform where several are kept, want may be NULL), an image ID, or its unique
 * prefix (with or without "sha256:"). "repository@digest" also finds what a tag brought with that digest. KIST_E_NOT_FOUND,
 * KIST_E_CONFLICT when a prefix is ambiguous.
 * list is what kist_store_images gave; the result points into it.
 */
int kist_image_list_find(const struct kist_image_list *list, const char *text, const struct kist_platform *want,
                         const struct kist_image **found, struct kist_error *err) KIST_CHECKED;

enum kist_store_change { KIST_STORE_UNCHANGED, KIST_STORE_DOWNLOADED, KIST_STORE_UPDATED };

/* What is to be kept; its layers must be in the store (leased). */
struct kist_image_new {
    const char *name;                     /* full reference text, or NULL for none */
    const struct kist_buf *manifest;      /* byte for byte */
    const struct kist_descriptor *manifest_desc;
    const struct kist_buf *config;        /* byte for byte */
    const struct kist_digest *source;     /* see struct kist_image */
};

/*
 * Writes the blobs, then index.json: the commit. The image that had the name for this platform loses it, and stays in the store
 * without one unless it has others, as with Docker: what an update replaced can still be gone back to. KIST_E_NOT_FOUND: a layer
 * is not in the store.
 */
int kist_store_image_add(struct kist_store *s, const struct kist_image_new *image, enum kist_store_change *change,
                         struct kist_error *err) KIST_CHECKED;

/*
 * Another name for the image that text means, in all the platforms of a name or the one of an ID; whoever had the name for one of
 * these loses it, as in kist_store_image_add. name: full reference text. KIST_E_NOT_FOUND, KIST_E_CONFLICT as in finding.
 */
int kist_store_image_tag(struct kist_store *s, const char *text, const char *name, struct kist_error *err) KIST_CHECKED;

/* One line of what an rmi did. */
struct kist_store_removed {
    struct kist_strv untagged;       /* full references; with a repository's last tag also its "repository@digest" */
    struct kist_strv deleted;        /* "sha256:<hex>": image IDs, then diff IDs of layers freed, the top first */
    uint64_t freed;                  /* bytes */
    uint64_t missing;                /* of a pruning that was to free so many bytes: those that are still to be freed */
};

/*
 * Docker's rmi: a name among several is untagged; the last name, or an ID with one name, removes the image and frees what nothing else
 * needs. KIST_E_CONFLICT: a container uses it (named in the message), or an ID has several names, and force is off; KIST_E_NOT_FOUND.
 * With force an image that containers use loses its names and stays; one that has none is KIST_E_CONFLICT still.
 */
int kist_store_image_remove(struct kist_store *s, const char *text, bool force, struct kist_store_removed *removed,
                            struct kist_error *err) KIST_CHECKED;
void kist_store_removed_release(struct kist_store_removed *r);

/* ---- making room ---- */

struct kist_store_prune {
    bool all;            /* also images that have names; otherwise only those without */
    bool keep_previous;  /* the image that a name, while it is there, stood for before stays */
    bool dry_run;        /* nothing changes */
    uint64_t keep;       /* of each repository, so many images stay: those pulled last */
    uint64_t need;       /* bytes: no more goes than it takes to free so many; 0: all goes that may */
    uint64_t target_free; /* bytes: the same, until so many may be written here (kist_store_space); 0: all goes that may */
    /* Whether image, all of whose entries are asked about, may go: 1 or 0, negative ends it. NULL: each may. */
    int (*takes)(void *arg, const struct kist_image *image, struct kist_error *err);
    void *arg;
};

/*
 * Drops what dead and failed pulls left (kist_store_left_drop), then
 * removes images, the one used longest ago first, by one change of index.json, and frees what nothing else needs. Never what is
 * pinned, what a container uses, running or not, or what a living lease names. An image goes with all its names or not at all.
 * removed tells what went, with dry_run what would, and in missing what there was no more to be had of: to be asked dry first by
 * who has no use for less. kist_store_removed_release it in any case.
 */
int kist_store_prune(struct kist_store *s, const struct kist_store_prune *options, struct kist_store_removed *removed,
                     struct kist_error *err) KIST_CHECKED;

/*
 * The image meant by text (kist_image_list_find) stays whatever is pruned, under whatever name, until it is unpinned.
 * KIST_E_NOT_FOUND. What is so already is not written again.
 */
int kist_store_image_pin(struct kist_store *s, const char *text, bool pin, struct kist_error *err) KIST_CHECKED;

/* Notes that the image was used now: the time of its manifest's blob, written at most once a day. */
void kist_store_image_used(struct kist_store *s, const struct kist_digest *manifest);

/* A kept manifest or config, verified against its digest; at most out->max bytes. */
int kist_store_blob(struct kist_store *s, const struct kist_digest *digest, struct kist_buf *out, struct kist_error *err)
    KIST_CHECKED;

/* ---- layers ---- */

bool kist_store_has_layer(struct kist_store *s, const struct kist_digest *diff_id);
/* Open for reading; close or hand to kist_layer_open. KIST_E_NOT_FOUND. */
int kist_store_layer_open(struct kist_store *s, const struct kist_digest *diff_id, struct port_file **out,
                          struct kist_error *err) KIST_CHECKED;

/*
 * A lease keeps layers and blobs that no index names yet from being swept, while this process lives. To be had before asking
 * which layers are kept. What it names and no image has come to need goes with its end; NULL is nothing.
 */
struct kist_store_lease;
int kist_store_lease_begin(struct kist_store *s, const struct kist_digest *digests, size_t count,
                           struct kist_store_lease **out, struct kist_error *err) KIST_CHECKED;
/* Names more, as if it had begun with these too. */
int kist_store_lease_add(struct kist_store_lease *lease, const struct kist_digest *digests, size_t count,
                         struct kist_error *err) KIST_CHECKED;
void kist_store_lease_end(struct kist_store_lease *lease);
/*
 * From now on it lasts: should this process die, or end it with kist_store_lease_leave, what it names is kept, and layers that are not
 * finished are, for kist_store_layer_resume to go on with, until all of that is needed by something else or KIST_MAX_LEFT_AGE is over.
 */
int kist_store_lease_outlive(struct kist_store_lease *lease, struct kist_error *err) KIST_CHECKED;
/* Ends it; what it names stays if it outlives. */
void kist_store_lease_leave(struct kist_store_lease *lease);

/*
 * Deletes what is kept only for leases that outlived their processes, and layers not finished, of which nobody is at work on; *freed
 * grows by its bytes. dry_run: it only does so.
 */
int kist_store_left_drop(struct kist_store *s, bool dry_run, uint64_t *freed, struct kist_error *err) KIST_CHECKED;
/* Bytes that a layer not finished takes, with its journal. */
uint64_t kist_store_layer_begun_bytes(struct kist_store *s, const struct kist_digest *diff_id);

/*
 * A layer on its way: partial/<diff id>, held by flock. Waits while another process adds the same one. Returns 1, and no tx, when the
 * layer is (or has become) kept.
 */
struct kist_store_layer_tx;
int kist_store_layer_begin(struct kist_store *s, const struct kist_digest *diff_id, struct kist_store_layer_tx **out,
                           struct kist_error *err) KIST_CHECKED;
/* A layer whose diff ID its end tells: to be ended by kist_store_layer_commit_as, or aborted. */
int kist_store_layer_begin_unnamed(struct kist_store *s, struct kist_store_layer_tx **out, struct kist_error *err)
    KIST_CHECKED;
/* As kist_store_layer_commit, under that diff ID, which a lease must name. Returns 1 where the layer was kept already: that stays. */
int kist_store_layer_commit_as(struct kist_store_layer_tx *tx, const struct kist_digest *diff_id, struct kist_error *err)
    KIST_CHECKED;
/*
 * Asked several times a second while kist_store_layer_begin waits for another process, from whatever thread that is: true
 * makes it KIST_E_INTERRUPTED. stop NULL (as it begins): only a signal in the waiting thread does.
 */
void kist_store_stop_on(struct kist_store *s, bool (*stop)(void *arg), void *arg);
struct port_file *kist_store_layer_file(struct kist_store_layer_tx *tx);
/* Where that file is until then; false: path is too small. */
bool kist_store_layer_path(const struct kist_store_layer_tx *tx, char *path, size_t size) KIST_CHECKED;

/*
 * The same, but the file keeps what a process that died, or called kist_store_layer_leave, wrote to it, and has a journal beside it:
 * the two files of kist_layer_writer_resume.
 */
int kist_store_layer_resume(struct kist_store *s, const struct kist_digest *diff_id, struct kist_store_layer_tx **out,
                            struct kist_error *err) KIST_CHECKED;
/* What was in its two files is forgotten. */
int kist_store_layer_restart(struct kist_store_layer_tx *tx, struct kist_error *err) KIST_CHECKED;
/* Both names outlast a power cut from now on. */
int kist_store_layer_lasts(struct kist_store_layer_tx *tx, struct kist_error *err) KIST_CHECKED;
/* Ends tx; the files stay, if the journal says anything and for as long as a lease wants it. */
void kist_store_layer_leave(struct kist_store_layer_tx *tx);
/* Syncs and renames it into layers/; frees tx whatever it returns, and when it fails removes the file. */
int kist_store_layer_commit(struct kist_store_layer_tx *tx, struct kist_error *err) KIST_CHECKED;
/* Removes it; NULL is nothing. */
void kist_store_layer_abort(struct kist_store_layer_tx *tx);

/* ---- containers: the room they live in; what is in it is src/container's ---- */

struct kist_container_ref {
    char id[65];
    char name[129]; /* as the container was named at creation */
    struct kist_digest image; /* its image ID */
    bool ephemeral; /* run --rm: nothing about it is worth a sync, a power cut may take all of it */
    bool leased;    /* for kist_store_container_add only: a lease keeps its layers, whether the image is kept or not */
    const struct kist_strv *volumes; /* names of those it uses, for kist_store_container_add only; NULL: none */
};

struct kist_container_refs {
    struct kist_container_ref *v;
    size_t n;
};

/*
 * containers/<id>/ is made with a file "ref" (JSON: name, image) that keeps the image from being removed; id is 64 hex digits.
 * Volumes that are not there are made. KIST_E_CONFLICT: the name is taken; KIST_E_NOT_FOUND: the image is no longer kept.
 */
int kist_store_container_add(struct kist_store *s, const struct kist_container_ref *ref, struct port_dir **dir,
                             struct kist_error *err) KIST_CHECKED;
int kist_store_containers(struct kist_store *s, struct kist_container_refs *refs, struct kist_error *err) KIST_CHECKED;
void kist_container_refs_release(struct kist_container_refs *refs);
/* One container's, by whole id. KIST_E_NOT_FOUND. */
int kist_store_container_ref(struct kist_store *s, const char *id, struct kist_container_ref *ref, struct kist_error *err)
    KIST_CHECKED;
/* Another name; the caller has seen to its grammar. KIST_E_CONFLICT: it is taken; KIST_E_NOT_FOUND: no such container. */
int kist_store_container_rename(struct kist_store *s, const char *id, const char *name, struct kist_error *err) KIST_CHECKED;
/* The container's directory, by whole id. KIST_E_NOT_FOUND. */
int kist_store_container_open(struct kist_store *s, const char *id, struct port_dir **dir, struct kist_error *err)
    KIST_CHECKED;
/* Bytes that it takes on flash, with all in it. */
int kist_store_container_usage(struct kist_store *s, const char *id, uint64_t *bytes, struct kist_error *err) KIST_CHECKED;
/* Renames it away first, so that it is gone at once, then deletes the tree. */
int kist_store_container_remove(struct kist_store *s, const char *id, struct kist_error *err) KIST_CHECKED;

/* ---- volumes: directories that outlive containers ---- */

#define KIST_VOLUME_NAME_MAX 129 /* Docker's grammar, [a-zA-Z0-9][a-zA-Z0-9_.-]+, and NUL */

struct kist_store_volume {
    char name[KIST_VOLUME_NAME_MAX];
    bool anonymous;          /* made for one container: its name is 64 hex digits */
    int64_t created;         /* seconds since 1970; 0 unknown */
    struct kist_strv labels; /* "key=value" */
    struct kist_strv users;  /* names of the containers that use it */
};

struct kist_store_volume_list {
    struct kist_store_volume *v;
    size_t n;
};

/* KIST_E_USAGE: no name of a volume. */
int kist_store_volume_check(const char *name, struct kist_error *err) KIST_CHECKED;
/* A new and empty one. 1: there is one of that name already, which stays as it is. labels may be NULL. */
int kist_store_volume_create(struct kist_store *s, const char *name, const struct kist_strv *labels,
                             struct kist_error *err) KIST_CHECKED;
/* By name. */
int kist_store_volumes(struct kist_store *s, struct kist_store_volume_list *list, struct kist_error *err) KIST_CHECKED;
void kist_store_volume_list_release(struct kist_store_volume_list *list);
void kist_store_volume_list_auto(struct kist_store_volume_list *list);
/* NULL: none of that name. Points into list. */
const struct kist_store_volume *kist_store_volume_find(const struct kist_store_volume_list *list, const char *name);
/* Names of those that the container uses are added; none is known of one that is not there. */
int kist_store_container_volumes(struct kist_store *s, const char *id, struct kist_strv *names,
                                 struct kist_error *err) KIST_CHECKED;
/* KIST_E_CONFLICT: a container uses it, which is named; KIST_E_NOT_FOUND. *freed (may be NULL): bytes on flash. */
int kist_store_volume_remove(struct kist_store *s, const char *name, uint64_t *freed, struct kist_error *err) KIST_CHECKED;
/* Where its files are: "<root>/volumes/<name>/_data", whether it is there or not. false: path is too small. */
bool kist_store_volume_path(const struct kist_store *s, const char *name, char *path, size_t size) KIST_CHECKED;

/* ---- small durable files: the commit rule in one function ---- */

/* Writes name in dir, which is in this store, by the commit rule: tmp, sync, rename, sync of dir. Takes the store lock, shared. */
int kist_store_write_file(struct kist_store *s, struct port_dir *dir, const char *name, const void *data, size_t len,
                          struct kist_error *err) KIST_CHECKED;

/* ---- locks on files of any kind ---- */

#define KIST_STORE_HOLDER_MAX 160
/* For messages, who holds a lock on f now: "process 123 (kist pull a)", or "another process". */
void kist_store_lock_holder(const struct port_file *f, char text[KIST_STORE_HOLDER_MAX]);
/* Waits for as long as it is held elsewhere; after a second a warning says "waiting for <what> '<name>', locked by" whom. */
int kist_store_wait_lock(struct port_file *f, bool exclusive, const char *what, const char *name, struct kist_error *err) KIST_CHECKED;

#endif
