#include "container/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

#define CHUNK ((size_t)64 << 10)

/* 1: path is another name of a file that came already, *first. Else it is noted. */
static int take_link(struct kist_archive *a, unsigned source, uint64_t inode, const char *path, const char **first,
                     struct kist_error *err)
{
    for (size_t i = a->link_count; i > 0; i--) {
        if (a->links[i - 1].inode == inode && a->links[i - 1].source == source) {
            *first = a->links[i - 1].path;
            return 1;
        }
    }
    if (a->link_count == a->link_size) {
        size_t size = a->link_size ? 2 * a->link_size : 32;
        struct kist_archive_link *more = realloc(a->links, size * sizeof(*more));

        if (!more) {
            return kist_error_nomem(err);
        }
        a->links = more;
        a->link_size = size;
    }
    a->links[a->link_count] = (struct kist_archive_link){source, inode, strdup(path)};
    return a->links[a->link_count].path ? (a->link_count++, 0) : kist_error_nomem(err);
}

int kist_archive_header(struct kist_archive *a, struct kist_tar_entry *e, unsigned source, uint64_t inode, uint32_t links,
                        struct kist_error *err)
{
    int linked = 0, rc;

    if (links > 1 && e->type != KIST_TAR_DIRECTORY) {
        linked = take_link(a, source, inode, e->name, &e->link_name, err);
    }
    if (linked == 1) {
        e->type = KIST_TAR_HARDLINK;
        e->xattr_count = 0;
    }
    rc = linked < 0 ? linked : kist_tar_writer_entry(&a->writer, e, err);
    return rc < 0 ? rc : linked;
}

/* A file that a running container makes shorter meanwhile ends in zeros. */
static int put_data(struct kist_archive *a, struct port_file *file, uint64_t size, struct kist_error *err)
{
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    uint64_t at = 0;
    int rc = chunk ? 0 : kist_error_nomem(err);

    while (rc == 0 && at < size) {
        size_t n = (size_t)KIST_MIN(size - at, (uint64_t)CHUNK), got;

        rc = port_file_read_at(file, at, chunk, n, &got, err);
        if (rc == 0) {
            memset(chunk + got, 0, n - got);
            rc = kist_tar_writer_data(&a->writer, chunk, n, err);
        }
        at += n;
    }
    return rc;
}

int kist_archive_node(struct kist_archive *a, unsigned source, struct port_dir *dir, const char *name, const char *path,
                      const struct port_node *n, struct kist_error *err)
{
    static const enum kist_tar_type types[] = {
        [PORT_NODE_FILE] = KIST_TAR_FILE,   [PORT_NODE_DIRECTORY] = KIST_TAR_DIRECTORY, [PORT_NODE_SYMLINK] = KIST_TAR_SYMLINK,
        [PORT_NODE_CHAR] = KIST_TAR_CHAR,   [PORT_NODE_BLOCK] = KIST_TAR_BLOCK,         [PORT_NODE_FIFO] = KIST_TAR_FIFO,
        [PORT_NODE_SOCKET] = KIST_TAR_FIFO, /* never asked for */
    };
    struct kist_tar_xattr xattrs[KIST_MAX_TAR_XATTRS];
    struct kist_tar_entry e = {.type = types[n->type], .name = path, .link_name = n->target, .mode = n->mode, .uid = n->uid,
                               .gid = n->gid, .mtime = n->mtime, .stored = n->size, .major = n->major, .minor = n->minor,
                               .xattrs = xattrs};
    struct port_file *file = NULL;
    int rc = n->type == PORT_NODE_FILE ? port_node_file(&file, dir, name, n, err) : 0;

    for (size_t i = 0; i < n->xattr_count && e.xattr_count < KIST_COUNT(xattrs); i++) {
        if (!kist_str_starts(n->xattrs[i].name, KIST_OVERLAY_PREFIX)) {
            xattrs[e.xattr_count++] = (struct kist_tar_xattr){n->xattrs[i].name, n->xattrs[i].value, n->xattrs[i].size};
        }
    }
    if (rc == 0) {
        rc = kist_archive_header(a, &e, source, n->inode, n->links, err);
    }
    rc = rc == 0 && file ? put_data(a, file, n->size, err) : KIST_MIN(rc, 0);
    port_file_discard(file);
    return rc;
}

void kist_archive_release(struct kist_archive *a)
{
    for (size_t i = 0; i < a->link_count; i++) {
        free(a->links[i].path);
    }
    free(a->links);
}
