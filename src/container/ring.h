/*
 * Text that is bounded: records, each ending in a newline, in two files "<name>" and "<name>.1". When the first has half of
 * what is allowed it becomes the second, and that one's records are gone. For what is said much and matters for a while.
 */
#ifndef KIST_CONTAINER_RING_H
#define KIST_CONTAINER_RING_H

#include "port/file.h"

#define KIST_RING_MIN (64U << 10) /* bytes of the smallest ring */

struct kist_ring;

/*
 * The directory is made when missing. shared: other processes add too. bytes: of both files, at least KIST_RING_MIN.
 */
int kist_ring_open(struct kist_ring **out, const char *dir, const char *name, uint64_t bytes, bool shared,
                   struct kist_error *err) KIST_CHECKED;
/* Whole records, at most 16 KiB of them; never torn apart. */
int kist_ring_add(struct kist_ring *ring, const char *records, size_t len, struct kist_error *err) KIST_CHECKED;
void kist_ring_close(struct kist_ring *ring);

/* From the oldest record on, while others add. */
struct kist_ring_reader {
    struct port_dir *dir;
    char name[64], older[72];
    struct port_file *file;
    uint64_t at;
};

/* KIST_E_NOT_FOUND: there is no such directory; a ring without files is an empty one. */
int kist_ring_read_open(struct kist_ring_reader *r, const char *dir, const char *name,
                        struct kist_error *err) KIST_CHECKED;
/* Bytes in the order they were added; *got 0: that was all up to now. */
int kist_ring_read(struct kist_ring_reader *r, char *data, size_t size, size_t *got, struct kist_error *err) KIST_CHECKED;
void kist_ring_read_close(struct kist_ring_reader *r);

#endif
