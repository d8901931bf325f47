/* Instructions that only describe the image, by keyword. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "build/stage.h"
#include "image/change.h"
#include "port/process.h"

#define RANGE_MAX 65535U

cJSON *kist_stage_run(const struct kist_stage *stage)
{
    return cJSON_GetObjectItemCaseSensitive(stage->config, "config");
}

const char *kist_stage_workdir(const struct kist_stage *stage)
{
    const char *path = kist_json_string(kist_stage_run(stage), "WorkingDir");

    return path && path[0] == '/' ? path : "/";
}

int kist_step_blame(const struct kist_step *step, size_t i, struct kist_error *err)
{
    return kist_dockerfile_blame(step->file, step->in, i < step->in->args.n ? step->in->at[i] : 0, err);
}

static cJSON *run_of(const struct kist_step *step)
{
    return kist_stage_run(step->stage);
}

/* ---- commands ---- */

/* Shell form is for the image's shell. */
int kist_step_command(const struct kist_step *step, size_t first, const char *text, struct kist_strv *words, struct kist_error *err)
{
    const cJSON *shell = kist_json_array(run_of(step), "Shell"), *item;
    int rc = 0;

    for (size_t i = first; step->in->json && i < step->words.n && rc == 0; i++) {
        rc = kist_strv_add(words, step->words.v[i], err);
    }
    if (step->in->json || !text) {
        return rc;
    }
    cJSON_ArrayForEach(item, shell)
    {
        rc = rc == 0 && cJSON_IsString(item) ? kist_strv_add(words, item->valuestring, err) : rc;
    }
    if (cJSON_GetArraySize(shell) == 0) {
        rc = kist_strv_add(words, "/bin/sh", err);
        rc = rc < 0 ? rc : kist_strv_add(words, "-c", err);
    }
    return rc < 0 ? rc : kist_strv_add(words, text, err);
}

static int say_words(struct kist_step *step, const char *member, struct kist_error *err)
{
    int rc = kist_buf_printf(&step->created_by, err, "%s ", kist_keyword_name(step->in->keyword));

    return rc < 0 ? rc : kist_json_print(kist_json_array(run_of(step), member), false, &step->created_by, err);
}

static int set_command(struct kist_step *step, const char *member, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv words = {.v = NULL};
    int rc = kist_step_command(step, 0, step->words.n > 0 ? step->words.v[0] : NULL, &words, err);

    rc = rc < 0 ? rc : kist_change_words(run_of(step), member, &words, err);
    return rc < 0 ? rc : say_words(step, member, err);
}

static int do_cmd(struct kist_step *step, struct kist_error *err)
{
    step->stage->command_set = true;
    return set_command(step, "Cmd", err);
}

/* A command that came with the base was meant for another entry point. */
static int do_entrypoint(struct kist_step *step, struct kist_error *err)
{
    if (!step->stage->command_set) {
        cJSON_DeleteItemFromObjectCaseSensitive(run_of(step), "Cmd");
    }
    return set_command(step, "Entrypoint", err);
}

static int do_shell(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_change_words(run_of(step), "Shell", &step->words, err);

    return rc < 0 ? rc : say_words(step, "Shell", err);
}

static int put_duration(struct kist_step *step, cJSON *health, const char *flag, const char *member, struct kist_error *err)
{
    const char *text = kist_instruction_flag(step->in, flag);
    uint64_t ms;

    if (!text) {
        return 0;
    }
    if (!kist_str_duration(text, &ms) || ms > INT64_MAX / 1000000) {
        return kist_dockerfile_fail(step->file, step->in, kist_instruction_flag_at(step->in, flag), err, KIST_E_USAGE,
                                    "--%s: '%s' is no duration (30s, 1m30s)", flag, text);
    }
    return ms > 0 ? kist_json_put_u64(health, member, ms * 1000000, err) : 0;
}

