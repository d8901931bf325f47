/*
 * Inside the reader: what its files share of an open layer. Everything read here may have been damaged by
 * flash, so each function checks every offset, size and count it meets and answers KIST_E_CORRUPT with what
 * is wrong. The image's form is in squashfs.h, that of what follows it in format.h.
 */
#ifndef KIST_LAYER_READ_H
#define KIST_LAYER_READ_H

#include <inttypes.h>

#include "base/buf.h"
#include "base/limits.h"
#include "layer/format.h"
#include "layer/layer.h"

/* KIST_E_CORRUPT in the words that every finding of the reader begins with. */
#define KIST_READ_DAMAGED(err, ...) kist_error_set(err, KIST_E_CORRUPT, "damaged layer file: " __VA_ARGS__)

#define KIST_READ_NAME_MAX 256 /* bytes of a name in a directory */

/* ---- compressed bytes (read_unpack.c) ---- */

struct kist_unpack;

/* Bytes of one, which its owner gives, zeroed, at a multiple of 8. */
size_t kist_unpack_size(void);
/* id: enum kist_squashfs_compressor; KIST_E_UNSUPPORTED for one that this kist does not read. */
int kist_unpack_init(struct kist_unpack *u, unsigned id, struct kist_error *err) KIST_CHECKED;
/* Also of one that is still zero. */
void kist_unpack_release(struct kist_unpack *u);
/* One whole compressed unit into dst; false when it is not one, or would be more than size bytes. */
bool kist_unpack_run(struct kist_unpack *u, const void *src, size_t len, void *dst, size_t size,
                     size_t *got) KIST_CHECKED;

/* ---- the open layer (reader.c) ---- */

/* An unpacked metadata block. 16 of them hold a path of directories with their inodes, owners and xattrs. */
#define KIST_READ_META_SLOTS 16

struct kist_read_meta {
    uint64_t at;   /* where it lies in the file; 0: the slot is empty (the superblock is there) */
    uint64_t next; /* where the block after it lies */
    uint64_t used; /* the tick of its last use */
    size_t len;
};

/* One unpacked data or fragment block. */
struct kist_read_block {
    uint64_t at; /* 0: empty */
    size_t len;
    unsigned char data[KIST_LAYER_BLOCK_SIZE];
};

enum kist_read_kind { KIST_READ_DATA, KIST_READ_FRAGMENT, KIST_READ_KINDS };

struct kist_layer {
    _Alignas(8) struct port_file *file;
    struct kist_layer_info info;
    struct kist_layer_trailer trailer;
    struct kist_squashfs_super super;
    uint64_t directory_end; /* the directory table lies before it */
    uint64_t xattr_start;   /* of the keys and values */
    uint32_t xattr_sets;
    struct kist_unpack *unpack; /* behind it, in the same memory */
    uint64_t tick;
    struct kist_read_meta meta[KIST_READ_META_SLOTS];
    /* their blocks, apart from them: looking for one touches no page of the others */
    unsigned char meta_data[KIST_READ_META_SLOTS][KIST_SQUASHFS_META_SIZE];
    struct kist_read_block blocks[KIST_READ_KINDS];
    unsigned char packed[KIST_LAYER_BLOCK_SIZE]; /* what is about to be unpacked */
};

/* All of len bytes at offset at; what names them. */
int kist_read_at(struct kist_layer *l, uint64_t at, void *dst, size_t len, const char *what,
                 struct kist_error *err) KIST_CHECKED;

/* ---- metadata (read_meta.c) ---- */

/* A place in a table that is kept as metadata blocks. */
struct kist_read_cursor {
    uint64_t block;   /* where the block lies in the file */
    uint64_t end;     /* the table lies before it */
    uint32_t offset;  /* in the block, unpacked */
    const char *what; /* names the table in messages */
};

struct kist_read_cursor kist_read_cursor(uint64_t start, uint64_t end, uint64_t reference, const char *what);
/* The next len bytes; the cursor moves behind them. dst NULL: only moves. */
int kist_read_meta(struct kist_layer *l, struct kist_read_cursor *at, void *dst, uint64_t len,
                   struct kist_error *err) KIST_CHECKED;
/* Row index of a looked-up table: size bytes a row, places the position of the array of its blocks'
 * positions. */
