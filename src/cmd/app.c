#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "cmd/alias.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include "cmd/rootless.h"
#include "container/container.h"

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static const int stop_signals[] = {SIGINT, SIGTERM};
static struct sigaction before[KIST_COUNT(stop_signals)];

void kist_app_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_stop};

    for (size_t i = 0; i < KIST_COUNT(stop_signals); i++) {
        (void)sigaction(stop_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) { /* a script's background job stays deaf to Ctrl-C */
            (void)sigaction(stop_signals[i], &action, NULL);
        }
    }
}

void kist_app_release_signals(void)
{
    for (size_t i = 0; i < KIST_COUNT(stop_signals); i++) {
        (void)sigaction(stop_signals[i], &before[i], NULL);
    }
}

bool kist_app_stopped(void *unused)
{
    (void)unused;
    return stopped != 0;
}

int kist_app_store(struct kist_app *app, bool create, struct kist_store **store, struct kist_error *err)
{
    struct kist_store_limits limits;
    const char *extra = app->settings.store_extra;
    int rc = 0;

    if (!app->store) {
        /* what is below makes even an empty store one with images */
        rc = kist_store_open(&app->store, app->settings.root, create || extra[0] != '\0', err);
        if (rc == 0 && (rc = kist_store_stack(app->store, extra, err)) < 0) {
            kist_store_close(app->store);
            app->store = NULL;
        }
    }
    if (rc == 0 && (rc = kist_settings_limits(&app->settings, &limits, err)) == 0) {
        kist_store_limit(app->store, &limits);
    }
    *store = app->store;
    return rc;
}

static void write_log(void *arg, enum kist_log_level level, const char *text)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    (void)arg;
    (void)fprintf(stderr, "kist: %s: %s\n", names[level], text);
}

static int start_log(const char *level, struct kist_error *err)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (strcmp(names[i], level) == 0) {
            kist_log_init((enum kist_log_level)i, write_log, NULL);
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_USAGE, "log-level must be error, warn, info or debug, not '%s'", level);
}

/* What the words of the command line name. */
struct called {
    const struct kist_command *command;
    char name[64];
    int words; /* of the operands, that were the name */
};

static bool find(const char *name, struct called *c)
{
    c->command = NULL;
    for (const struct kist_command *const *row = kist_commands; *row && !c->command; row++) {
        c->command = strcmp((*row)->name, name) == 0 ? *row : NULL;
    }
    for (const struct kist_command_alias *a = kist_command_aliases; a->name && !c->command; a++) {
        c->command = strcmp(a->name, name) == 0 ? a->command : NULL;
    }
    return c->command && kist_str_copy(c->name, sizeof(c->name), name);
}

static int unknown_command(const char *name, struct kist_error *err)
{
    const char *names[64];
    const char *nearest;
    size_t n = 0;

    for (const struct kist_command *const *row = kist_commands; *row && n < KIST_COUNT(names); row++) {
        names[n++] = (*row)->name;
    }
    nearest = kist_str_nearest(name, names, n);
    if (nearest) {
        return kist_error_set(err, KIST_E_USAGE, "unknown command '%s' (did you mean '%s'?)", name, nearest);
    }
    return kist_error_set(err, KIST_E_USAGE, "unknown command '%s' (try 'kist --help')", name);
}

static int find_command(char **words, int count, struct called *c, struct kist_error *err)
{
    char pair[64];

    if (count > 1 && kist_str_format(pair, sizeof(pair), "%s %s", words[0], words[1]) && find(pair, c)) {
        c->words = 2;
        return 0;
    }
    c->words = 1;
    if (find(words[0], c)) {
        return 0;
    }
    if (strcmp(words[0], "image") == 0 || strcmp(words[0], "container") == 0 || strcmp(words[0], "system") == 0 ||
        strcmp(words[0], "volume") == 0) {
        return kist_error_set(err, KIST_E_USAGE, "'kist %s' needs one of its commands (try 'kist --help')", words[0]);
    }
    return unknown_command(words[0], err);
}

/* One reading of the whole command line. */
struct reading {
    struct kist_settings *settings;
    struct called called;
    void *options;   /* the command's struct */
    char **operands; /* into the given argv */
    int operand_count;
};

