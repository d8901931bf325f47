/*
 * A tar writer: ustar headers (POSIX.1-1988), and a pax header (POSIX.1-2001) before each member that does not fit
 * into one: long names and targets, large numbers, times before 1970, xattrs. The same calls give the same bytes.
 */
#ifndef KIST_CODEC_TAR_WRITE_H
#define KIST_CODEC_TAR_WRITE_H

#include "codec/tar.h"

struct kist_tar_writer {
    struct kist_sink data; /* a stage that gives the member its data; its finish does nothing */
    struct kist_sink *sink;
    uint64_t left;  /* bytes of data that the member at hand still gets */
    size_t padding; /* after them */
};

/* Everything goes into sink, which stays the caller's. */
void kist_tar_writer_init(struct kist_tar_writer *w, struct kist_sink *sink);

/*
 * A member begins; the one before must have all its data. Of e, sparse and extents are not looked at; a directory's
 * name gets its slash here; stored is taken as the number of bytes of data that follow (files only).
 */
int kist_tar_writer_entry(struct kist_tar_writer *w, const struct kist_tar_entry *e, struct kist_error *err)
    KIST_CHECKED;
/* Data of the member; KIST_E_FAIL for more than was promised. The padding follows with the last byte. */
int kist_tar_writer_data(struct kist_tar_writer *w, const void *data, size_t len, struct kist_error *err)
    KIST_CHECKED;
/* A whole file in memory: mode 0644, root's. */
int kist_tar_writer_file(struct kist_tar_writer *w, const char *name, int64_t mtime, const void *data, size_t len,
                         struct kist_error *err) KIST_CHECKED;
/* The two blocks at the end; does not finish the sink. KIST_E_FAIL where data of the last member is missing. */
int kist_tar_writer_end(struct kist_tar_writer *w, struct kist_error *err) KIST_CHECKED;

#endif
