/* What the parts of the supervisor share; only for supervise*.c and health.c. */
#ifndef KIST_CONTAINER_SUPERVISE_PRIVATE_H
#define KIST_CONTAINER_SUPERVISE_PRIVATE_H

#include "container/control.h"
#include "container/network.h"
#include "container/plan.h"
#include "container/process.h"
#include "container/ring.h"
#include "container/supervise.h"

#define KIST_CLIENTS_MAX 32

/* Somebody at the control channel. */
struct kist_client {
    int fd;
    bool waits;    /* wants to hear of the end */
    bool restarts; /* wants to hear of the next beginning */
    bool attached; /* wants what is written */
};

/* A health check, and what came of the last ones. */
struct kist_health {
    struct port_sandbox *check; /* NULL: none runs */
    uint64_t next;              /* when the next one begins; monotonic ms, 0: never */
    uint64_t deadline;          /* of the one that runs */
    int64_t begun;              /* it; seconds since 1970 */
    unsigned streak;            /* failures in a row */
    bool timed_out;
    size_t len;
    char output[4096];
};

struct kist_supervisor {
    const struct kist_supervised *in;
    struct kist_plan plan;
    struct kist_running running; /* what others see */
    struct kist_container_state state;
    struct port_signals *signals;
    struct port_sandbox *sandbox; /* NULL: between two runs */
    struct kist_network network;
    struct kist_ring *log;        /* NULL: nothing is kept */
    struct kist_store_room *log_room; /* where the log is in the store */
    int listener;
    struct kist_client clients[KIST_CLIENTS_MAX];
    size_t client_count;
    bool stopping;          /* this run is the last */
    bool interrupted;       /* its work is given up */
    bool again;             /* it is to run again at once */
    uint64_t look_at;       /* when its work wants to look at it again, monotonic ms; 0: never */
    uint64_t kill_at;       /* monotonic ms; 0: never */
    uint64_t resume_at;     /* end of the pause between two runs */
    uint64_t pause_ms;      /* the last such pause */
    uint64_t began;         /* this run, monotonic ms */
    int exit_status;        /* of the last run */
    struct kist_health *health; /* NULL: no check */
};

/* ---- supervise.c ---- */

/* What others see is what is. */
void kist_supervisor_note(struct kist_supervisor *s);
/* Asks the container to end; then SIGKILL after so many seconds (-1: never). number 0: its stop signal. */
void kist_supervisor_stop(struct kist_supervisor *s, int number, int seconds);
/* Freezes or thaws it. */
int kist_supervisor_pause(struct kist_supervisor *s, bool pause, struct kist_error *err) KIST_CHECKED;

/* ---- supervise_end.c ---- */

/* Whether the signal ends the work a container is there for. */
bool kist_supervisor_gives_up(int number);
/* Into the store, where that was asked for. */
void kist_supervisor_keep_log(const struct kist_supervisor *s);
/* The time may have come for its work to look at it. */
void kist_supervisor_look(struct kist_supervisor *s);
/* What its work makes of it (kist_container_work). */
int kist_supervisor_end_work(const struct kist_supervisor *s, struct kist_error *err) KIST_CHECKED;
/* A transient one goes. */
void kist_supervisor_remove_transient(const struct kist_supervisor *s);

/* ---- supervise_clients.c ---- */

void kist_clients_accept(struct kist_supervisor *s);
/* What to poll client i for. */
short kist_clients_events(const struct kist_supervisor *s, size_t i);
/* Something is to be read from client i. */
void kist_clients_hear(struct kist_supervisor *s, size_t i);
/* Lets go of those that went. */
void kist_clients_tidy(struct kist_supervisor *s);
/* What the container wrote, to those attached. */
void kist_clients_output(struct kist_supervisor *s, int stream, const char *data, size_t len);
/* It runs again; it could not (rc < 0). */
void kist_clients_begun(struct kist_supervisor *s, int rc, const struct kist_error *err);
/* It ended for good. */
void kist_clients_ended(struct kist_supervisor *s);
void kist_clients_close(struct kist_supervisor *s);

/* ---- health.c ---- */

/* A run began: checks begin anew. */
void kist_health_begin(struct kist_supervisor *s);
void kist_health_end(struct kist_supervisor *s);
/* When to be called again; 0: no matter. */
uint64_t kist_health_due(const struct kist_supervisor *s);
/* The time has come, or a child ended: looks what is to be done. */
void kist_health_tend(struct kist_supervisor *s);

#endif
