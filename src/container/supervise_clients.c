/* The supervisor's side of the control channel. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "container/supervise_private.h"
#include "port/channel.h"

static void let_go(struct kist_client *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    *c = (struct kist_client){.fd = -1};
}

static void say(struct kist_client *c, const struct kist_packet *p, size_t len)
{
    if (c->fd >= 0 && !kist_packet_send(c->fd, p, len)) {
        let_go(c); /* gone, or so slow that the container would have to wait for it */
    }
}

static void answer(struct kist_client *c, int rc, const struct kist_error *err)
{
    struct kist_packet p = {.kind = rc < 0 ? KIST_SAY_FAILED : KIST_SAY_DONE, .a = rc};
    const size_t len = rc < 0 ? KIST_MIN(strlen(err->message), sizeof(p.data)) : 0;

    if (len > 0) {
        memcpy(p.data, err->message, len);
    }
    say(c, &p, len);
}

void kist_clients_accept(struct kist_supervisor *s)
{
    int fd = port_channel_accept(s->listener);

    if (fd >= 0 && s->client_count == KIST_CLIENTS_MAX) {
        (void)close(fd);
    } else if (fd >= 0) {
        s->clients[s->client_count++] = (struct kist_client){.fd = fd};
    }
}

short kist_clients_events(const struct kist_supervisor *s, size_t i)
{
    /* what it types waits in its socket until there is room */
    return s->clients[i].attached && s->sandbox && !port_sandbox_input_ready(s->sandbox) ? 0 : POLLIN;
}

/* Signals that mean an end: what ends by them is not to come back. */
static bool ends(const struct kist_supervisor *s, int number)
{
    return number == SIGKILL || number == s->plan.stop_signal;
}

static void send_signal(struct kist_supervisor *s, struct kist_client *c, const struct kist_packet *p)
{
    struct kist_error err;
    char number[12];

    if (p->a < 1 || p->a > 64) {
        answer(c, kist_error_set(&err, KIST_E_USAGE, "%d is no signal", (int)p->a), &err);
        return;
    }
    if (ends(s, p->a)) {
        s->stopping = s->state.stopped = true;
    }
    if (s->sandbox) {
        port_sandbox_signal(s->sandbox, p->a);
        if (s->running.paused && ends(s, p->a)) {
            (void)!kist_supervisor_pause(s, false, NULL);
        }
    }
    if (kist_str_format(number, sizeof(number), "%d", (int)p->a)) {
        kist_event_add(s->in->e, &s->in->of, "kill", "signal", number);
    }
    if (p->b == 1) {
        c->waits = true;
    } else {
        answer(c, 0, NULL);
    }
}

static void change_pause(struct kist_supervisor *s, struct kist_client *c, bool pause)
{
    struct kist_error err;
    int rc;

    if (s->running.paused == pause) {
        rc = kist_error_set(&err, KIST_E_CONFLICT, "container '%.12s' is %s", s->in->id,
                            pause ? "paused already" : "not paused");
    } else {
        rc = kist_supervisor_pause(s, pause, &err);
    }
    answer(c, rc, &err);
}

static void attach(struct kist_supervisor *s, struct kist_client *c)
{
    struct kist_error err;
    /* a foreground container's output goes past us where it is not kept */
    int rc = s->in->how->detached || s->log ? 0
                                            : kist_error_set(&err, KIST_E_CONFLICT,
                                                             "container '%.12s' runs in the foreground of process %d, "
                                                             "and its output goes there",
                                                             s->in->id, s->running.supervisor.pid);

    c->attached = c->waits = rc == 0;
    answer(c, rc, &err);
}

static void obey(struct kist_supervisor *s, struct kist_client *c, const struct kist_packet *p, size_t len)
{
    switch (p->kind) {
    case KIST_ASK_STOP:
    case KIST_ASK_SHUTDOWN:
        s->state.stopped = p->kind == KIST_ASK_STOP;
        s->again = false;
        c->waits = true;
        kist_supervisor_stop(s, p->a, p->b);
        break;
    case KIST_ASK_RESTART:
        c->restarts = true;
        if (!s->stopping || s->again) { /* else who asked for the stop has it first, and who asks now starts it anew */
            kist_supervisor_stop(s, p->a, p->b);
            s->stopping = false;
            s->again = true;
        }
        break;
    case KIST_ASK_SIGNAL:
        send_signal(s, c, p);
        break;
    case KIST_ASK_PAUSE:
    case KIST_ASK_UNPAUSE:
        change_pause(s, c, p->kind == KIST_ASK_PAUSE);
        break;
    case KIST_ASK_WAIT:
        c->waits = true;
        break;
    case KIST_ASK_ATTACH:
        attach(s, c);
        break;
    case KIST_ASK_INPUT:
        if (s->sandbox) {
            port_sandbox_input(s->sandbox, p->data, len);
        }
        break;
    case KIST_ASK_INPUT_END:
        if (s->sandbox) {
            port_sandbox_input_end(s->sandbox);
        }
        break;
    case KIST_ASK_RESIZE:
        if (s->sandbox && p->a > 0 && p->b > 0) {
            port_sandbox_resize(s->sandbox, (unsigned)p->a, (unsigned)p->b);
        }
        break;
    default: /* of a newer kist */
        let_go(c);
    }
}

void kist_clients_hear(struct kist_supervisor *s, size_t i)
{
    struct kist_packet packet;
    int len = kist_packet_receive(s->clients[i].fd, &packet);

    if (len == -2) {
        let_go(&s->clients[i]);
    } else if (len >= 0) {
        obey(s, &s->clients[i], &packet, (size_t)len);
    }
}

void kist_clients_tidy(struct kist_supervisor *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->client_count; i++) {
        if (s->clients[i].fd >= 0) {
            s->clients[kept++] = s->clients[i];
        }
    }
    s->client_count = kept;
}

void kist_clients_output(struct kist_supervisor *s, int stream, const char *data, size_t len)
{
    struct kist_packet p;
    bool filled = false;

    for (size_t i = 0; i < s->client_count; i++) {
        if (s->clients[i].attached) {
            if (!filled) {
                p = (struct kist_packet){.kind = KIST_SAY_OUTPUT, .a = stream};
                len = KIST_MIN(len, sizeof(p.data));
                memcpy(p.data, data, len);
                filled = true;
            }
            say(&s->clients[i], &p, len);
        }
    }
}

void kist_clients_begun(struct kist_supervisor *s, int rc, const struct kist_error *err)
{
    for (size_t i = 0; i < s->client_count; i++) {
        if (s->clients[i].restarts) {
            s->clients[i].restarts = false;
            answer(&s->clients[i], rc, err);
        }
    }
}

void kist_clients_ended(struct kist_supervisor *s)
{
    const struct kist_packet p = {.kind = KIST_SAY_ENDED, .a = s->exit_status};

    for (size_t i = 0; i < s->client_count; i++) {
        if (s->clients[i].waits || s->clients[i].restarts) {
            say(&s->clients[i], &p, 0);
        }
    }
}

void kist_clients_close(struct kist_supervisor *s)
{
    for (size_t i = 0; i < s->client_count; i++) {
        let_go(&s->clients[i]);
    }
    if (s->listener >= 0) {
        (void)close(s->listener);
        s->listener = -1;
    }
}
