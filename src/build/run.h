/*
 * One RUN of a Dockerfile: a command in a container that is there for it alone, in the sandbox of `kist run`, and what it changed as a
 * layer's tar.
 */
#ifndef KIST_BUILD_RUN_H
#define KIST_BUILD_RUN_H

#include "build/run_mount.h"
#include "container/container.h"
#include "container/generate.h"

/* A mount, and where it comes from. */
struct kist_build_mount {
    const struct kist_run_mount *mount;
    /* of a bind: a directory of the host or a layer file that is in no store (the build context), or the layers of a stage or image, the
     * base first, which a lease keeps */
    const char *path;
    const char *source; /* where it is in there; NULL: mount's source */
    const struct kist_digest *diff_ids;
    size_t diff_id_count;
    /* of a secret; NULL: there is none of that ID */
    const void *secret;
    size_t secret_len;
};

/* Pointers stay the caller's. */
struct kist_build_run {
    const struct kist_engine *engine;
    const struct kist_config *config; /* the image's so far: its user, variables, working directory; volumes are not mounted */
    const struct kist_digest *diff_ids; /* its layers, which a lease keeps */
    size_t diff_id_count;
    const char *name;                   /* shown as the container's image */
    const struct kist_strv *argv;
    const struct kist_strv *env;        /* "NAME=value" beside the config's; NULL: none */
    const struct kist_run_options *options; /* the network, limits and the like; env, command, user and volumes are not looked at */
    const struct kist_build_mount *mounts;
    size_t mount_count;
    const char *script_name, *script;   /* a file /dev/pipes/<name> that can be executed, for argv to name; NULL: none */
    int64_t epoch;                      /* no time in the layer is later; negative: times stay */
    const struct kist_platform *machine; /* whose programs run without an emulator */
    /* all that it writes, as it comes; stream is 1 or 2 */
    void (*output)(void *arg, int stream, const char *data, size_t len);
    void *arg;
};

#define KIST_BUILD_TAIL_MAX 2048

struct kist_build_ran {
    int exit_status; /* 0 ... 255, 128 + n after signal n */
    bool changed;    /* the layer has an entry */
    char tail[KIST_BUILD_TAIL_MAX]; /* the last lines it wrote, fit for a terminal; "" none */
    size_t tail_len;
};

/*
 * Runs it to its end; where that is good, the layer goes into tar, with its finish, which nothing is written to otherwise. Nothing is
 * left of it but what it wrote to its caches. To be called while the process has one thread.
 * KIST_E_INTERRUPTED: a signal asked us to stop; KIST_E_NO_COMMAND, KIST_E_NO_EXEC: the command cannot be run; KIST_E_UNSUPPORTED:
 * nothing here runs programs of that platform, or the kernel lacks something; KIST_E_NOT_FOUND: a secret that is required, a bind's
 * source; KIST_E_NO_SPACE: what it wrote is more than the store may have; then the caches that nobody uses are gone, if it had one.
 */
int kist_build_run(const struct kist_build_run *run, struct kist_build_ran *ran, struct kist_sink *tar, struct kist_error *err)
    KIST_CHECKED;

#endif
