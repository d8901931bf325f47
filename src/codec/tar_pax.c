#include <string.h>

#include "base/str.h"
#include "codec/base64.h"
#include "codec/tar_parts.h"

/* One record, its key and its value ended by NUL where '=' and the newline stood. */
struct record {
    char *key, *value;
    size_t len; /* of value */
};

enum kind { KIND_NUMBER, KIND_TIME, KIND_TEXT, KIND_SPARSE_OFFSET, KIND_SPARSE_LENGTH, KIND_SPARSE_LIST };

#define FIELD(name) offsetof(struct kist_tar_pax, name)

static const struct key {
    const char *name;
    enum kind kind;
    unsigned said;
    size_t field;
    bool local; /* says nothing in a global header */
} keys[] = {
    {"path", KIND_TEXT, 0, FIELD(path), false},
    {"linkpath", KIND_TEXT, 0, FIELD(link_path), false},
    {"size", KIND_NUMBER, KIST_TAR_SIZE, FIELD(size), false},
    {"uid", KIND_NUMBER, KIST_TAR_UID, FIELD(uid), false},
    {"gid", KIND_NUMBER, KIST_TAR_GID, FIELD(gid), false},
    {"mtime", KIND_TIME, KIST_TAR_MTIME, FIELD(mtime), false},
    {"SCHILY.devmajor", KIND_NUMBER, KIST_TAR_MAJOR, FIELD(major), false},
    {"SCHILY.devminor", KIND_NUMBER, KIST_TAR_MINOR, FIELD(minor), false},
    {"GNU.sparse.name", KIND_TEXT, 0, FIELD(sparse_name), true},
    {"GNU.sparse.size", KIND_NUMBER, KIST_TAR_REAL_SIZE, FIELD(real_size), true},
    {"GNU.sparse.realsize", KIND_NUMBER, KIST_TAR_REAL_SIZE, FIELD(real_size), true},
    {"GNU.sparse.major", KIND_NUMBER, KIST_TAR_SPARSE_MAJOR, FIELD(sparse_major), true},
    {"GNU.sparse.minor", KIND_NUMBER, KIST_TAR_SPARSE_MINOR, FIELD(sparse_minor), true},
    {"GNU.sparse.offset", KIND_SPARSE_OFFSET, KIST_TAR_SPARSE_MAP, FIELD(sparse_offset), true},
    {"GNU.sparse.numbytes", KIND_SPARSE_LENGTH, KIST_TAR_SPARSE_MAP, 0, true},
    {"GNU.sparse.map", KIND_SPARSE_LIST, KIST_TAR_SPARSE_MAP, 0, true},
};

/* "<length> <key>=<value>\n" at *text, moved past; length counts all of it. */
static bool take_record(char **text, char *end, struct record *r)
{
    size_t length = 0;
    char *p = *text, *last;

    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        length = length * 10 + (size_t)(*p - '0');
        if (length > KIST_MAX_TAR_HEADER) {
            return false;
        }
    }
    if (p == *text || p == end || *p != ' ' || length > (size_t)(end - *text) ||
        length <= (size_t)(p + 1 - *text)) {
        return false;
    }
    last = *text + length - 1;
    r->key = p + 1;
    r->value = memchr(r->key, '=', (size_t)(last - r->key));
    if (*last != '\n' || !r->value || r->value == r->key) {
        return false;
    }
    *r->value++ = '\0';
    *last = '\0';
    r->len = (size_t)(last - r->value);
    *text = last + 1;
    return strlen(r->key) == (size_t)(r->value - 1 - r->key);
}

/* "[-]seconds[.fraction]", the fraction dropped towards minus infinity. */
static bool read_time(char *text, int64_t *value)
{
    bool negative = *text == '-', fraction = false;
    char *point = strchr(text, '.');
    uint64_t seconds;

    if (point) {
        *point++ = '\0';
        fraction = point[strspn(point, "0")] != '\0';
        if (point[strspn(point, "0123456789")] != '\0') {
            return false;
        }
    }
    if (!kist_str_u64(text + negative, INT64_MAX - 1, &seconds)) {
        return false;
    }
    *value = negative ? -(int64_t)seconds - fraction : (int64_t)seconds;
    return true;
}

static int bad_value(const struct record *r, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_CORRUPT, "pax record '%s' has a bad value", r->key);
}

