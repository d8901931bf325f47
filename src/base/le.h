/* Numbers as formats on disk have them. */
#ifndef KIST_BASE_LE_H
#define KIST_BASE_LE_H

#include <stdint.h>

/* Little-endian numbers at any address, on any host. */
static inline void kist_le16_put(void *at, uint16_t v)
{
    unsigned char *p = at;

    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static inline void kist_le32_put(void *at, uint32_t v)
{
    kist_le16_put(at, (uint16_t)v);
    kist_le16_put((unsigned char *)at + 2, (uint16_t)(v >> 16));
}

static inline void kist_le64_put(void *at, uint64_t v)
{
    kist_le32_put(at, (uint32_t)v);
    kist_le32_put((unsigned char *)at + 4, (uint32_t)(v >> 32));
}

static inline uint16_t kist_le16_get(const void *at)
{
    const unsigned char *p = at;

    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t kist_le32_get(const void *at)
{
    return kist_le16_get(at) | (uint32_t)kist_le16_get((const unsigned char *)at + 2) << 16;
}

static inline uint64_t kist_le64_get(const void *at)
{
    return kist_le32_get(at) | (uint64_t)kist_le32_get((const unsigned char *)at + 4) << 32;
}

#endif
