#include "cmd/build_tell.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/image_view.h"
#include "codec/json.h"

int kist_build_tell_init(struct kist_build_tell *t, const char *mode, bool quiet, struct kist_error *err)
{
    static const struct {
        const char *name;
        int mode;
        const char *progress;
    } modes[] = {
        {"auto", KIST_BUILD_TELL_PLAIN, NULL},     {"plain", KIST_BUILD_TELL_PLAIN, "plain"}, {"tty", KIST_BUILD_TELL_PLAIN, NULL},
        {"json", KIST_BUILD_TELL_JSON, "json"},    {"rawjson", KIST_BUILD_TELL_JSON, "json"}, {"none", KIST_BUILD_TELL_NONE, "none"},
        {"quiet", KIST_BUILD_TELL_NONE, "none"},
    };

    *t = (struct kist_build_tell){.mode = KIST_BUILD_TELL_NONE, .progress = "none"};
    for (size_t i = 0; i < KIST_COUNT(modes); i++) {
        if (strcmp(mode ? mode : "auto", modes[i].name) == 0) {
            if (!quiet) {
                t->mode = modes[i].mode;
                t->progress = modes[i].progress;
            }
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "progress must be auto, plain, json or none, not '%s'", mode);
}

static const char *const names[] = {
    [KIST_BUILD_STEP] = "step",     [KIST_BUILD_CACHED] = "cached", [KIST_BUILD_MISSING] = "missing", [KIST_BUILD_LAYER] = "layer",
    [KIST_BUILD_OUTPUT] = "output", [KIST_BUILD_FAILED] = "failed", [KIST_BUILD_NOTE] = "note",     [KIST_BUILD_WARNING] = "warning",
};

static int make_json(const struct kist_build_event *e, cJSON *row, struct kist_buf *out)
{
    char text[KIST_DIGEST_TEXT_MAX], part[8192];
    int rc = row ? kist_json_put_string(row, "event", names[e->kind], NULL) : (int)KIST_E_NOMEM;

    if (rc == 0 && e->step > 0) {
        rc = kist_json_put_u64(row, "step", e->step, NULL);
        rc = rc < 0 ? rc : kist_json_put_u64(row, "total", e->total, NULL);
    }
    if (rc == 0 && e->text) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)KIST_MIN(e->len, sizeof(part) - 1), e->text);
        rc = kist_json_put_string(row, "text", part, NULL);
    }
    rc = rc == 0 && e->kind == KIST_BUILD_OUTPUT ? kist_json_put_u64(row, "stream", (uint64_t)e->stream, NULL) : rc;
    rc = rc == 0 && e->layer ? kist_json_put_string(row, "layer", kist_digest_text(text, e->layer), NULL) : rc;
    return rc < 0 ? rc : kist_json_print(row, false, out, NULL);
}

static void tell_json(const struct kist_build_event *e)
{
    KIST_AUTO(json) cJSON *row = cJSON_CreateObject();
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(KIST_MAX_CONFIG);

    if (make_json(e, row, &out) == 0) {
        (void)fprintf(stderr, "%s\n", kist_buf_text(&out));
    }
}

static void tell_layer(const struct kist_build_event *e)
{
    char id[KIST_SHORT_ID_MAX];

    if (e->layer) {
        (void)fprintf(stderr, " ---> %s\n", kist_image_short_id(id, e->layer));
    }
}

static void tell_plain(struct kist_build_tell *t, const struct kist_build_event *e)
{
    if (e->kind == KIST_BUILD_OUTPUT) {
        (void)fwrite(e->text, 1, e->len, stderr);
        t->open_line = e->len > 0 ? e->text[e->len - 1] != '\n' : t->open_line;
        return;
    }
    if (t->open_line) {
        (void)fputc('\n', stderr);
        t->open_line = false;
    }
    switch (e->kind) {
    case KIST_BUILD_FAILED: /* it was told as it came */
        break;
    case KIST_BUILD_STEP:
        (void)fprintf(stderr, "Step %u/%u : %s\n", e->step, e->total, e->text);
        break;
    case KIST_BUILD_CACHED:
        (void)fprintf(stderr, " ---> Using cache\n");
        tell_layer(e);
        break;
    case KIST_BUILD_LAYER:
        tell_layer(e);
        break;
    case KIST_BUILD_MISSING:
        (void)fprintf(stderr, " ---> not in the cache\n");
        break;
    case KIST_BUILD_WARNING:
        (void)fprintf(stderr, "[Warning] %s\n", e->text);
        break;
    default:
        (void)fprintf(stderr, "%s\n", e->text);
    }
}

void kist_build_tell_event(struct kist_build_tell *t, const struct kist_build_event *event)
{
    if (t->mode == KIST_BUILD_TELL_JSON) {
        tell_json(event);
    } else if (t->mode == KIST_BUILD_TELL_PLAIN) {
        tell_plain(t, event);
    } else if (event->kind == KIST_BUILD_FAILED) {
        (void)fprintf(stderr, "%s%s", event->text, kist_str_ends(event->text, "\n") ? "" : "\n");
    }
}
