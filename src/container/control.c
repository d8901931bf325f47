#include "container/control.h"

#include <string.h>
#include <unistd.h>

#include "port/channel.h"
#include "port/clock.h"

#define HEAD offsetof(struct kist_packet, data)

bool kist_packet_send(int fd, const struct kist_packet *p, size_t len)
{
    return port_channel_send(fd, p, HEAD + len);
}

int kist_packet_receive(int fd, struct kist_packet *p)
{
    int n = port_channel_receive(fd, p, sizeof(*p));

    return n < 0 ? -1 : n < (int)HEAD ? -2 : n - (int)HEAD;
}

int kist_control_connect(int *fd, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = kist_rundir_open(&dir, e, id, err);

    *fd = -1;
    if (rc == 0) {
        rc = port_channel_connect(fd, dir, KIST_CONTROL_NAME, err);
        port_dir_close(dir);
    }
    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, rc, "container '%.12s' is not running", id) : rc;
}

int kist_control_ask(int fd, const struct kist_packet *ask, int *exit_status, struct kist_error *err)
{
    struct kist_packet answer;

    if (!kist_packet_send(fd, ask, 0)) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "the container is not running");
    }
    while (true) {
        int len;

        (void)port_channel_wait(fd, -1);
        len = kist_packet_receive(fd, &answer);
        if (len == -1) {
            continue; /* a signal */
        }
        if (len < 0) {
            return kist_error_set(err, KIST_E_NOT_FOUND, "the container is not running any more");
        }
        if (answer.kind == KIST_SAY_FAILED) {
            return kist_error_set(err, answer.a < 0 ? (enum kist_err)answer.a : KIST_E_FAIL, "%.*s", len, answer.data);
        }
        if (answer.kind == KIST_SAY_ENDED) {
            *exit_status = answer.a;
            return 1;
        }
        if (answer.kind == KIST_SAY_DONE) {
            return 0;
        }
    }
}

bool kist_control_await_close(int fd, int milliseconds)
{
    const uint64_t end = port_clock_monotonic() + (uint64_t)KIST_MAX(milliseconds, 0);
    struct kist_packet ignored;

    while (true) {
        const uint64_t now = port_clock_monotonic();

        if (kist_packet_receive(fd, &ignored) == -2) {
            return true;
        }
        if (milliseconds >= 0 && now >= end) {
            return false;
        }
        (void)port_channel_wait(fd, milliseconds < 0 ? -1 : (int)(end - now));
    }
}
