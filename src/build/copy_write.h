/* What the files that write a plan's tar share. */
#ifndef KIST_BUILD_COPY_WRITE_H
#define KIST_BUILD_COPY_WRITE_H

#include "build/copy_private.h"
#include "codec/tar_write.h"

/* One member to be. */
struct kist_copy_row {
    const char *path; /* in the image */
    const struct kist_copy_item *item;
    const struct kist_copy_entry *entry; /* NULL: what the item says is all */
};

/* A row whose file has several names. */
struct kist_copy_link {
    uint64_t identity;
    size_t row;
};

struct kist_copy_writing {
    struct kist_copy_plan *copy;
    struct kist_view image;
    struct kist_tar_writer tar;
    struct kist_tar_entry member; /* being written */
    bool owner;                   /* somebody is to own it all: */
    uint32_t uid, gid;
    char dest[KIST_MAX_PATH + 1]; /* resolved in the image */
    bool directory;               /* sources go into it */
    bool made;                    /* it is no directory of the image */
    struct kist_buf paths;
    struct kist_copy_row *rows; /* by group and path */
    size_t row_count;
    struct kist_copy_link *links; /* by identity */
    size_t link_count;
    char chain[KIST_MAX_PATH + 1];  /* the directory that was named last, with all above it */
    char absent[KIST_MAX_PATH + 1]; /* the image has nothing there; "" where nobody asked */
    char target[KIST_MAX_PATH + 1];
};

/* Names all directories on the way to path, as they are in the image, that the one named last did not bring. */
int kist_copy_make_parents(struct kist_copy_writing *w, const char *path, struct kist_error *err) KIST_CHECKED;
int kist_copy_make_destination(struct kist_copy_writing *w, struct kist_error *err) KIST_CHECKED;

/* ---- copy_rows.c ---- */

int kist_copy_find_destination(struct kist_copy_writing *w, struct kist_error *err) KIST_CHECKED;
/* KIST_E_FAIL: something would be both a directory and a file. */
int kist_copy_make_rows(struct kist_copy_writing *w, struct kist_error *err) KIST_CHECKED;
/* The path of an earlier row that is the same file; NULL: there is none. */
const char *kist_copy_first_name(const struct kist_copy_writing *w, const struct kist_copy_row *row);

/* ---- copy_archive.c ---- */

int kist_copy_write_archive(struct kist_copy_writing *w, const struct kist_copy_item *item, struct kist_error *err) KIST_CHECKED;

#endif
