/*
 * Squashfs 4.0 as it lies on disk (Linux Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h
 * say the same). All numbers are little-endian; records are packed. Order in the image: superblock, data and
 * fragment blocks, inode table, directory table, fragment table, id table, xattr table.
 *
 * Tables lie in metadata blocks: a 16-bit header - stored length, bit 15 set when not compressed - and at
 * most 8 KiB of content once unpacked. A record may cross from one block into the next. A metadata reference
 * is the position of a block, relative to the table's start, << 16 | offset within its content.
 *
 * Fragment, id and xattr-id tables are looked up: their metadata blocks come first, then an array of the
 * blocks' absolute positions (u64), and the superblock names that array.
 */
#ifndef KIST_LAYER_SQUASHFS_H
#define KIST_LAYER_SQUASHFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/le.h"

#define KIST_SQUASHFS_MAGIC 0x73717368U
#define KIST_SQUASHFS_SUPER_SIZE 96
#define KIST_SQUASHFS_MAJOR 4
#define KIST_SQUASHFS_MINOR 0
#define KIST_SQUASHFS_NO_TABLE UINT64_MAX /* position of a table that is not there */
#define KIST_SQUASHFS_PAD 4096 /* images end at a multiple of it; bytes_used does not count the padding */

enum kist_squashfs_compressor {
    KIST_SQUASHFS_GZIP = 1, /* zlib streams (RFC 1950) */
    KIST_SQUASHFS_XZ = 4,
    KIST_SQUASHFS_ZSTD = 6,
};

/* Superblock flags. */
#define KIST_SQUASHFS_RAW_INODES 0x0001
#define KIST_SQUASHFS_RAW_DATA 0x0002
#define KIST_SQUASHFS_RAW_FRAGMENTS 0x0008
#define KIST_SQUASHFS_NO_FRAGMENTS 0x0010
#define KIST_SQUASHFS_ALWAYS_FRAGMENTS 0x0020
#define KIST_SQUASHFS_DEDUPLICATED 0x0040
#define KIST_SQUASHFS_EXPORTABLE 0x0080
#define KIST_SQUASHFS_RAW_XATTRS 0x0100
#define KIST_SQUASHFS_NO_XATTRS 0x0200
#define KIST_SQUASHFS_COMPRESSOR_OPTIONS 0x0400 /* a metadata block with them follows the superblock */
#define KIST_SQUASHFS_RAW_IDS 0x0800

/* The superblock, decoded. */
struct kist_squashfs_super {
    uint32_t inodes;
    uint32_t mtime;
    uint32_t block_size;
    uint32_t fragments;
    uint16_t compressor;
    uint16_t flags;
    uint16_t ids;
    uint64_t root; /* metadata reference into the inode table */
    uint64_t bytes_used;
    uint64_t id_table; /* absolute positions from here on */
    uint64_t xattr_table;
    uint64_t inode_table;
    uint64_t directory_table;
    uint64_t fragment_table;
    uint64_t export_table;
};

void kist_squashfs_super_put(unsigned char out[KIST_SQUASHFS_SUPER_SIZE],
                             const struct kist_squashfs_super *s);
/* false when magic or version are others, or the block size is no power of two between 4 KiB and 1 MiB. */
bool kist_squashfs_super_get(struct kist_squashfs_super *s, const unsigned char in[KIST_SQUASHFS_SUPER_SIZE]);

#define KIST_SQUASHFS_META_SIZE 8192
#define KIST_SQUASHFS_META_RAW 0x8000 /* in a metadata block's 16-bit header */

/* A data or fragment block's size word: stored length, bit 24 set when not compressed; 0: a hole. */
#define KIST_SQUASHFS_BLOCK_RAW (1U << 24)
#define KIST_SQUASHFS_BLOCK_LENGTH (KIST_SQUASHFS_BLOCK_RAW - 1)

#define KIST_SQUASHFS_NO_FRAGMENT UINT32_MAX
#define KIST_SQUASHFS_NO_XATTR UINT32_MAX

/* An entry of the fragment table: u64 position, u32 size word, u32 unused. 512 in a metadata block. */
#define KIST_SQUASHFS_FRAGMENT_SIZE 16
/* An entry of the id table: u32 uid or gid. */
#define KIST_SQUASHFS_ID_SIZE 4
#define KIST_SQUASHFS_MAX_IDS 65535

