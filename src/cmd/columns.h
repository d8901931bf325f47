/* A table on standard output: columns as wide as their widest cell, three blanks between, as Docker prints them. */
#ifndef KIST_CMD_COLUMNS_H
#define KIST_CMD_COLUMNS_H

#include "codec/json.h"

struct kist_column {
    const char *title; /* "IMAGE ID" */
    const char *field; /* of each row: "ID" */
};

/* rows is a JSON array of objects whose fields are strings. */
int kist_columns_print(const struct kist_column *columns, size_t count, const cJSON *rows, struct kist_error *err)
    KIST_CHECKED;

/*
 * Rows as a command's options ask for: --json (an object a line), --format (a line a row), -q (only field quiet), or the table.
 */
struct kist_rows_options {
    bool json, quiet;
    const char *format;
    const char *quiet_field;
};

int kist_rows_print(const struct kist_rows_options *o, const struct kist_column *columns, size_t count, const cJSON *rows,
                    struct kist_error *err) KIST_CHECKED;
/* What an inspect command prints: the array all, indented, or with format a line for each of it. */
int kist_details_print(const cJSON *all, const char *format, struct kist_error *err) KIST_CHECKED;

#endif
