/*
 * Directories that builds keep between runs (RUN --mount=type=cache): cache/mounts/<name>/ of the store has "lock" and "data". The name is
 * the digest of the cache's ID, and ".1" and so on behind it for those that use it privately at the same time.
 */
#ifndef KIST_BUILD_CACHE_MOUNT_H
#define KIST_BUILD_CACHE_MOUNT_H

#include "base/limits.h"
#include "build/run_mount.h"
#include "store/store.h"

struct kist_cache_mount {
    struct port_file *lock;
    char path[KIST_MAX_PATH + 1]; /* of the directory to be shown */
};

/*
 * Makes m's directory where there is none, and holds it until it is released, or the process dies. Waits where another uses it and it is
 * not to be shared: KIST_E_INTERRUPTED where a signal came meanwhile. KIST_E_NO_SPACE.
 */
int kist_cache_mount_hold(struct kist_cache_mount *c, struct kist_store *s, const struct kist_run_mount *m, struct kist_error *err)
    KIST_CHECKED;
void kist_cache_mount_release(struct kist_cache_mount *c);

/* Removes all that nobody uses and that were last used before until (seconds since 1970); *freed grows by their bytes. */
int kist_cache_mount_prune(struct kist_store *s, int64_t until, uint64_t *freed, struct kist_error *err) KIST_CHECKED;

#endif
