#include "layer/read.h"

#include <stdlib.h>
#include <string.h>

static int read_trailer(struct port_file *file, struct kist_layer_trailer *t, uint64_t *file_bytes, struct kist_error *err)
{
    unsigned char raw[KIST_LAYER_TRAILER_SIZE];
    size_t got;
    int result = port_file_size(file, file_bytes, err);

    if (result < 0)
        return result;
    if (*file_bytes < sizeof(raw))
        return KIST_READ_DAMAGED(err, "it has %" PRIu64 " bytes, less than its trailer", *file_bytes);
    result = port_file_read_at(file, *file_bytes - sizeof(raw), raw, sizeof(raw), &got, err);
    if (result < 0)
        return result;
    if (got < sizeof(raw))
        return KIST_READ_DAMAGED(err, "it ends within its trailer");
    switch (kist_layer_trailer_get(t, raw)) {
    case KIST_LAYER_TRAILER_GOOD:
        break;
    case KIST_LAYER_TRAILER_ALIEN:
        return KIST_READ_DAMAGED(err, "no trailer at its end");
    case KIST_LAYER_TRAILER_DAMAGED:
        return KIST_READ_DAMAGED(err, "the trailer's sha256 does not match");
    case KIST_LAYER_TRAILER_NEWER:
        return kist_error_set(err, KIST_E_UNSUPPORTED, "layer file version %u.%u: this kist reads %u",
                              t->major, t->minor, KIST_LAYER_MAJOR);
    }
    if (t->file_bytes != *file_bytes)
        return KIST_READ_DAMAGED(err, "it has %" PRIu64 " bytes, not %" PRIu64, *file_bytes, t->file_bytes);
    return 0;
}

int kist_layer_tar_bytes(struct port_file *file, uint64_t *bytes, struct kist_error *err)
{
    struct kist_layer_trailer trailer;
    uint64_t file_bytes;
    int result = read_trailer(file, &trailer, &file_bytes, err);

    if (result == 0)
        *bytes = trailer.tar_bytes;
    return result;
}

/* The index, whole, lies between squashfs part and trailer. */
static int check_tail(const struct kist_layer *l, struct kist_error *err)
{
    const struct kist_layer_trailer *t = &l->trailer;
    uint64_t end = t->file_bytes - KIST_LAYER_TRAILER_SIZE, chunks = 0;

    for (size_t i = 0; i < KIST_LAYER_STREAMS; i++)
        chunks += t->chunks[i];
    if (t->squashfs_bytes > end || t->squashfs_bytes < KIST_SQUASHFS_SUPER_SIZE)
        return KIST_READ_DAMAGED(err, "a squashfs part of %" PRIu64 " bytes", t->squashfs_bytes);
    if (t->index < t->squashfs_bytes || t->index > end || chunks > (end - t->index) / KIST_LAYER_INDEX_SIZE)
        return KIST_READ_DAMAGED(err, "an index of %" PRIu64 " chunks at byte %" PRIu64, chunks, t->index);
    return 0;
}

/* The least a table takes that holds count rows of size bytes: no block of 8 KiB packs into less than 4
 * bytes. */
static uint64_t least_packed(uint64_t count, uint64_t size)
{
    return count * size / KIST_SQUASHFS_META_SIZE * 4;
}

static int check_tables(struct kist_layer *l, struct kist_error *err)
{
    const struct kist_squashfs_super *s = &l->super;
    bool fragments = s->fragments > 0, xattrs = s->xattr_table != KIST_SQUASHFS_NO_TABLE;

    l->directory_end = fragments ? s->fragment_table : s->id_table;
    if (s->inode_table < KIST_SQUASHFS_SUPER_SIZE || s->inode_table >= s->directory_table ||
        s->directory_table > l->directory_end || (fragments && s->fragment_table >= s->id_table) ||
        s->id_table >= s->bytes_used ||
        (xattrs && (s->xattr_table < s->id_table || s->xattr_table >= s->bytes_used)))
        return KIST_READ_DAMAGED(err, "the squashfs tables are not one behind the other");
    if (least_packed(s->inodes, KIST_SQUASHFS_IPC_SIZE) > s->directory_table - s->inode_table)
        return KIST_READ_DAMAGED(err, "the inode table is too small for %" PRIu32 " inodes", s->inodes);
    return 0;
}

