#include "build/keyword.h"

#include <string.h>
#include <strings.h>

static const struct kist_keyword_flag add_flags[] = {
    {.name = "chown", .expands = true},
    {.name = "chmod", .expands = true},
    {.name = "link", .is_switch = true},
    {.name = "checksum", .expands = true},
    {.name = "exclude", .repeats = true, .expands = true},
    {.name = "keep-git-dir", .is_switch = true},
    {.name = "unpack", .is_switch = true},
    {.name = NULL},
};
static const struct kist_keyword_flag copy_flags[] = {
    {.name = "from"},
    {.name = "chown", .expands = true},
    {.name = "chmod", .expands = true},
    {.name = "link", .is_switch = true},
    {.name = "parents", .is_switch = true},
    {.name = "exclude", .repeats = true, .expands = true},
    {.name = NULL},
};
static const struct kist_keyword_flag from_flags[] = {
    {.name = "platform", .expands = true},
    {.name = NULL},
};
static const struct kist_keyword_flag healthcheck_flags[] = {
    {.name = "interval"},       {.name = "timeout"}, {.name = "start-period"},
    {.name = "start-interval"}, {.name = "retries"}, {.name = NULL},
};
static const struct kist_keyword_flag run_flags[] = {
    {.name = "mount", .repeats = true, .expands = true},
    {.name = "network"},
    {.name = "security"},
    {.name = "device", .repeats = true},
    {.name = NULL},
};

#define EXPANDS .expands = true
#define HEREDOCS .heredocs = true

static const struct kist_keyword_row rows[] = {
    [KIST_KEYWORD_ADD] = {"ADD", KIST_SHAPE_PATHS, 2, EXPANDS, HEREDOCS, "SOURCE... DESTINATION", add_flags},
    [KIST_KEYWORD_ARG] = {"ARG", KIST_SHAPE_NAMES, 1, EXPANDS, .usage = "NAME[=VALUE]..."},
    [KIST_KEYWORD_CMD] = {"CMD", KIST_SHAPE_COMMAND, 0, .usage = "a command, or [\"command\", \"argument\"...]"},
    [KIST_KEYWORD_COPY] = {"COPY", KIST_SHAPE_PATHS, 2, EXPANDS, HEREDOCS, "SOURCE... DESTINATION", copy_flags},
    [KIST_KEYWORD_ENTRYPOINT] = {"ENTRYPOINT", KIST_SHAPE_COMMAND, 0,
                                 .usage = "a command, or [\"command\", \"argument\"...]"},
    [KIST_KEYWORD_ENV] = {"ENV", KIST_SHAPE_PAIRS, 2, EXPANDS, .usage = "NAME=VALUE..."},
    [KIST_KEYWORD_EXPOSE] = {"EXPOSE", KIST_SHAPE_WORDS, 1, EXPANDS, .usage = "PORT[/tcp|/udp]..."},
    [KIST_KEYWORD_FROM] = {"FROM", KIST_SHAPE_WORDS, 1, EXPANDS, .usage = "IMAGE [AS NAME]", .flags = from_flags},
    [KIST_KEYWORD_HEALTHCHECK] = {"HEALTHCHECK", KIST_SHAPE_HEALTH, 1, .usage = "CMD and a command, or NONE",
                                  .flags = healthcheck_flags},
    [KIST_KEYWORD_LABEL] = {"LABEL", KIST_SHAPE_PAIRS, 2, EXPANDS, .usage = "NAME=VALUE..."},
    [KIST_KEYWORD_MAINTAINER] = {"MAINTAINER", KIST_SHAPE_TEXT, 1, .usage = "a name"},
    [KIST_KEYWORD_ONBUILD] = {"ONBUILD", KIST_SHAPE_TRIGGER, 1, .usage = "an instruction"},
    [KIST_KEYWORD_RUN] = {"RUN", KIST_SHAPE_COMMAND, 1, HEREDOCS,
                          .usage = "a command, or [\"command\", \"argument\"...]", .flags = run_flags},
    [KIST_KEYWORD_SHELL] = {"SHELL", KIST_SHAPE_JSON, 1, .usage = "[\"shell\", \"option\"...]"},
    [KIST_KEYWORD_STOPSIGNAL] = {"STOPSIGNAL", KIST_SHAPE_TEXT, 1, EXPANDS, .usage = "a signal"},
    [KIST_KEYWORD_USER] = {"USER", KIST_SHAPE_TEXT, 1, EXPANDS, .usage = "USER[:GROUP]"},
    [KIST_KEYWORD_VOLUME] = {"VOLUME", KIST_SHAPE_PATHS, 1, EXPANDS, .usage = "PATH..."},
    [KIST_KEYWORD_WORKDIR] = {"WORKDIR", KIST_SHAPE_TEXT, 1, EXPANDS, .usage = "PATH"},
};

const struct kist_keyword_row *kist_keyword_row(enum kist_keyword keyword)
{
    return &rows[keyword];
}

const char *kist_keyword_name(enum kist_keyword keyword)
{
    return rows[keyword].name;
}

bool kist_keyword_expands(enum kist_keyword keyword)
{
    return rows[keyword].expands;
}

int kist_keyword_find(const char *text, size_t len)
{
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, text, len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *kist_keyword_nearest(const char *word)
{
    const char *names[KIST_COUNT(rows)];
    char upper[16];
    size_t n;

    for (n = 0; word[n] != '\0'; n++) {
        if (n + 1 == sizeof(upper)) {
            return NULL;
        }
        upper[n] = (char)(word[n] >= 'a' && word[n] <= 'z' ? word[n] - 'a' + 'A' : word[n]);
    }
    upper[n] = '\0';
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        names[i] = rows[i].name;
    }
    return kist_str_nearest(upper, names, KIST_COUNT(rows));
}
