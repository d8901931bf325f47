/*
 * A container's life: made from an image and an OCI runtime configuration, run in the foreground, listed,
 * removed.
 *
 * containers/<id>/ of the store holds what must survive a reboot: "ref" (the store's), config.json,
 * state.json, rw/ (the writable layer), volumes/. <run>/<id>/, on tmpfs, holds what must not: "lock", held by
 * the process that runs the container, and what it knows of the running one. A lock nobody holds is what a
 * killed kist left; whoever comes next sweeps it.
 *
 * The engine's only input is config.json (OCI runtime-spec). What it reads there beyond the specification:
 *   annotations  "kist.init": "true"     a small init is process 1, reaps zombies and forwards signals
 *                "kist.stdin": "true"    standard input is passed on; otherwise it is /dev/null
 *                "kist.devices": "all"   every device node of the host is given (--privileged)
 *                "kist.ipc"              "shareable", "none", "host", "container:<id>": who shares its IPC namespace; else nobody may
 *                "org.opencontainers.image.stopSignal": "SIGTERM"
 *                "kist.rootfs": "overlay", "tmpfs" or "copy" (rootfs.h), "kist.rootfs.size": bytes that may be written to it
 *                "kist.told"             what its flags said instead of the image, for a commit: an object as text, as an image's
 * "config" (OCI image spec, config.md): Env ("NAME" alone takes one away), User, WorkingDir, StopSignal, Entrypoint and Cmd (empty: none),
 * ExposedPorts, Volumes, Healthcheck
 *                "kist.restart", "kist.health", "kist.log..." and more: how it is looked after (plan.h)
 *   mounts       every mount is nodev unless its options say "dev"; a bind's relative source is in the
 * bundle: "etc/hosts", "etc/hostname", "etc/resolv.conf"  files made at each start for this container
 *                "volume/<name>"         the store's volume of that name, made when missing; "copy" as below
 *                "run/<name>"            a file that who starts it makes for it, outside of the store
 *                any path, with a member "kist.from": an array of diff IDs, the base first, or of one path of the host,
 * a directory or a layer file. The path is in these, joined; no symlink of it leads out of them, and what is written there goes with the container
 *                "volumes/<name>"        a directory kept with the container, made when missing; with the
 * option "copy" it is filled once from the image's directory at the destination, with its owner and mode
 *                "container/shm"         /dev/shm of the container whose IPC namespace this one has
 *   root.path    is not looked at: the root is the image's layers under rw/, or a copy of them in it
 * A namespace without a path is a new one; one that is not listed is the host's; a path is that of its file, or "container/<id>": that
 * of another container's process, as it runs when this one starts (pid, network, ipc, uts).
 */
#ifndef KIST_CONTAINER_CONTAINER_H
#define KIST_CONTAINER_CONTAINER_H

#include <cJSON.h>
#include <stdbool.h>

#include "base/str.h"
#include "codec/stream.h"
#include "store/store.h"

#define KIST_CONTAINER_ID_MAX 65    /* 64 hex digits and NUL */
#define KIST_CONTAINER_NAME_MAX 129 /* Docker's grammar: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */

/* Where containers live. Plain data, filled by the caller. */
struct kist_engine {
    struct kist_store *store;
    const char *run; /* directory on tmpfs, made when missing; NULL: that of kist_container_run_in */
};

#define KIST_CONTAINER_RUN "/run/kist"
/* For engines of this process that name no other place; KIST_CONTAINER_RUN unless it was called. path stays the caller's. */
void kist_container_run_in(const char *path);
#define KIST_CONTAINER_GROUP "kist/" /* the control groups of containers that were told of no other parent */
#define KIST_CONTAINER_GROUP_MAX 256

enum kist_container_status {
    KIST_CONTAINER_CREATED,
    KIST_CONTAINER_RUNNING,
    KIST_CONTAINER_PAUSED,
    KIST_CONTAINER_RESTARTING, /* it ended, and is about to run again */
    KIST_CONTAINER_EXITED,
};

