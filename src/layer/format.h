/*
 * The parts of a layer file that are ours: chunks of three streams, their index, and the trailer. FORMAT.md
 * in src/store has the whole picture; this header has the numbers, all little-endian.
 */
#ifndef KIST_LAYER_FORMAT_H
#define KIST_LAYER_FORMAT_H

#include "layer/squashfs.h"

#define KIST_LAYER_MAGIC "kistlayr" /* 8 bytes, no NUL */
#define KIST_LAYER_MAJOR 1          /* a reader refuses another */
#define KIST_LAYER_MINOR 0          /* a reader takes a newer one: what it adds may be passed over */

#define KIST_LAYER_BLOCK_SIZE (128U << 10) /* data, fragment blocks */
#define KIST_LAYER_CHUNK_SIZE (128U << 10) /* most content of a chunk, unpacked */
#define KIST_LAYER_ALIGN 512 /* the tail begins at a multiple of KIST_SQUASHFS_PAD, the trailer of this */

/*
 * The streams, in the order in which the index lists their chunks:
 *
 *   OPS      the recipe's opcodes; its chunks may lie anywhere, most lie between data blocks of the squashfs
 * part RUNS     where the file data is that the recipe names; in the tail IMPLIED  paths of implied
 * directories, a directory before what is in it, names by their bytes, as varint length, bytes; in the tail
 */
enum kist_layer_stream { KIST_LAYER_OPS, KIST_LAYER_RUNS, KIST_LAYER_IMPLIED, KIST_LAYER_STREAMS };

/*
 * An index entry, 16 bytes: u64 position in the file, u32 stored length (bit 31 set when not compressed), u32
 * content length (1 ... KIST_LAYER_CHUNK_SIZE). Each chunk is unpacked on its own; a stream is the contents
 * of its chunks joined, and a record may cross from one into the next. The trailer names the compressor, as
 * in the squashfs part.
 */
#define KIST_LAYER_INDEX_SIZE 16
#define KIST_LAYER_CHUNK_RAW (1U << 31)

/* A varint is LEB128: 7 bits a byte, least significant first, at most 10 bytes; 0x80 may pad it. */
#define KIST_LAYER_VARINT_MAX 10

/* Opcodes, one byte, then varints. Done in order they give the tar. END is the last byte of the stream. */
enum kist_layer_op {
    KIST_LAYER_OP_END,
    KIST_LAYER_OP_LITERAL, /* n, n bytes: those bytes */
    KIST_LAYER_OP_ZERO,    /* n: n zero bytes */
    KIST_LAYER_OP_WHOLE,   /* takes the next run; all its bytes */
    KIST_LAYER_OP_RUN,     /* takes the next run; no bytes yet */
    KIST_LAYER_OP_DATA,    /* offset, n: bytes of the run last taken */
};

/*
 * A run is the contents of one file as the tar brought it, laid down as squashfs lays down files, whether an
 * inode still names it or not. Records stand in the order in which the opcodes take them. Varints:
 *
 *   size          of the contents, holes included
 *   fragment + 1  0: the tail is in no fragment
 *   offset        in the fragment, only if there is one
 *   position      of the first block that is no hole (0: there is none), only if there are words
 *   words         size / block with a fragment, else size / block rounded up: squashfs size words
 */

/* The trailer: the last 512 bytes of the file. */
#define KIST_LAYER_TRAILER_SIZE 512
#define KIST_LAYER_TRAILER_HASHED 480 /* its last 32 bytes are the sha256 of those before */

struct kist_layer_trailer {
    uint16_t major, minor;               /*   8  after the magic */
    uint32_t compressor;                 /*  12  enum kist_squashfs_compressor */
    uint64_t file_bytes;                 /*  16  of the whole file */
    uint64_t squashfs_bytes;             /*  24  the squashfs part, padded; the tail begins there */
    uint64_t index;                      /*  32  position of the index */
    uint32_t chunks[KIST_LAYER_STREAMS]; /*  40  of each stream */
    uint32_t inodes;                     /*  52  as in the superblock */
    uint64_t tar_bytes;                  /*  56 */
    uint64_t recipe_bytes;               /*  64  stored bytes of all chunks and the index */
    uint32_t runs;                       /*  72  records in RUNS */
    uint32_t implied;                    /*  76  records in IMPLIED */
    unsigned char diff_id[32];           /*  80  sha256 of the tar */
    unsigned char squashfs_hash[32]; /* 112  sha256 of the squashfs part: bytes 96 to its end, then 0 to 95 */
    unsigned char tail_hash[32];     /* 144  sha256 of all between the squashfs part and the trailer */
    /* zeros up to byte 480 */
};

/* Fills in magic and hash. */
void kist_layer_trailer_put(unsigned char out[KIST_LAYER_TRAILER_SIZE], const struct kist_layer_trailer *t);

enum kist_layer_trailer_state {
    KIST_LAYER_TRAILER_GOOD,
    KIST_LAYER_TRAILER_ALIEN,
    KIST_LAYER_TRAILER_DAMAGED,
    KIST_LAYER_TRAILER_NEWER,
};

/* ALIEN: no magic; DAMAGED: the hash is wrong; NEWER: another major. Bounds are the caller's to check. */
enum kist_layer_trailer_state kist_layer_trailer_get(struct kist_layer_trailer *t,
                                                     const unsigned char in[KIST_LAYER_TRAILER_SIZE]);

#endif
