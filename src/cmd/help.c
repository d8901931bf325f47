#include "cmd/help.h"

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
        (void)fprintf(out, "  %-16s %s\n", (*c)->name, (*c)->summary);
    }
    (void)fprintf(out, "\nOther names:\n");
    for (const struct kist_command_alias *a = kist_command_aliases; a->name; a++) {
        (void)fprintf(out, "  %-16s same as '%s'\n", a->name, a->command->name);
    }
    (void)fprintf(out, "\nOptions (each also a key of the configuration file and a KIST_... variable):\n");
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
