/* --mount of a RUN (Dockerfile reference, "RUN --mount"): one, as text -> what is wanted. */
#ifndef KIST_BUILD_RUN_MOUNT_H
#define KIST_BUILD_RUN_MOUNT_H

#include <stdbool.h>

#include "base/error.h"

enum kist_run_mount_type { KIST_RUN_MOUNT_BIND, KIST_RUN_MOUNT_CACHE, KIST_RUN_MOUNT_TMPFS, KIST_RUN_MOUNT_SECRET };

/* Of a cache: who may use it at the same time. */
enum kist_run_mount_sharing { KIST_RUN_MOUNT_SHARED, KIST_RUN_MOUNT_PRIVATE, KIST_RUN_MOUNT_LOCKED };

struct kist_run_mount {
    enum kist_run_mount_type type;
    char *target; /* absolute, clean; NULL: a secret that is a variable alone */
    char *from;   /* of a bind: a stage, its number or an image; NULL: the build context */
    char *source; /* of a bind: in there, "/" all of it */
    char *id;     /* of a cache or secret */
    char *env;    /* of a secret: the variable that it becomes; NULL: none */
    bool read_only, required;
    enum kist_run_mount_sharing sharing;
    uint32_t mode, uid, gid; /* of a cache's directory when it is made, of a secret's file */
    uint64_t size;           /* of a tmpfs, bytes; 0: half of the memory */
};

/*
 * text: "type=cache,target=/root/.cache", fields as in CSV, variables expanded; workdir is where a relative target begins. Release m
 * whatever comes back. KIST_E_USAGE in BuildKit's words where it has some; KIST_E_UNSUPPORTED: type=ssh, a cache from an image.
 */
int kist_run_mount_parse(struct kist_run_mount *m, const char *text, const char *workdir, struct kist_error *err) KIST_CHECKED;
void kist_run_mount_release(struct kist_run_mount *m);

#endif