int kist_read_row(struct kist_layer *l, uint64_t places, uint32_t index, void *row, size_t size,
                  const char *what, struct kist_error *err) KIST_CHECKED;

/* ---- data blocks (read_block.c) ---- */

/*
 * The block at position at with this size word (not 0). *data is valid until the next block of that kind. One
 * block of each kind is kept, so asking for it again costs nothing.
 */
int kist_read_block(struct kist_layer *l, enum kist_read_kind kind, uint64_t at, uint32_t word,
                    const unsigned char **data, size_t *len, struct kist_error *err) KIST_CHECKED;
/* Fragment block number index; the same. */
int kist_read_fragment(struct kist_layer *l, uint32_t index, const unsigned char **data, size_t *len,
                       struct kist_error *err) KIST_CHECKED;

/* ---- inodes (read_inode.c, read_xattr.c) ---- */

struct kist_read_inode {
    uint64_t place; /* its reference */
    unsigned type;  /* enum kist_squashfs_type, the plain one also of an extended inode */
    uint32_t mode;  /* 07777 */
    uint32_t uid, gid;
    uint32_t mtime;
    uint32_t number;
    uint32_t links;
    uint32_t xattr;   /* set of xattrs, or KIST_SQUASHFS_NO_XATTR */
    uint32_t device;  /* as Linux encodes it */
    uint32_t indexed; /* of a directory: entries of its index */
    uint64_t size;    /* of a file; of a symlink's target; of a directory's listing */
    uint64_t start;   /* of a file: its first block; of a directory: its listing's reference */
    uint32_t fragment, fragment_offset; /* of a file */
    struct kist_read_cursor tail;       /* a symlink's target, a file's size words, a directory's index */
};

int kist_read_inode(struct kist_layer *l, uint64_t reference, struct kist_read_inode *inode,
                    struct kist_error *err) KIST_CHECKED;

/* The xattrs of one file at a time; the memory is used again for the next. */
struct kist_read_xattrs {
    struct kist_buf bytes;
    struct kist_layer_xattr *list;
    size_t count, room;
};

void kist_read_xattrs_init(struct kist_read_xattrs *x);
void kist_read_xattrs_release(struct kist_read_xattrs *x);
/* Those of a set; takes the mark of an opaque directory out and tells of it. */
int kist_read_xattrs(struct kist_layer *l, struct kist_read_xattrs *x, uint32_t set, bool *opaque,
                     struct kist_error *err) KIST_CHECKED;

/* ---- directories (read_dir.c) ---- */

struct kist_read_dir {
    struct kist_read_cursor at;
    uint32_t left;  /* bytes of listing */
    uint32_t count; /* names left in the current run */
    uint32_t block; /* the run's inode block */
    uint32_t base;  /* the run's inode number */
};

struct kist_read_name {
    char text[KIST_READ_NAME_MAX + 1];
    size_t len;
    uint64_t inode; /* its reference */
    uint32_t number;
    unsigned type; /* plain */
};

int kist_read_dir_open(struct kist_layer *l, struct kist_read_dir *dir, const struct kist_read_inode *inode,
                       struct kist_error *err) KIST_CHECKED;
/* By the directory's index, passes over names that come before this one, just opened as it is. */
int kist_read_dir_skip(struct kist_layer *l, struct kist_read_dir *dir, const struct kist_read_inode *inode,
                       const char *name, size_t len, struct kist_error *err) KIST_CHECKED;
/* 1 and the next name, or 0 at the end. */
int kist_read_dir_next(struct kist_layer *l, struct kist_read_dir *dir, struct kist_read_name *name,
                       struct kist_error *err) KIST_CHECKED;
/* The inode that name leads to. */
int kist_read_dir_inode(struct kist_layer *l, const struct kist_read_name *name,
                        struct kist_read_inode *inode, struct kist_error *err) KIST_CHECKED;

/* ---- entries (read_entry.c) ---- */

/* One entry as callers see it, with the memory it points to. */
struct kist_read_entry {
    struct kist_layer_entry entry;
    struct kist_read_xattrs xattrs;
    char target[KIST_MAX_PATH + 1];
};

