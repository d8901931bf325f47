#include "container/plan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "port/file.h"
#include "port/process.h"

#define NANOSECONDS 1000000U /* a millisecond's */
#define YEAR_MS (366ULL * 24 * 3600 * 1000)

static const char *const restarts[] = {"no", "on-failure", "always", "unless-stopped"};
static const char *const actions[] = {"none", "kill", "restart", "stop"};

bool kist_restart_parse(const char *text, enum kist_restart *restart, uint64_t *max)
{
    const char *colon = strchr(text, ':');
    const size_t len = colon ? (size_t)(colon - text) : strlen(text);

    *max = 0;
    for (size_t i = 0; i < KIST_COUNT(restarts); i++) {
        if (strlen(restarts[i]) == len && strncmp(restarts[i], text, len) == 0) {
            *restart = (enum kist_restart)i;
            return !colon || (i == KIST_RESTART_ON_FAILURE && kist_str_u64(colon + 1, INT32_MAX, max));
        }
    }
    return false;
}

const char *kist_restart_name(enum kist_restart restart)
{
    return restarts[restart];
}

bool kist_unhealthy_parse(const char *text, enum kist_unhealthy *action)
{
    for (size_t i = 0; i < KIST_COUNT(actions); i++) {
        if (strcmp(actions[i], text) == 0) {
            *action = (enum kist_unhealthy)i;
            return true;
        }
    }
    return false;
}

const char *kist_plan_note(const cJSON *config, const char *name)
{
    return kist_json_string(kist_json_object(config, "annotations"), name);
}

static int wrong(const char *name, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "config.json: annotation '%s' makes no sense", name);
}

/* 0 and absent mean the default. */
static uint64_t milliseconds(const cJSON *health, const char *name, uint64_t otherwise)
{
    uint64_t value = 0;

    if (!kist_json_u64(health, name, &value) || value == 0) {
        return otherwise;
    }
    return KIST_MIN(KIST_MAX(value / NANOSECONDS, (uint64_t)1), YEAR_MS);
}

static int read_health(struct kist_health_plan *plan, const cJSON *config, struct kist_error *err)
{
    const char *text = kist_plan_note(config, "kist.health"), *action = kist_plan_note(config, "kist.on-unhealthy");
    KIST_AUTO(json) cJSON *health = NULL;
    uint64_t retries = 0;
    int rc;

    if (!text) {
        return 0;
    }
    rc = kist_json_parse(&health, text, strlen(text), "kist.health", err);
    if (rc < 0 || (action && !kist_unhealthy_parse(action, &plan->action))) {
        return wrong(rc < 0 ? "kist.health" : "kist.on-unhealthy", err);
    }
    plan->on = cJSON_GetArraySize(kist_json_array(health, "Test")) > 1;
    plan->interval = milliseconds(health, "Interval", 30000);
    plan->timeout = milliseconds(health, "Timeout", 30000);
    plan->start_period = milliseconds(health, "StartPeriod", 0);
    plan->start_interval = milliseconds(health, "StartInterval", 5000);
    plan->retries = kist_json_u64(health, "Retries", &retries) && retries > 0 ? (unsigned)KIST_MIN(retries, 1000000U) : 3;
    return 0;
}

static int read_log(struct kist_plan *plan, const cJSON *config, struct kist_error *err)
{
    const char *dir = kist_plan_note(config, "kist.log.dir"), *size = kist_plan_note(config, "kist.log.size"),
               *keep = kist_plan_note(config, "kist.log.keep");

    plan->log_size = 1U << 20;
    if ((size && !kist_str_bytes(size, &plan->log_size)) || (keep && !kist_str_bool(keep, &plan->log_keep))) {
        return wrong(size ? "kist.log.size" : "kist.log.keep", err);
    }
    plan->log_dir = dir && dir[0] == '/' ? strdup(dir) : NULL;
    return dir && dir[0] == '/' && !plan->log_dir ? kist_error_nomem(err) : 0;
}

int kist_plan_read(struct kist_plan *plan, const cJSON *config, struct kist_error *err)
{
    const char *restart = kist_plan_note(config, "kist.restart"), *seconds = kist_plan_note(config, "kist.stop-timeout"),
               *stop = kist_plan_note(config, "org.opencontainers.image.stopSignal");
    uint64_t value = 0;
    int rc;

    *plan = (struct kist_plan){.stop_signal = SIGTERM, .stop_seconds = KIST_PLAN_STOP_SECONDS};
    if (restart && !kist_restart_parse(restart, &plan->restart, &plan->max_restarts)) {
        return wrong("kist.restart", err);
    }
    if (stop && !port_signal_number(stop, &plan->stop_signal)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no signal to stop with", stop);
    }
    if (seconds && strcmp(seconds, "-1") == 0) {
        plan->stop_seconds = -1;
    } else if (seconds && !kist_str_u64(seconds, 1000000, &value)) {
        return wrong("kist.stop-timeout", err);
    } else if (seconds) {
        plan->stop_seconds = (int)value;
    }
    rc = read_health(&plan->health, config, err);
    return rc < 0 ? rc : read_log(plan, config, err);
}

void kist_plan_release(struct kist_plan *plan)
{
    free(plan->log_dir);
    plan->log_dir = NULL;
}

int kist_plan_check(struct kist_strv *argv, const cJSON *config, struct kist_error *err)
{
    const char *text = kist_plan_note(config, "kist.health"), *kind;
    KIST_AUTO(json) cJSON *health = NULL;
    const cJSON *test, *word;
    int rc = text ? kist_json_parse(&health, text, strlen(text), "kist.health", err) : wrong("kist.health", err);

    test = kist_json_array(health, "Test");
    kind = cJSON_GetStringValue(cJSON_GetArrayItem(test, 0));
    if (rc == 0 && kind && strcmp(kind, "CMD-SHELL") == 0) {
        rc = kist_strv_add(argv, "/bin/sh", err);
        rc = rc < 0 ? rc : kist_strv_add(argv, "-c", err);
    }
    cJSON_ArrayForEach(word, test)
    {
        if (rc == 0 && word != test->child) {
            rc = cJSON_IsString(word) ? kist_strv_add(argv, word->valuestring, err) : wrong("kist.health", err);
        }
    }
    return rc == 0 && argv->n == 0 ? wrong("kist.health", err) : rc;
}

bool kist_plan_log_path(char *dst, size_t size, const cJSON *config, const char *id)
{
    const char *dir = kist_plan_note(config, "kist.log.dir");

    return dir && dir[0] == '/' && kist_path_join(dst, size, dir, id);
}

void kist_plan_forget_log(const char *log_dir, const char *id)
{
    struct port_dir *dir;

    if (log_dir && log_dir[0] == '/' && port_dir_open(&dir, log_dir, false, NULL) == 0) {
        (void)!port_dir_remove_tree(dir, id, NULL);
        port_dir_close(dir);
    }
}
