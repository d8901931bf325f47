/* The files of containers/<id>/: container.json, written once, config.json and state.json. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "container/engine.h"
#include "store/quota.h"

#define FIXED "container.json"
#define STATE "state.json"
#define CONFIG "config.json"

static int write_json(const struct kist_engine *e, struct port_dir *dir, const char *name, const cJSON *root,
                      bool durable, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = kist_json_print(root, false, &text, err);

    if (rc < 0) {
        return rc;
    }
    if (durable) {
        return kist_store_write_file(e->store, dir, name, text.data, text.len, err);
    }
    return kist_store_write_loose(e->store, dir, name, text.data, text.len, err);
}

static int read_json(struct port_dir *dir, const char *name, cJSON **root, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    struct port_file *file;
    uint64_t size;
    int rc = port_file_open(&file, dir, name, err);

    *root = NULL;
    if (rc < 0) {
        return rc;
    }
    rc = port_file_size(file, &size, err);
    if (rc == 0 && size > KIST_MAX_CONFIG) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "'%s/%s' is too large", port_dir_path(dir), name);
    }
    rc = rc < 0 ? rc : kist_buf_reserve(&text, (size_t)size, err);
    rc = rc < 0 ? rc : port_file_read_at(file, 0, text.data, (size_t)size, &text.len, err);
    port_file_discard(file);
    rc = rc < 0 ? rc : kist_json_parse(root, kist_buf_text(&text), text.len, name, err);
    return rc < 0 ? kist_error_wrap(err, "'%s'", port_dir_path(dir)) : 0;
}

int kist_container_read_config(struct port_dir *dir, cJSON **config, struct kist_error *err)
{
    return read_json(dir, CONFIG, config, err);
}

int kist_container_lock(struct port_dir *dir, struct port_file **lock, struct kist_error *err)
{
    int rc = port_file_open(lock, dir, FIXED, err);

    if (rc == 0 && (rc = kist_store_wait_lock(*lock, true, "container", port_dir_path(dir), err)) < 0) {
        port_file_discard(*lock);
    }
    *lock = rc < 0 ? NULL : *lock;
    return rc;
}

/* process.args, as a person would type them. */
static int put_command(cJSON *root, const cJSON *config, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const cJSON *item;
    int rc = 0;

    cJSON_ArrayForEach(item, kist_json_array(kist_json_object(config, "process"), "args"))
    {
        const char *word = cJSON_GetStringValue(item);

        rc = rc < 0 ? rc : kist_buf_printf(&text, err, "%s%s", text.len > 0 ? " " : "", word ? word : "");
    }
    return rc < 0 ? rc : kist_json_put_string(root, "command", kist_buf_text(&text), err);
}

/* Those of the configuration, by their own names: what lists ask for is in this one small file. */
static int put_labels(cJSON *root, const cJSON *config, struct kist_error *err)
{
    static const char prefix[] = "kist.label.";
    cJSON *labels = NULL;
    const cJSON *note;
    int rc = 0;

    cJSON_ArrayForEach(note, kist_json_object(config, "annotations"))
    {
        if (rc < 0 || !kist_str_starts(note->string, prefix) || !cJSON_IsString(note)) {
            continue;
        }
        if (!labels) {
            labels = cJSON_CreateObject();
            rc = kist_json_put(root, "labels", labels, err);
        }
        rc = rc < 0 ? rc : kist_json_put_string(labels, note->string + sizeof(prefix) - 1, note->valuestring, err);
    }
    return rc;
}

