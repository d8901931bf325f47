#include "cmd/option.h"

#include <string.h>

#include "test.h"

struct values {
    bool tty, interactive;
    const char *name;
    struct kist_strv env;
    uint64_t number;
};

static const struct kist_option table[] = {
    KIST_OPT("tty", 't', FLAG, struct values, tty, NULL, ""),
    KIST_OPT("interactive", 'i', FLAG, struct values, interactive, NULL, ""),
    KIST_OPT("name", 'n', TEXT, struct values, name, "NAME", ""),
    KIST_OPT("env", 'e', LIST, struct values, env, "K=V", ""),
    KIST_OPT("number", 0, NUMBER, struct values, number, "N", ""),
    {.name = NULL},
};

/* Splits line at blanks into argv, which points into copy. */
static int split(char *copy, size_t size, const char *line, char **argv)
{
    char *rest = copy, *word;
    int n = 0;

    if (!kist_str_copy(copy, size, line)) {
        return 0;
    }
    while ((word = strsep(&rest, " ")) != NULL) {
        argv[n++] = word;
    }
    argv[n] = NULL;
    return n;
}

static int parse(struct values *v, const char *line, bool first, char **argv, char copy[256], struct kist_error *err)
{
    struct kist_option_set set = {table, v};

    memset(v, 0, sizeof(*v));
    return kist_options_parse(&set, 1, split(copy, 256, line, argv), argv, first, err);
}

TEST(forms_of_options)
{
    struct values v;
    struct kist_error err;
    char *argv[32], copy[256];

    CHECK_INT(parse(&v, "-it --name=web -e A=1 --env B=2 image -n late cmd", false, argv, copy, &err), 2);
    CHECK(v.tty && v.interactive);
    CHECK_STR(v.name, "late");
    CHECK_INT(v.env.n, 2);
    CHECK_STR(argv[0], "image");
    CHECK_STR(argv[1], "cmd");
    kist_options_release(table, &v);
    CHECK_INT(parse(&v, "-nweb -t=x", false, argv, copy, &err), KIST_E_USAGE);
    CHECK_INT(parse(&v, "--tty=false --number 12 -n=x", false, argv, copy, &err), 0);
    CHECK(!v.tty);
    CHECK_INT(v.number, 12);
    CHECK_STR(v.name, "x");
}

TEST(the_first_operand_may_end_options)
{
    struct values v;
    struct kist_error err;
    char *argv[32], copy[256];

    CHECK_INT(parse(&v, "-t image sh -c -i", true, argv, copy, &err), 4);
    CHECK(v.tty && !v.interactive);
    CHECK_STR(argv[3], "-i");
    CHECK_INT(parse(&v, "-t -- -i x", false, argv, copy, &err), 2);
    CHECK(!v.interactive);
    CHECK_STR(argv[0], "-i");
    CHECK_INT(parse(&v, "a - b", false, argv, copy, &err), 3);
}

TEST(mistakes)
{
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"--nmae x", "unknown option '--nmae' (did you mean '--name'?)"},
        {"--zzzzzz", "unknown option '--zzzzzz'"},
        {"-tx", "unknown option '-x'"},
        {"--name", "option '--name' needs an argument"},
        {"-n", "option '-n' needs an argument"},
        {"--number -3", "option '--number': '-3' is not a whole number"},
        {"--tty=maybe", "option '--tty': 'maybe' is not true or false"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct values v;
        struct kist_error err;
        char *argv[32], copy[256];

        CHECK_INT(parse(&v, rows[i].line, false, argv, copy, &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
        kist_options_release(table, &v);
    }
}