struct kist_container {
    char id[KIST_CONTAINER_ID_MAX];
    char name[KIST_CONTAINER_NAME_MAX];
    struct kist_digest image; /* image ID */
    char *image_name;         /* as the user wrote it */
    char *command;            /* the process's arguments, joined by spaces */
    enum kist_container_status status;
    uint32_t nanoseconds;               /* of the second of created: which of two was made first */
    cJSON *labels;                      /* an object of strings; NULL: none */
    cJSON *network;                     /* of one on a bridge that is up: what container/network.h says of <run>/<id>/network */
    char *group;                        /* of one that is up, its control group's name (port/cgroup.h) */
    char *health;                       /* "starting", "healthy", "unhealthy"; NULL: no health check, or not up */
    uint64_t restarts;                  /* of one that is up, by its restart policy */
    bool out_of_memory;                 /* the kernel killed one of its processes for want of memory, the last time it was up */
    bool stopped;                       /* by stop or kill, the last time it was up */
    bool transient;                     /* run --rm: goes when it ends */
    int64_t created, started, finished; /* seconds since 1970; 0 where not yet */
    int exit_status; /* of an exited one: 0 ... 255, 128 + n after signal n; 137 after a kill nobody saw */
    int pid;         /* of a running one's process 1, in the host's eyes; else 0 */
};

struct kist_container_list {
    struct kist_container *v;
    size_t n;
};

/* A new random ID. */
int kist_container_id_make(char id[KIST_CONTAINER_ID_MAX], struct kist_error *err) KIST_CHECKED;

/* What a container is made of; pointers stay the caller's. */
struct kist_container_new {
    const char *id;                  /* from kist_container_id_make, so that the configuration can name it */
    const char *name;                /* NULL: one is made up */
    const struct kist_digest *image; /* image ID, kept in the store */
    const char *image_name;          /* as the user wrote it */
    const struct kist_digest *diff_ids; /* the image's layers, the base first */
    size_t diff_id_count;
    const cJSON *config; /* OCI runtime configuration */
    bool leased;         /* a lease of the caller's keeps the layers: the image need not be there, or not yet */
    bool transient;      /* goes when it ends, or is swept after a crash; nothing of it is synced. Only
                            kist_container_run takes it */
};

/*
 * KIST_E_CONFLICT: the name is taken; KIST_E_USAGE: the name is malformed, or config.json asks for what makes
 * no sense; KIST_E_UNSUPPORTED: it asks for what this kist does not do; KIST_E_NOT_FOUND: the image is not
 * kept.
 */
int kist_container_create(const struct kist_engine *e, const struct kist_container_new *n,
                          struct kist_error *err) KIST_CHECKED;

/* A container that is there for what it makes: a step of a build. A signal that asks us to stop kills it. */
struct kist_container_work {
    /* Before it starts: makes the files that its mounts name as "run/<name>", in run, which is on tmpfs. */
    int (*prepare)(void *arg, struct port_dir *run, struct kist_error *err);
    const struct kist_strv *env; /* "NAME=value" over what config.json says, and in no file; NULL: none */
    /* All that it writes, by stream, 1 or 2; ours are left alone, and it has no input. */
    void (*output)(void *arg, int stream, const char *data, size_t len);
    /* Now and then while it runs; dir is containers/<id>/. False: it is to end at once. NULL: nobody looks. */
    bool (*look)(void *arg, struct port_dir *dir);
    /* It has ended, and is still there: dir is containers/<id>/. */
    int (*ended)(void *arg, struct port_dir *dir, int exit_status, struct kist_error *err);
    void *arg;
};

/* How a container is started. */
struct kist_container_start {
    const struct kist_container_work *work; /* of one in the foreground; NULL: it is as any other */
    bool detached;     /* a process of its own stays with it (supervise.h); else this one does, until it ends for good */
    bool sig_proxy;    /* signals this process gets go to the container's process 1; not of a detached one */
    const char *notify; /* NOTIFY_SOCKET of a service manager, told when it is ready; NULL: none */
};

/*
 * Starts a created or exited container. Not detached: stays with it, standard streams are the caller's, and its restart
 * policy and health check are seen to; *exit_status (0 ... 255, 128 + n after signal n) is that of its last run. Detached:
 * returns once the command runs. KIST_E_CONFLICT: it is running already; KIST_E_NO_COMMAND, KIST_E_NO_EXEC: the command
 * cannot be run; KIST_E_UNSUPPORTED names what the kernel lacks; KIST_E_INTERRUPTED: a signal came first. To be called
 * while the process has one thread.
 */
