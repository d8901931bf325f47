#include "container/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "container/output.h"
#include "container/spec.h"
#include "container/supervise_private.h"
#include "container/update.h"
#include "port/cgroup.h"
#include "port/channel.h"
#include "port/clock.h"
#include "port/self.h"
#include "store/quota.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 60000
/* A run that lasted so long was a success of sorts: the next pause is the shortest again. */
#define LASTED_MS 10000

enum { AT_SIGNALS, AT_LISTENER, AT_SANDBOX, AT_CHECK = AT_SANDBOX + PORT_SANDBOX_POLL, AT_CLIENTS = AT_CHECK + PORT_SANDBOX_POLL };

static void warn(const struct kist_supervisor *s, const struct kist_error *err)
{
    kist_log(KIST_LOG_WARN, "container '%.12s': %s", s->in->id, err->message);
}

/* ---- what others see, and what lasts ---- */

void kist_supervisor_note(struct kist_supervisor *s)
{
    struct kist_error err;

    if (kist_rundir_write(s->in->held, &s->running, &err) < 0) {
        warn(s, &err);
    }
}

/* What the end of it is worth when it cannot be written: a warning, the command has run. */
static void note_state(const struct kist_supervisor *s)
{
    struct kist_error err;

    if (!s->in->transient && kist_container_write_state(s->in->e, s->in->dir, &s->state, &err) < 0) {
        warn(s, &err);
    }
}

static void on_output(void *arg, int stream, const char *data, size_t len)
{
    struct kist_supervisor *s = arg;

    if (s->in->how->work) {
        s->in->how->work->output(s->in->how->work->arg, stream, data, len);
    }
    kist_output_add(s->log, stream, data, len);
    kist_clients_output(s, stream, data, len);
}

/* ---- one run ---- */

static void leave_network(struct kist_supervisor *s)
{
    kist_network_down(&s->network, s->in->e, s->in->id, s->in->held->dir);
}

static void note_begun(struct kist_supervisor *s)
{
    struct kist_error err;

    s->state = (struct kist_container_state){.started_once = true, .started = port_clock_now()};
    s->began = port_clock_monotonic();
    s->kill_at = s->resume_at = 0;
    s->look_at = s->in->how->work && s->in->how->work->look ? s->began : 0;
    s->again = false;
    s->running.started = s->state.started;
    s->running.restarting = s->running.paused = false;
    s->running.writable = KIST_MAX(port_sandbox_writable(s->sandbox), 0);
    if (port_process_get(&s->running.process, port_sandbox_pid(s->sandbox), NULL) < 0) {
        s->running.process.pid = 0; /* gone already: nothing is left to be found */
    }
    kist_health_begin(s);
    kist_supervisor_note(s);
    if (kist_container_catch_up(s->in->held, s->in->dir, s->running.group, &err) < 0) {
        warn(s, &err);
    }
    note_state(s);
    kist_event_add(s->in->e, &s->in->of, "start", NULL, NULL);
    if (s->in->how->notify && !s->health) {
        port_notify(s->in->how->notify, "READY=1\n");
    }
}

static int begin(struct kist_supervisor *s, const cJSON *config, const struct kist_container_fixed *fixed,
                 struct kist_error *err)
{
    const struct kist_container_work *work = s->in->how->work;
    const bool detached = s->in->how->detached || work;
    struct kist_process process = {
        .e = s->in->e,
        .id = s->in->id,
        .dir = s->in->dir,
        .held = s->in->held,
        .transient = s->in->transient,
        .fresh = !s->state.started_once,
        .streams = {detached, detached || s->log ? on_output : NULL, s},
        .signals = s->signals,
        .env = work ? work->env : NULL,
    };
    int rc = kist_network_up(&s->network, s->in->e, s->in->id, s->in->of.name, s->in->held->dir, config, err);

    if (rc < 0) {
        return rc;
    }
    rc = work ? work->prepare(work->arg, s->in->held->dir, err) : 0;
    if (rc < 0) {
        leave_network(s);
        return rc;
    }
    process.network = s->network.on ? &s->network.place : NULL;
    rc = kist_process_start(&s->sandbox, &process, config, fixed, err);
    if (rc == 0) {
        note_begun(s);
    } else {
        leave_network(s);
    }
    return rc;
}

