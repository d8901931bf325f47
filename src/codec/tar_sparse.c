#include <stdlib.h>
#include <string.h>

#include "codec/tar_parts.h"

void kist_tar_map_clear(struct kist_tar_map *m)
{
    struct kist_tar_extent *extents = m->extents;
    size_t size = m->size;

    *m = (struct kist_tar_map){.extents = extents, .size = size};
}

void kist_tar_map_release(struct kist_tar_map *m)
{
    free(m->extents);
    *m = (struct kist_tar_map){.extents = NULL};
}

int kist_tar_map_add(struct kist_tar_map *m, uint64_t offset, uint64_t length, struct kist_error *err)
{
    if (offset < m->end || offset > INT64_MAX || length > INT64_MAX - offset) {
        return kist_error_set(err, KIST_E_CORRUPT, "sparse map is out of order or overflows");
    }
    m->end = offset + length;
    if (length == 0) {
        return 0;
    }
    if (m->count == KIST_MAX_TAR_EXTENTS) {
        return kist_error_set(err, KIST_E_CORRUPT, "sparse map of more than %u stretches",
                              KIST_MAX_TAR_EXTENTS);
    }
    if (m->count == m->size) {
        size_t size = m->size > 0 ? 2 * m->size : 32;
        struct kist_tar_extent *extents = realloc(m->extents, size * sizeof(*extents));

        if (!extents) {
            return kist_error_nomem(err);
        }
        m->extents = extents;
        m->size = size;
    }
    m->extents[m->count++] = (struct kist_tar_extent){offset, length};
    m->stored += length;
    return 0;
}

int kist_tar_map_add_old(struct kist_tar_map *m, const unsigned char *entries, size_t count,
                         struct kist_error *err)
{
    for (const unsigned char *p = entries; p < entries + 24 * count && *p != '\0'; p += 24) {
        int64_t offset, length;
        int rc;

        if (!kist_tar_number(p, 12, &offset) || !kist_tar_number(p + 12, 12, &length) || offset < 0 ||
            length < 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "sparse map holds what is not a number");
        }
        rc = kist_tar_map_add(m, (uint64_t)offset, (uint64_t)length, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* One more digit of m->number; false on anything else or past INT64_MAX. */
static bool take_digit(struct kist_tar_map *m, char c)
{
    unsigned digit = (unsigned)(c - '0');

    if (c < '0' || c > '9' || m->number > ((uint64_t)INT64_MAX - digit) / 10) {
        return false;
    }
    m->number = m->number * 10 + digit;
    m->digits++;
    return true;
}

/* m->number is whole. 1 when the map is. */
static int take_number(struct kist_tar_map *m, struct kist_error *err)
{
    int rc = 0;

    switch (m->expects) {
    case KIST_TAR_MAP_COUNT:
        m->left = m->number;
        m->expects = KIST_TAR_MAP_OFFSET;
        break;
    case KIST_TAR_MAP_OFFSET:
        m->offset = m->number;
        m->expects = KIST_TAR_MAP_LENGTH;
        break;
    case KIST_TAR_MAP_LENGTH:
        rc = kist_tar_map_add(m, m->offset, m->number, err);
        m->left--;
        m->expects = KIST_TAR_MAP_OFFSET;
        break;
    }
    m->number = 0;
    m->digits = 0;
    return rc == 0 && m->expects == KIST_TAR_MAP_OFFSET && m->left == 0 ? 1 : rc;
}

int kist_tar_map_add_list(struct kist_tar_map *m, const char *text, struct kist_error *err)
{
    int rc = 0;

    m->expects = KIST_TAR_MAP_OFFSET;
    m->left = UINT64_MAX;
    for (; rc == 0; text++) {
        if ((*text == ',' || *text == '\0') && m->digits > 0) {
            rc = take_number(m, err);
        } else if (!take_digit(m, *text)) {
            break;
        }
        if (*text == '\0') {
            return rc == 0 && m->expects == KIST_TAR_MAP_LENGTH
                       ? kist_error_set(err, KIST_E_CORRUPT, "sparse map ends within a pair")
                       : rc;
        }
    }
    return rc < 0 ? rc : kist_error_set(err, KIST_E_CORRUPT, "sparse map holds what is not a number");
}

int kist_tar_map_add_block(struct kist_tar_map *m, const unsigned char *block, struct kist_error *err)
{
    for (size_t i = 0; i < KIST_TAR_BLOCK_SIZE; i++) {
        if (block[i] == '\n' && m->digits > 0) {
            int rc = take_number(m, err);

            if (rc != 0) {
                return rc;
            }
        } else if (!take_digit(m, (char)block[i])) {
            return kist_error_set(err, KIST_E_CORRUPT, "sparse map holds what is not a number");
        }
    }
    return 0;
}
