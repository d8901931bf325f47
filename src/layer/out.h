/* The layer file as the writer sees it: appended to through one buffer, counted, capped and hashed. */
#ifndef KIST_LAYER_OUT_H
#define KIST_LAYER_OUT_H

#include "codec/sha256.h"
#include "port/file.h"

#define KIST_OUT_BUFFER (64U << 10)

struct kist_out {
    struct port_file *file;
    uint64_t position;       /* where the next byte goes */
    uint64_t max;            /* bytes of the file; 0: no limit */
    int (*more)(void *arg, uint64_t need, uint64_t *max, struct kist_error *err); /* as in kist_layer_options */
    void *more_arg;
    struct kist_sha256 hash; /* of what was written since kist_out_hash_start */
    unsigned char *buffer;
    size_t used;
};

int kist_out_init(struct kist_out *o, struct port_file *file, uint64_t max,
                  struct kist_error *err) KIST_CHECKED;
void kist_out_release(struct kist_out *o);

/* KIST_E_NO_SPACE before a byte past max goes out. */
int kist_out_write(struct kist_out *o, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
/* Zeros up to the next multiple of align, a power of two up to 4096. */
int kist_out_pad(struct kist_out *o, size_t align, struct kist_error *err) KIST_CHECKED;
/* Hands the buffer to the file. */
int kist_out_flush(struct kist_out *o, struct kist_error *err) KIST_CHECKED;

void kist_out_hash_start(struct kist_out *o);

#endif