static int do_healthcheck(struct kist_step *step, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv test = {.v = NULL};
    const char *retries = kist_instruction_flag(step->in, "retries");
    const bool none = strcmp(step->words.v[0], "NONE") == 0;
    cJSON *health = cJSON_CreateObject();
    uint64_t count = 0;
    int rc = kist_change_put(run_of(step), "Healthcheck", health, err);

    rc = rc < 0 ? rc : kist_strv_add(&test, none ? "NONE" : step->in->json ? "CMD" : "CMD-SHELL", err);
    for (size_t i = 1; i < step->words.n && rc == 0; i++) {
        rc = kist_strv_add(&test, step->words.v[i], err);
    }
    if (rc == 0 && retries && !kist_str_u64(retries, 10000, &count)) {
        return kist_dockerfile_fail(step->file, step->in, kist_instruction_flag_at(step->in, "retries"), err, KIST_E_USAGE,
                                    "--retries: '%s' is no number", retries);
    }
    if (rc < 0 || (rc = kist_change_words(health, "Test", &test, err)) < 0 ||
        (rc = put_duration(step, health, "interval", "Interval", err)) < 0 ||
        (rc = put_duration(step, health, "timeout", "Timeout", err)) < 0 ||
        (rc = put_duration(step, health, "start-period", "StartPeriod", err)) < 0 ||
        (rc = put_duration(step, health, "start-interval", "StartInterval", err)) < 0 ||
        (count > 0 && (rc = kist_json_put_u64(health, "Retries", count, err)) < 0)) {
        return rc;
    }
    return kist_buf_puts(&step->created_by, step->in->text, err);
}

/* ---- names and values ---- */

/* "KEYWORD a=b c=d", as it was expanded. */
static int say_pairs(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_buf_puts(&step->created_by, kist_keyword_name(step->in->keyword), err);

    for (size_t i = 0; i + 1 < step->words.n && rc == 0; i += 2) {
        rc = kist_buf_printf(&step->created_by, err, " %s=%s", step->words.v[i], step->words.v[i + 1]);
    }
    return rc;
}

static int set_pairs(struct kist_step *step, const char *member, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i + 1 < step->words.n && rc == 0; i += 2) {
        if (step->words.v[i][0] == '\0') {
            (void)kist_error_set(err, KIST_E_USAGE, "%s names can not be blank", kist_keyword_name(step->in->keyword));
            return kist_step_blame(step, i, err);
        }
        rc = kist_change_pair(run_of(step), member, step->words.v[i], step->words.v[i + 1], err);
    }
    return rc < 0 ? rc : say_pairs(step, err);
}

static int do_env(struct kist_step *step, struct kist_error *err)
{
    return set_pairs(step, "Env", err);
}

static int do_label(struct kist_step *step, struct kist_error *err)
{
    return set_pairs(step, "Labels", err);
}

static int say_text(struct kist_step *step, struct kist_error *err)
{
    return kist_buf_printf(&step->created_by, err, "%s %s", kist_keyword_name(step->in->keyword), step->words.v[0]);
}

static int do_arg(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_buf_puts(&step->created_by, "ARG", err);

    for (size_t i = 0; i < step->words.n && rc == 0; i++) {
        const char *word = step->words.v[i];
        const size_t len = strcspn(word, "=");

        rc = kist_build_arg(step->build, step->stage, word, &step->stage->args, err);
        for (size_t k = 0; k < step->stage->args.n && word; k++) { /* the value that counts */
            const char *set = step->stage->args.v[k];

            word = strncmp(set, step->words.v[i], len) == 0 && set[len] == '=' ? set : word;
        }
        rc = rc < 0 ? rc : kist_buf_printf(&step->created_by, err, " %s", word);
    }
    return rc;
}

/* ---- names ---- */

static int say_list(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_buf_printf(&step->created_by, err, "%s [", kist_keyword_name(step->in->keyword));

    for (size_t i = 0; i < step->words.n && rc == 0; i++) {
        rc = kist_buf_printf(&step->created_by, err, "%s%s", i > 0 ? " " : "", step->words.v[i]);
    }
    return rc < 0 ? rc : kist_buf_puts(&step->created_by, "]", err);
}

static bool parse_port(const char *text, uint64_t *first, uint64_t *last, char protocol[8])
{
    const char *end = text + strcspn(text, "/");
    char range[16], *dash;

    if (!kist_str_format(range, sizeof(range), "%.*s", (int)KIST_MIN(end - text, 15), text) || end - text > 11 ||
        !kist_str_copy(protocol, 8, *end == '/' ? end + 1 : "tcp")) {
        return false;
    }
    for (char *p = protocol; *p != '\0'; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    }
    dash = strchr(range, '-');
    if (dash) {
        *dash++ = '\0';
    }
    return kist_str_u64(range, RANGE_MAX, first) && kist_str_u64(dash ? dash : range, RANGE_MAX, last) && *first > 0 &&
           *first <= *last && (strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0 || strcmp(protocol, "sctp") == 0);
}

