/* "container:NAME", as --network, --pid, --ipc and --uts have it: whom a new container shares something with. */
#ifndef KIST_CMD_JOINING_H
#define KIST_CMD_JOINING_H

#include "cmd/cmd.h"
#include "container/container.h"
#include "container/generate.h"

/* What spec's members point to afterwards. */
struct kist_joining {
    char network[KIST_CONTAINER_ID_MAX];
    char host_name[65];
    char others[3][KIST_CONTAINER_ID_MAX + 16]; /* pid, ipc, uts */
};

/*
 * Names become IDs in spec's pid, ipc and uts; network is what --network said: where it names a container, spec's network is that of it, and
 * 1 is returned, else 0. KIST_E_NOT_FOUND: there is no such container.
 */
int kist_joining(struct kist_joining *j, struct kist_app *app, const char *network, struct kist_run_options *spec,
                 struct kist_error *err) KIST_CHECKED;

#endif
