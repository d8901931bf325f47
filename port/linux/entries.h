/* The entries of a directory, read into the caller's memory: a stream of the C library's would be on the heap. */
#ifndef KIST_PORT_LINUX_ENTRIES_H
#define KIST_PORT_LINUX_ENTRIES_H

#include <stddef.h>

struct port_entries {
    int fd; /* the directory's, the caller's; what it is at moves */
    size_t at, end;
    char room[2048]; /* what getdents64(2) gave, of which at ... end is not yet told */
};

/*
 * The next entry, "." and ".." left out. 1: *name, valid until the next call, and *type, a DT_... of <dirent.h>; 0: there is no
 * more; -1 with errno. Begin with {.fd = fd}.
 */
int port_entries_next(struct port_entries *e, const char **name, unsigned char *type);

#endif
