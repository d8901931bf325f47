#include <string.h>

#include "base/str.h"
#include "codec/tar_parts.h"

void kist_tar_extended_init(struct kist_tar_extended *x)
{
    memset(x, 0, sizeof(*x));
    kist_buf_init(&x->body, KIST_MAX_TAR_HEADER);
    kist_buf_init(&x->local_text, KIST_MAX_TAR_HEADER);
    kist_buf_init(&x->global_text, KIST_MAX_TAR_GLOBAL);
    kist_buf_init(&x->long_name, KIST_MAX_PATH);
    kist_buf_init(&x->long_link, KIST_MAX_PATH);
}

void kist_tar_extended_release(struct kist_tar_extended *x)
{
    kist_buf_release(&x->body);
    kist_buf_release(&x->local_text);
    kist_buf_release(&x->global_text);
    kist_buf_release(&x->long_name);
    kist_buf_release(&x->long_link);
}

bool kist_tar_extended_type(unsigned char type)
{
    return type == 'x' || type == 'X' || type == 'g' || type == 'L' || type == 'K';
}

int kist_tar_extended_begin(struct kist_tar_extended *x, uint64_t size, struct kist_error *err)
{
    if (size > KIST_MAX_TAR_HEADER) {
        return kist_error_set(err, KIST_E_CORRUPT, "extended header of more than %u bytes",
                              KIST_MAX_TAR_HEADER);
    }
    kist_buf_clear(&x->body);
    return 0;
}

static int read_long(const struct kist_buf *body, struct kist_buf *name, bool *has, struct kist_error *err)
{
    size_t len = strlen(kist_buf_text(body));

    if (len == 0 || len > KIST_MAX_PATH) {
        return kist_error_set(err, KIST_E_CORRUPT, len == 0 ? "empty long name" : "name is too long");
    }
    *has = true;
    kist_buf_clear(name);
    return kist_buf_add(name, body->data, len, err);
}

static int read_local(struct kist_tar_extended *x, struct kist_tar_map *map, struct kist_error *err)
{
    struct kist_buf spare = x->local_text;

    x->local_text = x->body;
    x->body = spare;
    x->local = x->global;
    x->has_local = true;
    kist_tar_map_clear(map);
    return kist_tar_pax_read(&x->local, x->local_text.data, x->local_text.len, map, err);
}

static int read_global(struct kist_tar_extended *x, struct kist_error *err)
{
    struct kist_buf *text = &x->global_text;
    size_t start = text->len;
    int rc;

    if (x->body.len > text->max - start) {
        return kist_error_set(err, KIST_E_CORRUPT, "global headers of more than %zu bytes", text->max);
    }
    /* room for all that may come at once: global leads into it, so it must never move */
    rc = kist_buf_reserve(text, text->max - start, err);
    if (rc == 0) {
        rc = kist_buf_add(text, x->body.data, x->body.len, err);
    }
    return rc == 0 ? kist_tar_pax_read(&x->global, text->data + start, x->body.len, NULL, err) : rc;
}

int kist_tar_extended_end(struct kist_tar_extended *x, unsigned char type, struct kist_tar_map *map,
                          struct kist_error *err)
{
    switch (type) {
    case 'L':
        return read_long(&x->body, &x->long_name, &x->has_long_name, err);
    case 'K':
        return read_long(&x->body, &x->long_link, &x->has_long_link, err);
    case 'g':
        return read_global(x, err);
    default:
        return read_local(x, map, err);
    }
}

bool kist_tar_extended_pending(const struct kist_tar_extended *x)
{
    return x->has_local || x->has_long_name || x->has_long_link;
}

void kist_tar_extended_used(struct kist_tar_extended *x)
{
    x->has_local = x->has_long_name = x->has_long_link = false;
}

const struct kist_tar_pax *kist_tar_extended_pax(const struct kist_tar_extended *x)
{
    return x->has_local ? &x->local : &x->global;
}

static enum kist_tar_type entry_type(unsigned char type, const char *name)
{
    switch (type) {
    case '1':
        return KIST_TAR_HARDLINK;
    case '2':
        return KIST_TAR_SYMLINK;
    case '3':
        return KIST_TAR_CHAR;
    case '4':
        return KIST_TAR_BLOCK;
    case '5':
        return KIST_TAR_DIRECTORY;
    case '6':
        return KIST_TAR_FIFO;
    case '\0': /* v7 had no type for directories */
        return kist_str_ends(name, "/") ? KIST_TAR_DIRECTORY : KIST_TAR_FILE;
    default:
        return KIST_TAR_FILE;
    }
}

static int check_path(const char *path, const char *what, struct kist_error *err)
{
    if (path[0] == '\0') {
        return kist_error_set(err, KIST_E_CORRUPT, "it has no %s", what);
    }
    if (strlen(path) > KIST_MAX_PATH) {
        return kist_error_set(err, KIST_E_CORRUPT, "its %s is too long", what);
    }
    return 0;
}

static int apply_paths(const struct kist_tar_extended *x, const struct kist_tar_header *h,
                       struct kist_tar_entry *e, struct kist_error *err)
{
    const struct kist_tar_pax *pax = kist_tar_extended_pax(x);
    int rc;

    e->name = x->has_long_name ? x->long_name.data : pax->path ? pax->path : h->name;
    if (pax->sparse_name) {
        e->name = pax->sparse_name;
    }
    rc = check_path(e->name, "name", err);
    if (rc < 0) {
        return rc;
    }
    e->type = entry_type(h->type, e->name);
    if (e->type != KIST_TAR_HARDLINK && e->type != KIST_TAR_SYMLINK) {
        return 0;
    }
    e->link_name = x->has_long_link ? x->long_link.data : pax->link_path ? pax->link_path : h->link_name;
    return check_path(e->link_name, "link target", err);
}

int kist_tar_extended_apply(const struct kist_tar_extended *x, const struct kist_tar_header *h,
                            struct kist_tar_entry *e, struct kist_error *err)
{
    const struct kist_tar_pax *pax = kist_tar_extended_pax(x);
    const struct {
        uint32_t *to;
        unsigned said;
        uint64_t by_pax, by_header;
        const char *what;
    } numbers[] = {
        {&e->uid, KIST_TAR_UID, pax->uid, h->uid, "uid"},
        {&e->gid, KIST_TAR_GID, pax->gid, h->gid, "gid"},
        {&e->major, KIST_TAR_MAJOR, pax->major, h->major, "device number"},
        {&e->minor, KIST_TAR_MINOR, pax->minor, h->minor, "device number"},
    };
    int rc;

    *e = (struct kist_tar_entry){.xattrs = pax->xattrs, .xattr_count = pax->xattr_count, .mode = h->mode};
    rc = apply_paths(x, h, e, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < KIST_COUNT(numbers); i++) {
        uint64_t number = (pax->said & numbers[i].said) != 0 ? numbers[i].by_pax : numbers[i].by_header;

        if (number > UINT32_MAX) {
            return kist_error_set(err, KIST_E_CORRUPT, "its %s is too large", numbers[i].what);
        }
        *numbers[i].to = (uint32_t)number;
    }
    e->mtime = (pax->said & KIST_TAR_MTIME) != 0 ? pax->mtime : h->mtime;
    if (e->type == KIST_TAR_FILE) { /* others have no data, whatever their size field says */
        e->size = e->stored = (pax->said & KIST_TAR_SIZE) != 0 ? pax->size : h->size;
    }
    return 0;
}