static int do_expose(struct kist_step *step, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < step->words.n && rc == 0; i++) {
        char protocol[8], name[32];
        uint64_t first, last;

        if (!parse_port(step->words.v[i], &first, &last, protocol)) {
            return kist_dockerfile_fail(step->file, step->in, step->in->at[KIST_MIN(i, step->in->args.n - 1)], err, KIST_E_USAGE,
                                        "invalid containerPort: %s", step->words.v[i]);
        }
        rc = i == 0 ? kist_buf_puts(&step->created_by, "EXPOSE [", err) : kist_buf_puts(&step->created_by, " ", err);
        rc = rc < 0 ? rc : kist_buf_printf(&step->created_by, err, "%.*s/%s", (int)strcspn(step->words.v[i], "/"), step->words.v[i], protocol);
        for (; first <= last && rc == 0; first++) {
            rc = kist_str_format(name, sizeof(name), "%" PRIu64 "/%s", first, protocol)
                     ? kist_change_name(run_of(step), "ExposedPorts", name, err)
                     : (int)KIST_E_FAIL;
        }
    }
    return rc < 0 ? rc : kist_buf_puts(&step->created_by, "]", err);
}

static int do_volume(struct kist_step *step, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < step->words.n && rc == 0; i++) {
        if (step->words.v[i][0] == '\0') {
            (void)kist_error_set(err, KIST_E_USAGE, "VOLUME specified can not be an empty string");
            return kist_step_blame(step, i, err);
        }
        rc = kist_change_name(run_of(step), "Volumes", step->words.v[i], err);
    }
    return rc < 0 ? rc : say_list(step, err);
}

/* ---- texts ---- */

static int do_user(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_change_text(run_of(step), "User", step->words.v[0], err);

    return rc < 0 ? rc : say_text(step, err);
}

static int do_stopsignal(struct kist_step *step, struct kist_error *err)
{
    int number, rc;

    if (!port_signal_number(step->words.v[0], &number)) {
        (void)kist_error_set(err, KIST_E_USAGE, "invalid signal: %s", step->words.v[0]);
        return kist_step_blame(step, 0, err);
    }
    rc = kist_change_text(run_of(step), "StopSignal", step->words.v[0], err);
    return rc < 0 ? rc : say_text(step, err);
}

static int do_maintainer(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_change_text(step->stage->config, "author", step->words.v[0], err);

    return rc < 0 ? rc : say_text(step, err);
}

static int do_onbuild(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_change_append(run_of(step), "OnBuild", step->words.v[0], err);

    return rc < 0 ? rc : say_text(step, err);
}

int kist_step_config(struct kist_step *step, struct kist_error *err)
{
    static const struct {
        enum kist_keyword keyword;
        int (*carry_out)(struct kist_step *step, struct kist_error *err);
    } rows[] = {
        {KIST_KEYWORD_ARG, do_arg},         {KIST_KEYWORD_CMD, do_cmd},
        {KIST_KEYWORD_ENTRYPOINT, do_entrypoint}, {KIST_KEYWORD_ENV, do_env},
        {KIST_KEYWORD_EXPOSE, do_expose},   {KIST_KEYWORD_HEALTHCHECK, do_healthcheck},
        {KIST_KEYWORD_LABEL, do_label},     {KIST_KEYWORD_MAINTAINER, do_maintainer},
        {KIST_KEYWORD_ONBUILD, do_onbuild}, {KIST_KEYWORD_SHELL, do_shell},
        {KIST_KEYWORD_STOPSIGNAL, do_stopsignal}, {KIST_KEYWORD_USER, do_user},
        {KIST_KEYWORD_VOLUME, do_volume},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        if (rows[i].keyword == step->in->keyword) {
            return rows[i].carry_out(step, err);
        }
    }
    return kist_dockerfile_fail(step->file, step->in, 0, err, KIST_E_USAGE, "%s makes no sense here",
                                kist_keyword_name(step->in->keyword));
}
