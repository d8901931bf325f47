/* The annotation "kist.told" (container.h). */
#include "base/limits.h"
#include "container/generate_private.h"
#include "container/publish.h"
#include "container/volume.h"
#include "image/change.h"

static int tell_text(cJSON *told, const char *member, const char *text, struct kist_error *err)
{
    return text && *text != '\0' ? kist_change_text(told, member, text, err) : 0;
}

/* An entry point that was given takes the image's command away with its own. */
static int tell_command(cJSON *told, const struct kist_run_options *o, struct kist_error *err)
{
    char *words[] = {(char *)(uintptr_t)o->entrypoint, NULL};
    const struct kist_strv entrypoint = {words, o->entrypoint && *o->entrypoint != '\0'};
    int rc = o->entrypoint ? kist_change_words(told, "Entrypoint", &entrypoint, err) : 0;

    return rc == 0 && (o->entrypoint || o->command.n > 0) ? kist_change_words(told, "Cmd", &o->command, err) : rc;
}

static int tell_ports(cJSON *told, const struct kist_run_options *o, struct kist_error *err)
{
    const struct kist_strv *const lists[] = {&o->publish, &o->expose};
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    char name[16];
    int rc = 0;

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        for (size_t k = 0; rc == 0 && k < lists[i]->n; k++) {
            rc = kist_publish_parse(&ports, lists[i]->v[k], err);
        }
    }
    for (size_t i = 0; rc == 0 && i < ports.n; i++) {
        rc = kist_str_format(name, sizeof(name), "%u/%s", (unsigned)ports.v[i].container, ports.v[i].udp ? "udp" : "tcp")
                 ? kist_change_name(told, "ExposedPorts", name, err)
                 : (int)KIST_E_FAIL;
    }
    return rc;
}

/* Those of no name; what is somebody's on the host is no part of an image. */
static int tell_volumes(cJSON *told, const struct kist_run_options *o, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->volumes.n; i++) {
        KIST_AUTO(volume) struct kist_volume v = {.source = NULL};

        rc = kist_volume_parse(&v, o->volumes.v[i], err);
        rc = rc < 0 || v.source || v.name ? rc : kist_change_name(told, "Volumes", v.destination, err);
    }
    return rc;
}

static int tell_no_check(cJSON *told, struct kist_error *err)
{
    cJSON *check;
    int rc = kist_json_parse(&check, "{\"Test\":[\"NONE\"]}", sizeof("{\"Test\":[\"NONE\"]}") - 1, "Healthcheck", err);

    return rc < 0 ? rc : kist_json_put(told, "Healthcheck", check, err);
}

int kist_generate_told(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *told = cJSON_CreateObject();
    const struct kist_run_options *o = g->options;
    int rc = told ? 0 : kist_error_nomem(err);

    rc = rc == 0 && g->env.n > 0 ? kist_change_words(told, "Env", &g->env, err) : rc;
    rc = rc < 0 ? rc : tell_text(told, "User", o->user, err);
    rc = rc < 0 ? rc : tell_text(told, "WorkingDir", o->workdir, err);
    rc = rc < 0 ? rc : tell_text(told, "StopSignal", o->stop_signal, err);
    rc = rc < 0 ? rc : tell_command(told, o, err);
    rc = rc < 0 ? rc : tell_ports(told, o, err);
    rc = rc < 0 ? rc : tell_volumes(told, o, err);
    rc = rc == 0 && o->no_healthcheck ? tell_no_check(told, err) : rc;
    if (rc < 0 || !told->child) {
        return rc;
    }
    rc = kist_json_print(told, false, &text, err);
    return rc < 0 ? rc : kist_json_put_string(cJSON_GetObjectItemCaseSensitive(spec, "annotations"), "kist.told", kist_buf_text(&text), err);
}
