/* The parts of port/meter.h that tests reach: what texts of the kernel say. */
#ifndef PORT_METER_PRIVATE_H
#define PORT_METER_PRIVATE_H

#include <stdbool.h>

#include "port/meter.h"

/* /proc/pid/stat (proc(5)); ticks: of a second, now: ticks since boot. False: it is none. Not uid, and as command "[name]". */
bool port_task_parse(struct port_task *task, const char *stat, uint64_t ticks, uint64_t now);

/* The sum of the numbers that follow key; false where there is no key. */
bool port_meter_sum(const char *text, const char *key, uint64_t *sum);

/* /proc/pid/net/dev: bytes of all interfaces but lo. */
void port_meter_net(const char *text, uint64_t *received, uint64_t *sent);

#endif
