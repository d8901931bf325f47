/* What a container's file tree is made of, as plain data: the sandbox (port/sandbox.h) carries it out. */
#ifndef PORT_MOUNT_H
#define PORT_MOUNT_H

#include <stdbool.h>

#include "base/error.h"
#include "port/process.h"

enum port_mount_kind {
    PORT_MOUNT_FS,     /* a filesystem of its own: type, source (a mere name), data */
    PORT_MOUNT_BIND,   /* source, a path of the host, seen at target */
    PORT_MOUNT_OTHERS, /* source, a directory as the process of sees it, and what it mounted there, seen at target */
    PORT_MOUNT_CGROUP, /* the container's own control groups */
};

/* What a mount forbids or does. PORT_MOUNT_RECURSIVE is of binds: what is mounted below source comes along,
 * under the same flags. */
enum {
    PORT_MOUNT_RDONLY = 1 << 0,
    PORT_MOUNT_NOSUID = 1 << 1,
    PORT_MOUNT_NODEV = 1 << 2,
    PORT_MOUNT_NOEXEC = 1 << 3,
    PORT_MOUNT_NOATIME = 1 << 4,
    PORT_MOUNT_NODIRATIME = 1 << 5,
    PORT_MOUNT_STRICTATIME = 1 << 6,
    PORT_MOUNT_SYNC = 1 << 7, /* PORT_MOUNT_FS only */
    PORT_MOUNT_RECURSIVE = 1 << 8,
    PORT_MOUNT_COPY =
        1 << 9, /* a bind whose source is an empty directory is first filled from what is at target */
    PORT_MOUNT_FLEETING = 1 << 10, /* what it is filled with need not survive a power cut */
};

/* What passes between this mount and the host's it came from. */
enum port_propagation { PORT_PRIVATE, PORT_SLAVE, PORT_SHARED };

/* One layer: a file that holds a squashfs image, open for reading; or fd is -1, and it is the directory name of the host. */
struct port_layer {
    int fd;
    const char *name;           /* for messages */
    const char *const *implied; /* directories it has without saying what they are like: relative, "" the
                                   root, in the order of strcmp */
    size_t implied_count;
};

struct port_mount {
    enum port_mount_kind kind;
    unsigned flags;
    enum port_propagation propagation;
    uint64_t *room; /* bytes that PORT_MOUNT_COPY may still write, of all that have the same; NULL: any number */
    struct port_process of;           /* PORT_MOUNT_OTHERS */
    const char *type, *source, *data; /* data may be NULL */
    /* A bind whose source is a path in these, joined, the base first: no symlink of it leads out of them, and what is written there is
     * kept with the container's root alone. 0: source is the host's */
    const struct port_layer *layers;
    size_t layer_count;
    const char
        *target; /* absolute, in the container; made when missing, symlinks in it never leave the container */
};

struct port_root {
    bool plain; /* the root is rw's "root", as it is: no layers */
    const struct port_layer *layers; /* the base first; at least one */
    size_t layer_count;
    const char *rw; /* directory of the host with "upper" and "work"; one filesystem */
    const char *memory; /* options of a tmpfs of the sandbox's own that takes rw's place; NULL: none */
    const struct port_layer *image; /* an ext4 image, open for writing, that does; NULL: none */
    bool fresh;     /* upper is empty: implied directories are to be made in it */
    bool transient; /* what is written need not survive a power cut */
    bool read_only;
    enum port_propagation propagation;
};

/* A symbolic link that is made once everything is mounted, where nothing is there yet. */
struct port_link {
    const char *path, *target;
};

/* A device node that the container has. */
struct port_device {
    char type; /* 'c' or 'b'; 'p' a fifo */
    uint32_t major, minor, mode, uid, gid;
    const char *path; /* absolute, in the container */
};

#endif
