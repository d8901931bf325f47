#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "transfer/load_parts.h"

#define LINKS_MAX 8

/* FNV-1a: thousands of members are told apart without a look at their names. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    }
    return hash;
}

static struct kist_load_member *find_any(struct kist_load *l, const char *name)
{
    uint32_t hash = hash_of(name);

    for (size_t i = 0; i < l->member_count; i++) {
        if (l->members[i].hash == hash && strcmp(l->members[i].name, name) == 0) {
            return &l->members[i];
        }
    }
    return NULL;
}

struct kist_load_member *kist_load_find(struct kist_load *l, const char *name)
{
    struct kist_load_member *m = find_any(l, name);

    return m && m->kind != KIST_LOAD_SEEN ? m : NULL;
}

const struct kist_load_member *kist_load_follow(struct kist_load *l, const char *name)
{
    const struct kist_load_member *m = find_any(l, name);

    for (int i = 0; m && m->kind == KIST_LOAD_LINK && i < LINKS_MAX; i++) {
        m = find_any(l, m->text);
    }
    return m && m->kind == KIST_LOAD_LINK ? NULL : m;
}

static int make_room(struct kist_load *l, struct kist_error *err)
{
    size_t size = l->member_size ? 2 * l->member_size : 64;
    struct kist_load_member *more;

    if (l->member_count < l->member_size) {
        return 0;
    }
    if (l->member_count >= KIST_MAX_ARCHIVE_MEMBERS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the archive has more than %u members", KIST_MAX_ARCHIVE_MEMBERS);
    }
    more = realloc(l->members, size * sizeof(*more));
    if (!more) {
        return kist_error_nomem(err);
    }
    l->members = more;
    l->member_size = size;
    return 0;
}

int kist_load_add(struct kist_load *l, const char *name, enum kist_load_kind kind, char *text, size_t len,
                  struct kist_load_member **member, struct kist_error *err)
{
    struct kist_load_member *m = find_any(l, name);
    char *copy = NULL;
    int rc = m ? 0 : make_room(l, err);

    if (m && m->kind != KIST_LOAD_SEEN) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "the archive has two members '%s'", name);
    } else if (rc == 0 && ((!m && !(copy = strdup(name))) || (!text && (kind == KIST_LOAD_TEXT || kind == KIST_LOAD_BAD)))) {
        rc = kist_error_nomem(err);
    }
    if (rc < 0) {
        free(copy);
        free(text);
        return rc;
    }
    if (!m) {
        m = &l->members[l->member_count++];
        m->name = copy;
        m->hash = hash_of(copy);
    }
    m->kind = kind;
    m->text = text;
    m->len = len;
    *member = m;
    return 0;
}

bool kist_load_name_digest(const char *name, struct kist_digest *digest)
{
    static const char prefix[] = "blobs/sha256/";

    return kist_str_starts(name, prefix) && strlen(name) == strlen(prefix) + 2 * sizeof(digest->bytes) &&
           kist_str_unhex(digest->bytes, sizeof(digest->bytes), name + strlen(prefix));
}

void kist_load_check_text(struct kist_load_member *m)
{
    struct kist_digest wanted, got;
    char text[KIST_DIGEST_TEXT_MAX], why[128];

    if (!kist_load_name_digest(m->name, &wanted)) {
        return;
    }
    kist_digest_of(&got, m->text, m->len);
    if (!kist_digest_equal(&got, &wanted)) {
        char *said;

        (void)!kist_str_format(why, sizeof(why), "its digest is '%s'", kist_digest_text(text, &got));
        said = strdup(why);
        if (said) {
            free(m->text);
            m->text = said;
        }
        m->kind = KIST_LOAD_BAD;
    }
}

/* ---- an archive that is a directory ---- */

static int open_inside(struct kist_load *l, const char *name, struct port_file **file, struct kist_error *err)
{
    struct port_dir *at = l->dir;
    int rc = 0;

    for (const char *slash; rc == 0 && (slash = strchr(name, '/')); name = slash + 1) {
        char part[KIST_LOAD_NAME_MAX];
        struct port_dir *next = NULL;

        (void)!kist_str_format(part, sizeof(part), "%.*s", (int)(slash - name), name);
        rc = port_dir_open_at(&next, at, part, false, err);
        if (at != l->dir) {
            port_dir_close(at);
        }
        at = next;
    }
    if (rc == 0) {
        rc = port_file_open(file, at, name, err);
    }
    if (at && at != l->dir) {
        port_dir_close(at);
    }
    return rc;
}

int kist_load_open(struct kist_load *l, const char *name, struct port_file **file, uint64_t *size, struct kist_error *err)
{
    int rc = open_inside(l, name, file, err);

    if (rc == 0 && (rc = port_file_size(*file, size, err)) < 0) {
        port_file_discard(*file);
    }
    return rc;
}

static int read_inside(struct kist_load *l, const char *name, struct kist_load_member **member, struct kist_error *err)
{
    struct port_file *file;
    uint64_t size;
    size_t got = 0;
    char *text;
    int rc = kist_load_open(l, name, &file, &size, err);

    if (rc < 0) {
        return rc;
    }
    if (size > KIST_MAX_MANIFEST || l->text_bytes + size > KIST_MAX_ARCHIVE_TEXT) {
        port_file_discard(file);
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' has %llu bytes, too many for a document", name,
                              (unsigned long long)size);
    }
    text = calloc(1, (size_t)size + 1);
    rc = text ? port_file_read_at(file, 0, text, (size_t)size, &got, err) : kist_error_nomem(err);
    port_file_discard(file);
    if (rc < 0) {
        free(text);
        return rc;
    }
    l->text_bytes += got;
    rc = kist_load_add(l, name, KIST_LOAD_TEXT, text, got, member, err);
    if (rc == 0) {
        kist_load_check_text(*member);
    }
    return rc;
}

/* ---- documents ---- */

int kist_load_text(struct kist_load *l, const char *name, const char **text, size_t *len, struct kist_error *err)
{
    const struct kist_load_member *m = kist_load_follow(l, name);
    struct kist_load_member *read;
    int rc = KIST_E_NOT_FOUND;

    if (!m && l->dir && strlen(name) < KIST_LOAD_NAME_MAX) {
        rc = read_inside(l, name, &read, err);
        if (rc < 0 && rc != KIST_E_NOT_FOUND) {
            return rc;
        }
        m = rc == 0 ? read : NULL;
    }
    if (!m) {
        (void)!kist_str_format(l->missing, sizeof(l->missing), "%s", name);
        return kist_error_set(err, KIST_E_NOT_FOUND, "the archive has no '%s'", name);
    }
    if (m->kind != KIST_LOAD_TEXT) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' in the archive: %s", name,
                              m->kind == KIST_LOAD_BAD ? m->text : "it is a layer, not a document");
    }
    *text = m->text;
    *len = m->len;
    return 0;
}

void kist_load_members_release(struct kist_load *l)
{
    for (size_t i = 0; i < l->member_count; i++) {
        free(l->members[i].name);
        free(l->members[i].text);
    }
    free(l->members);
}
