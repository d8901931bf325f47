#include "cmd/container_view.h"

#include <string.h>

#include "base/limits.h"
#include "port/clock.h"

#define COMMAND_SHOWN 20

static const char *state_name(const struct kist_container *c)
{
    static const char *const names[] = {"created", "running", "exited"};

    return names[c->status];
}

/* "Up 3 minutes", "Exited (1) 2 hours ago", "Created". */
static bool status_text(char *dst, size_t size, const struct kist_container *c)
{
    char age[KIST_STR_TIME_MAX];
    int64_t now = port_clock_now();

    switch (c->status) {
    case KIST_CONTAINER_RUNNING:
        return kist_str_format(dst, size, "Up %s", kist_str_age(age, now - c->started));
    case KIST_CONTAINER_EXITED:
        return kist_str_format(dst, size, "Exited (%d) %s ago", c->exit_status, kist_str_age(age, now - c->finished));
    default:
        return kist_str_copy(dst, size, "Created");
    }
}

static int put_command(cJSON *row, const struct kist_container *c, bool full, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const char *command = c->command ? c->command : "";
    size_t len = strlen(command);
    bool cut = !full && len > COMMAND_SHOWN;
    int rc;

    if (cut) {
        len = COMMAND_SHOWN - 1;
        while (len > 0 && ((unsigned char)command[len] & 0xc0) == 0x80) {
            len--; /* not within a character */
        }
    }
    rc = kist_buf_printf(&text, err, "\"%.*s%s\"", (int)len, command, cut ? "…" : "");
    /* an image's command is anybody's text, and listings are read on terminals */
    return rc == 0 ? kist_json_put_string(row, "Command", kist_str_disarm(text.data), err) : rc;
}

static int put_time(cJSON *row, const char *name, int64_t seconds, struct kist_error *err)
{
    char text[KIST_STR_TIME_MAX];

    return kist_json_put_string(row, name, seconds ? kist_str_rfc3339(text, seconds) : "0001-01-01T00:00:00Z", err);
}

int kist_container_row(const struct kist_container *c, bool full, cJSON **row, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject();
    char id[KIST_CONTAINER_ID_MAX], age[KIST_STR_TIME_MAX], text[80];
    int rc = made ? 0 : kist_error_nomem(err);

    memcpy(id, c->id, sizeof(id));
    id[full ? sizeof(id) - 1 : 12] = '\0';
    if (rc == 0) {
        rc = kist_json_put_string(made, "ID", id, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Image", c->image_name ? c->image_name : "", err);
    }
    if (rc == 0) {
        rc = put_command(made, c, full, err);
    }
    if (rc == 0) {
        rc = put_time(made, "CreatedAt", c->created, err);
    }
    if (rc == 0) {
        bool fits = kist_str_format(text, sizeof(text), "%s ago", kist_str_age(age, port_clock_now() - c->created));

        rc = kist_json_put_string(made, "RunningFor", fits ? text : "", err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Status", status_text(text, sizeof(text), c) ? text : "", err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "State", state_name(c), err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Names", c->name, err);
    }
    if (rc == 0) {
        *row = made;
        made = NULL;
    }
    return rc;
}

static int put_state(cJSON *details, const struct kist_container *c, struct kist_error *err)
{
    cJSON *state = cJSON_AddObjectToObject(details, "State");
    int rc = state ? kist_json_put_string(state, "Status", state_name(c), err) : kist_error_nomem(err);

    if (rc == 0) {
        rc = kist_json_put_bool(state, "Running", c->status == KIST_CONTAINER_RUNNING, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(state, "Pid", (uint64_t)c->pid, err);
    }
    if (rc == 0) {
        rc = kist_json_put_u64(state, "ExitCode", (uint64_t)c->exit_status, err);
    }
    if (rc == 0) {
        rc = put_time(state, "StartedAt", c->started, err);
    }
    return rc == 0 ? put_time(state, "FinishedAt", c->finished, err) : rc;
}

/* config.json, whole, under its own name. */
static int put_runtime(cJSON *details, struct kist_store *store, const struct kist_container *c, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    struct port_file *file = NULL;
    struct port_dir *dir = NULL;
    cJSON *config = NULL;
    uint64_t size = 0;
    size_t got = 0;
    int rc = kist_store_container_open(store, c->id, &dir, err);

    if (rc == 0) {
        rc = port_file_open(&file, dir, "config.json", err);
    }
    if (rc == 0) {
        rc = port_file_size(file, &size, err);
    }
    if (rc == 0) {
        rc = kist_buf_reserve(&text, (size_t)KIST_MIN(size, (uint64_t)KIST_MAX_CONFIG), err);
    }
    if (rc == 0) {
        rc = port_file_read_at(file, 0, text.data, (size_t)KIST_MIN(size, (uint64_t)KIST_MAX_CONFIG), &got, err);
    }
    if (rc == 0) {
        rc = kist_json_parse(&config, text.data, got, "config.json", err);
    }
    if (rc == 0) {
        rc = kist_json_put(details, "RuntimeConfig", config, err);
    }
    port_file_discard(file);
    port_dir_close(dir);
    return rc;
}

int kist_container_details(struct kist_store *store, const struct kist_container *c, cJSON **details,
                           struct kist_error *err)
{
    KIST_AUTO(json) cJSON *made = cJSON_CreateObject();
    char text[KIST_CONTAINER_NAME_MAX + 1], image[KIST_DIGEST_TEXT_MAX];
    int rc = made ? kist_json_put_string(made, "Id", c->id, err) : kist_error_nomem(err);

    if (rc == 0) {
        bool fits = kist_str_format(text, sizeof(text), "/%s", c->name);

        rc = kist_json_put_string(made, "Name", fits ? text : c->name, err);
    }
    if (rc == 0) {
        rc = put_time(made, "Created", c->created, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Image", kist_digest_text(image, &c->image), err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "ImageName", c->image_name ? c->image_name : "", err);
    }
    if (rc == 0) {
        rc = put_state(made, c, err);
    }
    if (rc == 0) {
        rc = put_runtime(made, store, c, err);
    }
    if (rc == 0) {
        *details = made;
        made = NULL;
    }
    return rc;
}