int kist_container_write_fixed(const struct kist_engine *e, struct port_dir *dir,
                               const struct kist_container_new *n, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    cJSON *layers = cJSON_CreateArray();
    struct timespec now = {0};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = kist_json_put(root, "layers", layers, err);

    for (size_t i = 0; rc == 0 && i < n->diff_id_count; i++) {
        rc = kist_json_append(layers, cJSON_CreateString(kist_digest_text(text, &n->diff_ids[i])), err);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    rc = rc < 0 ? rc : kist_json_put_u64(root, "created", (uint64_t)now.tv_sec, err);
    rc = rc < 0 ? rc : kist_json_put_u64(root, "nanoseconds", (uint64_t)now.tv_nsec, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "imageName", n->image_name ? n->image_name : "", err);
    rc = rc < 0 ? rc : put_command(root, n->config, err);
    rc = rc < 0 ? rc : put_labels(root, n->config, err);
    rc = rc < 0 ? rc : write_json(e, dir, FIXED, root, !n->transient, err);
    return rc < 0 ? rc : write_json(e, dir, CONFIG, n->config, !n->transient, err);
}

static int read_layers(struct kist_container_fixed *fixed, const cJSON *root, struct kist_error *err)
{
    const cJSON *array = kist_json_array(root, "layers"), *item;

    fixed->layers = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof(*fixed->layers));
    if (!fixed->layers) {
        return kist_error_nomem(err);
    }
    cJSON_ArrayForEach(item, array)
    {
        const char *text = cJSON_GetStringValue(item);

        if (!text || fixed->layer_count == KIST_MAX_LAYERS ||
            kist_digest_parse(&fixed->layers[fixed->layer_count++], text, err) < 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "a layer's name makes no sense");
        }
    }
    return 0;
}

int kist_container_read_fixed(struct port_dir *dir, struct kist_container_fixed *fixed,
                              struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const char *image_name, *command;
    uint64_t created = 0;
    int rc = read_json(dir, FIXED, &root, err);

    *fixed = (struct kist_container_fixed){.created = 0};
    rc = rc < 0 ? rc : read_layers(fixed, root, err);
    if (rc == 0) {
        image_name = kist_json_string(root, "imageName");
        command = kist_json_string(root, "command");
        fixed->labels = cJSON_DetachItemFromObjectCaseSensitive(root, "labels");
        fixed->created = kist_json_u64(root, "created", &created) ? (int64_t)created : 0;
        fixed->nanoseconds = kist_json_u64(root, "nanoseconds", &created) ? (uint32_t)created : 0;
        fixed->image_name = strdup(image_name ? image_name : "");
        fixed->command = strdup(command ? command : "");
        rc = fixed->image_name && fixed->command ? 0 : kist_error_nomem(err);
    }
    if (rc < 0) {
        kist_container_fixed_release(fixed);
        return rc == KIST_E_NOT_FOUND ? rc : kist_error_wrap(err, "'%s/%s'", port_dir_path(dir), FIXED);
    }
    return 0;
}

void kist_container_fixed_release(struct kist_container_fixed *fixed)
{
    free(fixed->image_name);
    free(fixed->command);
    cJSON_Delete(fixed->labels);
    free(fixed->layers);
    *fixed = (struct kist_container_fixed){.created = 0};
}

int kist_container_write_state(const struct kist_engine *e, struct port_dir *dir,
                               const struct kist_container_state *state, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    int rc = root ? kist_json_put_u64(root, "started", (uint64_t)state->started, err) : kist_error_nomem(err);

    if (rc == 0 && state->finished > 0) {
        rc = kist_json_put_u64(root, "finished", (uint64_t)state->finished, err);
        rc = rc < 0 ? rc : kist_json_put_u64(root, "exitStatus", (uint64_t)state->exit_status, err);
    }
    if (rc == 0 && state->out_of_memory) {
        rc = kist_json_put_bool(root, "outOfMemory", true, err);
    }
    if (rc == 0 && state->stopped) {
        rc = kist_json_put_bool(root, "stopped", true, err);
    }
    return rc < 0 ? rc : write_json(e, dir, STATE, root, true, err);
}

int kist_container_read_state(struct port_dir *dir, struct kist_container_state *state,
                              struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    uint64_t started = 0, finished = 0,
             status = 128 + 9; /* what nobody saw the end of was most likely killed */
    int rc = read_json(dir, STATE, &root, err);

    *state = (struct kist_container_state){.started = 0};
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    state->started_once = true;
    state->started = kist_json_u64(root, "started", &started) ? (int64_t)started : 0;
    state->finished = kist_json_u64(root, "finished", &finished) ? (int64_t)finished : 0;
    state->out_of_memory = kist_json_bool(root, "outOfMemory", false);
    state->stopped = kist_json_bool(root, "stopped", false);
    state->exit_status = kist_json_u64(root, "exitStatus", &status) && status <= 255 ? (int)status : 128 + 9;
    return 0;
}
