/* What the files of the tar reader share; private to them. Offsets and lengths never pass INT64_MAX. */
#ifndef KIST_CODEC_TAR_PARTS_H
#define KIST_CODEC_TAR_PARTS_H

#include "base/buf.h"
#include "base/limits.h"
#include "codec/tar.h"

#define KIST_TAR_BLOCK_SIZE ((size_t)512)

/* ---- tar_header.c: the 512-byte header block (POSIX.1-1988 ustar, GNU, star, v7) ---- */

struct kist_tar_header {
    unsigned char type; /* typeflag as it stands */
    char name[257];     /* prefix and name joined */
    char link_name[101];
    uint32_t mode;
    uint64_t uid, gid, size, major, minor;
    int64_t mtime;
};

bool kist_tar_header_blank(const unsigned char *block);
/* Whether the checksum, of signed or unsigned bytes, is right. */
bool kist_tar_header_valid(const unsigned char *block);
/* KIST_E_CORRUPT: a field that is no number, negative or too large. */
int kist_tar_header_read(struct kist_tar_header *h, const unsigned char *block,
                         struct kist_error *err) KIST_CHECKED;
/* A number field: octal, or base-256 where its first bit is set. False on anything else or past 64 bits. */
bool kist_tar_number(const unsigned char *field, size_t len, int64_t *value) KIST_CHECKED;

/* ---- tar_sparse.c: the map of a sparse member in its four written forms ---- */

struct kist_tar_map {
    struct kist_tar_extent *extents; /* none empty */
    size_t count, size;
    uint64_t end;    /* where the last stretch ends, an empty one too */
    uint64_t stored; /* sum of the lengths */
    /* the text of form 1.0 as far as it was read */
    uint64_t number, offset, left;
    unsigned digits;
    enum { KIST_TAR_MAP_COUNT, KIST_TAR_MAP_OFFSET, KIST_TAR_MAP_LENGTH } expects;
};

void kist_tar_map_clear(struct kist_tar_map *m);
void kist_tar_map_release(struct kist_tar_map *m);
/* KIST_E_CORRUPT where the stretch begins before the end of the one before, or there are too many. */
int kist_tar_map_add(struct kist_tar_map *m, uint64_t offset, uint64_t length,
                     struct kist_error *err) KIST_CHECKED;
/* The old GNU form: up to count entries of 24 bytes, the first empty one ends them. */
int kist_tar_map_add_old(struct kist_tar_map *m, const unsigned char *entries, size_t count,
                         struct kist_error *err) KIST_CHECKED;
/* The form of pax 0.1: "offset,length,offset,length...". */
int kist_tar_map_add_list(struct kist_tar_map *m, const char *text, struct kist_error *err) KIST_CHECKED;
/* The form of pax 1.0: one more block of its text. 1 when that was the last, 0 when more must follow. */
int kist_tar_map_add_block(struct kist_tar_map *m, const unsigned char *block,
                           struct kist_error *err) KIST_CHECKED;

/* ---- tar_pax.c: the records of pax headers (POSIX.1-2001, pax, "pax Interchange Format") ---- */

enum kist_tar_said {
    KIST_TAR_SIZE = 1 << 0,
    KIST_TAR_UID = 1 << 1,
    KIST_TAR_GID = 1 << 2,
    KIST_TAR_MTIME = 1 << 3,
    KIST_TAR_MAJOR = 1 << 4,
    KIST_TAR_MINOR = 1 << 5,
    KIST_TAR_REAL_SIZE = 1 << 6,
    KIST_TAR_SPARSE_MAJOR = 1 << 7,
    KIST_TAR_SPARSE_MINOR = 1 << 8,
    KIST_TAR_SPARSE_MAP = 1 << 9,
};

/* What the records so far say. Pointers lead into the text they were read from. */
struct kist_tar_pax {
    unsigned said; /* enum kist_tar_said: which of the numbers below */
    uint64_t size, uid, gid, major, minor;
    int64_t mtime;
    uint64_t real_size, sparse_major, sparse_minor, sparse_offset;
    const char *path, *link_path, *sparse_name; /* NULL: not said */
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];
    size_t xattr_count;
};

/*
 * Reads the records in len bytes at text, which is changed and must live as long as p, into p. map takes the
 * sparse maps of forms 0.0 and 0.1; NULL for a global header, in which sparse records mean nothing.
 */
int kist_tar_pax_read(struct kist_tar_pax *p, char *text, size_t len, struct kist_tar_map *map,
                      struct kist_error *err) KIST_CHECKED;

/* ---- tar_extended.c: what extended headers, pax and GNU, say about the members after them ---- */

struct kist_tar_extended {
    struct kist_buf body; /* of the one being read */
    struct kist_buf long_name, long_link, local_text, global_text;
    bool has_long_name, has_long_link, has_local; /* they wait for their member */
    struct kist_tar_pax local, global; /* lead into local_text and global_text; local includes global */
};

void kist_tar_extended_init(struct kist_tar_extended *x);
void kist_tar_extended_release(struct kist_tar_extended *x);
/* Whether a header of this type says something about others. */
bool kist_tar_extended_type(unsigned char type);
/* A header of such a type begins; KIST_E_CORRUPT where its body is too large. */
int kist_tar_extended_begin(struct kist_tar_extended *x, uint64_t size, struct kist_error *err) KIST_CHECKED;
/* Its body is in x->body. map takes what local pax records say of a sparse map. */
int kist_tar_extended_end(struct kist_tar_extended *x, unsigned char type, struct kist_tar_map *map,
                          struct kist_error *err) KIST_CHECKED;
/* Whether some wait for a member. */
bool kist_tar_extended_pending(const struct kist_tar_extended *x);
/* The member they waited for was there. */
void kist_tar_extended_used(struct kist_tar_extended *x);
/* The pax records that hold for the next member. */
const struct kist_tar_pax *kist_tar_extended_pax(const struct kist_tar_extended *x);

/*
 * The member that header h begins, but for its sparse map; stored is the bytes that follow. KIST_E_CORRUPT
 * where it has no name or target, or a number is too large. What e points to is x's and h's.
 */
int kist_tar_extended_apply(const struct kist_tar_extended *x, const struct kist_tar_header *h,
                            struct kist_tar_entry *e, struct kist_error *err) KIST_CHECKED;

#endif