int kist_container_start(const struct kist_engine *e, const char *id, const struct kist_container_start *how,
                         int *exit_status, struct kist_error *err) KIST_CHECKED;

/* kist_container_create and kist_container_start in one; a transient container is gone when it has ended, or could not
 * be started. */
int kist_container_run(const struct kist_engine *e, const struct kist_container_new *n,
                       const struct kist_container_start *how, int *exit_status,
                       struct kist_error *err) KIST_CHECKED;

/* What a process that kist_container_start made detached does: it finds its container's lock and its starter's ear at the
 * descriptors of port/self.h. */
int kist_container_supervise(const struct kist_engine *e, const char *id, struct kist_error *err) KIST_CHECKED;

/*
 * What can be asked of who stays with a running container. number: a signal, 0 its stop signal; seconds until it is killed:
 * -1 never, -2 as it was created with. One that is not running is stopped already, and is started by a restart (detached);
 * to the others that is KIST_E_CONFLICT. A stop, and a kill by SIGKILL, return once nobody holds it any more.
 * shutdown: the machine ends, and nobody wants it stopped for good: at the next boot it comes back.
 */
int kist_container_stop(const struct kist_engine *e, const char *id, int number, int seconds, bool shutdown,
                        struct kist_error *err) KIST_CHECKED;
/* The first part of a stop at shutdown alone: nothing is waited for, and a failure no matter. */
void kist_container_shut_down(const struct kist_engine *e, const char *id);
int kist_container_restart(const struct kist_engine *e, const char *id, int number, int seconds,
                           struct kist_error *err) KIST_CHECKED;
int kist_container_signal(const struct kist_engine *e, const char *id, int number, struct kist_error *err) KIST_CHECKED;
/* KIST_E_CONFLICT also: it is so already. */
int kist_container_pause(const struct kist_engine *e, const char *id, bool pause, struct kist_error *err) KIST_CHECKED;
/* Until it has ended for good; at once where it has. *status: of its last run. */
int kist_container_wait(const struct kist_engine *e, const char *id, int *status, struct kist_error *err) KIST_CHECKED;
/* KIST_E_USAGE: it is no name; KIST_E_CONFLICT: it is taken. */
int kist_container_rename(const struct kist_engine *e, const char *id, const char *name,
                          struct kist_error *err) KIST_CHECKED;

/* A command beside the container's own. NULL: as that has it. */
struct kist_container_exec {
    char *const *argv;       /* ended by NULL */
    const char *user;        /* as --user has it, looked up in the container as it is now */
    const char *workdir;     /* absolute */
    const struct kist_strv *env; /* assignments over the container's; NULL: none */
    bool privileged;         /* all capabilities */
    bool terminal, input;    /* it gets a terminal; our standard input */
    bool detached;           /* it is left to itself */
};

/*
 * Stays with it until it ends; *exit_status as kist_container_start's. It has the container's namespaces, control groups,
 * limits, filter and, unless privileged, capabilities. KIST_E_CONFLICT: the container is not running, or ends;
 * KIST_E_NO_COMMAND, KIST_E_NO_EXEC: the command cannot be run; KIST_E_NOT_FOUND: there is no such user. To be called while
 * the process has one thread.
 */
int kist_container_exec(const struct kist_engine *e, const char *id, const struct kist_container_exec *exec,
                        int *exit_status, struct kist_error *err) KIST_CHECKED;

struct kist_container_attach {
    bool input;       /* our standard input goes to it, where it keeps one open */
    bool sig_proxy;   /* signals this process gets go to its process 1 */
    const char *keys; /* that let go of it: "ctrl-p,ctrl-q"; NULL: those */
};

/*
 * Its standard streams become ours until it ends, *exit_status then being its own, or until the keys are typed: returns 1.
 * KIST_E_CONFLICT: it is not running, or in the foreground of a process that does not keep its output; KIST_E_USAGE: such
 * keys there are not.
 */
int kist_container_attach(const struct kist_engine *e, const char *id, const struct kist_container_attach *how,
                          int *exit_status, struct kist_error *err) KIST_CHECKED;

/* Whether its restart policy wants it started when the machine has booted. */
int kist_container_at_boot(const struct kist_engine *e, const struct kist_container *c, bool *wanted,
                           struct kist_error *err) KIST_CHECKED;

/* Sweeps what killed processes left, then lists, newest first. */
int kist_container_list(const struct kist_engine *e, struct kist_container_list *list,
                        struct kist_error *err) KIST_CHECKED;
