#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/pulling.h"
#include "cmd/template.h"
#include "container/container.h"
#include "port/system.h"

#define MAX_TEXT (1U << 20)

struct options {
    bool json;
    const char *format;
};

/* What the store holds, takes and may take; all zero without one. */
struct totals {
    uint64_t images, containers, running;
    struct kist_store_usage usage;
    struct kist_store_space space;
};

static int count(struct kist_app *app, struct totals *t, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list containers = {.v = NULL};
    KIST_AUTO(image_list) struct kist_image_list images = {.v = NULL};
    struct kist_engine engine = {.run = NULL};
    int rc = kist_app_store(app, false, &engine.store, err);

    if (rc == KIST_E_NOT_FOUND) {
        return 0;
    }
    if (rc == 0) {
        rc = kist_store_images(engine.store, &images, err);
    }
    if (rc == 0) {
        rc = kist_container_list(&engine, &containers, err);
    }
    if (rc == 0) {
        rc = kist_store_usage(engine.store, &t->usage, err);
    }
    if (rc == 0) {
        rc = kist_store_space(engine.store, &t->space, err);
    }
    if (rc < 0) {
        return rc;
    }
    t->images = images.n;
    t->containers = containers.n;
    for (size_t i = 0; i < containers.n; i++) {
        t->running += containers.v[i].status == KIST_CONTAINER_RUNNING;
    }
    return 0;
}

static int space(const char *root, cJSON *info, struct kist_error *err)
{
    struct port_space s = {.total = 0};
    struct kist_error ignored;
    struct port_dir *dir;
    int rc = 0;

    if (port_dir_open(&dir, root, false, &ignored) == 0) {
        rc = port_dir_space(dir, &s, err);
        port_dir_close(dir);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(info, "FilesystemBytes", s.total, err);
    }
    return rc == 0 ? kist_json_put_u64(info, "FilesystemAvailable", s.available, err) : rc;
}

/* Docker's names where it has one. */
static int describe(struct kist_app *app, cJSON *info, struct kist_error *err)
{
    char platform_text[KIST_PLATFORM_TEXT_MAX];
    struct kist_platform platform;
    struct port_system system;
    struct totals t = {.images = 0};
    bool aarch32;
    int rc = port_system_get(&system, err);

    if (rc == 0) {
        rc = kist_pulling_platform(app, NULL, &platform, &aarch32, err);
    }
    if (rc == 0) {
        rc = count(app, &t, err);
    }
    if (rc < 0) {
        return rc;
    }
    const struct {
        const char *name, *text;
    } texts[] = {
        {"ServerVersion", KIST_VERSION},
        {"Root", app->settings.root},
        {"Platform", kist_platform_text(platform_text, &platform)},
        {"KernelVersion", system.kernel},
        {"Architecture", system.machine},
        {"Name", system.hostname},
        {"LayerCompression", app->settings.compression},
        {"ContainerLimit", "none: what containers write is measured, and counts"},
    };
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"Images", t.images},  {"Containers", t.containers}, {"ContainersRunning", t.running},
        {"NCPU", system.cpus}, {"MemTotal", system.memory},
        {"StoreBytes", t.usage.total},
        {"StoreQuota", t.space.quota},
        {"StoreReserve", t.space.reserve},
        {"StoreLeft", t.space.left},
    };
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(texts); i++) {
        rc = kist_json_put_string(info, texts[i].name, texts[i].text, err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(numbers); i++) {
        rc = kist_json_put_u64(info, numbers[i].name, numbers[i].value, err);
    }
    return rc == 0 ? space(app->settings.root, info, err) : rc;
}

static void print_text(const cJSON *info)
{
    const cJSON *field;

    cJSON_ArrayForEach(field, info) {
        if (cJSON_IsString(field)) {
            (void)printf("%s: %s\n", field->string, field->valuestring);
        } else {
            (void)printf("%s: %.0f\n", field->string, field->valuedouble);
        }
    }
}

static int run(struct kist_app *app, const void *values, int operand_count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    KIST_AUTO(json) cJSON *info = cJSON_CreateObject();
    int rc = info ? describe(app, info, err) : kist_error_nomem(err);

    (void)operand_count;
    (void)operands;
    if (rc < 0) {
        return rc;
    }
    if (o->format) {
        rc = kist_template_print(o->format, info, &text, err);
    } else if (o->json) {
        rc = kist_json_print(info, false, &text, err);
    } else {
        print_text(info);
        return 0;
    }
    if (rc == 0) {
        (void)printf("%s\n", kist_buf_text(&text));
    }
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object"),
    KIST_OPT("format", 'f', TEXT, struct options, format, "TEMPLATE", "Print by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_info = {
    .name = "info",
    .operands = "",
    .summary = "Print facts of this machine and of the store",
    .options = options,
    .options_size = sizeof(struct options),
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
