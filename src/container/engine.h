/*
 * What the parts of the engine share. The lock of <run>/<id>/lock decides who may start, change or remove a
 * container; its file's text says what is running.
 */
#ifndef KIST_CONTAINER_ENGINE_H
#define KIST_CONTAINER_ENGINE_H

#include "base/str.h"
#include "codec/json.h"
#include "container/container.h"
#include "port/process.h"

/* ---- rundir.c ---- */

/* <run>/<id>/, held. */
struct kist_rundir {
    struct port_dir *dir;
    struct port_file *lock;
};

/* What the lock's holder wrote. */
struct kist_running {
    struct port_process process;    /* pid 0: not yet, or not now */
    struct port_process supervisor; /* who holds it; pid 0: not said */
    int64_t started;
    uint64_t restarts;
    bool restarting; /* between two runs */
    bool paused;
    int writable;    /* descriptor of the supervisor's: port_sandbox_writable; 0: none */
    char *group;     /* its control group's name; NULL: KIST_CONTAINER_GROUP and its ID; free it */
    char *root;      /* the store's path; free it */
    cJSON *health;   /* as Docker's State.Health; NULL: no health check; kist_running_release */
};

void kist_running_release(struct kist_running *running);

/* The directory that they are all in. */
const char *kist_rundir_all(const struct kist_engine *e);
/* Makes and locks it. KIST_E_CONFLICT: another process has it, for longer than wait_ms. */
int kist_rundir_hold(struct kist_rundir *r, const struct kist_engine *e, const char *id, int wait_ms,
                     struct kist_error *err) KIST_CHECKED;
/* Seen by others as a whole or not at all. */
int kist_rundir_write(struct kist_rundir *r, const struct kist_running *running,
                      struct kist_error *err) KIST_CHECKED;
/* The directory of a container, whoever holds it. KIST_E_NOT_FOUND. */
int kist_rundir_open(struct port_dir **dir, const struct kist_engine *e, const char *id,
                     struct kist_error *err) KIST_CHECKED;
/* What another process held, and gave us with descriptor fd (PORT_SELF_LOCK). */
int kist_rundir_adopt(struct kist_rundir *r, const struct kist_engine *e, const char *id, int fd,
                      struct kist_error *err) KIST_CHECKED;
/* Lets go of it, and with remove takes it away. All zero is nothing. */
void kist_rundir_release(struct kist_rundir *r, const struct kist_engine *e, const char *id, bool remove);

/* There is one, held or not. */
bool kist_rundir_is_there(const struct kist_engine *e, const char *id);
/* 1: somebody holds it, *running is what he wrote; 0: nobody does. */
int kist_rundir_look(const struct kist_engine *e, const char *id, struct kist_running *running,
                     struct kist_error *err) KIST_CHECKED;
/* The text of a rundir that is held. */
int kist_rundir_read(const struct kist_rundir *r, struct kist_running *running,
                     struct kist_error *err) KIST_CHECKED;

/* Calls each for the ID of every directory there is. */
int kist_rundir_each(const struct kist_engine *e,
                     int (*each)(void *arg, const char *id, struct kist_error *err), void *arg,
                     struct kist_error *err) KIST_CHECKED;

/* ---- state.c: containers/<id>/ ---- */

/* container.json: what never changes. */
struct kist_container_fixed {
    int64_t created;
    uint32_t nanoseconds; /* of that second */
    char *image_name, *command;
    cJSON *labels; /* NULL: none */
    struct kist_digest *layers;
    size_t layer_count;
};

/* state.json: there once it was started. */
struct kist_container_state {
    bool started_once;
    int64_t started, finished; /* finished 0: nobody saw it end */
    int exit_status;
    bool out_of_memory; /* the kernel killed one of its processes for want of memory */
    bool stopped; /* by stop or kill: not to be started at boot (unless-stopped) */
};

int kist_container_write_fixed(const struct kist_engine *e, struct port_dir *dir,
                               const struct kist_container_new *n, struct kist_error *err) KIST_CHECKED;
int kist_container_read_fixed(struct port_dir *dir, struct kist_container_fixed *fixed,
                              struct kist_error *err) KIST_CHECKED;
void kist_container_fixed_release(struct kist_container_fixed *fixed);
int kist_container_write_state(const struct kist_engine *e, struct port_dir *dir,
                               const struct kist_container_state *state, struct kist_error *err) KIST_CHECKED;
int kist_container_read_state(struct port_dir *dir, struct kist_container_state *state,
                              struct kist_error *err) KIST_CHECKED;
/* Whoever changes config.json holds it; waited for as kist_store_wait_lock has it. port_file_discard it. */
int kist_container_lock(struct port_dir *dir, struct port_file **lock, struct kist_error *err) KIST_CHECKED;
/* config.json; cJSON_Delete it. */
int kist_container_read_config(struct port_dir *dir, cJSON **config, struct kist_error *err) KIST_CHECKED;

/* ---- create.c ---- */

/* The container in the store, with its files; dir is the caller's to close. name: what it came to be called. */
int kist_container_make(const struct kist_engine *e, const struct kist_container_new *n,
                        char name[KIST_CONTAINER_NAME_MAX], struct port_dir **dir,
                        struct kist_error *err) KIST_CHECKED;
/* KIST_E_USAGE: it is no name of a container. */
int kist_container_name_check(const char *name, struct kist_error *err) KIST_CHECKED;
/* "brave_lantern". */
int kist_container_name_make(char name[KIST_CONTAINER_NAME_MAX], struct kist_error *err) KIST_CHECKED;

/* ---- sweep.c ---- */

/* Where nobody holds the container: its process, groups and <run>/<id> go, the store learns of its end. */
int kist_container_sweep_one(const struct kist_engine *e, const char *id,
                             struct kist_error *err) KIST_CHECKED;

#endif
