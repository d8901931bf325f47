#include "cmd/option.h"

#include <string.h>

static void *value_of(const struct kist_option *o, void *values)
{
    return (char *)values + o->offset;
}

static bool takes_argument(const struct kist_option *o)
{
    return o->type != KIST_OPTION_FLAG;
}

int kist_option_set_value(const struct kist_option *o, void *values, const char *text, const char *what,
                          struct kist_error *err)
{
    void *value = value_of(o, values);
    const char *wanted = NULL;

    switch (o->type) {
    case KIST_OPTION_FLAG:
        wanted = kist_str_bool(text, value) ? NULL : "true or false";
        break;
    case KIST_OPTION_TEXT:
        *(const char **)value = text;
        break;
    case KIST_OPTION_LIST:
        return kist_strv_add(value, text, err);
    case KIST_OPTION_NUMBER:
        wanted = kist_str_u64(text, UINT64_MAX, value) ? NULL : "a whole number";
        break;
    case KIST_OPTION_BYTES:
        wanted = kist_str_bytes(text, value) ? NULL : "a size such as 64MiB";
        break;
    case KIST_OPTION_DURATION:
        wanted = kist_str_duration(text, value) ? NULL : "a time such as 30s";
        break;
    }
    if (wanted) {
        return kist_error_set(err, KIST_E_USAGE, "%s: '%s' is not %s", what, text, wanted);
    }
    if (o->given) {
        *(bool *)((char *)values + o->given) = true;
    }
    return 0;
}

void kist_options_release(const struct kist_option *options, void *values)
{
    for (const struct kist_option *o = options; o && o->name; o++) {
        if (o->type == KIST_OPTION_LIST) {
            kist_strv_release(value_of(o, values));
        }
    }
}

/* An option and the struct it writes into. */
struct match {
    const struct kist_option *option;
    void *values;
};

static bool find_long(const struct kist_option_set *sets, size_t count, const char *name, size_t len, struct match *m)
{
    for (size_t i = 0; i < count; i++) {
        for (const struct kist_option *o = sets[i].options; o && o->name; o++) {
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
                *m = (struct match){o, sets[i].values};
                return true;
            }
        }
    }
    return false;
}

static bool find_short(const struct kist_option_set *sets, size_t count, char letter, struct match *m)
{
    for (size_t i = 0; i < count; i++) {
        for (const struct kist_option *o = sets[i].options; o && o->name; o++) {
            if (o->letter == letter && letter != '\0') {
                *m = (struct match){o, sets[i].values};
                return true;
            }
        }
    }
    return false;
}

static int unknown_long(const struct kist_option_set *sets, size_t count, const char *name, struct kist_error *err)
{
    const char *names[128];
    size_t n = 0;
    const char *nearest;

    for (size_t i = 0; i < count; i++) {
        for (const struct kist_option *o = sets[i].options; o && o->name && n < KIST_COUNT(names); o++) {
            names[n++] = o->name;
        }
    }
    nearest = kist_str_nearest(name, names, n);
    if (nearest) {
        return kist_error_set(err, KIST_E_USAGE, "unknown option '--%s' (did you mean '--%s'?)", name, nearest);
    }
    return kist_error_set(err, KIST_E_USAGE, "unknown option '--%s'", name);
}

/* What is being parsed. */
struct parse {
    const struct kist_option_set *sets;
    size_t set_count;
    char **argv;
    int count, at; /* at: the next word to look at */
};

static int parse_long(struct parse *p, char *word, struct kist_error *err)
{
    char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    char what[80];
    struct match m;

    if (!find_long(p->sets, p->set_count, word, len, &m)) {
        if (equals) {
            *equals = '\0';
        }
        return unknown_long(p->sets, p->set_count, word, err);
    }
    if (!kist_str_format(what, sizeof(what), "option '--%s'", m.option->name)) {
        what[0] = '\0';
    }
    if (equals) {
        return kist_option_set_value(m.option, m.values, equals + 1, what, err);
    }
    if (!takes_argument(m.option)) {
        return kist_option_set_value(m.option, m.values, "true", what, err);
    }
    if (p->at >= p->count) {
        return kist_error_set(err, KIST_E_USAGE, "%s needs an argument", what);
    }
    return kist_option_set_value(m.option, m.values, p->argv[p->at++], what, err);
}

static int parse_short(struct parse *p, char *letters, struct kist_error *err)
{
    char what[24];
    struct match m;
    int rc;

    for (; *letters != '\0'; letters++) {
        if (!find_short(p->sets, p->set_count, *letters, &m)) {
            return kist_error_set(err, KIST_E_USAGE, "unknown option '-%c'", *letters);
        }
        if (!kist_str_format(what, sizeof(what), "option '-%c'", *letters)) {
            what[0] = '\0';
        }
        if (takes_argument(m.option)) {
            char *argument = letters[1] == '=' ? letters + 2 : letters + 1;

            if (letters[1] == '\0') {
                if (p->at >= p->count) {
                    return kist_error_set(err, KIST_E_USAGE, "%s needs an argument", what);
                }
                argument = p->argv[p->at++];
            }
            return kist_option_set_value(m.option, m.values, argument, what, err);
        }
        rc = kist_option_set_value(m.option, m.values, "true", what, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int kist_options_parse(const struct kist_option_set *sets, size_t set_count, int count, char **argv, bool options_first,
                       struct kist_error *err)
{
    struct parse p = {.sets = sets, .set_count = set_count, .argv = argv, .count = count, .at = 0};
    int operands = 0, rc;

    while (p.at < count) {
        char *word = argv[p.at++];

        if (strcmp(word, "--") == 0) {
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            argv[operands++] = word;
            if (options_first) {
                break;
            }
            continue;
        }
        rc = word[1] == '-' ? parse_long(&p, word + 2, err) : parse_short(&p, word + 1, err);
        if (rc < 0) {
            return rc;
        }
    }
    while (p.at < count) {
        argv[operands++] = argv[p.at++];
    }
    argv[operands] = NULL;
    return operands;
}
