#include "layer/squashfs.h"

static unsigned log2_of(uint32_t v)
{
    unsigned n = 0;

    while (v > 1) {
        v >>= 1;
        n++;
    }
    return n;
}

void kist_squashfs_super_put(unsigned char out[KIST_SQUASHFS_SUPER_SIZE], const struct kist_squashfs_super *s)
{
    kist_le32_put(out, KIST_SQUASHFS_MAGIC);
    kist_le32_put(out + 4, s->inodes);
    kist_le32_put(out + 8, s->mtime);
    kist_le32_put(out + 12, s->block_size);
    kist_le32_put(out + 16, s->fragments);
    kist_le16_put(out + 20, s->compressor);
    kist_le16_put(out + 22, (uint16_t)log2_of(s->block_size));
    kist_le16_put(out + 24, s->flags);
    kist_le16_put(out + 26, s->ids);
    kist_le16_put(out + 28, KIST_SQUASHFS_MAJOR);
    kist_le16_put(out + 30, KIST_SQUASHFS_MINOR);
    kist_le64_put(out + 32, s->root);
    kist_le64_put(out + 40, s->bytes_used);
    kist_le64_put(out + 48, s->id_table);
    kist_le64_put(out + 56, s->xattr_table);
    kist_le64_put(out + 64, s->inode_table);
    kist_le64_put(out + 72, s->directory_table);
    kist_le64_put(out + 80, s->fragment_table);
    kist_le64_put(out + 88, s->export_table);
}

bool kist_squashfs_super_get(struct kist_squashfs_super *s, const unsigned char in[KIST_SQUASHFS_SUPER_SIZE])
{
    *s = (struct kist_squashfs_super){
        .inodes = kist_le32_get(in + 4),
        .mtime = kist_le32_get(in + 8),
        .block_size = kist_le32_get(in + 12),
        .fragments = kist_le32_get(in + 16),
        .compressor = kist_le16_get(in + 20),
        .flags = kist_le16_get(in + 24),
        .ids = kist_le16_get(in + 26),
        .root = kist_le64_get(in + 32),
        .bytes_used = kist_le64_get(in + 40),
        .id_table = kist_le64_get(in + 48),
        .xattr_table = kist_le64_get(in + 56),
        .inode_table = kist_le64_get(in + 64),
        .directory_table = kist_le64_get(in + 72),
        .fragment_table = kist_le64_get(in + 80),
        .export_table = kist_le64_get(in + 88),
    };
    return kist_le32_get(in) == KIST_SQUASHFS_MAGIC && kist_le16_get(in + 28) == KIST_SQUASHFS_MAJOR &&
           kist_le16_get(in + 30) == KIST_SQUASHFS_MINOR && s->block_size >= 4096 &&
           s->block_size <= 1U << 20 && (s->block_size & (s->block_size - 1)) == 0 &&
           kist_le16_get(in + 22) == log2_of(s->block_size);
}
