/* A build whose steps need neither containers nor files of this machine, and a commit. */
#include <string.h>

#include "build/build.h"
#include "build/commit.h"
#include "container/changes.h"
#include "container/event.h"
#include "image/platform.h"
#include "port/node.h"
#include "port/place.h"
#include "port/process.h"
#include "powercut.h"

/* What the simulator of a disk has not: each only for steps that are not here. */
int kist_step_run(void *step, struct kist_error *err);

static int not_here(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_UNSUPPORTED, "it is not simulated");
}

int kist_step_run(void *step, struct kist_error *err)
{
    (void)step;
    return not_here(err);
}

int port_place_enter(struct port_dir **out, struct port_dir *root, const char *path, struct kist_error *err)
{
    (void)out, (void)root, (void)path;
    return not_here(err);
}

int port_node_look(struct port_dir *dir, const char *name, struct port_node *n, struct kist_error *err)
{
    (void)dir, (void)name, (void)n;
    return not_here(err);
}

int port_node_open(struct port_dir *dir, const char *name, struct port_node *n, struct port_file **file, struct kist_error *err)
{
    (void)dir, (void)name, (void)n, (void)file;
    return not_here(err);
}

void port_node_release(struct port_node *n)
{
    (void)n;
}

bool port_signal_number(const char *text, int *number)
{
    (void)text, (void)number;
    return false;
}

static void on_event(void *arg, const struct kist_build_event *event)
{
    (void)arg;
    (void)event;
}

static int build(struct kist_store *s, const struct kist_dockerfile *file, struct kist_context *context, const char *name,
                 struct kist_error *err)
{
    char *words[] = {(char *)(uintptr_t)name, NULL};
    const struct kist_strv none = {.v = NULL}, names = {.v = words, .n = 1};
    const struct kist_engine engine = {.store = s};
    const struct kist_layer_options layer = {.level = 1};
    struct kist_build_options options = {.engine = &engine, .file = file, .context = context, .args = &none, .labels = &none,
                                         .epoch = 1700000000, .layer = &layer, .event = on_event};
    struct kist_descriptor manifest;
    struct kist_build *b = NULL;
    struct kist_digest id;
    int rc = kist_platform_parse(&options.platform, "linux/arm/v7", err);

    options.machine = options.platform;
    rc = rc < 0 ? rc : kist_build_new(&b, &options, err);
    if (rc == 0) {
        rc = kist_build_make(b, err);
    }
    if (rc == 0) {
        kist_build_image(b, &id, &manifest);
        rc = kist_build_commit(b, &names, &manifest.digest, err);
    }
    kist_build_free(b);
    return rc;
}

int build_image(struct kist_store *s, const char *dockerfile, const char *name, struct kist_error *err)
{
    KIST_AUTO(dockerfile) struct kist_dockerfile file = {.n = 0};
    KIST_AUTO(context) struct kist_context *context = NULL;
    int rc = kist_dockerfile_parse(&file, "Dockerfile", dockerfile, strlen(dockerfile), err);

    rc = rc < 0 ? rc : kist_context_open_empty(&context, err);
    return rc < 0 ? rc : build(s, &file, context, name, err);
}

/* ---- a commit; what its container has changed is told here ---- */

static const struct kist_image *base; /* of the container */

int kist_container_changes(const struct kist_engine *e, const char *id, bool pause,
                           int (*use)(void *arg, const struct kist_changes *c, struct kist_error *err), void *arg,
                           struct kist_error *err)
{
    static const char text[] = "{\"annotations\":{\"kist.told\":\"{\\\"Env\\\":[\\\"A=1\\\"],\\\"Cmd\\\":[\\\"x\\\"]}\"}}";
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_layers layers = {.v = NULL};
    struct kist_changes changes = {.layers = &layers, .diff_ids = base->diff_ids, .epoch = -1};
    int rc = kist_json_parse(&config, text, sizeof(text) - 1, "config.json", err);

    (void)id, (void)pause;
    changes.config = config;
    rc = rc < 0 ? rc : kist_layers_open(&layers, e->store, base->diff_ids, base->layer_count, err);
    rc = rc < 0 ? rc : use(arg, &changes, err);
    kist_layers_close(&layers);
    return rc;
}

int kist_changes_tar(const struct kist_changes *c, struct kist_sink *sink, bool *any, struct kist_error *err)
{
    const struct kist_buf *tar = layer_tar(5);
    int rc = kist_sink_write(sink, tar->data, tar->len, err);

    (void)c;
    *any = true;
    return rc < 0 ? rc : kist_sink_finish(sink, err);
}

void kist_event_add(const struct kist_engine *e, const struct kist_event_of *of, const char *action, const char *attribute, const char *value)
{
    (void)e, (void)of, (void)action, (void)attribute, (void)value;
}

int commit_image(struct kist_store *s, const struct kist_digest *image, const char *name, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list images = {.v = NULL};
    const struct kist_container container = {.image = *image, .status = KIST_CONTAINER_EXITED};
    const struct kist_engine engine = {.store = s};
    const struct kist_commit commit = {.container = &container, .name = name, .layer = {.level = 1}, .created = 1700000000};
    struct kist_digest id;
    int rc = kist_store_images(s, &images, err);

    base = NULL;
    for (size_t i = 0; i < images.n; i++) {
        base = kist_digest_equal(&images.v[i].config, image) ? &images.v[i] : base;
    }
    if (rc == 0 && !base) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "there is no image of the container");
    }
    return rc < 0 ? rc : kist_commit(&engine, &commit, &id, err);
}
