/*
 * A tar reader as a stage: POSIX.1-1988 ustar, POSIX.1-2001 pax (global and per-entry), GNU long names and
 * links, GNU and pax sparse files (0.0, 0.1, 1.0), base-256 numbers, and v7. It interprets, and says which
 * bytes of the stream were file data and which were not, so that the stream can be given back bit for bit.
 */
#ifndef KIST_CODEC_TAR_H
#define KIST_CODEC_TAR_H

#include <stdbool.h>

#include "codec/stream.h"

enum kist_tar_type {
    KIST_TAR_FILE,
    KIST_TAR_HARDLINK,
    KIST_TAR_SYMLINK,
    KIST_TAR_CHAR,
    KIST_TAR_BLOCK,
    KIST_TAR_DIRECTORY,
    KIST_TAR_FIFO,
};

/* A stretch of a sparse file that the archive holds; holes lie between. */
struct kist_tar_extent {
    uint64_t offset;
    uint64_t length;
};

struct kist_tar_xattr {
    const char *name; /* without "SCHILY.xattr." */
    const void *value;
    size_t size;
};

/* One member; all pointers are valid only during the entry call. */
struct kist_tar_entry {
    enum kist_tar_type type;
    const char *name;      /* as archived, not cleaned, no NUL inside; "" never */
    const char *link_name; /* link target, or NULL */
    uint32_t mode;         /* permission bits with set-id and sticky (07777) */
    uint32_t uid, gid;
    int64_t mtime;   /* seconds since 1970, fractions dropped towards minus infinity */
    uint64_t size;   /* of the file as unpacked, holes included */
    uint64_t stored; /* bytes of data that follow: size, or less for a sparse file */
    uint32_t major, minor;
    const struct kist_tar_xattr *xattrs;
    size_t xattr_count;
    bool sparse; /* extents hold: in order, not overlapping, none empty, their lengths add up to stored */
    const struct kist_tar_extent *extents;
    size_t extent_count;
};

/*
 * Who is told. The order for a member is: raw* entry data* end raw*; raw and data together are the whole
 * stream.
 */
struct kist_tar_handler {
    /* Bytes that are not file data: headers, padding, end blocks, whatever follows them. */
    int (*raw)(void *arg, const void *data, size_t len, struct kist_error *err);
    int (*entry)(void *arg, const struct kist_tar_entry *entry, struct kist_error *err);
    /* File data as stored; NULL where it is passed over (kist_tar_data_skip). */
    int (*data)(void *arg, const void *data, size_t len, struct kist_error *err);
    /* The member's data is complete. */
    int (*end)(void *arg, struct kist_error *err);
    /* The stream is complete. */
    int (*finish)(void *arg, struct kist_error *err);
};

struct kist_tar;

/*
 * handler and arg must outlive the stage. KIST_E_CORRUPT: not a tar (bad checksum of the first header), a
 * bad header, a negative or overflowing number, a sparse map that does not add up, an end within a member.
 * An empty stream is an empty archive; a stream may end without end blocks, as some tools write it. Volume
 * labels, continued volumes and directory dumps ('A' ... 'Z') are no members but raw bytes; other unknown
 * types are files, as POSIX has it. Links, directories, devices and fifos have no data, whatever their size
 * field says.
 */
int kist_tar_new(struct kist_tar **out, const struct kist_tar_handler *handler, void *arg,
                 struct kist_error *err) KIST_CHECKED;
void kist_tar_free(struct kist_tar *t);
struct kist_sink *kist_tar_sink(struct kist_tar *t);

/* Bytes of file data that come next; 0 where something else does. */
uint64_t kist_tar_data_left(const struct kist_tar *t);
/* len of these, without having them: the handler is told of data NULL. KIST_E_CORRUPT when there are fewer. */
int kist_tar_data_skip(struct kist_tar *t, uint64_t len, struct kist_error *err) KIST_CHECKED;

#endif
