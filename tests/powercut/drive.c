#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "powercut.h"

#define STATE_MAX (1U << 16)
#define MOST_TOLD 8

struct drive {
    const struct command *command;
    struct tally *tally;
    struct port_sim_disk *start;   /* before the command */
    struct kist_buf before, after; /* what judge says of it, and of what the command makes */
    uint64_t end;                  /* fingerprint of the disk once it ran, and was tidied */
    uint64_t *seen;                /* disks that were judged */
    size_t seen_count;
};

KIST_PRINTF(2, 3) static void fail(struct drive *d, const char *fmt, ...)
{
    va_list args;

    if (d->tally->failed++ >= MOST_TOLD) {
        return;
    }
    printf("FAIL %s: ", d->command->name);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* The same disk need not be judged twice. strict: what was found in it may have been one of two states, or
 * had to be one. */
static bool seen(struct drive *d, bool strict)
{
    uint64_t mark = port_sim_fingerprint("/") ^ (strict ? UINT64_MAX : 0);

    for (size_t i = 0; i < d->seen_count; i++) {
        if (d->seen[i] == mark) {
            return true;
        }
    }
    d->seen = realloc(d->seen, (d->seen_count + 1) * sizeof(*d->seen));
    d->seen[d->seen_count++] = mark;
    return false;
}

static bool same(const struct kist_buf *a, const struct kist_buf *b)
{
    return strcmp(kist_buf_text(a), kist_buf_text(b)) == 0;
}

/* Since the last time, and all that was tried in it. */
static void check_quota(struct drive *d, const char *when)
{
    if (d->command->quota > 0 && port_sim_peak() > d->command->quota) {
        fail(d, "%s: %" PRIu64 " bytes were taken, the quota is %" PRIu64, when, port_sim_peak(), d->command->quota);
        port_sim_watch(ROOT);
    }
}

/* The command once more: it must succeed, and leave what it always leaves. */
static void repeat(struct drive *d, const char *when)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(STATE_MAX);
    struct kist_error err = {.code = KIST_OK};
    uint64_t end;
    int rc = d->command->run(&err);

    if (rc != d->command->result && rc != d->command->again) {
        fail(d, "%s: a repeat gives %d: %s", when, rc, err.message);
        return;
    }
    if ((rc = judge(&state, &err)) < 0) {
        fail(d, "%s: damaged after a repeat: %s", when, err.message);
    } else if (!same(&state, &d->after)) {
        fail(d, "%s: a repeat leads to\n%snot to\n%s", when, kist_buf_text(&state), kist_buf_text(&d->after));
    } else if ((rc = tidy(&end, &err)) < 0) {
        fail(d, "%s: cannot be swept after a repeat: %s", when, err.message);
    } else if (end != d->end) {
        fail(d, "%s: something is left over after a repeat", when);
    }
    if (port_sim_handles() != 0) {
        fail(d, "%s: %zu handles stay open", when, port_sim_handles());
    }
    check_quota(d, when);
}

/* They say the same but for volumes: whose line begins so. */
static bool same_but_volumes(const char *a, const char *b)
{
    static const char volume[] = "volume ";

    for (;;) {
        size_t len;

        while (strncmp(a, volume, sizeof(volume) - 1) == 0) {
            a += strcspn(a, "\n") + 1;
        }
        while (strncmp(b, volume, sizeof(volume) - 1) == 0) {
            b += strcspn(b, "\n") + 1;
        }
        len = strcspn(a, "\n");
        if (*a == '\0' || strcspn(b, "\n") != len || memcmp(a, b, len) != 0) {
            return *a == *b;
        }
        a += len + 1;
        b += len + 1;
    }
}

/* Each line of state is one of whole. */
static bool is_part(const struct kist_buf *state, const struct kist_buf *whole)
{
    size_t len;

    for (const char *line = kist_buf_text(state), *at; *line != '\0'; line += len + 1) {
        len = strcspn(line, "\n");
        at = kist_buf_text(whole);
        while (at && strncmp(at, line, len + 1) != 0) {
            at = strchr(at, '\n');
            at = at ? at + 1 : NULL;
        }
        if (!at) {
            return false;
        }
    }
    return true;
}

/*
 * A command that also makes the store, or volumes, may have come as far as that; one that removes what is in its way, as far as that.
 */