static int apply_key(struct kist_tar_pax *p, const struct key *key, const struct record *r,
                     struct kist_tar_map *map, struct kist_error *err)
{
    void *field = (char *)p + key->field;
    uint64_t number = 0;

    if (strlen(r->value) != r->len) {
        return kist_error_set(err, KIST_E_CORRUPT, "pax record '%s' has a NUL in it", r->key);
    }
    if (key->kind == KIND_TEXT) {
        const char *text = r->len > 0 ? r->value : NULL;

        memcpy(field, &text, sizeof(text));
        return 0;
    }
    if (r->len == 0) {
        p->said &= ~key->said;
        return 0;
    }
    p->said |= key->said;
    switch (key->kind) {
    case KIND_TIME:
        return read_time(r->value, field) ? 0 : bad_value(r, err);
    case KIND_SPARSE_LIST:
        kist_tar_map_clear(map);
        return kist_tar_map_add_list(map, r->value, err);
    default:
        break;
    }
    if (!kist_str_u64(r->value, INT64_MAX, &number)) {
        return bad_value(r, err);
    }
    if (key->kind == KIND_SPARSE_LENGTH) {
        return kist_tar_map_add(map, p->sparse_offset, number, err);
    }
    memcpy(field, &number, sizeof(number));
    return 0;
}

/* A later value of the same name replaces an earlier one; an empty one takes it away. */
static int set_xattr(struct kist_tar_pax *p, const char *name, const void *value, size_t size,
                     struct kist_error *err)
{
    size_t i = 0;

    while (i < p->xattr_count && strcmp(p->xattrs[i].name, name) != 0) {
        i++;
    }
    if (size == 0) {
        if (i < p->xattr_count) {
            p->xattr_count--;
            memmove(&p->xattrs[i], &p->xattrs[i + 1], (p->xattr_count - i) * sizeof(p->xattrs[0]));
        }
        return 0;
    }
    if (i == KIST_MAX_TAR_XATTRS) {
        return kist_error_set(err, KIST_E_CORRUPT, "more than %d extended attributes", KIST_MAX_TAR_XATTRS);
    }
    p->xattrs[i] = (struct kist_tar_xattr){name, value, size};
    p->xattr_count += i == p->xattr_count;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%41" -> "A", in place; false on a bad escape or an escaped NUL. */
static bool unescape(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        char c = *text;

        if (c == '%') {
            int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);

            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            c = (char)(high << 4 | low);
            text += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

/* libarchive's own form: the name URL-encoded, the value in base64. Both shrink, so they are decoded in
 * place. */
static int set_encoded_xattr(struct kist_tar_pax *p, char *name, struct record *r, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf value = KIST_BUF_INIT(KIST_MAX_TAR_HEADER);

    if (strlen(r->value) != r->len || kist_base64_decode(&value, r->value, err) < 0 || !unescape(name)) {
        return bad_value(r, err);
    }
    if (value.len > 0) {
        memcpy(r->value, value.data, value.len);
    }
    return set_xattr(p, name, r->value, value.len, err);
}

static int apply_record(struct kist_tar_pax *p, struct record *r, struct kist_tar_map *map,
                        struct kist_error *err)
{
    static const char plain[] = "SCHILY.xattr.", encoded[] = "LIBARCHIVE.xattr.";

    for (const struct key *key = keys; key < keys + KIST_COUNT(keys); key++) {
        if (strcmp(key->name, r->key) == 0) {
            return key->local && !map ? 0 : apply_key(p, key, r, map, err);
        }
    }
    if (kist_str_starts(r->key, plain) && r->key[sizeof(plain) - 1] != '\0') {
        return set_xattr(p, r->key + sizeof(plain) - 1, r->value, r->len, err);
    }
    if (kist_str_starts(r->key, encoded) && r->key[sizeof(encoded) - 1] != '\0') {
        return set_encoded_xattr(p, r->key + sizeof(encoded) - 1, r, err);
    }
    return 0;
}

int kist_tar_pax_read(struct kist_tar_pax *p, char *text, size_t len, struct kist_tar_map *map,
                      struct kist_error *err)
{
    char *end = len > 0 ? text + len : text; /* text may be NULL */
    int rc = 0;

    while (rc == 0 && text < end) {
        struct record r;

        if (!take_record(&text, end, &r)) {
            return kist_error_set(err, KIST_E_CORRUPT, "malformed pax record");
        }
        rc = apply_record(p, &r, map, err);
    }
    return rc;
}
