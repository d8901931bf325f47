#include "layer/format.h"

#include <string.h>

#include "codec/sha256.h"

static void hash_of(unsigned char hash[KIST_SHA256_SIZE], const unsigned char *trailer)
{
    struct kist_sha256 h;

    kist_sha256_init(&h);
    kist_sha256_update(&h, trailer, KIST_LAYER_TRAILER_HASHED);
    kist_sha256_final(&h, hash);
}

void kist_layer_trailer_put(unsigned char out[KIST_LAYER_TRAILER_SIZE], const struct kist_layer_trailer *t)
{
    memset(out, 0, KIST_LAYER_TRAILER_SIZE);
    memcpy(out, KIST_LAYER_MAGIC, 8);
    kist_le16_put(out + 8, t->major);
    kist_le16_put(out + 10, t->minor);
    kist_le32_put(out + 12, t->compressor);
    kist_le64_put(out + 16, t->file_bytes);
    kist_le64_put(out + 24, t->squashfs_bytes);
    kist_le64_put(out + 32, t->index);
    for (size_t i = 0; i < KIST_LAYER_STREAMS; i++) {
        kist_le32_put(out + 40 + 4 * i, t->chunks[i]);
    }
    kist_le32_put(out + 52, t->inodes);
    kist_le64_put(out + 56, t->tar_bytes);
    kist_le64_put(out + 64, t->recipe_bytes);
    kist_le32_put(out + 72, t->runs);
    kist_le32_put(out + 76, t->implied);
    memcpy(out + 80, t->diff_id, 32);
    memcpy(out + 112, t->squashfs_hash, 32);
    memcpy(out + 144, t->tail_hash, 32);
    hash_of(out + KIST_LAYER_TRAILER_HASHED, out);
}

enum kist_layer_trailer_state kist_layer_trailer_get(struct kist_layer_trailer *t,
                                                     const unsigned char in[KIST_LAYER_TRAILER_SIZE])
{
    unsigned char hash[KIST_SHA256_SIZE];

    memset(t, 0, sizeof(*t));
    if (memcmp(in, KIST_LAYER_MAGIC, 8) != 0) {
        return KIST_LAYER_TRAILER_ALIEN;
    }
    hash_of(hash, in);
    if (memcmp(hash, in + KIST_LAYER_TRAILER_HASHED, sizeof(hash)) != 0) {
        return KIST_LAYER_TRAILER_DAMAGED;
    }
    t->major = kist_le16_get(in + 8);
    t->minor = kist_le16_get(in + 10);
    t->compressor = kist_le32_get(in + 12);
    t->file_bytes = kist_le64_get(in + 16);
    t->squashfs_bytes = kist_le64_get(in + 24);
    t->index = kist_le64_get(in + 32);
    for (size_t i = 0; i < KIST_LAYER_STREAMS; i++) {
        t->chunks[i] = kist_le32_get(in + 40 + 4 * i);
    }
    t->inodes = kist_le32_get(in + 52);
    t->tar_bytes = kist_le64_get(in + 56);
    t->recipe_bytes = kist_le64_get(in + 64);
    t->runs = kist_le32_get(in + 72);
    t->implied = kist_le32_get(in + 76);
    memcpy(t->diff_id, in + 80, 32);
    memcpy(t->squashfs_hash, in + 112, 32);
    memcpy(t->tail_hash, in + 144, 32);
    return t->major == KIST_LAYER_MAJOR ? KIST_LAYER_TRAILER_GOOD : KIST_LAYER_TRAILER_NEWER;
}
