/* Programs of others, run to their end; and what is typed at a terminal. */
#ifndef KIST_PORT_PROGRAM_H
#define KIST_PORT_PROGRAM_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * argv[0], looked up in PATH, with input as its standard input, and standard error as ours. What it writes is appended to
 * output; past its max it is dropped. *status: its exit status, 128 + n when signal n ended it. KIST_E_NOT_FOUND when there
 * is no such program.
 */
int port_program_run(const char *const argv[], const void *input, size_t len, struct kist_buf *output, int *status,
                     struct kist_error *err) KIST_CHECKED;

/*
 * From now on the kernel writes no core file of this process, and lets no other of the same user look into its memory:
 * it holds a secret.
 */
void port_program_seal(void);

/* Whether standard input is a terminal, and somebody can be asked. */
bool port_terminal_asks(void);
/*
 * Asks on the terminal; answer gets the line without its end, not echoed when secret. stop is asked often: true is
 * KIST_E_INTERRUPTED. KIST_E_IO at the end of the input, KIST_E_FAIL for a line longer than answer takes.
 */
int port_terminal_ask(const char *prompt, bool secret, bool (*stop)(void *arg), struct kist_buf *answer,
                      struct kist_error *err) KIST_CHECKED;

#endif