static bool halfway(const struct drive *d, const struct kist_buf *state)
{
    if (d->command->makes_volumes) {
        return same_but_volumes(kist_buf_text(state), kist_buf_text(&d->before));
    }
    return (d->command->makes_store && strcmp(kist_buf_text(state), JUDGE_EMPTY) == 0) ||
           (d->command->evicts && is_part(state, &d->before));
}

/* The disk as it is now must hold the state before the command or the one after it; strict: the one after it.
 */
static void look(struct drive *d, bool strict, const char *when)
{
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(STATE_MAX);
    struct kist_error err = {.code = KIST_OK};

    if (seen(d, strict)) {
        return;
    }
    d->tally->different++;
    if (judge(&state, &err) < 0) {
        fail(d, "%s: %s", when, err.message);
    } else if (!same(&state, &d->after) && (strict || !(same(&state, &d->before) || halfway(d, &state)))) {
        fail(d, "%s: the store has\n%snot\n%s%s%s", when, kist_buf_text(&state),
             strict ? "" : kist_buf_text(&d->before), strict ? "" : "or\n", kist_buf_text(&d->after));
    }
    repeat(d, when);
}

/* ---- power cuts ---- */

/* All that may have become of the disk as it is now. */
static void cut_power(struct drive *d, bool strict, const char *what, uint64_t at)
{
    struct port_sim_disk *moment = port_sim_save();
    char when[128];

    for (int fate = 0; fate < PORT_SIM_FATES; fate++) {
        size_t variants = port_sim_variants((enum port_sim_fate)fate);

        for (size_t i = 0; i < variants; i++) {
            port_sim_reboot((enum port_sim_fate)fate, i);
            (void)snprintf(when, sizeof(when), "%s %" PRIu64 ", %s (%zu)", what, at,
                           port_sim_fate_name((enum port_sim_fate)fate), i);
            d->tally->disks++;
            look(d, strict, when);
            port_sim_load(moment);
        }
    }
    port_sim_free(moment);
}

/* Runs the command until its nth operation; false when it has fewer. */
static bool run_until(struct drive *d, uint64_t n)
{
    struct kist_error err = {.code = KIST_OK};

    port_sim_load(d->start);
    port_sim_halt_at(n);
    (void)!d->command->run(&err);
    if (port_sim_handles() != 0) {
        fail(d, "cut %" PRIu64 ": %zu handles stay open", n, port_sim_handles());
    }
    return port_sim_halted();
}

static void cut_everywhere(struct drive *d)
{
    uint64_t n = 1;

    while (run_until(d, n)) {
        d->tally->cuts++;
        cut_power(d, false, "cut at operation", n++);
    }
    /* it was through, and said so */
    cut_power(d, !d->command->fleeting, "cut after operation", n - 1);
}

/*
 * The process is killed; another one then sweeps, or does it all and says so; and then the power is cut. What
 * the second one did lasts; but if the first one made the directories above the store, only that one knows of
 * it.
 */
static void kill_everywhere(struct drive *d)
{
    bool lasts = !d->command->fleeting && !d->command->makes_store;
    struct kist_error err = {.code = KIST_OK};
    struct port_sim_disk *moment;
    uint64_t ignored;
    int rc;

    for (uint64_t n = 1; run_until(d, n); n++) {
        d->tally->kills++;
        port_sim_restart();
        moment = port_sim_save();
        rc = d->command->run(&err);
        if (rc != d->command->result && rc != d->command->again) {
            fail(d, "killed at operation %" PRIu64 ": a repeat gives %d: %s", n, rc, err.message);
        } else {
            cut_power(d, rc == 0 && lasts, "cut after another did it, one killed at operation", n);
        }
        port_sim_load(moment);
        port_sim_free(moment);
        rc = tidy(&ignored, &err);
        if (rc < 0 && !(rc == KIST_E_NOT_FOUND && d->command->makes_store) &&
            !(rc == KIST_E_CORRUPT && strstr(kist_buf_text(&d->before), JUDGE_DAMAGED))) {
            fail(d, "killed at operation %" PRIu64 ": cannot be swept: %s", n, err.message);
        }
        cut_power(d, false, "cut after another swept, one killed at operation", n);
    }
}

/* ---- calls that fail ---- */

