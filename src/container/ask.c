/* What other commands ask of who runs a container. */
#include <signal.h>
#include <unistd.h>

#include "container/control.h"
#include "container/event.h"
#include "port/clock.h"

/* Beyond what a stop may take: after that the supervisor is taken for hung. */
#define PATIENCE_MS 10000

static int ask(const struct kist_engine *e, const char *id, enum kist_packet_kind kind, int a, int b, int *status,
               struct kist_error *err)
{
    const struct kist_packet packet = {.kind = kind, .a = a, .b = b};
    int fd, rc = kist_control_connect(&fd, e, id, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_control_ask(fd, &packet, status, err);
    if (rc == 1) {
        /* ended: nobody holds it any more once the other end lets go */
        (void)kist_control_await_close(fd, PATIENCE_MS);
    }
    (void)close(fd);
    return rc;
}

static void tell(const struct kist_engine *e, const char *id, const char *action)
{
    struct kist_container_ref ref = {.name = ""};

    (void)!kist_store_container_ref(e->store, id, &ref, NULL);
    kist_event_add(e, &(struct kist_event_of){.id = id, .name = ref.name}, action, NULL, NULL);
}

int kist_container_stop(const struct kist_engine *e, const char *id, int number, int seconds, bool shutdown,
                        struct kist_error *err)
{
    int status, rc = ask(e, id, shutdown ? KIST_ASK_SHUTDOWN : KIST_ASK_STOP, number, seconds, &status, err);

    if (rc == KIST_E_NOT_FOUND) {
        return 0; /* it ended by itself, or its supervisor was killed, and it with him */
    }
    if (rc >= 0) {
        tell(e, id, "stop");
    }
    return rc < 0 ? rc : 0;
}

void kist_container_shut_down(const struct kist_engine *e, const char *id)
{
    const struct kist_packet packet = {.kind = KIST_ASK_SHUTDOWN, .b = -2};
    int fd;

    if (kist_control_connect(&fd, e, id, NULL) == 0) {
        (void)kist_packet_send(fd, &packet, 0);
        (void)close(fd);
    }
}

int kist_container_restart(const struct kist_engine *e, const char *id, int number, int seconds, struct kist_error *err)
{
    const struct kist_container_start how = {.detached = true};
    int status, rc = ask(e, id, KIST_ASK_RESTART, number, seconds, &status, err);

    /* none ran, or it ended for good while we asked */
    return rc == KIST_E_NOT_FOUND || rc == 1 ? kist_container_start(e, id, &how, &status, err) : rc;
}

int kist_container_signal(const struct kist_engine *e, const char *id, int number, struct kist_error *err)
{
    int status, rc = ask(e, id, KIST_ASK_SIGNAL, number, number == SIGKILL, &status, err);

    return rc == KIST_E_NOT_FOUND
               ? kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", id)
           : rc < 0 ? rc
                    : 0;
}

int kist_container_pause(const struct kist_engine *e, const char *id, bool pause, struct kist_error *err)
{
    int status, rc = ask(e, id, pause ? KIST_ASK_PAUSE : KIST_ASK_UNPAUSE, 0, 0, &status, err);

    return rc == KIST_E_NOT_FOUND
               ? kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", id)
           : rc < 0 ? rc
                    : 0;
}

/* Of one that has ended; a supervisor that is still at it would hold the lock. */
static int ended_status(const struct kist_engine *e, const char *id, int *status, struct kist_error *err)
{
    struct kist_container_state state;
    struct port_dir *dir;
    int rc = kist_container_sweep_one(e, id, err);

    rc = rc < 0 ? rc : kist_store_container_open(e->store, id, &dir, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_container_read_state(dir, &state, err);
    port_dir_close(dir);
    *status = state.started_once ? state.exit_status : 0;
    return rc;
}

int kist_container_wait(const struct kist_engine *e, const char *id, int *status, struct kist_error *err)
{
    int rc = ask(e, id, KIST_ASK_WAIT, 0, 0, status, err);

    return rc == KIST_E_NOT_FOUND ? ended_status(e, id, status, err) : rc < 0 ? rc : 0;
}

int kist_container_rename(const struct kist_engine *e, const char *id, const char *name, struct kist_error *err)
{
    int rc = kist_container_name_check(name, err);

    rc = rc < 0 ? rc : kist_store_container_rename(e->store, id, name, err);
    if (rc == 0) {
        tell(e, id, "rename");
    }
    return rc;
}
