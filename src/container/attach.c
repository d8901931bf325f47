/* The other end of a supervisor's output: our standard streams as a container's. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container/control.h"
#include "container/plan.h"
#include "port/console.h"
#include "port/signals.h"

#define KEYS_MAX 16

struct attached {
    int fd;
    bool input, terminal, sig_proxy;
    struct port_signals *signals;
    struct port_console *console;
    struct kist_packet pending; /* what was typed and is still to be sent */
    int pending_len;            /* -1: nothing */
    char keys[KEYS_MAX];
    size_t key_count, typed; /* of them, in a row */
};

/* "ctrl-p,ctrl-q", "ctrl-],q": letters, or control and one of a-z @ [ \ ] ^ _. */
static int read_keys(struct attached *a, const char *text, struct kist_error *err)
{
    const char *at = text;

    while (a->key_count < KEYS_MAX) {
        const bool control = kist_str_starts(at, "ctrl-");
        const char key = at[control ? strlen("ctrl-") : 0];

        if (key == '\0' || (control && !((key >= 'a' && key <= 'z') || strchr("@[\\]^_", key)))) {
            break;
        }
        a->keys[a->key_count++] = (char)(control ? key & 0x1f : key);
        at += control ? strlen("ctrl-") + 1 : 1;
        if (*at == '\0') {
            return 0;
        }
        if (*at++ != ',') {
            break;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "'%s' are no keys to detach with: they are as in ctrl-p,ctrl-q", text);
}

/* How much of data may be sent on; true once the keys are complete. What was typed of them was held back till then. */
static bool look_for_keys(struct attached *a, char *data, int *len)
{
    char out[KIST_CONTROL_DATA];
    int used = 0;

    for (int i = 0; i < *len; i++) {
        if (data[i] == a->keys[a->typed]) {
            if (++a->typed == a->key_count) {
                return true;
            }
            continue;
        }
        memcpy(out + used, a->keys, a->typed);
        used += (int)a->typed;
        a->typed = data[i] == a->keys[0];
        if (a->typed == 0) {
            out[used++] = data[i];
        } else if (a->key_count == 1) {
            return true;
        }
    }
    memcpy(data, out, (size_t)used);
    *len = used;
    return false;
}

static void flush(struct attached *a)
{
    if (a->pending_len >= 0 && kist_packet_send(a->fd, &a->pending, (size_t)a->pending_len)) {
        a->pending_len = -1;
    }
}

/* True: the keys to let go were typed. */
static bool take_input(struct attached *a)
{
    /* keys that were held back may come with it */
    int len = port_console_read(a->pending.data, sizeof(a->pending.data) - KEYS_MAX);

    if (len < 0) {
        return false;
    }
    a->pending.kind = len == 0 ? KIST_ASK_INPUT_END : KIST_ASK_INPUT;
    a->input = len > 0;
    if (len > 0 && a->terminal && look_for_keys(a, a->pending.data, &len)) {
        return true;
    }
    if (len > 0 || !a->input) {
        a->pending_len = len;
        flush(a);
    }
    return false;
}

static void tell_size(const struct attached *a)
{
    unsigned rows, columns;

    if (a->terminal && port_console_size(&rows, &columns)) {
        const struct kist_packet p = {.kind = KIST_ASK_RESIZE, .a = (int32_t)rows, .b = (int32_t)columns};

        (void)kist_packet_send(a->fd, &p, 0);
    }
}

static void take_signals(const struct attached *a)
{
    int number;

    while ((number = port_signals_next(a->signals)) != 0) {
        const struct kist_packet p = {.kind = KIST_ASK_SIGNAL, .a = number};

        if (number == SIGWINCH) {
            tell_size(a);
        } else if (a->sig_proxy && number != SIGCHLD && number != SIGPIPE && number != SIGURG && number != SIGTTIN &&
                   number != SIGTTOU) {
            (void)kist_packet_send(a->fd, &p, 0);
        }
    }
}

/* 1: over, as *exit_status says. */
static int take_packet(struct attached *a, int *exit_status, struct kist_error *err)
{
    struct kist_packet p;
    const int len = kist_packet_receive(a->fd, &p);

    if (len == -2) {
        return kist_error_set(err, KIST_E_FAIL,
                              "the container was let go of: its supervisor ended, or this end was too slow for it");
    }
    if (len >= 0 && p.kind == KIST_SAY_OUTPUT && !port_console_write(p.a == 2 ? 2 : 1, p.data, (unsigned)len)) {
        return kist_error_set(err, KIST_E_IO, "cannot write to standard output");
    }
    if (len >= 0 && p.kind == KIST_SAY_FAILED) {
        return kist_error_set(err, p.a < 0 ? (enum kist_err)p.a : KIST_E_FAIL, "%.*s", len, p.data);
    }
    if (len >= 0 && p.kind == KIST_SAY_ENDED) {
        *exit_status = p.a;
        return 1;
    }
    return 0;
}

/* 1: let go of by keys. */
static int stay(struct attached *a, int *exit_status, struct kist_error *err)
{
    while (true) {
        const bool pending = a->pending_len >= 0;
        const unsigned ready = port_console_wait(a->input && !pending, a->fd, pending, port_signals_fd(a->signals));

        if ((ready & 2) != 0) {
            int rc = take_packet(a, exit_status, err);

            if (rc != 0) {
                return rc < 0 ? rc : 0;
            }
        }
        if ((ready & 4) != 0) {
            take_signals(a);
        }
        if ((ready & 8) != 0) {
            flush(a);
        }
        if ((ready & 1) != 0 && take_input(a)) {
            return 1;
        }
    }
}

static int prepare(struct attached *a, const struct kist_engine *e, const char *id, const struct kist_container_attach *how,
                   struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    const struct kist_packet ask = {.kind = KIST_ASK_ATTACH};
    const char *input;
    int status, rc = read_keys(a, how->keys && *how->keys ? how->keys : "ctrl-p,ctrl-q", err);

    rc = rc < 0 ? rc : kist_container_config(e, id, &config, err);
    rc = rc < 0 ? rc : kist_control_connect(&a->fd, e, id, err);
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", id);
    }
    rc = rc < 0 ? rc : port_signals_hold(&a->signals, err);
    rc = rc < 0 ? rc : kist_control_ask(a->fd, &ask, &status, err);
    if (rc < 0) {
        return rc;
    }
    input = kist_plan_note(config, "kist.stdin");
    a->terminal = kist_json_bool(kist_json_object(config, "process"), "terminal", false);
    a->input = how->input && input && strcmp(input, "true") == 0;
    a->sig_proxy = how->sig_proxy;
    a->pending_len = -1;
    return 0;
}

int kist_container_attach(const struct kist_engine *e, const char *id, const struct kist_container_attach *how,
                          int *exit_status, struct kist_error *err)
{
    struct attached *a = calloc(1, sizeof(*a));
    int rc;

    if (!a) {
        return kist_error_nomem(err);
    }
    a->fd = -1;
    rc = prepare(a, e, id, how, err);
    if (rc == 0) {
        a->console = a->terminal && a->input ? port_console_raw() : NULL;
        tell_size(a);
        rc = stay(a, exit_status, err);
    }
    port_console_release(a->console);
    port_signals_release(a->signals);
    if (a->fd >= 0) {
        if (rc == 0) {
            (void)kist_control_await_close(a->fd, 10000); /* nobody holds it any more */
        }
        (void)close(a->fd);
    }
    free(a);
    return rc;
}
