/* Directories inside a root whose owner may be hostile, and may change it meanwhile: no path leads out of it. */
#ifndef KIST_PORT_PLACE_H
#define KIST_PORT_PLACE_H

#include "port/file.h"
#include "port/process.h"

/* The root of a process as it sees it, mounts and all. KIST_E_CONFLICT: it has ended. */
int port_place_root(struct port_dir **out, const struct port_process *p, struct kist_error *err) KIST_CHECKED;
/* The directory that a process has open as descriptor number. KIST_E_CONFLICT: it has ended. */
int port_place_held(struct port_dir **out, const struct port_process *p, int number, struct kist_error *err) KIST_CHECKED;
/* The directory at path below root: symbolic links and ".." on the way are resolved as if root were "/". KIST_E_NOT_FOUND. */
int port_place_enter(struct port_dir **out, struct port_dir *root, const char *path, struct kist_error *err) KIST_CHECKED;

#endif