static int begin_again(struct kist_supervisor *s, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_container_fixed fixed;
    int rc = kist_container_read_fixed(s->in->dir, &fixed, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_read_config(s->in->dir, &config, err);
    rc = rc < 0 ? rc : begin(s, config, &fixed, err);
    kist_container_fixed_release(&fixed);
    return rc;
}

static void note_ended(struct kist_supervisor *s)
{
    char status[12];

    kist_health_end(s);
    s->state.out_of_memory = port_sandbox_out_of_memory(s->sandbox);
    port_sandbox_free(s->sandbox);
    s->sandbox = NULL;
    leave_network(s);
    s->running.process = (struct port_process){.pid = 0};
    s->running.paused = false;
    s->running.writable = 0;
    s->kill_at = 0;
    s->state.finished = port_clock_now();
    s->state.exit_status = s->exit_status;
    note_state(s);
    if (s->state.out_of_memory) {
        kist_event_add(s->in->e, &s->in->of, "oom", NULL, NULL);
    }
    if (kist_str_format(status, sizeof(status), "%d", s->exit_status)) {
        kist_event_add(s->in->e, &s->in->of, "die", "exitCode", status);
    }
}

/* ---- what is asked for ---- */

int kist_supervisor_pause(struct kist_supervisor *s, bool pause, struct kist_error *err)
{
    int rc = s->sandbox ? port_cgroup_freeze(s->running.group, pause, err)
                        : kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", s->in->id);

    if (rc == 0) {
        s->running.paused = pause;
        kist_supervisor_note(s);
        kist_event_add(s->in->e, &s->in->of, pause ? "pause" : "unpause", NULL, NULL);
    }
    return rc;
}

void kist_supervisor_stop(struct kist_supervisor *s, int number, int seconds)
{
    s->stopping = true;
    if (!s->sandbox) {
        return;
    }
    seconds = seconds == -2 ? s->plan.stop_seconds : seconds;
    port_sandbox_signal(s->sandbox, number > 0 ? number : s->plan.stop_signal);
    s->kill_at = seconds < 0 ? 0 : port_clock_monotonic() + (uint64_t)seconds * 1000 + 1;
    if (s->running.paused) {
        (void)!kist_supervisor_pause(s, false, NULL);
    }
}

static bool means_stop(int number)
{
    return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

static void take_signal(struct kist_supervisor *s, int number)
{
    const struct kist_container_start *how = s->in->how;

    if (how->detached || how->work) {
        if (how->work ? kist_supervisor_gives_up(number) : means_stop(number)) {
            s->interrupted = how->work != NULL;
            kist_supervisor_stop(s, how->work ? SIGKILL : 0, -2); /* the machine goes down, most likely */
        }
        return;
    }
    if (number == SIGWINCH && s->sandbox) {
        port_sandbox_resize(s->sandbox, 0, 0);
    }
    if (!how->sig_proxy || port_signal_is_ours(number)) {
        return;
    }
    s->stopping = s->stopping || means_stop(number);
    /* a terminal of its own has told it of its size */
    if (s->sandbox && number != SIGWINCH) {
        port_sandbox_signal(s->sandbox, number);
    }
}

/* ---- waiting ---- */

static int wait_ms(const struct kist_supervisor *s)
{
    const uint64_t now = port_clock_monotonic(), due[] = {s->kill_at, s->sandbox ? 0 : s->resume_at, s->look_at, kist_health_due(s),
                                                           kist_network_due(&s->network)};
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < KIST_COUNT(due); i++) {
        next = due[i] > 0 ? KIST_MIN(next, due[i]) : next;
    }
    return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)KIST_MIN(next - now, (uint64_t)INT32_MAX);
}

static size_t fill(struct kist_supervisor *s, struct pollfd *fds)
{
    kist_clients_tidy(s);
    for (size_t i = 0; i < AT_CLIENTS; i++) {
        fds[i] = (struct pollfd){.fd = -1};
    }
    fds[AT_SIGNALS] = (struct pollfd){.fd = port_signals_fd(s->signals), .events = POLLIN};
    fds[AT_LISTENER] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    if (s->sandbox) {
        port_sandbox_poll(s->sandbox, fds + AT_SANDBOX);
    }
    if (s->health && s->health->check) {
        port_sandbox_poll(s->health->check, fds + AT_CHECK);
    }
    for (size_t i = 0; i < s->client_count; i++) {
        fds[AT_CLIENTS + i] = (struct pollfd){.fd = s->clients[i].fd, .events = kist_clients_events(s, i)};
    }
    return AT_CLIENTS + s->client_count;
}

