#include "container/logs.h"

#include <stdlib.h>
#include <string.h>

#include "container/engine.h"
#include "container/plan.h"
#include "port/clock.h"

/* Somebody looks on: how often is looked whether there is more. */
#define FOLLOW_MS 50
#define LINE_MAX_BYTES (32U << 10)

/* Lines of a ring, put together from what reading it gives. */
struct lines {
    struct kist_ring_reader ring;
    size_t start, len; /* of data: what is not given out yet */
    char data[LINE_MAX_BYTES];
};

/* 1: *line is the next one, without its newline; 0: there is none yet. */
static int next_line(struct lines *l, const char **line, size_t *len, struct kist_error *err)
{
    while (true) {
        char *end = memchr(l->data + l->start, '\n', l->len);
        size_t got;
        int rc;

        if (end) {
            *line = l->data + l->start;
            *len = (size_t)(end - *line);
            l->len -= *len + 1;
            l->start += *len + 1;
            return 1;
        }
        if (l->len == sizeof(l->data)) {
            l->len = 0; /* no line of ours */
        }
        memmove(l->data, l->data + l->start, l->len);
        l->start = 0;
        rc = kist_ring_read(&l->ring, l->data + l->len, sizeof(l->data) - l->len, &got, err);
        if (rc < 0 || got == 0) {
            return rc;
        }
        l->len += got;
    }
}

/* The ring of a container: where it writes, or what was kept of it. */
static int open_ring(struct kist_ring_reader *ring, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct port_dir *dir;
    char path[4096];
    int rc = kist_store_container_open(e->store, id, &dir, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_read_config(dir, &config, err);
    if (rc == 0) {
        rc = kist_plan_log_path(path, sizeof(path), config, id) ? kist_ring_read_open(ring, path, KIST_OUTPUT_NAME, err)
                                                                : (int)KIST_E_NOT_FOUND;
    }
    if (rc == KIST_E_NOT_FOUND && kist_plan_note(config, "kist.log.dir")) {
        struct port_stat st;

        rc = port_dir_stat(dir, KIST_OUTPUT_NAME, &st, NULL) == 0
                 ? kist_ring_read_open(ring, port_dir_path(dir), KIST_OUTPUT_NAME, err)
                 : (int)KIST_E_NOT_FOUND;
    }
    port_dir_close(dir);
    return rc;
}

static bool is_up(const struct kist_engine *e, const char *id)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, NULL);

    kist_running_release(&running);
    return rc == 1;
}

/* Lines there are now, those of more than one record counted once. */
static int count_lines(struct lines *l, uint64_t *count, struct kist_error *err)
{
    struct kist_output_record r;
    bool open = false;
    const char *line;
    size_t len;
    int rc;

    *count = 0;
    while ((rc = next_line(l, &line, &len, err)) == 1) {
        if (kist_output_parse(&r, line, len)) {
            *count += r.whole;
            open = !r.whole;
        }
    }
    *count += open;
    return rc;
}

static int64_t seconds_of(const struct kist_output_record *r)
{
    char text[KIST_OUTPUT_TIME + 1];
    int64_t seconds = 0;

    memcpy(text, r->time, KIST_OUTPUT_TIME);
    text[KIST_OUTPUT_TIME] = '\0';
    return kist_str_time(text, &seconds) ? seconds : 0;
}

struct reading {
    const struct kist_engine *e;
    const char *id;
    const struct kist_logs_options *o;
    int (*each)(void *arg, const struct kist_output_record *r, struct kist_error *err);
    void *arg;
    uint64_t skip; /* lines */
};

/* 1: that was past until. */
static int give(struct reading *r, const char *line, size_t len, struct kist_error *err)
{
    struct kist_output_record record;
    int64_t at;

    if (!kist_output_parse(&record, line, len)) {
        return 0;
    }
    if (r->skip > 0) {
        r->skip -= record.whole;
        return 0;
    }
    at = seconds_of(&record);
    if (at > r->o->until) {
        return 1;
    }
    return at < r->o->since ? 0 : r->each(r->arg, &record, err);
}

static int read_all(struct reading *r, struct lines *l, struct kist_error *err)
{
    bool ended = !r->o->follow;

    while (true) {
        const char *line;
        size_t len;
        int rc;

        while ((rc = next_line(l, &line, &len, err)) == 1) {
            rc = give(r, line, len, err);
            if (rc != 0) {
                return rc < 0 ? rc : 0;
            }
        }
        if (rc < 0 || ended || port_clock_now() > r->o->until) {
            return rc;
        }
        /* looked at before the last reading: what it wrote before it ended is read too */
        ended = !is_up(r->e, r->id);
        if (!ended) {
            port_clock_sleep(FOLLOW_MS);
        }
    }
}

int kist_logs_read(const struct kist_engine *e, const char *id, const struct kist_logs_options *o,
                   int (*each)(void *arg, const struct kist_output_record *r, struct kist_error *err), void *arg,
                   struct kist_error *err)
{
    struct reading reading = {.e = e, .id = id, .o = o, .each = each, .arg = arg};
    struct lines *l = calloc(1, sizeof(*l));
    uint64_t count = 0;
    int rc = l ? open_ring(&l->ring, e, id, err) : kist_error_nomem(err);

    if (rc == KIST_E_NOT_FOUND) {
        free(l);
        return kist_error_set(err, KIST_E_NOT_FOUND,
                              "nothing is kept of what container '%.12s' wrote: it never ran, or with --log-driver none, or "
                              "--rm in the foreground, or before a reboot (see log.keep)",
                              id);
    }
    if (rc == 0 && o->tail != UINT64_MAX) {
        rc = count_lines(l, &count, err);
        reading.skip = count > o->tail ? count - o->tail : 0;
        kist_ring_read_close(&l->ring);
        l->start = l->len = 0;
        rc = rc < 0 ? rc : open_ring(&l->ring, e, id, err);
    }
    rc = rc < 0 ? rc : read_all(&reading, l, err);
    if (l) {
        kist_ring_read_close(&l->ring);
    }
    free(l);
    return rc;
}

int kist_events_read(const struct kist_engine *e, bool follow, bool (*stop)(void *arg),
                     int (*each)(void *arg, const char *line, size_t len, struct kist_error *err), void *arg,
                     struct kist_error *err)
{
    struct lines *l = calloc(1, sizeof(*l));
    int rc = l ? kist_ring_read_open(&l->ring, kist_rundir_all(e), "events", err) : kist_error_nomem(err);

    while (rc == 0) {
        const char *line;
        size_t len;

        while ((rc = next_line(l, &line, &len, err)) == 1) {
            rc = each(arg, line, len, err);
            if (rc < 0) {
                break;
            }
        }
        if (rc < 0 || !follow || stop(arg)) {
            break;
        }
        port_clock_sleep(FOLLOW_MS);
    }
    if (l) {
        kist_ring_read_close(&l->ring);
    }
    free(l);
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}
