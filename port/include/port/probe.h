/* What of the kernel and of a filesystem kist uses: tried out, not looked up, wherever trying leaves nothing behind. */
#ifndef PORT_PROBE_H
#define PORT_PROBE_H

#include <stdbool.h>

#include "base/error.h"

enum port_found { PORT_MISSING, PORT_FOUND, PORT_UNKNOWN /* not allowed to try */ };

struct port_probe {
    const char *name;   /* "squashfs" */
    const char *option; /* of the kernel's configuration, or what else to do */
    const char *lost;   /* what does not work without it */
    bool essential;     /* nothing runs without it */
    enum port_found found;
};

#define PORT_PROBES_MAX 40

/*
 * Tries all, in a process with mount and network namespaces of its own; dir: where the store is or will be, whose filesystem counts.
 * Fills probes, PORT_PROBES_MAX of them, the texts static, and sets *count. Needs root for most.
 */
int port_probe_all(const char *dir, struct port_probe *probes, size_t *count, struct kist_error *err) KIST_CHECKED;

/* Whether layers can be mounted and joined for a store in dir; if not, *lacking is what there is none of. Cheap where there is all. */
bool port_probe_layers(const char *dir, struct port_probe *lacking);

/* Likewise, whether layers can be shown with other owners, as a user namespace has them. */
bool port_probe_owners(const char *dir, struct port_probe *lacking);

/* Whether the kernel mounts squashfs that is compressed by zstd, else by gzip: only that is tried. */
enum port_found port_probe_squashfs(bool zstd);

#endif
