#include "cmd/help.h"

#include <string.h>

static void print_options(FILE *out, const struct kist_option *options)
{
    for (const struct kist_option *o = options; o && o->name; o++) {
        char left[64];
        bool fits = kist_str_format(left, sizeof(left), "--%s%s%s", o->name, o->argument ? " " : "",
                                    o->argument ? o->argument : "");

        if (o->letter) {
            (void)fprintf(out, "  -%c, %-32s %s\n", o->letter, fits ? left : o->name, o->help);
        } else {
            (void)fprintf(out, "      %-32s %s\n", fits ? left : o->name, o->help);
        }
    }
}

void kist_help_program(FILE *out)
{
    (void)fprintf(out, "Usage: kist [OPTIONS] COMMAND\n\nPulls container images, keeps them on flash, runs them.\n\n"
                       "Commands:\n");
    for (const struct kist_command *const *c = kist_commands; *c; c++) {
        if (((*c)->flags & KIST_CMD_INTERNAL) == 0) {
            (void)fprintf(out, "  %-18s %s\n", (*c)->name, (*c)->summary);
        }
    }
    (void)fprintf(out, "\nOther names:\n");
    for (const struct kist_command_alias *a = kist_command_aliases; a->name; a++) {
        (void)fprintf(out, "  %-18s same as '%s'\n", a->name, a->command->name);
    }
    (void)fprintf(out, "\nOptions (but for --config, --help and --version also keys of the file and KIST_... variables):\n");
    print_options(out, kist_settings_options());
    (void)fprintf(out, "\n'kist COMMAND --help' tells more of a command.\n");
}

void kist_help_command(FILE *out, const struct kist_command *command, const char *called)
{
    (void)fprintf(out, "Usage: kist %s%s%s%s\n\n%s\n", called, command->options ? " [OPTIONS]" : "",
                  command->operands[0] ? " " : "", command->operands, command->summary);
    if (command->options) {
        (void)fprintf(out, "\nOptions:\n");
        print_options(out, command->options);
    }
}

/* The command of the words, joined by blanks; NULL when there is none such. */
static const struct kist_command *named(const char *words)
{
    for (const struct kist_command *const *c = kist_commands; *c; c++) {
        if (strcmp((*c)->name, words) == 0) {
            return *c;
        }
    }
    for (const struct kist_command_alias *a = kist_command_aliases; a->name; a++) {
        if (strcmp(a->name, words) == 0) {
            return a->command;
        }
    }
    return NULL;
}

static int run(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err)
{
    const struct kist_command *command;
    char words[64];

    (void)app;
    (void)options;
    if (count == 0) {
        kist_help_program(stdout);
        return 0;
    }
    if (!kist_str_format(words, sizeof(words), "%s%s%s", operands[0], count > 1 ? " " : "",
                         count > 1 ? operands[1] : "") ||
        !(command = named(words))) {
        return kist_error_set(err, KIST_E_USAGE, "there is no command '%s' (try 'kist --help')", operands[0]);
    }
    kist_help_command(stdout, command, words);
    return 0;
}

const struct kist_command kist_cmd_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "Print this help, or that of a command",
    .max_operands = 2,
    .run = run,
};
