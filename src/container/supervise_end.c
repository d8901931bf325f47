/* The end of it: what is kept of its log, what was to be made of it, and what goes with it. */
#include <signal.h>

#include "base/log.h"
#include "base/path.h"
#include "container/output.h"
#include "container/supervise_private.h"
#include "port/clock.h"
#include "store/quota.h"

#define LOOK_MS 200 /* between two looks at work, at least */

bool kist_supervisor_gives_up(int number)
{
    return number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP;
}

/* One file of the ring, into the store. */
static int keep_file(const struct kist_supervisor *s, struct port_dir *from, const char *name, struct kist_error *err)
{
    struct port_file *in, *out;
    char chunk[4096];
    uint64_t at = 0;
    size_t got = 1;
    struct kist_store *store = s->in->e->store;
    struct kist_store_room *room = NULL;
    uint64_t size = 0;
    int rc = port_file_open(&in, from, name, err), closed;

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_file_size(in, &size, err);
    rc = rc < 0 ? rc : kist_store_room_take(store, "containers", s->in->id, kist_store_cost(store, size), NULL, &room, err);
    rc = rc < 0 ? rc : port_file_create(&out, s->in->dir, "log.new", true, err);
    if (rc == 0) {
        while (rc == 0 && got > 0) {
            rc = port_file_read_at(in, at, chunk, sizeof(chunk), &got, err);
            rc = rc < 0 ? rc : port_file_append(out, chunk, got, err);
            at += got;
        }
        rc = rc < 0 ? rc : port_file_sync(out, err);
        closed = port_file_close(out, rc < 0 ? NULL : err);
        rc = rc < 0 ? rc : closed;
        rc = rc < 0 ? rc : port_dir_rename(s->in->dir, "log.new", s->in->dir, name, err);
    }
    kist_store_room_free(room);
    port_file_discard(in);
    return rc;
}

void kist_supervisor_keep_log(const struct kist_supervisor *s)
{
    struct kist_error err;
    struct port_dir *from;
    char path[4096];
    int rc;

    if (!s->log || !s->plan.log_keep || s->exit_status == 0 || s->state.stopped || s->in->transient ||
        !kist_path_join(path, sizeof(path), s->plan.log_dir, s->in->id)) {
        return;
    }
    rc = port_dir_open(&from, path, false, &err);
    if (rc == 0) {
        rc = keep_file(s, from, KIST_OUTPUT_NAME ".1", &err);
        rc = rc < 0 ? rc : keep_file(s, from, KIST_OUTPUT_NAME, &err);
        rc = rc < 0 ? rc : port_dir_sync(s->in->dir, &err);
        port_dir_close(from);
    }
    if (rc < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': %s", s->in->id, err.message);
    }
}

/* However long a look takes, most of the time goes to what is looked at. */
void kist_supervisor_look(struct kist_supervisor *s)
{
    const struct kist_container_work *work = s->in->how->work;
    const uint64_t begun = port_clock_monotonic();
    uint64_t now;

    if (!s->sandbox || s->look_at == 0 || begun < s->look_at) {
        return;
    }
    if (!work->look(work->arg, s->in->dir)) {
        s->look_at = 0;
        kist_supervisor_stop(s, SIGKILL, -1);
        return;
    }
    now = port_clock_monotonic();
    s->look_at = now + KIST_MAX(8 * (now - begun), (uint64_t)LOOK_MS);
}

int kist_supervisor_end_work(const struct kist_supervisor *s, struct kist_error *err)
{
    const struct kist_container_work *work = s->in->how->work;
    bool interrupted = s->interrupted;
    int rc = work && !interrupted ? work->ended(work->arg, s->in->dir, s->exit_status, err) : 0;

    for (int number; work && (number = port_signals_next(s->signals)) != 0;) {
        interrupted = interrupted || kist_supervisor_gives_up(number);
    }
    return interrupted ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted") : rc;
}

void kist_supervisor_remove_transient(const struct kist_supervisor *s)
{
    struct kist_error err;

    if (!s->in->transient) {
        return;
    }
    if (kist_store_container_remove(s->in->e->store, s->in->id, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s' is left behind: %s", s->in->id, err.message);
    }
    if (s->log) {
        kist_plan_forget_log(s->plan.log_dir, s->in->id);
    }
    kist_event_add(s->in->e, &s->in->of, "destroy", NULL, NULL);
}
