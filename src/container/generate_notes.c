/* config.json's annotations: what the engine is told beyond the specification (container.h, plan.h), and labels. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "container/env.h"
#include "container/generate_private.h"
#include "container/host_file.h"
#include "container/plan.h"

#define LABEL "kist.label."
#define NANOSECONDS 1000000U /* a millisecond's */

static int put_text(cJSON *notes, const char *name, const char *text, struct kist_error *err)
{
    return text && *text != '\0' ? kist_json_put_string(notes, name, text, err) : 0;
}

/* ---- labels ---- */

/* "name=value" or "name"; a later one counts. */
static int put_label(cJSON *notes, const char *text, struct kist_error *err)
{
    const size_t size = strlen(text) + sizeof(LABEL);
    KIST_AUTO(free) char *name = malloc(size);
    char *equals;

    if (!name || !kist_str_format(name, size, LABEL "%s", text)) {
        return kist_error_nomem(err);
    }
    equals = strchr(name, '=');
    if (equals) {
        *equals = '\0';
    }
    if (name[sizeof(LABEL) - 1] == '\0') {
        return kist_error_set(err, KIST_E_USAGE, "invalid label '%s': it has no name", text);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(notes, name);
    return kist_json_put_string(notes, name, equals ? equals + 1 : "", err);
}

static int put_labels(cJSON *notes, const struct kist_strv *labels, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < labels->n; i++) {
        rc = put_label(notes, labels->v[i], err);
    }
    return rc;
}

static int put_label_files(cJSON *notes, const struct kist_strv *files, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv labels = {.v = NULL};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < files->n; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);

        rc = kist_host_file_read(&text, files->v[i], "label file", err);
        rc = rc < 0 ? rc : kist_env_add_file(&labels, kist_buf_text(&text), text.len, files->v[i], err);
    }
    return rc < 0 ? rc : put_labels(notes, &labels, err);
}

/* ---- health ---- */

/* The image's check, with what the flags say instead of its members. */
static int make_check(cJSON **out, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    const char *text = g->image->healthcheck ? g->image->healthcheck : "";
    cJSON *check = NULL, *test;
    int rc = *text != '\0' ? kist_json_parse(&check, text, strlen(text), "Healthcheck", err) : 0;

    check = rc == 0 && !check ? cJSON_CreateObject() : check;
    *out = check;
    if (rc < 0 || !check) {
        return rc < 0 ? rc : kist_error_nomem(err);
    }
    if (o->health_cmd && *o->health_cmd != '\0') {
        test = cJSON_CreateArray();
        cJSON_DeleteItemFromObjectCaseSensitive(check, "Test");
        rc = kist_json_put(check, "Test", test, err);
        rc = rc < 0 ? rc : kist_json_append(test, cJSON_CreateString("CMD-SHELL"), err);
        rc = rc < 0 ? rc : kist_json_append(test, cJSON_CreateString(o->health_cmd), err);
    }
    return rc;
}

static int put_numbers(cJSON *check, const struct kist_run_options *o, struct kist_error *err)
{
    const struct {
        const char *name;
        uint64_t value, factor;
    } numbers[] = {
        {"Interval", o->health_interval, NANOSECONDS},
        {"Timeout", o->health_timeout, NANOSECONDS},
        {"StartPeriod", o->health_start_period, NANOSECONDS},
        {"StartInterval", o->health_start_interval, NANOSECONDS},
        {"Retries", o->health_retries, 1},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < KIST_COUNT(numbers); i++) {
        if (numbers[i].value > 366ULL * 24 * 3600 * 1000) {
            return kist_error_set(err, KIST_E_USAGE, "a health check's %s is too large", numbers[i].name);
        }
        if (numbers[i].value > 0) {
            cJSON_DeleteItemFromObjectCaseSensitive(check, numbers[i].name);
            rc = kist_json_put(check, numbers[i].name,
                               cJSON_CreateNumber((double)(numbers[i].value * numbers[i].factor)), err);
        }
    }
    return rc;
}

