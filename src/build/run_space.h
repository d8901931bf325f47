/* Room for what a RUN writes while it runs: nothing in the kernel holds it back, so the store is looked at now and then. */
#ifndef KIST_BUILD_RUN_SPACE_H
#define KIST_BUILD_RUN_SPACE_H

#include "store/store.h"

struct kist_run_space {
    struct kist_store *store;
    const char *id;     /* the container's */
    uint64_t available; /* bytes of the filesystem, when the store was measured last */
    uint64_t left;      /* bytes that it might still take then; 0: it was never measured */
};

/*
 * Whether the store has what it may have; where it has more, all goes first that may go for it. dir: containers/<id>/. Unless whole, it is
 * measured only where much has been written since. KIST_E_NO_SPACE: it is too much.
 */
int kist_run_space_check(struct kist_run_space *s, struct port_dir *dir, bool whole, struct kist_error *err) KIST_CHECKED;

#endif
