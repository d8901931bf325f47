#include "cmd/container_view.h"

#include <string.h>

#include "base/limits.h"
#include "port/clock.h"

#define COMMAND_SHOWN 20

const char *kist_container_state_name(const struct kist_container *c)
{
    static const char *const names[] = {"created", "running", "paused", "restarting", "exited"};

    return names[c->status];
}

/* "Up 3 minutes", "Exited (1) 2 hours ago", "Created". */
static bool status_text(char *dst, size_t size, const struct kist_container *c)
{
    char age[KIST_STR_TIME_MAX];
    int64_t now = port_clock_now();

    switch (c->status) {
    case KIST_CONTAINER_RUNNING:
    case KIST_CONTAINER_PAUSED: {
        const bool starting = c->health && strcmp(c->health, "starting") == 0;

        (void)kist_str_age(age, now - c->started);
        return c->status == KIST_CONTAINER_PAUSED ? kist_str_format(dst, size, "Up %s (Paused)", age)
               : c->health ? kist_str_format(dst, size, "Up %s (%s%s)", age, starting ? "health: " : "", c->health)
                           : kist_str_format(dst, size, "Up %s", age);
    }
    case KIST_CONTAINER_RESTARTING:
        return kist_str_format(dst, size, "Restarting (%d) %s ago", c->exit_status, kist_str_age(age, now - c->finished));
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

/* "a=b,c=d" */
static int put_labels(cJSON *row, const cJSON *labels, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const cJSON *label;
    int rc = 0;

    cJSON_ArrayForEach(label, labels)
    {
        rc = rc < 0 ? rc
                    : kist_buf_printf(&text, err, "%s%s=%s", text.len > 0 ? "," : "", label->string,
                                      cJSON_IsString(label) ? label->valuestring : "");
    }
    return rc < 0 ? rc : kist_json_put_string(row, "Labels", kist_buf_text(&text), err);
}

/* Docker's "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp". */
static int add_port(void *arg, const struct port_published *port, const char *address, struct kist_error *err)
{
    struct kist_buf *text = arg;

    return kist_buf_printf(text, err, "%s%s:%u->%u/%s", text->len > 0 ? ", " : "", address, (unsigned)port->host,
                           (unsigned)port->container, port->udp ? "udp" : "tcp");
}

static int put_ports(cJSON *row, const struct kist_container *c, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = kist_container_each_port(c, add_port, &text, err);

    return rc < 0 ? rc : kist_json_put_string(row, "Ports", kist_buf_text(&text), err);
}

int kist_container_each_port(const struct kist_container *c, kist_publish_fn *each, void *arg, struct kist_error *err)
{
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    const cJSON *port;
    int rc = 0;

    cJSON_ArrayForEach(port, kist_json_array(c->network, "ports"))
    {
        rc = rc < 0 || !cJSON_IsString(port) ? rc : kist_publish_parse(&ports, port->valuestring, err);
    }
    return rc < 0 ? rc : kist_publish_each(&ports, each, arg, err);
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
        rc = kist_json_put_string(made, "State", kist_container_state_name(c), err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(made, "Names", c->name, err);
    }
    if (rc == 0) {
        rc = put_labels(made, c->labels, err);
    }
    if (rc == 0) {
        rc = put_ports(made, c, err);
    }
    if (rc == 0) {
        *row = made;
        made = NULL;
    }
    return rc;
}
