/* What the parts of port/file.h share: the two structs, and errno -> kist_error with the file's name. */
#ifndef KIST_PORT_LINUX_FILE_PRIVATE_H
#define KIST_PORT_LINUX_FILE_PRIVATE_H

#include "port/file.h"

struct port_dir {
    int fd;
    char path[]; /* as opened, for messages */
};

struct port_file {
    int fd;
    uint64_t end; /* where the next append goes */
    char path[];
};

/* "cannot <verb> '<at>/<name>': <cause>"; name may be NULL. Returns the code it chose. */
int port_error(struct kist_error *err, int sys_errno, const char *verb, const char *at, const char *name);

/* A directory of an open descriptor, which it takes; its path is at and, where given, name. */
int port_dir_new(struct port_dir **out, int fd, const char *at, const char *name, struct kist_error *err) KIST_CHECKED;

/* A name is one component; false (errno EINVAL) for "", ".", "..", and anything with a slash. */
bool port_name_ok(const char *name);

#endif