void kist_read_entry_init(struct kist_read_entry *e);
void kist_read_entry_release(struct kist_read_entry *e);
/* All but path and implied. */
int kist_read_entry_fill(struct kist_layer *l, struct kist_read_entry *e, const struct kist_read_inode *inode,
                         struct kist_error *err) KIST_CHECKED;

/* The name of len bytes in the directory that inode is, which it then becomes: 1, or 0 where there is none (read_find.c). */
int kist_read_step(struct kist_layer *l, struct kist_read_inode *inode, const char *name, size_t len,
                   struct kist_error *err) KIST_CHECKED;
/* Whether path is an implied directory. */
int kist_read_is_implied(struct kist_layer *l, const char *path, bool *implied, struct kist_error *err) KIST_CHECKED;
/* The inode at path, or KIST_E_NOT_FOUND. */
int kist_read_path(struct kist_layer *l, const char *path, struct kist_read_inode *inode,
                   struct kist_error *err) KIST_CHECKED;

/* ---- our own streams (read_stream.c) ---- */

struct kist_read_stream {
    struct kist_layer *layer;
    enum kist_layer_stream id;
    uint32_t chunks; /* of the stream */
    uint32_t chunk;  /* the one in data, counted from 1; 0: none yet */
    size_t pos, len; /* in it */
    size_t room;     /* bytes at data */
    unsigned char *data;
};

/* A place to come back to. */
struct kist_read_place {
    uint32_t chunk;
    size_t pos;
};

void kist_read_stream_open(struct kist_layer *l, struct kist_read_stream *s, enum kist_layer_stream id);
void kist_read_stream_close(struct kist_read_stream *s);
/* At least 1 and at most max bytes that lie together, valid until the next call. KIST_E_CORRUPT at the end.
 */
int kist_read_stream_span(struct kist_read_stream *s, uint64_t max, const unsigned char **data, size_t *len,
                          struct kist_error *err) KIST_CHECKED;
int kist_read_stream_varint(struct kist_read_stream *s, uint64_t *value, struct kist_error *err) KIST_CHECKED;
bool kist_read_stream_ended(const struct kist_read_stream *s);
struct kist_read_place kist_read_stream_tell(const struct kist_read_stream *s);
int kist_read_stream_seek(struct kist_read_stream *s, struct kist_read_place place,
                          struct kist_error *err) KIST_CHECKED;

/* ---- implied directories (read_implied.c) ---- */

struct kist_read_implied {
    struct kist_read_stream stream;
    uint32_t left; /* not yet read */
    char path[KIST_MAX_PATH + 1];
};

void kist_read_implied_open(struct kist_layer *l, struct kist_read_implied *i);
void kist_read_implied_close(struct kist_read_implied *i);
/* 1 and the next one in i->path, or 0 at the end. */
int kist_read_implied_next(struct kist_read_implied *i, struct kist_error *err) KIST_CHECKED;

/* ---- contents (read_run.c) ---- */

/* The contents of one file: a run of blocks, whose size words an inode or the recipe has. */
struct kist_read_run {
    uint64_t size;
    uint64_t first; /* position of the first block */
    uint64_t words;
    uint32_t fragment, fragment_offset;
    int (*next)(struct kist_read_run *run, uint32_t *word,
                struct kist_error *err);                              /* the source's next size word */
    int (*rewind)(struct kist_read_run *run, struct kist_error *err); /* the source's first is next */
    uint64_t taken;   /* words that next gave; the last of them is */
    uint32_t word;    /* this */
    uint64_t word_at; /* for the block at this position, */
    uint64_t next_at; /* behind which the next one lies */
};

/* From size, fragment and first: the number of words, and nothing taken yet. */
void kist_read_run_begin(struct kist_read_run *run);
/* n bytes at offset (KIST_E_CORRUPT if it has fewer) into sink. */
int kist_read_run_copy(struct kist_layer *l, struct kist_read_run *run, uint64_t offset, uint64_t n,
                       struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;
/* Takes the words not yet taken, so that the source stands behind them. */
int kist_read_run_end(struct kist_read_run *run, struct kist_error *err) KIST_CHECKED;
/* n zero bytes. */
int kist_read_zeros(struct kist_sink *sink, uint64_t n, struct kist_error *err) KIST_CHECKED;

#endif
