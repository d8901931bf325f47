/* Our own streams (format.h): records appended to chunks, chunks to the file by way of the block pipeline. */
#ifndef KIST_LAYER_CHUNKS_H
#define KIST_LAYER_CHUNKS_H

#include "base/buf.h"
#include "layer/blocks.h"

struct kist_chunks {
    struct kist_blocks *blocks;
    struct kist_block *block; /* being filled, or NULL */
    enum kist_layer_stream stream;
    struct kist_buf index;
    uint32_t counts[KIST_LAYER_STREAMS];
    uint64_t stored; /* bytes of all chunks in the file */
    bool failed;     /* no memory for the index, found out where no error can be returned */
};

/* blocks must outlive it. Begins with the first stream. */
void kist_chunks_init(struct kist_chunks *c, struct kist_blocks *blocks);
void kist_chunks_release(struct kist_chunks *c);

/* Room for len bytes, at most KIST_LAYER_CHUNK_SIZE, in the chunk at hand or a new one. */
int kist_chunks_reserve(struct kist_chunks *c, size_t len, struct kist_error *err) KIST_CHECKED;
/* Bytes that the chunk at hand still takes; 0 when there is none. */
size_t kist_chunks_room(const struct kist_chunks *c);
/* Both need room; add takes any. */
void kist_chunks_varint(struct kist_chunks *c, uint64_t v);
void kist_chunks_byte(struct kist_chunks *c, unsigned char v);
int kist_chunks_add(struct kist_chunks *c, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;

/* Ends the chunk at hand; what follows belongs to stream. */
int kist_chunks_next(struct kist_chunks *c, enum kist_layer_stream stream,
                     struct kist_error *err) KIST_CHECKED;
/* Ends the last stream; all chunks are in the file, the index is whole. */
int kist_chunks_finish(struct kist_chunks *c, struct kist_error *err) KIST_CHECKED;

#endif
