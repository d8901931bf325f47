/* Health checks of a container that runs, as Docker has them: a command in it, now and then. */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "container/supervise_private.h"
#include "port/channel.h"
#include "port/clock.h"

#define LOG_MAX 5 /* results that are remembered */

static const char *status_of(const struct kist_supervisor *s)
{
    const char *status = kist_json_string(s->running.health, "Status");

    return status ? status : "";
}

static bool is_starting(const struct kist_supervisor *s)
{
    return strcmp(status_of(s), "starting") == 0;
}

static bool in_start_period(const struct kist_supervisor *s)
{
    return is_starting(s) && port_clock_monotonic() - s->began < s->plan.health.start_period;
}

static void plan_next(struct kist_supervisor *s)
{
    s->health->next =
        port_clock_monotonic() + (in_start_period(s) ? s->plan.health.start_interval : s->plan.health.interval);
}

void kist_health_begin(struct kist_supervisor *s)
{
    if (!s->health) {
        return;
    }
    cJSON_Delete(s->running.health);
    s->running.health = cJSON_CreateObject();
    s->health->streak = 0;
    (void)!kist_json_put_string(s->running.health, "Status", "starting", NULL);
    (void)!kist_json_put_u64(s->running.health, "FailingStreak", 0, NULL);
    (void)!kist_json_put(s->running.health, "Log", cJSON_CreateArray(), NULL);
    plan_next(s);
}

static void drop_check(struct kist_supervisor *s)
{
    port_sandbox_free(s->health->check);
    s->health->check = NULL;
    s->health->deadline = 0;
}

void kist_health_end(struct kist_supervisor *s)
{
    if (s->health) {
        drop_check(s);
        s->health->next = 0;
        cJSON_Delete(s->running.health);
        s->running.health = NULL;
    }
}

uint64_t kist_health_due(const struct kist_supervisor *s)
{
    return !s->health || !s->sandbox ? 0 : s->health->check ? s->health->deadline : s->health->next;
}

static void on_output(void *arg, int stream, const char *data, size_t len)
{
    struct kist_health *h = arg;

    (void)stream;
    len = KIST_MIN(len, sizeof(h->output) - h->len);
    memcpy(h->output + h->len, data, len);
    h->len += len;
}

/* ---- what came of one ---- */

static void act(struct kist_supervisor *s)
{
    switch (s->plan.health.action) {
    case KIST_UNHEALTHY_KILL:
        port_sandbox_signal(s->sandbox, SIGKILL);
        break;
    case KIST_UNHEALTHY_RESTART:
        kist_supervisor_stop(s, 0, -2);
        s->stopping = false;
        s->again = true;
        break;
    case KIST_UNHEALTHY_STOP:
        kist_supervisor_stop(s, 0, -2);
        break;
    default:
        break;
    }
}

/* What the check wrote, as JSON can hold it. */
static const char *text_of(struct kist_health *h, char text[sizeof(h->output) + 1])
{
    memcpy(text, h->output, h->len);
    text[h->len] = '\0';
    for (size_t i = 0; i < h->len; i++) {
        const unsigned char c = (unsigned char)text[i];

        text[i] = c >= 0x80 || (c < ' ' && c != '\n' && c != '\t') ? '?' : text[i];
    }
    return text;
}

