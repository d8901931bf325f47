/* Usage texts, made from the command table. All go to the given stream. */
#ifndef KIST_CMD_HELP_H
#define KIST_CMD_HELP_H

#include <stdio.h>

#include "cmd/cmd.h"

void kist_help_program(FILE *out);
/* called: the name the user gave it, which may be an alias. */
void kist_help_command(FILE *out, const struct kist_command *command, const char *called);

#endif
