/*
 * How a command speaks to the process that runs a container: packets over <run>/<id>/control. Who asked for an end hears of
 * it (KIST_SAY_ENDED); that the channel closes after that says that the container is nobody's any more.
 */
#ifndef KIST_CONTAINER_CONTROL_H
#define KIST_CONTAINER_CONTROL_H

#include "container/engine.h"

#define KIST_CONTROL_NAME "control"
#define KIST_CONTROL_DATA 4096

enum kist_packet_kind {
    KIST_ASK_STOP = 1,  /* a: signal, 0 the container's own; b: seconds until it is killed, -1 never, -2 the container's own */
    KIST_ASK_RESTART,   /* likewise; KIST_SAY_DONE once it runs again */
    KIST_ASK_SIGNAL,    /* a: signal; b: 1 when the end is to be told */
    KIST_ASK_PAUSE,
    KIST_ASK_UNPAUSE,
    KIST_ASK_WAIT,
    KIST_ASK_ATTACH,
    KIST_ASK_INPUT,     /* data */
    KIST_ASK_INPUT_END,
    KIST_ASK_RESIZE,    /* a: rows; b: columns */
    KIST_SAY_DONE,
    KIST_SAY_FAILED,    /* a: enum kist_err; data: the message */
    KIST_SAY_ENDED,     /* a: exit status */
    KIST_SAY_OUTPUT,    /* a: stream; data */
    KIST_ASK_SHUTDOWN,  /* as KIST_ASK_STOP, but a boot may bring it back */
};

struct kist_packet {
    uint32_t kind;
    int32_t a, b;
    char data[KIST_CONTROL_DATA];
};

/* False: the other end is gone, or has not the room now. len: of data. */
bool kist_packet_send(int fd, const struct kist_packet *p, size_t len);
/* Length of data; -1: nothing is there; -2: the other end is gone, or talks nonsense. */
int kist_packet_receive(int fd, struct kist_packet *p);

/* KIST_E_NOT_FOUND: nobody runs the container. */
int kist_control_connect(int *fd, const struct kist_engine *e, const char *id, struct kist_error *err) KIST_CHECKED;
/*
 * Asks, and waits for the answer: 0 done; 1 ended, with *exit_status. what KIST_SAY_FAILED tells is the error.
 * KIST_E_NOT_FOUND: the container ended, or its supervisor died, without a word.
 */
int kist_control_ask(int fd, const struct kist_packet *ask, int *exit_status, struct kist_error *err) KIST_CHECKED;
/* Until the other end lets go; false after milliseconds. */
bool kist_control_await_close(int fd, int milliseconds);

#endif