static int remember(struct kist_supervisor *s, const char *status, int exit_code, struct kist_error *err)
{
    char text[sizeof(s->health->output) + 1], time[KIST_STR_TIME_MAX];
    cJSON *health = s->running.health, *entry = cJSON_CreateObject(),
          *log = cJSON_GetObjectItemCaseSensitive(health, "Log");
    int rc = entry && log ? 0 : kist_error_nomem(err);

    rc = rc < 0 ? rc : kist_json_put_string(entry, "Start", kist_str_rfc3339(time, s->health->begun), err);
    rc = rc < 0 ? rc : kist_json_put_string(entry, "End", kist_str_rfc3339(time, port_clock_now()), err);
    rc = rc < 0 ? rc : kist_json_put(entry, "ExitCode", cJSON_CreateNumber(exit_code), err);
    rc = rc < 0 ? rc : kist_json_put_string(entry, "Output", text_of(s->health, text), err);
    if (rc < 0) {
        cJSON_Delete(entry);
        return rc;
    }
    rc = kist_json_append(log, entry, err);
    while (cJSON_GetArraySize(log) > LOG_MAX) {
        cJSON_DeleteItemFromArray(log, 0);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(health, "Status");
    cJSON_DeleteItemFromObjectCaseSensitive(health, "FailingStreak");
    rc = rc < 0 ? rc : kist_json_put_string(health, "Status", status, err);
    return rc < 0 ? rc : kist_json_put_u64(health, "FailingStreak", s->health->streak, err);
}

static void conclude(struct kist_supervisor *s, int exit_code)
{
    struct kist_health *h = s->health;
    const bool counts = exit_code == 0 || !in_start_period(s);
    char before[16];
    const char *status;
    struct kist_error err;

    (void)!kist_str_copy(before, sizeof(before), status_of(s));
    h->streak = exit_code == 0 ? 0 : counts ? h->streak + 1 : h->streak;
    status = exit_code == 0 ? "healthy" : h->streak >= s->plan.health.retries ? "unhealthy" : before;
    if (remember(s, status, exit_code, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", s->in->id, err.message);
    }
    kist_supervisor_note(s);
    plan_next(s);
    if (strcmp(before, status) == 0) {
        return;
    }
    kist_event_add(s->in->e, &s->in->of,
                   strcmp(status, "healthy") == 0 ? "health_status: healthy" : "health_status: unhealthy", NULL, NULL);
    if (strcmp(status, "unhealthy") == 0) {
        act(s);
    } else if (s->in->how->notify) {
        port_notify(s->in->how->notify, "READY=1\n");
    }
}

/* ---- one check ---- */

static int begin_check(struct kist_supervisor *s, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv argv = {.v = NULL};
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_exec exec = {.streams = {true, on_output, s->health}};
    int rc = kist_container_read_config(s->in->dir, &config, err);

    rc = rc < 0 ? rc : kist_plan_check(&argv, config, err);
    exec.argv = argv.v;
    return rc < 0 ? rc
                  : kist_process_enter(&s->health->check, s->in->id, &s->running.process, config, &exec, s->signals, err);
}

static void start_check(struct kist_supervisor *s)
{
    struct kist_health *h = s->health;
    struct kist_error err = {.code = KIST_OK};
    int rc;

    h->len = 0;
    h->timed_out = false;
    h->begun = port_clock_now();
    rc = begin_check(s, &err);
    if (rc == 0) {
        h->deadline = port_clock_monotonic() + s->plan.health.timeout;
    } else if (rc == KIST_E_CONFLICT || rc == KIST_E_INTERRUPTED) {
        plan_next(s); /* the container ends, and so do its checks; or a signal for it came, and was taken for ours */
        if (rc == KIST_E_INTERRUPTED) {
            kist_supervisor_stop(s, 0, -2);
        }
    } else {
        on_output(h, 2, err.message, strlen(err.message));
        conclude(s, kist_error_exit_status(rc));
    }
}

static void overdue(struct kist_supervisor *s)
{
    struct kist_health *h = s->health;
    char text[64];

    drop_check(s);
    h->len = 0;
    if (kist_str_format(text, sizeof(text), "Health check exceeded timeout (%llums)",
                        (unsigned long long)s->plan.health.timeout)) {
        on_output(h, 2, text, strlen(text));
    }
    conclude(s, -1);
}

void kist_health_tend(struct kist_supervisor *s)
{
    struct kist_health *h = s->health;
    const uint64_t now = port_clock_monotonic();
    int status;

    if (!h || !s->sandbox) {
        return;
    }
    if (h->check && port_sandbox_ended(h->check, &status)) {
        /* whatever else goes on: until it is reaped, the PID namespace it is in cannot end */
        drop_check(s);
        if (!s->stopping && !s->again) {
            conclude(s, status);
        }
    } else if (s->stopping || s->again) {
        return;
    } else if (h->check && now >= h->deadline) {
        overdue(s);
    } else if (!h->check && h->next > 0 && now >= h->next) {
        if (s->running.paused) {
            plan_next(s);
        } else {
            start_check(s);
        }
    }
}
