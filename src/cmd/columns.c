#include "cmd/columns.h"

#include <stdio.h>
#include <string.h>

#include "cmd/template.h"

#define MAX_COLUMNS 16
#define MAX_LINE (1U << 20)
#define MAX_TEXT (16U << 20)

static const char *cell(const cJSON *row, const struct kist_column *column)
{
    const char *text = kist_json_string(row, column->field);

    return text ? text : "";
}

/* On a terminal: UTF-8's bytes but the first of each character take no place. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void put_cell(const char *text, int width, bool last)
{
    (void)printf("%s%*s%s", text, last ? 0 : width - width_of(text), "", last ? "\n" : "   ");
}

int kist_columns_print(const struct kist_column *columns, size_t count, const cJSON *rows, struct kist_error *err)
{
    int width[MAX_COLUMNS];
    const cJSON *row;

    if (count == 0 || count > MAX_COLUMNS) {
        return kist_error_set(err, KIST_E_FAIL, "a table of %zu columns", count);
    }
    for (size_t i = 0; i < count; i++) {
        width[i] = width_of(columns[i].title);
        cJSON_ArrayForEach(row, rows) {
            width[i] = KIST_MAX(width[i], width_of(cell(row, &columns[i])));
        }
    }
    for (size_t i = 0; i < count; i++) {
        put_cell(columns[i].title, width[i], i + 1 == count);
    }
    cJSON_ArrayForEach(row, rows) {
        for (size_t i = 0; i < count; i++) {
            put_cell(cell(row, &columns[i]), width[i], i + 1 == count);
        }
    }
    return 0;
}

static int print_row(const struct kist_rows_options *o, const cJSON *row, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf line = KIST_BUF_INIT(MAX_LINE);
    int rc;

    if (o->quiet) {
        (void)printf("%s\n", cell(row, &(struct kist_column){.field = o->quiet_field}));
        return 0;
    }
    rc = o->format ? kist_template_print(o->format, row, &line, err) : kist_json_print(row, false, &line, err);
    if (rc == 0) {
        (void)printf("%s\n", kist_buf_text(&line));
    }
    return rc;
}

int kist_rows_print(const struct kist_rows_options *o, const struct kist_column *columns, size_t count, const cJSON *rows,
                    struct kist_error *err)
{
    const cJSON *row;
    int rc = 0;

    if (!o->json && !o->quiet && !o->format) {
        return kist_columns_print(columns, count, rows, err);
    }
    cJSON_ArrayForEach(row, rows) {
        rc = print_row(o, row, err);
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

int kist_details_print(const cJSON *all, const char *format, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    const cJSON *one;
    int rc = 0;

    if (!format) {
        rc = kist_json_print(all, true, &text, err);
    }
    cJSON_ArrayForEach(one, all) {
        if (rc == 0 && format) {
            rc = kist_template_print(format, one, &text, err);
        }
        if (rc == 0 && format) {
            rc = kist_buf_puts(&text, "\n", err);
        }
    }
    if (rc == 0) {
        (void)printf("%s%s", kist_buf_text(&text), format ? "" : "\n");
    }
    return rc;
}
