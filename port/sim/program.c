#include "port/program.h"

/* The simulated machine has no programs but the one under test, and nobody sits at it. */

int port_program_run(const char *const argv[], const void *input, size_t len, struct kist_buf *output, int *status,
                     struct kist_error *err)
{
    (void)input;
    (void)len;
    (void)output;
    (void)status;
    return kist_error_set(err, KIST_E_NOT_FOUND, "cannot run '%s'", argv[0]);
}

void port_program_seal(void)
{
}

bool port_terminal_asks(void)
{
    return false;
}

int port_terminal_ask(const char *prompt, bool secret, bool (*stop)(void *arg), struct kist_buf *answer,
                      struct kist_error *err)
{
    (void)stop;
    (void)prompt;
    (void)secret;
    (void)answer;
    return kist_error_set(err, KIST_E_IO, "cannot ask on the terminal");
}
