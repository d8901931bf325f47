/* The signals of this process, held back and taken one by one, so that one loop serves them with everything else. */
#ifndef PORT_SIGNALS_H
#define PORT_SIGNALS_H

#include "base/error.h"

struct port_signals;

/*
 * From here until port_signals_release every signal waits to be taken; a broken pipe is an error of write alone, and
 * the ends of children are told even where our parent ignored them. One thread only.
 */
int port_signals_hold(struct port_signals **out, struct kist_error *err) KIST_CHECKED;
/* To poll for reading. */
int port_signals_fd(const struct port_signals *s);
/* The number of one that waits; 0: none. */
int port_signals_next(struct port_signals *s);
/* What still waits is forgotten; then all is as before. NULL is nothing. */
void port_signals_release(struct port_signals *s);

#endif
