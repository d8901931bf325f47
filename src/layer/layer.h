/*
 * A layer is one file: squashfs 4.0 image | recipe | implied directories | trailer (src/store/FORMAT.md). The writer turns
 * a tar stream into it, appending only; the reader lists it, reads files from it, and gives back the tar bit for bit.
 */
#ifndef KIST_LAYER_LAYER_H
#define KIST_LAYER_LAYER_H

#include "base/buf.h"
#include "codec/stream.h"
#include "image/digest.h"
#include "port/file.h"

enum kist_layer_compressor { KIST_LAYER_ZSTD, KIST_LAYER_GZIP };

struct kist_layer_options {
    enum kist_layer_compressor compressor;
    enum kist_layer_compressor (*ask)(void); /* in its place, with each file that is begun: what takes time to find out; NULL */
    int level;           /* 0: the compressor's default here (zstd 3, gzip 6) */
    unsigned workers;    /* threads that compress blocks beside the caller's; 0: all in the caller's */
    uint32_t max_inodes; /* 0: KIST_MAX_LAYER_INODES */
    uint64_t max_names;  /* bytes of names, link targets, xattrs and block lists; 0: KIST_MAX_LAYER_NAMES */
    uint64_t max_bytes;  /* of the layer file; 0: no limit. KIST_E_NO_SPACE before the byte past it is written */
    /* Asked, in the caller's thread, when the file has to pass max_bytes to hold need: sets *max to that or more, or fails.
     * NULL: nobody is. */
    int (*more)(void *arg, uint64_t need, uint64_t *max, struct kist_error *err);
    void *more_arg;
};

/* What a written or opened layer file holds. */
struct kist_layer_info {
    uint64_t file_bytes;     /* the whole file */
    uint64_t squashfs_bytes; /* the kernel's part, padded */
    uint64_t recipe_bytes;   /* as kept, compressed */
    uint64_t tar_bytes;      /* of the tar it came from */
    uint32_t inodes;
    enum kist_layer_compressor compressor; /* of an opened file */
    struct kist_digest diff_id; /* as the trailer names it */
};

struct kist_layer_writer;

/*
 * file is empty and open for writing, stays the caller's and must outlive the writer. The writer appends to it, and
 * writes its first 96 bytes (the superblock) once more at the end. It does not sync.
 */