static int put_health(cJSON *notes, const struct kist_generation *g, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *check = NULL;
    const struct kist_run_options *o = g->options;
    enum kist_unhealthy action = KIST_UNHEALTHY_NONE;
    const char *kind;
    int rc;

    if (o->on_unhealthy && !kist_unhealthy_parse(o->on_unhealthy, &action)) {
        return kist_error_set(err, KIST_E_USAGE, "health-on-failure must be none, kill, restart or stop, not '%s'",
                              o->on_unhealthy);
    }
    if (o->no_healthcheck) {
        return o->health_cmd ? kist_error_set(err, KIST_E_USAGE, "--no-healthcheck conflicts with --health-cmd") : 0;
    }
    rc = make_check(&check, g, err);
    if (rc < 0) {
        return rc;
    }
    kind = cJSON_GetStringValue(cJSON_GetArrayItem(kist_json_array(check, "Test"), 0));
    if (!kind || cJSON_GetArraySize(kist_json_array(check, "Test")) < 2 || strcmp(kind, "NONE") == 0) {
        return action == KIST_UNHEALTHY_NONE
                   ? 0
                   : kist_error_set(err, KIST_E_USAGE, "--health-on-failure: there is no health check (try --health-cmd)");
    }
    rc = put_numbers(check, o, err);
    rc = rc < 0 ? rc : kist_json_print(check, false, &text, err);
    rc = rc < 0 ? rc : kist_json_put_string(notes, "kist.health", kist_buf_text(&text), err);
    return rc < 0 ? rc : put_text(notes, "kist.on-unhealthy", o->on_unhealthy, err);
}

/* ---- the rest ---- */

static int put_log(cJSON *notes, const struct kist_run_options *o, struct kist_error *err)
{
    char size[24];
    int rc;

    if (!o->log_dir) {
        return 0;
    }
    if (!kist_str_format(size, sizeof(size), "%llu", (unsigned long long)o->log_size)) {
        return kist_error_set(err, KIST_E_FAIL, "a size is too long");
    }
    rc = kist_json_put_string(notes, "kist.log.dir", o->log_dir, err);
    rc = rc < 0 ? rc : kist_json_put_string(notes, "kist.log.size", size, err);
    return rc < 0 || !o->log_keep ? rc : kist_json_put_string(notes, "kist.log.keep", "true", err);
}

static int put_rootfs(cJSON *notes, const struct kist_run_options *o, struct kist_error *err)
{
    uint64_t size = 0;
    char text[24];
    int rc = put_text(notes, "kist.rootfs", o->rootfs && strcmp(o->rootfs, "overlay") != 0 ? o->rootfs : NULL, err);

    for (size_t i = 0; i < o->storage_opts.n; i++) {
        const char *option = o->storage_opts.v[i];

        if (!kist_str_starts(option, "size=") || !kist_str_bytes(option + strlen("size="), &size) || size == 0) {
            return kist_error_set(err, KIST_E_USAGE, "invalid storage-opt '%s' (size=SIZE is one)", option);
        }
    }
    if (rc < 0 || size == 0) {
        return rc;
    }
    return kist_str_format(text, sizeof(text), "%" PRIu64, size) ? kist_json_put_string(notes, "kist.rootfs.size", text, err)
                                                                 : kist_error_set(err, KIST_E_FAIL, "a size is too long");
}

int kist_generate_notes(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    const char *stop = o->stop_signal && *o->stop_signal != '\0' ? o->stop_signal : g->image->stop_signal;
    enum kist_restart restart;
    uint64_t number;
    cJSON *notes = cJSON_CreateObject();
    int rc = kist_json_put(spec, "annotations", notes, err);

    if (rc == 0 && o->restart && !kist_restart_parse(o->restart, &restart, &number)) {
        return kist_error_set(err, KIST_E_USAGE,
                              "restart must be no, on-failure[:TIMES], always or unless-stopped, not '%s'", o->restart);
    }
    if (rc == 0 && o->stop_timeout && strcmp(o->stop_timeout, "-1") != 0 && !kist_str_u64(o->stop_timeout, 1000000, &number)) {
        return kist_error_set(err, KIST_E_USAGE, "stop-timeout must be a number of seconds, not '%s'", o->stop_timeout);
    }
    rc = rc < 0 ? rc : put_text(notes, "kist.init", o->init ? "true" : "", err);
    rc = rc < 0 ? rc : put_text(notes, "kist.stdin", o->interactive ? "true" : "", err);
    rc = rc < 0 ? rc : put_text(notes, "kist.devices", o->privileged ? "all" : "", err);
    rc = rc < 0 ? rc : put_text(notes, "kist.ipc", o->ipc, err);
    rc = rc < 0 ? rc : put_text(notes, "org.opencontainers.image.stopSignal", stop, err);
    rc = rc < 0 ? rc : put_rootfs(notes, o, err);
    rc = rc < 0 ? rc : put_text(notes, "kist.restart", o->restart, err);
    rc = rc < 0 ? rc : put_text(notes, "kist.stop-timeout", o->stop_timeout, err);
    rc = rc < 0 ? rc : put_health(notes, g, err);
    rc = rc < 0 ? rc : put_log(notes, o, err);
    rc = rc < 0 ? rc : put_labels(notes, &g->image->labels, err);
    rc = rc < 0 ? rc : put_label_files(notes, &o->label_files, err);
    return rc < 0 ? rc : put_labels(notes, &o->labels, err);
}