/*
 * Inodes. All begin with u16 type, u16 mode (07777), u16 uid and u16 gid (indexes into the id table), u32
 * mtime, u32 inode number (from 1). Then, by type:
 *
 *   DIRECTORY     u32 listing's block (relative to the directory table), u32 links, u16 size,
 *                 u16 listing's offset in it, u32 parent's number
 *   FILE          u32 position of the first block, u32 fragment, u32 offset in it, u32 size, u32 words[]
 *   SYMLINK       u32 links, u32 length, target
 *   BLOCK, CHAR   u32 links, u32 device
 *   FIFO, SOCKET  u32 links
 *   X_DIRECTORY   u32 links, u32 size, u32 listing's block, u32 parent's number, u16 index entries,
 *                 u16 listing's offset, u32 xattr; then index entries: u32 place of a header in the listing,
 *                 u32 its block (relative to the directory table), u32 length of its first name - 1, that
 * name X_FILE        u64 position, u64 size, u64 bytes in holes, u32 links, u32 fragment, u32 offset, u32
 * xattr, u32 words[] X_SYMLINK, X_BLOCK, X_CHAR, X_FIFO, X_SOCKET: as the plain type, then u32 xattr
 *
 * A directory's size is its listing's length + 3, so 3 when empty; the root's parent is inodes + 1. A file
 * has size / block words when its tail is in a fragment, else as many as cover it (the last block short). Its
 * blocks follow one another without gaps, holes taking no space.
 */
enum kist_squashfs_type {
    KIST_SQUASHFS_DIRECTORY = 1,
    KIST_SQUASHFS_FILE,
    KIST_SQUASHFS_SYMLINK,
    KIST_SQUASHFS_BLOCK,
    KIST_SQUASHFS_CHAR,
    KIST_SQUASHFS_FIFO,
    KIST_SQUASHFS_SOCKET,
    KIST_SQUASHFS_EXTENDED, /* added to the types above less one: see KIST_SQUASHFS_X */
};
#define KIST_SQUASHFS_X(type) ((type) + KIST_SQUASHFS_EXTENDED - 1)

#define KIST_SQUASHFS_INODE_SIZE 16 /* the common beginning */
#define KIST_SQUASHFS_DIRECTORY_SIZE 32
#define KIST_SQUASHFS_X_DIRECTORY_SIZE 40
#define KIST_SQUASHFS_DIRECTORY_INDEX_SIZE 12 /* without the name */
#define KIST_SQUASHFS_FILE_SIZE 32            /* without words, as the next */
#define KIST_SQUASHFS_X_FILE_SIZE 56
#define KIST_SQUASHFS_SYMLINK_SIZE 24 /* without the target and the xattr after it */
#define KIST_SQUASHFS_DEVICE_SIZE 24
#define KIST_SQUASHFS_X_DEVICE_SIZE 28
#define KIST_SQUASHFS_IPC_SIZE 20
#define KIST_SQUASHFS_X_IPC_SIZE 24

#define KIST_SQUASHFS_DIRECTORY_EMPTY 3 /* size of a directory without entries */

/*
 * A listing is made of runs: a header - u32 entries - 1, u32 inode block (relative to the inode table), u32
 * base inode number - and its entries - u16 offset in the inode block, i16 inode number - base, u16 type
 * (never an extended one), u16 name length - 1, name - in byte order of the names over the whole listing.
 * Names have 1 to 256 bytes; a run has at most 256 entries.
 */
#define KIST_SQUASHFS_LISTING_HEADER_SIZE 12
#define KIST_SQUASHFS_LISTING_ENTRY_SIZE 8
#define KIST_SQUASHFS_LISTING_MAX 256

/*
 * Xattrs: the superblock's xattr_table is the position of u64 position of the key-value metadata blocks, u32
 * number of sets, u32 unused, then the u64 positions of the metadata blocks of the sets. A set is u64
 * metadata reference to its first key, u32 keys, u32 bytes of keys and values. A key is u16 prefix, u16 name
 * length, name without prefix; its value u32 length, bytes - or, with KIST_SQUASHFS_XATTR_ELSEWHERE in the
 * prefix, u32 8, u64 metadata reference to the u32 length and bytes.
 */
enum kist_squashfs_xattr_prefix {
    KIST_SQUASHFS_XATTR_USER,
    KIST_SQUASHFS_XATTR_TRUSTED,
    KIST_SQUASHFS_XATTR_SECURITY,
};
#define KIST_SQUASHFS_XATTR_ELSEWHERE 0x0100
#define KIST_SQUASHFS_XATTR_SET_SIZE 16
#define KIST_SQUASHFS_XATTR_HEADER_SIZE 16

/* Device numbers as Linux encodes them in 32 bits (new_encode_dev): minor 0-7, major 8-19, minor 20-31. */
static inline uint32_t kist_squashfs_device(uint32_t major, uint32_t minor)
{
    return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
}

static inline uint32_t kist_squashfs_device_major(uint32_t device)
{
    return (device >> 8) & 0xfff;
}

static inline uint32_t kist_squashfs_device_minor(uint32_t device)
{
    return (device & 0xff) | ((device >> 12) & 0xfff00);
}

#endif
