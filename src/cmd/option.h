/* Options as data: a table row says its name, and where in the command's struct its value goes. */
#ifndef KIST_CMD_OPTION_H
#define KIST_CMD_OPTION_H

#include "base/str.h"

enum kist_option_type {
    KIST_OPTION_FLAG,     /* bool; --name, --name=true|false */
    KIST_OPTION_TEXT,     /* const char *, pointing into argv; NULL when not given */
    KIST_OPTION_LIST,     /* struct kist_strv; may be given many times */
    KIST_OPTION_NUMBER,   /* uint64_t */
    KIST_OPTION_BYTES,    /* uint64_t, "64MiB" */
    KIST_OPTION_DURATION, /* uint64_t milliseconds, "30s" */
};

struct kist_option {
    const char *name; /* long name without dashes */
    char letter;      /* or 0 */
    enum kist_option_type type;
    size_t offset;    /* of the value in the struct */
    const char *argument; /* its name in help: "NAME"; NULL for flags */
    const char *help; /* one line */
    size_t given;     /* offset of a bool that says it was given, or 0 */
};

/* A row of a table: KIST_OPT("name", 'n', TEXT, struct my_options, name, "NAME", "Assign a name") */
#define KIST_OPT(long_name, short_letter, kind, type_name, member, arg_name, text)                             \
    {.name = (long_name), .letter = (short_letter), .type = KIST_OPTION_##kind,                               \
     .offset = offsetof(type_name, member), .argument = (arg_name), .help = (text), .given = 0}

/* A table and the struct it fills. */
struct kist_option_set {
    const struct kist_option *options; /* ended by a row without a name */
    void *values;
};

/*
 * Parses argv[0 .. count) into the sets (the first set that has a name wins) and moves operands to the front of argv.
 * "--" ends options; with options_first the first operand does. Short flags may be joined ("-it"), a short option's
 * argument attached ("-ename=x"). KIST_E_USAGE with the nearest name for an unknown one. Returns the number of operands.
 */
int kist_options_parse(const struct kist_option_set *sets, size_t set_count, int count, char **argv, bool options_first,
                       struct kist_error *err) KIST_CHECKED;

/* One value into its place; for configuration files and the environment. what names its origin in messages. */
int kist_option_set_value(const struct kist_option *o, void *values, const char *text, const char *what,
                          struct kist_error *err) KIST_CHECKED;

/* Releases the lists in values. */
void kist_options_release(const struct kist_option *options, void *values);

#endif
