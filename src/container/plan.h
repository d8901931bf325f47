/*
 * How a container is looked after while it lives: kist's own annotations in config.json.
 *   "kist.restart"       "no", "on-failure[:max]", "always", "unless-stopped"
 *   "kist.stop-timeout"  seconds between the stop signal and SIGKILL
 *   "kist.health"        Docker's HealthConfig as JSON text: Test, Interval, Timeout, StartPeriod, StartInterval (ns), Retries
 *   "kist.on-unhealthy"  "none", "kill", "restart", "stop"
 *   "kist.log.dir", "kist.log.size", "kist.log.keep"
 *   "kist.label.<name>"  a label
 */
#ifndef KIST_CONTAINER_PLAN_H
#define KIST_CONTAINER_PLAN_H

#include "base/str.h"
#include "codec/json.h"

#define KIST_PLAN_STOP_SECONDS 10

enum kist_restart { KIST_RESTART_NO, KIST_RESTART_ON_FAILURE, KIST_RESTART_ALWAYS, KIST_RESTART_UNLESS_STOPPED };
enum kist_unhealthy { KIST_UNHEALTHY_NONE, KIST_UNHEALTHY_KILL, KIST_UNHEALTHY_RESTART, KIST_UNHEALTHY_STOP };

struct kist_health_plan {
    bool on;
    uint64_t interval, timeout, start_period, start_interval; /* milliseconds */
    unsigned retries;
    enum kist_unhealthy action;
};

struct kist_plan {
    enum kist_restart restart;
    uint64_t max_restarts; /* of KIST_RESTART_ON_FAILURE; 0: no limit */
    int stop_signal;
    int stop_seconds; /* -1: never killed */
    struct kist_health_plan health;
    char *log_dir; /* of all containers' logs; NULL: nothing is kept */
    uint64_t log_size;
    bool log_keep;
};

/* KIST_E_USAGE: an annotation makes no sense. */
int kist_plan_read(struct kist_plan *plan, const cJSON *config, struct kist_error *err) KIST_CHECKED;
void kist_plan_release(struct kist_plan *plan);

/* "on-failure:3"; false when it is none. */
bool kist_restart_parse(const char *text, enum kist_restart *restart, uint64_t *max) KIST_CHECKED;
const char *kist_restart_name(enum kist_restart restart);
bool kist_unhealthy_parse(const char *text, enum kist_unhealthy *action) KIST_CHECKED;

/* An annotation's text, or NULL. */
const char *kist_plan_note(const cJSON *config, const char *name);
/* What a check runs: the words of "kist.health"'s Test without "CMD", a shell before "CMD-SHELL"'s. */
int kist_plan_check(struct kist_strv *argv, const cJSON *config, struct kist_error *err) KIST_CHECKED;
/* "<log.dir>/<id>"; false where nothing is kept. */
bool kist_plan_log_path(char *dst, size_t size, const cJSON *config, const char *id) KIST_CHECKED;
/* Removes what was logged of a container; log_dir NULL: nothing was. */
void kist_plan_forget_log(const char *log_dir, const char *id);

#endif
