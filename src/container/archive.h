/* Files of a container becoming the members of a tar. */
#ifndef KIST_CONTAINER_ARCHIVE_H
#define KIST_CONTAINER_ARCHIVE_H

#include "codec/tar_write.h"
#include "port/node.h"

/* xattrs of overlayfs itself, which no archive has */
#define KIST_OVERLAY_PREFIX "trusted.overlay."

/* A file that has several names, and the first of them in the archive. */
struct kist_archive_link {
    unsigned source;
    uint64_t inode;
    char *path;
};

/* All zero but for the writer, which its owner makes and ends. */
struct kist_archive {
    struct kist_tar_writer writer;
    struct kist_archive_link *links;
    size_t link_count, link_size;
};

void kist_archive_release(struct kist_archive *a);
/*
 * The member's header. A file of links > 1 names whose inode of this source (a filesystem, by any number) came already is written as a hard
 * link, *e is changed so, and 1 comes back: no data is wanted.
 */
int kist_archive_header(struct kist_archive *a, struct kist_tar_entry *e, unsigned source, uint64_t inode, uint32_t links,
                        struct kist_error *err) KIST_CHECKED;
/* What name in dir is, n, as the member path, with its data; not for sockets, which no tar can hold. */
int kist_archive_node(struct kist_archive *a, unsigned source, struct port_dir *dir, const char *name, const char *path,
                      const struct port_node *n, struct kist_error *err) KIST_CHECKED;

#endif