/* One turn of the loop; true when the run, or the pause between two, is over. */
static bool turn(struct kist_supervisor *s)
{
    struct pollfd fds[AT_CLIENTS + KIST_CLIENTS_MAX];
    const size_t n = fill(s, fds);
    uint64_t now;

    if (poll(fds, n, wait_ms(s)) < 0) {
        return false; /* memory is short, or a signal */
    }
    if (s->sandbox) {
        port_sandbox_move(s->sandbox, fds + AT_SANDBOX);
    }
    if (s->health && s->health->check) {
        port_sandbox_move(s->health->check, fds + AT_CHECK);
    }
    if (fds[AT_SIGNALS].revents != 0) {
        for (int number; (number = port_signals_next(s->signals)) != 0;) {
            take_signal(s, number);
        }
        if (s->sandbox && port_sandbox_ended(s->sandbox, &s->exit_status)) {
            return true;
        }
    }
    for (size_t i = AT_CLIENTS; i < n; i++) {
        if (fds[i].revents != 0) {
            kist_clients_hear(s, i - AT_CLIENTS);
        }
    }
    if (fds[AT_LISTENER].revents != 0) {
        kist_clients_accept(s);
    }
    kist_health_tend(s);
    kist_network_tend(&s->network, s->in->e, s->in->id, fds[AT_SIGNALS].revents != 0);
    kist_supervisor_look(s);
    now = port_clock_monotonic();
    if (s->sandbox && s->kill_at > 0 && now >= s->kill_at) {
        s->kill_at = 0;
        port_sandbox_signal(s->sandbox, SIGKILL);
    }
    return !s->sandbox && (s->stopping || s->again || now >= s->resume_at);
}

static void watch(struct kist_supervisor *s)
{
    /* its end may have been told while it was being started */
    if (s->sandbox && port_sandbox_ended(s->sandbox, &s->exit_status)) {
        return;
    }
    while (!turn(s)) {
    }
}

/* ---- again ---- */

/* 'update' may have changed it meanwhile. */
static void reload_policy(struct kist_supervisor *s)
{
    KIST_AUTO(json) cJSON *config = NULL;
    const char *text;

    if (s->in->transient || kist_container_read_config(s->in->dir, &config, NULL) < 0) {
        return;
    }
    text = kist_plan_note(config, "kist.restart");
    (void)(text && kist_restart_parse(text, &s->plan.restart, &s->plan.max_restarts));
}

static bool comes_back(const struct kist_supervisor *s)
{
    if (s->again || s->stopping) {
        return s->again;
    }
    switch (s->plan.restart) {
    case KIST_RESTART_ON_FAILURE:
        return s->exit_status != 0 && (s->plan.max_restarts == 0 || s->running.restarts < s->plan.max_restarts);
    case KIST_RESTART_ALWAYS:
    case KIST_RESTART_UNLESS_STOPPED:
        return true;
    default:
        return false;
    }
}

/* The pause, in which it may be told to stop, or to go on at once. */
static void rest(struct kist_supervisor *s)
{
    const uint64_t now = port_clock_monotonic();

    if (s->again) {
        s->pause_ms = 0;
        return;
    }
    s->pause_ms = s->pause_ms == 0 || now - s->began >= LASTED_MS ? PAUSE_MIN_MS : KIST_MIN(s->pause_ms * 2, (uint64_t)PAUSE_MAX_MS);
    s->resume_at = now + s->pause_ms;
    s->running.restarting = true;
    kist_supervisor_note(s);
    watch(s);
}

