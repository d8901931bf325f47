/* 'top': the processes of a container, in the columns of ps -ef, which is what Docker shows unless asked otherwise. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cmd/columns.h"
#include "cmd/containers.h"
#include "port/clock.h"
#include "port/meter.h"

#define DAY 86400

struct rows {
    cJSON *rows;
    const char *users; /* /etc/passwd */
    int64_t now;
};

/* The name of the device's user, or the number. */
static void user_text(char dst[40], const char *users, uint32_t uid)
{
    char number[16];

    (void)!kist_str_format(number, sizeof(number), ":%u:", (unsigned)uid);
    for (const char *line = users; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t name = strcspn(line, ":\n");
        const char *id = line[name] == ':' ? line + name + 1 : NULL;

        id = id && id[strcspn(id, ":\n")] == ':' ? id + strcspn(id, ":\n") : NULL;
        if (id && name > 0 && kist_str_starts(id, number) && kist_str_format(dst, 40, "%.*s", (int)KIST_MIN(name, 33), line)) {
            return;
        }
    }
    number[strlen(number) - 1] = '\0';
    (void)!kist_str_copy(dst, 40, number + 1);
}

/* "14:05" of the last 24 hours, else "2024-01-31"; in UTC, as all times that kist prints. */
static void start_text(char dst[40], int64_t now, uint64_t age)
{
    char time[KIST_STR_TIME_MAX];
    const bool recent = age / 1000 < DAY;

    (void)kist_str_rfc3339(time, now - (int64_t)(age / 1000));
    (void)!kist_str_format(dst, 40, "%.*s", recent ? 5 : 10, time + (recent ? strlen("2024-01-31T") : 0));
}

static int add_row(void *arg, const struct port_task *task, struct kist_error *err)
{
    static const char *const names[] = {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME"};
    const struct rows *rows = arg;
    const unsigned seconds = (unsigned)(task->cpu / 1000);
    cJSON *row = cJSON_CreateObject();
    char text[KIST_COUNT(names)][40], command[sizeof(task->command)];
    int rc = row ? 0 : kist_error_nomem(err);

    user_text(text[0], rows->users, task->uid);
    start_text(text[4], rows->now, task->age);
    if (!kist_str_format(text[1], 40, "%d", task->pid) || !kist_str_format(text[2], 40, "%d", task->parent) ||
        !kist_str_format(text[3], 40, "%u", (unsigned)(task->age > 0 ? task->cpu * 100 / task->age : 0)) ||
        !kist_str_copy(text[5], 40, task->tty) || !kist_str_copy(command, sizeof(command), task->command) ||
        !kist_str_format(text[6], 40, "%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60)) {
        rc = kist_error_set(err, KIST_E_FAIL, "process %d has times that do not fit", task->pid);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(names); i++) {
        rc = kist_json_put_string(row, names[i], text[i], err);
    }
    rc = rc < 0 ? rc : kist_json_put_string(row, "CMD", kist_str_disarm(command), err);
    if (rc < 0) {
        cJSON_Delete(row);
        return rc;
    }
    return kist_json_append(rows->rows, row, err);
}

static int run(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err)
{
    static const struct kist_column columns[] = {{"UID", "UID"},     {"PID", "PID"}, {"PPID", "PPID"}, {"C", "C"},
                                                 {"STIME", "STIME"}, {"TTY", "TTY"}, {"TIME", "TIME"}, {"CMD", "CMD"}};
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    KIST_AUTO(buf) struct kist_buf users = KIST_BUF_INIT(KIST_MAX_CONF);
    KIST_AUTO(json) cJSON *all = cJSON_CreateArray();
    struct rows rows = {.rows = all, .now = port_clock_now()};
    struct kist_engine engine = {.run = NULL};
    int rc = all ? 0 : kist_error_nomem(err);

    (void)options;
    if (count > 2 || (count == 2 && strcmp(operands[1], "-ef") != 0)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s': options of ps are not known, top always prints what 'ps -ef' does", operands[1]);
    }
    rc = rc < 0 ? rc : kist_containers_find(app, &engine, operands[0], &c, err);
    if (rc == 0 && c.pid <= 0) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", c.id);
    }
    (void)!kist_file_read(&users, "/etc/passwd", "users", NULL); /* without it they are numbers */
    rows.users = kist_buf_text(&users);
    rc = rc < 0 ? rc : port_meter_each(c.group ? c.group : c.id, c.pid, add_row, &rows, err);
    if (rc == 0 && cJSON_GetArraySize(all) == 0) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running", c.id); /* it ended meanwhile */
    }
    return rc < 0 ? rc : kist_columns_print(columns, KIST_COUNT(columns), all, err);
}

const struct kist_command kist_cmd_top = {
    .name = "top",
    .operands = "CONTAINER",
    .summary = "List the processes of a container",
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_OPTIONS_FIRST | KIST_CMD_CONTAINERS,
    .run = run,
};
