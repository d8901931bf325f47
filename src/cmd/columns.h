/* A table on standard output: columns as wide as their widest cell, three blanks between, as Docker prints them. */
#ifndef KIST_CMD_COLUMNS_H
#define KIST_CMD_COLUMNS_H

#include "codec/json.h"

struct kist_column {
    const char *title; /* "IMAGE ID" */
    const char *field; /* of each row: "ID" */
};

/*
 * Rows as a command's options ask for: --json (an object a line), --format (a line a row; "table ..." is laid out at its tabs, below the
 * fields' titles), -q (only field quiet), or the table.
 */
struct kist_rows_options {
    bool json, quiet;
    const char *format;
    const char *quiet_field;
};

#define KIST_MAX_COLUMNS 16

struct kist_rows {
    struct kist_rows_options options;
    const struct kist_column *columns; /* NULL: no table */
    size_t count;
    int width[KIST_MAX_COLUMNS];
    struct kist_buf cells; /* of the table, each with its NUL; with format "table ...", lines of such with tabs between them */
    const struct kist_column *titles; /* "table ...": what may stand at its head; NULL: no such format */
    bool headed;
};

/*
 * Row by row, so that thousands need not be in memory at once: a row is a JSON object whose fields are strings, and the caller's. All
 * but a table's are printed when they are added; a table at its end, as it must know how wide its columns are.
 */
int kist_rows_begin(struct kist_rows *r, const struct kist_rows_options *o, const struct kist_column *columns, size_t count,
                    struct kist_error *err) KIST_CHECKED;
int kist_rows_add(struct kist_rows *r, const cJSON *row, struct kist_error *err) KIST_CHECKED;
void kist_rows_end(struct kist_rows *r);
/* KIST_AUTO(rows) struct kist_rows rows; it must have begun. */
void kist_rows_auto(struct kist_rows *r);

/* All of a JSON array of such rows. */
int kist_rows_print(const struct kist_rows_options *o, const struct kist_column *columns, size_t count, const cJSON *rows,
                    struct kist_error *err) KIST_CHECKED;
/* The table. */
int kist_columns_print(const struct kist_column *columns, size_t count, const cJSON *rows, struct kist_error *err)
    KIST_CHECKED;

/* What an inspect command prints: the array all, indented, or with format a line for each of it. */
int kist_details_print(const cJSON *all, const char *format, struct kist_error *err) KIST_CHECKED;

#endif