static void restart(struct kist_supervisor *s)
{
    const bool asked = s->again;
    struct kist_error err = {.code = KIST_OK};
    int rc;

    s->running.restarts += !asked;
    rc = begin_again(s, &err);
    if (rc < 0) {
        static const char prefix[] = "kist: ";

        /* counts as a run that failed at once */
        s->again = false;
        s->exit_status = kist_error_exit_status(rc);
        s->began = port_clock_monotonic();
        s->state.finished = port_clock_now();
        s->state.exit_status = s->exit_status;
        note_state(s);
        warn(s, &err);
        kist_output_add(s->log, 2, prefix, sizeof(prefix) - 1);
        kist_output_add(s->log, 2, err.message, strlen(err.message));
        kist_output_add(s->log, 2, "\n", 1);
    } else if (asked) {
        kist_event_add(s->in->e, &s->in->of, "restart", NULL, NULL);
    }
    kist_clients_begun(s, rc, &err);
    if (s->in->how->detached) {
        port_self_settle();
    }
}

static void go_on(struct kist_supervisor *s)
{
    while (true) {
        if (s->sandbox) {
            watch(s);
            note_ended(s);
            reload_policy(s);
        }
        if (!comes_back(s)) {
            return;
        }
        rest(s);
        if (s->stopping && !s->again) {
            return;
        }
        restart(s);
    }
}

/* ---- from the beginning to the end ---- */

/* Told before there is one: if this process is killed, whoever comes next knows what to remove. */
static int note_group(struct kist_supervisor *s, struct kist_error *err)
{
    const char *name = kist_spec_group(s->in->config);
    char usual[KIST_CONTAINER_GROUP_MAX];

    if (!name && kist_str_format(usual, sizeof(usual), KIST_CONTAINER_GROUP "%s", s->in->id)) {
        name = usual;
    }
    s->running.group = name ? strdup(name) : NULL;
    if (s->running.group && !kist_str_starts(s->running.group, KIST_CONTAINER_GROUP)) {
        kist_supervisor_note(s);
    }
    return s->running.group ? 0 : kist_error_nomem(err);
}

static int open_all(struct kist_supervisor *s, struct kist_error *err)
{
    const struct kist_supervised *in = s->in;
    struct kist_store *store = in->e->store;
    char dir[4096];
    int rc = kist_plan_read(&s->plan, in->config, err);

    rc = rc < 0 || in->transient ? rc : kist_container_read_state(in->dir, &s->state, err);
    if (rc == 0 && (in->how->detached || !in->transient) && kist_plan_log_path(dir, sizeof(dir), in->config, in->id)) {
        rc = kist_store_room_take_path(store, dir, 2 * kist_store_cost(store, s->plan.log_size / 2) + kist_store_cost(store, 0),
                                       &s->log_room, err);
        rc = rc < 0 ? rc : kist_ring_open(&s->log, dir, KIST_OUTPUT_NAME, s->plan.log_size, false, err);
    }
    if (rc == 0 && s->plan.health.on) {
        s->health = calloc(1, sizeof(*s->health));
        rc = s->health ? 0 : kist_error_nomem(err);
    }
    rc = rc < 0 ? rc : port_signals_hold(&s->signals, err);
    rc = rc < 0 ? rc : port_process_get(&s->running.supervisor, (int)getpid(), err);
    rc = rc < 0 ? rc : note_group(s, err);
    return rc < 0 ? rc : port_channel_listen(&s->listener, in->held->dir, KIST_CONTROL_NAME, err);
}

int kist_supervise(const struct kist_supervised *in, int *exit_status, struct kist_error *err)
{
    struct kist_supervisor s = {.in = in, .listener = -1};
    int rc;

    s.running.root = (char *)(uintptr_t)kist_store_root(in->e->store);
    rc = open_all(&s, err);
    rc = rc < 0 ? rc : begin(&s, in->config, in->fixed, err);
    if (in->begun) {
        in->begun(in->arg, rc, err);
    }
    if (rc == 0) {
        go_on(&s);
        *exit_status = s.exit_status;
        kist_supervisor_keep_log(&s);
        rc = kist_supervisor_end_work(&s, err);
    }
    kist_ring_close(s.log);
    kist_store_room_free(s.log_room);
    kist_supervisor_remove_transient(&s);
    kist_clients_ended(&s);
    kist_rundir_release(in->held, in->e, in->id, true);
    kist_clients_close(&s); /* which says that nobody holds it any more */
    kist_plan_release(&s.plan);
    cJSON_Delete(s.running.health);
    free(s.running.group);
    free(s.health);
    port_signals_release(s.signals);
    return rc;
}
