/* All that a file is, for whoever archives it. */
#ifndef KIST_PORT_NODE_H
#define KIST_PORT_NODE_H

#include "port/file.h"

enum port_node_type {
    PORT_NODE_FILE,
    PORT_NODE_DIRECTORY,
    PORT_NODE_SYMLINK,
    PORT_NODE_CHAR,
    PORT_NODE_BLOCK,
    PORT_NODE_FIFO,
    PORT_NODE_SOCKET,
};

struct port_node_xattr {
    char *name; /* whole: "security.capability" */
    void *value;
    size_t size;
};

struct port_node {
    enum port_node_type type;
    uint32_t mode; /* 07777 */
    uint32_t uid, gid, major, minor, links;
    uint64_t size, inode, device;
    int64_t mtime;                  /* seconds since 1970 */
    int64_t changed;                /* when it changed in whatever way, ns since 1970, which nobody can set; 0: that cannot be relied upon */
    char *target;                   /* of a symlink, else NULL */
    struct port_node_xattr *xattrs; /* of files and directories; at most 128 */
    size_t xattr_count;
};

/* What name in dir is, or with NULL dir itself; nothing is followed. Release n whatever comes back. KIST_E_NOT_FOUND. */
int port_node_read(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err) KIST_CHECKED;
/* The same without xattrs, which asks the kernel once, of a symlink twice. */
int port_node_look(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err) KIST_CHECKED;
/*
 * Name in dir, a plain file, open for reading; n is what that very file is. changed is 0 also where it is so short a time ago that the file
 * might change once more, while it is read or later, and have the same. Errors as of port_file_open, too.
 */
int port_node_open(struct port_dir *dir, const char *name, struct port_node *n, struct port_file **file, struct kist_error *err)
    KIST_CHECKED;
void port_node_release(struct port_node *n);
/* The plain file that port_node_read found, for reading. KIST_E_NOT_FOUND: another thing has its name by now, and is not touched. */
int port_node_file(struct port_file **out, struct port_dir *dir, const char *name, const struct port_node *n, struct kist_error *err)
    KIST_CHECKED;

/*
 * Makes name in dir what n says: type, target, device, mode, owner, xattrs and time; size and links are not looked at. Nothing is followed.
 * What had the name is replaced, but a directory stays as it is, with what is in it: KIST_E_CONFLICT where only one of the two is one.
 * A file is empty and *file (else NULL) is open to write it; its mode, owner, xattrs and time come with port_node_finish.
 */
int port_node_put(struct port_dir *dir, const char *name, const struct port_node *n, struct port_file **file,
                  struct kist_error *err) KIST_CHECKED;
/* The file of port_node_put is written; frees file whatever it returns. */
int port_node_finish(struct port_file *file, const struct port_node *n, struct kist_error *err) KIST_CHECKED;
/* The directory itself gets n's mode, owner, xattrs and time. */
int port_node_looks(struct port_dir *dir, const struct port_node *n, struct kist_error *err) KIST_CHECKED;
/* All that was written to dir's filesystem is on the medium. */
int port_node_settle(struct port_dir *dir, struct kist_error *err) KIST_CHECKED;
/* name in dir becomes another name of old_name in old, which must not be a directory; replaces as port_node_put does. */
int port_node_link(struct port_dir *dir, const char *name, struct port_dir *old, const char *old_name,
                   struct kist_error *err) KIST_CHECKED;

#endif