void kist_container_list_release(struct kist_container_list *list);
void kist_container_list_auto(struct kist_container_list *list);
/* The same without reading the others, into *found, which kist_container_release is for. What ended unseen is swept first. */
int kist_container_find(const struct kist_engine *e, const char *text, struct kist_container *found,
                        struct kist_error *err) KIST_CHECKED;
void kist_container_release(struct kist_container *c);
void kist_container_auto(struct kist_container *c);
/* config.json; cJSON_Delete it. */
int kist_container_config(const struct kist_engine *e, const char *id, cJSON **config, struct kist_error *err) KIST_CHECKED;
/* As Docker's State.Health, of one that is up; NULL: it has no health check. cJSON_Delete it. */
int kist_container_health(const struct kist_engine *e, const char *id, cJSON **health, struct kist_error *err) KIST_CHECKED;
/* Running, paused, or about to run again: somebody stays with it. */
bool kist_container_is_up(const struct kist_container *c);
/* By whole name, whole ID or a unique prefix of it. KIST_E_NOT_FOUND; KIST_E_CONFLICT when ambiguous. Points
 * into list. */
int kist_container_list_find(const struct kist_container_list *list, const char *text,
                             const struct kist_container **found, struct kist_error *err) KIST_CHECKED;

#define KIST_CONTAINER_SOURCE "container/" /* how a namespace's path or a bind's source begins that is another container's */
#define KIST_VOLUME_SOURCE "volume/" /* how a bind's source begins that is a volume of the store */

/* The names of the store's volumes that a configuration mounts. */
int kist_container_config_volumes(const cJSON *config, struct kist_strv *names, struct kist_error *err) KIST_CHECKED;
/* kist_container_remove, and the anonymous volumes that no other container uses go too. */
int kist_container_remove_volumes(const struct kist_engine *e, const char *id, bool force,
                                  struct kist_error *err) KIST_CHECKED;

/* KIST_E_CONFLICT: it is running and force is off; with force it is killed first. */
int kist_container_remove(const struct kist_engine *e, const char *id, bool force,
                          struct kist_error *err) KIST_CHECKED;

/* Removes the containers that do not run and that takes takes; their IDs are added to deleted, and freed is told the bytes. */
int kist_container_prune(const struct kist_engine *e, bool (*takes)(void *arg, const struct kist_container *c), void *arg,
                         struct kist_strv *deleted, uint64_t *freed, struct kist_error *err) KIST_CHECKED;

/* Removes what killed processes left in <run>, in cgroups, and their transient containers. Cheap when there
 * is nothing. */
int kist_container_sweep(const struct kist_engine *e, struct kist_error *err) KIST_CHECKED;

/*
 * All files of the container, as it would see them, as a tar into sink, with its finish: from its layers and what it has written,
 * whether it runs or not. Volumes and other mounts are not in it, nor sockets.
 */
int kist_container_export(const struct kist_engine *e, const char *id, struct kist_sink *sink, struct kist_error *err)
    KIST_CHECKED;

/* Files copied between us and a container, running or not, by Docker's rules of trailing slashes, "/." and directories in directories. */
struct kist_copy {
    const char *inside;  /* a path in the container, "/" where it begins, and as its processes see it */
    const char *outside; /* our side's path; NULL where one of the two below is it */
    struct kist_sink *sink; /* the files become a tar in here, with its finish */
    int (*feed)(void *arg, struct kist_sink *sink, struct kist_error *err); /* gives a tar, with its finish */
    void *feed_arg;
    bool in;     /* into the container */
    bool follow; /* a source that is a symbolic link stands for its target */
    bool owners; /* as at the source (and all mode bits); else: */
    uint32_t uid, gid;
};

/*
 * *bytes (of files) is set where a tree was made. Neither side's directories that are there change owner or mode. Whatever runs in the container
 * changes meanwhile, nothing outside its root is touched. KIST_E_NOT_FOUND: no source, or nothing to put it in. KIST_E_CONFLICT: it is
 * being started or removed, or a directory and another kind of file are in each other's way.
 */
int kist_container_copy(const struct kist_engine *e, const char *id, const struct kist_copy *c, uint64_t *bytes, struct kist_error *err)
    KIST_CHECKED;

#endif
