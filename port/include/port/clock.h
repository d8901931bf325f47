/* Time. */
#ifndef KIST_PORT_CLOCK_H
#define KIST_PORT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970, as the device believes. */
int64_t port_clock_now(void);
/* Whether the kernel holds that clock for right (NTP, adjtimex). Never where SOURCE_DATE_EPOCH is set: what is made then
 * is to be the same at every time. */
bool port_clock_synchronised(void);
/* Milliseconds that only grow; their zero means nothing. */
uint64_t port_clock_monotonic(void);
/* A signal ends it early. */
void port_clock_sleep(uint64_t milliseconds);

#endif
