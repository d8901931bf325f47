/*
 * A file of records, appended to, each of which says whether it and all before it are what was written: what
 * a crash or flash did to it is found out, and ends it there.
 *
 *   8 bytes "kistjrnl", 32 bytes identity, then records: u32 length, that many bytes, sha256 of all of the
 * file before it
 */
#ifndef KIST_LAYER_JOURNAL_H
#define KIST_LAYER_JOURNAL_H

#include "base/buf.h"
#include "codec/sha256.h"
#include "port/file.h"

#define KIST_JOURNAL_RECORD_MAX (16U << 20)

struct kist_journal {
    struct port_file *file;  /* the caller's */
    struct kist_sha256 hash; /* of the first bytes of it */
    uint64_t bytes;
    unsigned char identity[KIST_SHA256_SIZE]; /* for the head of a new one */
};

/* An empty journal, whatever the file held; that stays empty up to the first record. */
int kist_journal_start(struct kist_journal *j, struct port_file *file,
                       const unsigned char identity[KIST_SHA256_SIZE], struct kist_error *err) KIST_CHECKED;
int kist_journal_add(struct kist_journal *j, const struct kist_buf *record,
                     struct kist_error *err) KIST_CHECKED;
/* false: the file is no journal of that identity. Otherwise its records are to be read; nothing is changed.
 */
bool kist_journal_open(struct kist_journal *j, struct port_file *file,
                       const unsigned char identity[KIST_SHA256_SIZE]);
/* 1 and the next record, or 0: there is none, or it cannot be read whole. */
int kist_journal_next(struct kist_journal *j, struct kist_buf *record, struct kist_error *err) KIST_CHECKED;
/* What follows is dropped, and records are added after it. */
int kist_journal_cut(struct kist_journal *j, struct kist_error *err) KIST_CHECKED;

#endif
