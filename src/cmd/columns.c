#include "cmd/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cmd/template.h"

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
    (void)fputs(text, stdout);
    for (int i = width_of(text); i < width && !last; i++) {
        (void)putchar(' ');
    }
    (void)fputs(last ? "\n" : "   ", stdout);
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

int kist_rows_begin(struct kist_rows *r, const struct kist_rows_options *o, const struct kist_column *columns, size_t count,
                    struct kist_error *err)
{
    bool table = !o->json && !o->quiet && !o->format;

    *r = (struct kist_rows){.options = *o, .columns = table ? columns : NULL, .count = count, .cells = KIST_BUF_INIT(MAX_TEXT)};
    r->titles = !o->json && !o->quiet && o->format && kist_str_starts(o->format, "table ") ? columns : NULL;
    if (table && (count == 0 || count > KIST_COUNT(r->width))) {
        return kist_error_set(err, KIST_E_FAIL, "a table of %zu columns", count);
    }
    for (size_t i = 0; i < count && table; i++) {
        r->width[i] = width_of(columns[i].title);
    }
    return 0;
}

/* ---- --format "table ..." ---- */

static int add_line(struct kist_rows *r, const cJSON *row, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf line = KIST_BUF_INIT(MAX_LINE);
    int rc = kist_template_print(r->options.format, row, &line, err);
    char *at = line.data, *tab;

    rc = rc < 0 ? rc : kist_buf_add(&r->cells, kist_buf_text(&line), line.len + 1, err);
    for (size_t i = 0; rc == 0 && line.len > 0 && i < KIST_COUNT(r->width) && (tab = strchr(at, '\t')); i++) {
        *tab = '\0';
        r->width[i] = KIST_MAX(r->width[i], width_of(at));
        at = tab + 1;
    }
    return rc;
}

/* A column's, or the field's own name in capitals: "CREATED AT". */
static int add_title(cJSON *titles, const struct kist_rows *r, const char *field, struct kist_error *err)
{
    char title[64] = "";
    size_t len = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->titles[i].field, field) == 0) {
            return kist_json_put_string(titles, field, r->titles[i].title, err);
        }
    }
    for (const char *p = field; *p != '\0' && len + 2 < sizeof(title); p++) {
        if (p > field && isupper((unsigned char)*p) && islower((unsigned char)p[-1])) {
            title[len++] = ' ';
        }
        title[len++] = (char)toupper((unsigned char)*p);
    }
    return kist_json_put_string(titles, field, title, err);
}

/* row NULL: there is none, and no other fields than the columns'. */
static int add_head(struct kist_rows *r, const cJSON *row, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *titles = cJSON_CreateObject();
    const cJSON *field;
    int rc = titles ? 0 : kist_error_nomem(err);

    cJSON_ArrayForEach(field, row) {
        rc = rc < 0 ? rc : add_title(titles, r, field->string, err);
    }
    for (size_t i = 0; !row && i < r->count && rc == 0; i++) {
        rc = kist_json_put_string(titles, r->titles[i].field, r->titles[i].title, err);
    }
    r->headed = true;
    return rc < 0 ? rc : add_line(r, titles, err);
}

static void print_lines(const struct kist_rows *r)
{
    char *line = r->cells.data, *const end = line + r->cells.len;

    while (line < end) {
        char *const next = line + strlen(line) + 1, *tab;

        for (size_t i = 0; i < KIST_COUNT(r->width) && (tab = strchr(line, '\t')); i++) {
            *tab = '\0';
            put_cell(line, r->width[i], false);
            line = tab + 1;
        }
        put_cell(line, 0, true);
        line = next;
    }
}

int kist_rows_add(struct kist_rows *r, const cJSON *row, struct kist_error *err)
{
    int rc;

    if (r->titles) {
        rc = r->headed ? 0 : add_head(r, row, err);
        return rc < 0 ? rc : add_line(r, row, err);
    }
    rc = r->columns ? 0 : print_row(&r->options, row, err);

    for (size_t i = 0; r->columns && i < r->count && rc == 0; i++) {
        const char *text = cell(row, &r->columns[i]);

        r->width[i] = KIST_MAX(r->width[i], width_of(text));
        rc = kist_buf_add(&r->cells, text, strlen(text) + 1, err);
    }
    return rc;
}

static void print_cells(const struct kist_rows *r)
{
    const char *text = kist_buf_text(&r->cells), *end = text + r->cells.len;

    for (size_t i = 0; r->columns && i < r->count; i++) {
        put_cell(r->columns[i].title, r->width[i], i + 1 == r->count);
    }
    for (size_t i = 0; text < end; i = (i + 1) % r->count) {
        put_cell(text, r->width[i], i + 1 == r->count);
        text += strlen(text) + 1;
    }
}

void kist_rows_end(struct kist_rows *r)
{
    if (r->titles && !r->headed) {
        (void)!add_head(r, NULL, NULL); /* a field that no column shows is not known without a row */
    }
    if (r->titles) {
        print_lines(r);
    } else {
        print_cells(r);
    }
}

void kist_rows_auto(struct kist_rows *r)
{
    kist_buf_release(&r->cells);
}

int kist_rows_print(const struct kist_rows_options *o, const struct kist_column *columns, size_t count, const cJSON *rows,
                    struct kist_error *err)
{
    KIST_AUTO(rows) struct kist_rows r;
    const cJSON *row;
    int rc = kist_rows_begin(&r, o, columns, count, err);

    cJSON_ArrayForEach(row, rows) {
        rc = rc < 0 ? rc : kist_rows_add(&r, row, err);
    }
    if (rc == 0) {
        kist_rows_end(&r);
    }
    return rc;
}

int kist_columns_print(const struct kist_column *columns, size_t count, const cJSON *rows, struct kist_error *err)
{
    return kist_rows_print(&(struct kist_rows_options){.json = false}, columns, count, rows, err);
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