static int read_line(struct reading *r, int argc, char **argv, struct kist_error *err)
{
    struct kist_option_set global = {kist_settings_options(), r->settings};
    int count = kist_options_parse(&global, 1, argc - 1, argv + 1, true, err);

    r->called.command = NULL;
    if (count <= 0) {
        return count;
    }
    if (find_command(argv + 1, count, &r->called, err) < 0) {
        return err->code;
    }
    r->operands = argv + 1 + r->called.words;
    r->options = calloc(1, r->called.command->options_size + 1);
    if (!r->options) {
        return kist_error_nomem(err);
    }
    struct kist_option_set sets[] = {{r->called.command->options, r->options}, global};

    r->operand_count = kist_options_parse(sets, KIST_COUNT(sets), count - r->called.words, r->operands,
                                          r->called.command->flags & KIST_CMD_OPTIONS_FIRST, err);
    return KIST_MIN(r->operand_count, 0);
}

static void release_reading(struct reading *r)
{
    if (r->options) {
        kist_options_release(r->called.command->options, r->options);
        free(r->options);
        r->options = NULL;
    }
}

static const char *from_environment(const char *name)
{
    return getenv(name);
}

/* The file that was named; else the system's, and below the user's own what is the same for all. */
static int load_files(struct kist_settings *s, const char *named, struct kist_error *err)
{
    char own[KIST_MAX_PATH + 1];
    int rc = named ? 0 : kist_settings_load(s, NULL, err);

    rc = rc < 0 ? rc : kist_rootless_settings(s, own, sizeof(own), err);
    if (rc == 0 && !named && (own[0] == '\0' || access(own, F_OK) < 0)) {
        return 0;
    }
    return rc < 0 ? rc : kist_settings_load(s, named ? named : own, err);
}

/*
 * The line is read twice: first only for --config, so that file and environment are in place before the options
 * that stand above them.
 */
static int read_settings(struct reading *r, int argc, char **argv, struct kist_error *err)
{
    struct kist_settings scratch;
    struct reading first = {.settings = &scratch};
    char **copy = calloc((size_t)argc + 1, sizeof(*copy));
    int rc;

    if (!copy) {
        return kist_error_nomem(err);
    }
    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    kist_settings_init(&scratch);
    rc = read_line(&first, argc, copy, err);
    release_reading(&first);
    kist_settings_init(r->settings);
    if (rc == 0 && !scratch.help && !scratch.version) {
        rc = load_files(r->settings, scratch.config, err);
    }
    if (rc == 0) {
        rc = kist_settings_environment(r->settings, from_environment, err);
    }
    kist_settings_release(&scratch);
    free(copy);
    if (rc == 0) {
        rc = read_line(r, argc, argv, err);
    } else {
        r->called = first.called; /* whose exit code it is */
    }
    return rc == 0 ? kist_settings_check(r->settings, err) : rc;
}

static int check_operands(const struct reading *r, struct kist_error *err)
{
    const struct kist_command *c = r->called.command;

    if (r->operand_count < c->min_operands) {
        return kist_error_set(err, KIST_E_USAGE, "'kist %s' needs %s (try 'kist %s --help')", r->called.name,
                              c->operands, r->called.name);
    }
    if (c->max_operands >= 0 && r->operand_count > c->max_operands) {
        return kist_error_set(err, KIST_E_USAGE, "'kist %s' has no use for '%s' (try 'kist %s --help')",
                              r->called.name, r->operands[c->max_operands], r->called.name);
    }
    return 0;
}

/* Whether operand i is an image's name, by the word that the usage line has for it. */
static bool is_image(const struct kist_command *c, int i)
{
    static const char *const words[] = {"IMAGE", "REF", "REPOSITORY", "NAME[:TAG]"};
    const char *word = c->operands;

    for (; i > 0 && strchr(word, ' '); i--) {
        word = strchr(word, ' ') + 1;
    }
    word += *word == '[';
    for (size_t w = 0; w < KIST_COUNT(words); w++) {
        if (kist_str_starts(word, words[w])) {
            return true;
        }
    }
    return false;
}

/* Short names become long ones, in every command that takes images. */
static int expand_aliases(struct kist_app *app, struct reading *r, struct kist_error *err)
{
    struct kist_settings *s = &app->settings;
    char text[1024];
    int rc = 0;

    for (int i = 0; rc == 0 && s->aliases.n > 0 && i < r->operand_count; i++) {
        if (is_image(r->called.command, i) && kist_alias_expand(&s->aliases, r->operands[i], text, sizeof(text))) {
            rc = kist_strv_add(&s->owned, text, err);
            r->operands[i] = rc == 0 ? s->owned.v[s->owned.n - 1] : r->operands[i];
        }
    }
    return rc;
}

