/* Our own terminal, where standard input is one, as somebody else's: every key is passed on as it is. */
#ifndef PORT_CONSOLE_H
#define PORT_CONSOLE_H

#include <stdbool.h>

struct port_console;

/* Raw from here until port_console_release; NULL where standard input is no terminal (or memory is short). */
struct port_console *port_console_raw(void);
void port_console_release(struct port_console *console);
/* The window of standard output or input; false: it has none. */
bool port_console_size(unsigned *rows, unsigned *columns);
/* All of it to standard output (1) or error (2), however long that takes. False: nobody takes it any more. */
bool port_console_write(int stream, const void *data, unsigned len);
/* What was typed: bytes, 0 at the end, -1: nothing now. */
int port_console_read(void *data, unsigned size);
/* Until standard input (input), or descriptors a or b have something, or a has room again (room). Which have: 1, 2, 4, 8. */
unsigned port_console_wait(bool input, int a, bool room, int b);

#endif