/* What it came to: told as what it was, and the store is in one state or the other, now and after a power
 * cut. */
static void judge_failure(struct drive *d, int rc, int wanted, const struct kist_error *err, const char *when)
{
    bool done = rc == d->command->result || rc == d->command->again;
    struct port_sim_disk *moment;

    if (d->command->evicts && rc == KIST_E_NO_SPACE) {
        wanted = rc; /* what cannot be looked at is not removed to make room */
    }
    if (!done && (rc != wanted || err->message[0] == '\0')) {
        fail(d, "%s: the command says %d '%s', wanted %d", when, rc, err->message, wanted);
    }
    if (port_sim_handles() != 0) {
        fail(d, "%s: %zu handles stay open", when, port_sim_handles());
    }
    done = done && rc == 0;
    moment = port_sim_save();
    port_sim_restart();
    look(d, done, when);
    port_sim_load(moment);
    port_sim_reboot(PORT_SIM_LOST, 0);
    look(d, done && !d->command->fleeting, when);
    port_sim_free(moment);
}

/* How many calls were made to fail. */
static uint64_t fail_calls(struct drive *d, int sys_errno, bool sticky, int wanted)
{
    char when[64];

    for (uint64_t n = 1;; n++) {
        struct kist_error err = {.code = KIST_OK};
        int rc;

        (void)snprintf(when, sizeof(when), "%s %s call %" PRIu64, strerror(sys_errno), sticky ? "from" : "at",
                       n);
        port_sim_load(d->start);
        port_sim_fail_at(n, sys_errno, sticky);
        rc = d->command->run(&err);
        if (port_sim_calls() < n) {
            port_sim_fail_at(0, 0, false);
            return n - 1;
        }
        port_sim_fail_at(0, 0, false);
        judge_failure(d, rc, wanted, &err, when);
    }
}

static uint64_t fail_allocations(struct drive *d, bool sticky)
{
    char when[64];

    for (uint64_t n = 1;; n++) {
        struct kist_error err = {.code = KIST_OK};
        int rc;

        (void)snprintf(when, sizeof(when), "no memory %s allocation %" PRIu64, sticky ? "from" : "at", n);
        port_sim_load(d->start);
        alloc_fail_at(n, sticky);
        rc = d->command->run(&err);
        if (alloc_calls() < n) {
            alloc_fail_at(0, false);
            return n - 1;
        }
        alloc_fail_at(0, false);
        judge_failure(d, rc, KIST_E_NOMEM, &err, when);
    }
}

/* ---- all of it ---- */

static bool begin(struct drive *d)
{
    struct kist_error err = {.code = KIST_OK};
    int rc;

    port_sim_reset(0);
    if (d->command->prepare) {
        d->command->prepare();
    }
    port_sim_watch(d->command->quota > 0 ? ROOT : NULL);
    port_sim_reboot(PORT_SIM_KEPT, 0);
    d->start = port_sim_save();
    must(judge(&d->before, &err), &err, d->command->name);
    port_sim_load(d->start);
    rc = d->command->run(&err);
    if (rc != d->command->result) {
        fail(d, "undisturbed it gives %d: %s", rc, err.message);
        return false;
    }
    if (judge(&d->after, &err) < 0 || tidy(&d->end, &err) < 0) {
        fail(d, "undisturbed: %s", err.message);
        return false;
    }
    return true;
}

void drive(const struct command *command, struct tally *tally)
{
    struct drive d = {
        .command = command,
        .tally = tally,
        .before = KIST_BUF_INIT(STATE_MAX),
        .after = KIST_BUF_INIT(STATE_MAX),
    };

    if (begin(&d)) {
        cut_everywhere(&d);
        kill_everywhere(&d);
        tally->errors = fail_calls(&d, EIO, false, KIST_E_IO) + fail_calls(&d, EIO, true, KIST_E_IO);
        tally->full =
            fail_calls(&d, ENOSPC, false, KIST_E_NO_SPACE) + fail_calls(&d, ENOSPC, true, KIST_E_NO_SPACE);
        tally->allocations = fail_allocations(&d, false) + fail_allocations(&d, true);
    }
    check_quota(&d, "at some time");
    port_sim_watch(NULL);
    port_sim_free(d.start);
    kist_buf_release(&d.before);
    kist_buf_release(&d.after);
    free(d.seen);
}