static int read_super(struct kist_layer *l, struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_SUPER_SIZE];
    int result = kist_read_at(l, 0, raw, sizeof(raw), "superblock", err);

    if (result < 0)
        return result;
    if (!kist_squashfs_super_get(&l->super, raw))
        return KIST_READ_DAMAGED(err, "no squashfs 4.0 superblock at its start");
    if (l->super.block_size != KIST_LAYER_BLOCK_SIZE)
        return KIST_READ_DAMAGED(err, "squashfs blocks of %" PRIu32 " bytes", l->super.block_size);
    if (l->super.inodes != l->trailer.inodes || l->super.compressor != l->trailer.compressor ||
        l->super.bytes_used > l->trailer.squashfs_bytes)
        return KIST_READ_DAMAGED(err, "superblock and trailer do not belong together");
    return check_tables(l, err);
}

static int read_xattr_header(struct kist_layer *l, struct kist_error *err)
{
    unsigned char raw[KIST_SQUASHFS_XATTR_HEADER_SIZE];
    int result;

    if (l->super.xattr_table == KIST_SQUASHFS_NO_TABLE)
        return 0;
    result = kist_read_at(l, l->super.xattr_table, raw, sizeof(raw), "xattr table", err);
    if (result < 0)
        return result;
    l->xattr_start = kist_le64_get(raw);
    l->xattr_sets = kist_le32_get(raw + 8);
    if (l->xattr_start < l->super.id_table || l->xattr_start > l->super.xattr_table)
        return KIST_READ_DAMAGED(err, "xattrs at byte %" PRIu64, l->xattr_start);
    return 0;
}

static void fill_info(struct kist_layer *l)
{
    l->info.squashfs_bytes = l->trailer.squashfs_bytes;
    l->info.recipe_bytes = l->trailer.recipe_bytes;
    l->info.tar_bytes = l->trailer.tar_bytes;
    l->info.inodes = l->trailer.inodes;
    l->info.compressor = l->trailer.compressor == KIST_SQUASHFS_GZIP ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD;
    memcpy(l->info.diff_id.bytes, l->trailer.diff_id, sizeof(l->info.diff_id.bytes));
}

int kist_layer_open(struct kist_layer **out, struct port_file *file, struct kist_error *err)
{
    struct kist_layer *l = calloc(1, sizeof(*l) + kist_unpack_size());
    int result;

    *out = NULL;
    if (!l) {
        port_file_discard(file);
        return kist_error_nomem(err);
    }
    l->file = file;
    l->unpack = (struct kist_unpack *)(l + 1);
    if ((result = read_trailer(file, &l->trailer, &l->info.file_bytes, err)) < 0 || (result = check_tail(l, err)) < 0 ||
        (result = read_super(l, err)) < 0 || (result = read_xattr_header(l, err)) < 0 ||
        (result = kist_unpack_init(l->unpack, l->super.compressor, err)) < 0) {
        kist_layer_close(l);
        return result;
    }
    fill_info(l);
    *out = l;
    return 0;
}

void kist_layer_close(struct kist_layer *l)
{
    if (!l)
        return;
    kist_unpack_release(l->unpack);
    port_file_discard(l->file);
    free(l);
}

const struct kist_layer_info *kist_layer_info(const struct kist_layer *l)
{
    return &l->info;
}

static int hash_range(struct kist_layer *l, struct kist_sha256 *h, uint64_t at, uint64_t end,
                      struct kist_error *err)
{
    while (at < end) {
        size_t n = (size_t)KIST_MIN(end - at, sizeof(l->packed));
        int result = kist_read_at(l, at, l->packed, n, "contents", err);

        if (result < 0)
            return result;
        kist_sha256_update(h, l->packed, n);
        at += n;
    }
    return 0;
}

static int hash_check(struct kist_sha256 *h, const unsigned char *want, const char *what,
                      struct kist_error *err)
{
    unsigned char got[KIST_SHA256_SIZE];

    kist_sha256_final(h, got);
    if (memcmp(got, want, sizeof(got)) != 0)
        return KIST_READ_DAMAGED(err, "the sha256 of its %s does not match", what);
    return 0;
}

int kist_layer_verify(struct kist_layer *l, struct kist_error *err)
{
    const struct kist_layer_trailer *t = &l->trailer;
    struct kist_sha256 h;
    int result;

    kist_sha256_init(&h);
    /* the superblock is hashed last because it is written last */
    if ((result = hash_range(l, &h, KIST_SQUASHFS_SUPER_SIZE, t->squashfs_bytes, err)) < 0 ||
        (result = hash_range(l, &h, 0, KIST_SQUASHFS_SUPER_SIZE, err)) < 0 ||
        (result = hash_check(&h, t->squashfs_hash, "squashfs part", err)) < 0)
        return result;
    kist_sha256_init(&h);
    result = hash_range(l, &h, t->squashfs_bytes, t->file_bytes - KIST_LAYER_TRAILER_SIZE, err);
    return result < 0 ? result : hash_check(&h, t->tail_hash, "tail", err);
}
