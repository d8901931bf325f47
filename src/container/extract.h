/* A tar becoming files below a directory that somebody hostile may change meanwhile: nothing leads out of it (port/place.h). */
#ifndef KIST_CONTAINER_EXTRACT_H
#define KIST_CONTAINER_EXTRACT_H

#include "codec/stream.h"
#include "port/file.h"
#include "port/idmap.h"

struct kist_extract_how {
    bool owners; /* as the tar has them, and all mode bits; else: */
    uint32_t uid, gid;
    bool exact; /* xattrs and directories' times too, and the top becomes what the tar says of "."; blocks of zeros become holes */
    const struct port_ids *ids; /* of the user namespace whose owners these are; NULL: they are ours */
};

struct kist_extract;

/*
 * top and how stay the caller's and must outlive it. Directories that are there already stay what they are, but for the top of an exact one;
 * those that no member names are root's with mode 0755, or with owners off how's. Exact takes memory for each directory: 8 bytes and its path.
 */
int kist_extract_new(struct kist_extract **out, struct port_dir *top, const struct kist_extract_how *how, struct kist_error *err) KIST_CHECKED;
/*
 * Takes the tar, and its finish. KIST_E_CORRUPT: a member leads out of it, or it is no tar; KIST_E_CONFLICT: a directory and another kind of
 * file are in each other's way; KIST_E_UNSUPPORTED: a member is sparse; KIST_E_USAGE: an owner is none of ids.
 */
struct kist_sink *kist_extract_sink(struct kist_extract *u);
/* Of files, so far. */
uint64_t kist_extract_bytes(const struct kist_extract *u);
/* NULL is nothing. */
void kist_extract_free(struct kist_extract *u);

#endif