int kist_layer_writer_new(struct kist_layer_writer **out, struct port_file *file,
                          const struct kist_layer_options *options, struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. Stops the workers. */
void kist_layer_writer_free(struct kist_layer_writer *w);
/*
 * The stage that takes the tar. Its finish writes all but the end; then the caller, knowing the diff ID, seals. What cannot be
 * kept is KIST_E_CORRUPT (a name or link that leads out of the layer or nowhere), KIST_E_UNSUPPORTED (too many owners) or
 * KIST_E_NO_SPACE (past a maximum of the options).
 */
struct kist_sink *kist_layer_writer_sink(struct kist_layer_writer *w);
/* After finish: writes index, trailer and superblock; diff_id goes into the trailer. */
int kist_layer_writer_seal(struct kist_layer_writer *w, const struct kist_digest *diff_id,
                           struct kist_layer_info *info, struct kist_error *err) KIST_CHECKED;

/*
 * Going on after a crash. A journal, a file of the caller's beside the layer's, says at marks what a writer holds in memory; from the
 * last mark that is whole, and agrees with the layer file, another writer goes on, and the layer gets the same bytes as if nothing
 * had happened. Neither file needs to be synced for that: a mark of what did not last is not believed.
 */

/*
 * Returns 1: *out goes on from a mark; state is what the caller gave with it, and its own part begins at byte *own. Returns 0: *out
 * begins; both files have been emptied. subject names what is being written: marks of another are not used, nor such with
 * other options.
 */
int kist_layer_writer_resume(struct kist_layer_writer **out, struct port_file *file, struct port_file *journal,
                             const struct kist_digest *subject, const struct kist_layer_options *options,
                             struct kist_buf *state, size_t *own, struct kist_error *err) KIST_CHECKED;
/* The writer's part of a mark, into state, which is empty. The caller adds its own, and gives it to kist_layer_writer_mark. */
int kist_layer_writer_state(struct kist_layer_writer *w, struct kist_buf *state, struct kist_error *err) KIST_CHECKED;
/* Everything written so far can be gone on from; sync: also after a power cut, names apart. */
int kist_layer_writer_mark(struct kist_layer_writer *w, const struct kist_buf *state, bool sync,
                           struct kist_error *err) KIST_CHECKED;
/* Bytes that a mark would add to the journal now, about, by what the writer holds. */
uint64_t kist_layer_writer_mark_cost(const struct kist_layer_writer *w);
/* Bytes of the layer file so far, and of the journal. */
uint64_t kist_layer_writer_bytes(const struct kist_layer_writer *w, uint64_t *journal);

/* Bytes that a state may have. */
#define KIST_LAYER_STATE_MAX (1U << 20)

struct kist_layer;

/* Of the tar that the layer in file came from; only its trailer is read. KIST_E_CORRUPT. */
int kist_layer_tar_bytes(struct port_file *file, uint64_t *bytes, struct kist_error *err) KIST_CHECKED;
/* Takes ownership of file always. KIST_E_CORRUPT for what is no whole layer file (trailer, superblock, bounds). */
int kist_layer_open(struct kist_layer **out, struct port_file *file, struct kist_error *err) KIST_CHECKED;
void kist_layer_close(struct kist_layer *l);
const struct kist_layer_info *kist_layer_info(const struct kist_layer *l);

/* Reads it all and checks the trailer's hashes. */
int kist_layer_verify(struct kist_layer *l, struct kist_error *err) KIST_CHECKED;

/* The tar it came from, into sink, with its finish. The caller compares the digest with the diff ID if it wants to. */
int kist_layer_tar(struct kist_layer *l, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;

#define KIST_WHITEOUT_PREFIX ".wh." /* before the name, in a tar, of what is deleted (OCI image spec, layer.md) */
#define KIST_WHITEOUT_OPAQUE ".wh..wh..opq" /* in a directory that hides the one below */

enum kist_layer_type {
    KIST_LAYER_FILE,
    KIST_LAYER_DIRECTORY,
    KIST_LAYER_SYMLINK,
    KIST_LAYER_CHAR,
    KIST_LAYER_BLOCK,
    KIST_LAYER_FIFO,
    KIST_LAYER_WHITEOUT, /* hides the name in layers below (a 0/0 character device) */
};

struct kist_layer_xattr {
    const char *name; /* whole: "security.capability" */
    const void *value;
    size_t size;
};

/* One name in a layer; pointers are valid during the call that brings it. */
struct kist_layer_entry {
    const char *path; /* relative, "" the root */
    enum kist_layer_type type;
    uint32_t mode; /* 07777 */
    uint32_t uid, gid;
    int64_t mtime;
    uint64_t size;        /* of a file */
    uint32_t major, minor;
    uint32_t inode;       /* names of one file share it */
    uint32_t links;
    const char *target;   /* of a symlink */
    bool implied;         /* a directory the tar never named: its owner, mode and xattrs mean nothing */
    bool opaque;          /* a directory that hides the one below */
    const struct kist_layer_xattr *xattrs; /* opaque's own not among them */
    size_t xattr_count;
    uint64_t place; /* for kist_layer_read_entry */
};

/*
 * Calls each for all entries, a directory before what is in it, names in byte order. Non-zero from each ends it and is
 * returned. each may read from l.
 */
int kist_layer_list(struct kist_layer *l, int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err),
                    void *arg, struct kist_error *err) KIST_CHECKED;
/*
 * The entry at path, brought to each once; whatever each returns is returned. Walks only the directories on the way, and
 * follows no symlink. KIST_E_NOT_FOUND when the layer does not name it (a whiteout is named).
 */
int kist_layer_find(struct kist_layer *l, const char *path,
                    int (*each)(void *arg, const struct kist_layer_entry *e, struct kist_error *err), void *arg,
                    struct kist_error *err) KIST_CHECKED;
/* The contents of the plain file at path (as listed), into sink, with its finish. KIST_E_NOT_FOUND. */
int kist_layer_read(struct kist_layer *l, const char *path, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;
/* The same for an entry that kist_layer_list or kist_layer_find has brought, without a lookup. */
int kist_layer_read_entry(struct kist_layer *l, const struct kist_layer_entry *e, struct kist_sink *sink,
                          struct kist_error *err) KIST_CHECKED;
/*
 * Calls each for the paths of the implied directories in the order of kist_layer_list, "" (the root) included. Non-zero from
 * each ends it and is returned. Cheap: no tree walk.
 */
int kist_layer_implied(struct kist_layer *l, int (*each)(void *arg, const char *path, struct kist_error *err), void *arg,
                       struct kist_error *err) KIST_CHECKED;

#endif