static int run_command(struct kist_app *app, struct reading *r, struct kist_error *err)
{
    int rc;

    if (app->settings.version) {
        return kist_cmd_version.run(app, NULL, 0, NULL, err);
    }
    if (!r->called.command) {
        kist_help_program(app->settings.help ? stdout : stderr);
        return app->settings.help ? 0 : kist_error_exit_status(KIST_E_USAGE);
    }
    if (app->settings.help) {
        kist_help_command(stdout, r->called.command, r->called.name);
        return 0;
    }
    kist_container_run_in(app->settings.run_dir);
    rc = start_log(app->settings.log_level, err);
    if (rc == 0) {
        rc = check_operands(r, err);
    }
    if (rc == 0 && (r->called.command->flags & KIST_CMD_CONTAINERS) != 0) {
        rc = kist_rootless_enter(app, err);
    }
    if (rc == 0) {
        rc = expand_aliases(app, r, err);
    }
    if (rc == 0) {
        rc = r->called.command->run(app, r->options, r->operand_count, r->operands, err);
    }
    return rc;
}

static bool wants_json(const struct reading *r)
{
    for (const struct kist_option *o = r->options ? r->called.command->options : NULL; o && o->name; o++) {
        if (strcmp(o->name, "json") == 0) {
            return *(const bool *)((const char *)r->options + o->offset);
        }
    }
    return false;
}

/* A JSON string's inside; every byte a message may hold. */
static void print_quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', out);
        }
        if ((unsigned char)*text < ' ') {
            (void)fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            (void)fputc(*text, out);
        }
    }
}

/* Where the first line of text ends for people: at a newline that an excerpt of a source text follows; NULL: text is one line. */
static char *excerpt(char *text)
{
    for (char *newline = text; (newline = strchr(newline, '\n')) != NULL; newline++) {
        if (strncmp(newline + 1 + strspn(newline + 1, " 0123456789"), "| ", 2) == 0) {
            return newline;
        }
    }
    return NULL;
}

/* A message may quote what a server or an archive said: of it no line of its own is shown. */
void kist_app_complain(struct kist_error *err)
{
    char *line = err->message, *end;

    (void)fprintf(stderr, "kist: ");
    for (; (end = excerpt(line)) != NULL; line = end + 1) {
        *end = '\0';
        (void)fprintf(stderr, "%s\n", kist_str_disarm(line));
    }
    (void)fprintf(stderr, "%s\n", kist_str_disarm(line));
}

static int report(const struct reading *r, int rc, struct kist_error *err)
{
    bool runs = r->called.command && (r->called.command->flags & KIST_CMD_RUNS);
    int status = kist_error_exit_status(rc);

    if (wants_json(r)) {
        (void)fprintf(stderr, "{\"error\":\"%s\",\"exit\":%d,\"message\":\"", kist_error_name(rc), status);
        print_quoted(stderr, err->message);
        (void)fprintf(stderr, "\"}\n");
    } else {
        kist_app_complain(err);
    }
    if (runs && rc != KIST_E_NO_EXEC && rc != KIST_E_NO_COMMAND) {
        return 125;
    }
    return status;
}

int kist_app_main(int argc, char **argv)
{
    char **arguments = calloc((size_t)argc + 1, sizeof(*arguments));
    struct kist_app app = {.store = NULL, .arguments = arguments};
    struct reading r = {.settings = &app.settings};
    struct kist_error err = {.code = KIST_OK};
    int rc;

    if (arguments) {
        memcpy(arguments, argv, (size_t)argc * sizeof(*arguments)); /* reading them moves them */
        rc = read_settings(&r, argc, argv, &err);
    } else {
        rc = kist_error_nomem(&err);
    }

    if (rc == 0) {
        rc = run_command(&app, &r, &err);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && rc == 0) {
        rc = kist_error_set(&err, KIST_E_IO, "cannot write to standard output");
    }
    if (rc < 0) {
        rc = report(&r, rc, &err);
    }
    release_reading(&r);
    kist_store_close(app.store);
    kist_settings_release(&app.settings);
    kist_strv_release(&app.auth_files);
    free(arguments);
    return rc;
}
