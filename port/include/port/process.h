/* Processes of others, named so that a recycled number is not believed. */
#ifndef PORT_PROCESS_H
#define PORT_PROCESS_H

#include <stdbool.h>

#include "base/error.h"

struct port_process {
    int pid;
    uint64_t start; /* when it started, in the kernel's ticks since boot */
};

/* KIST_E_NOT_FOUND when there is no such process. */
int port_process_get(struct port_process *p, int pid, struct kist_error *err) KIST_CHECKED;
/* It lives, and is the one p was filled for. A zombie does not live. */
bool port_process_alive(const struct port_process *p);
/* A signal to exactly that process; no such process is success. */
int port_process_signal(const struct port_process *p, int number, struct kist_error *err) KIST_CHECKED;

/* "TERM", "SIGTERM", "15", "RTMIN+3" -> number of a signal; false when there is none such. */
bool port_signal_number(const char *text, int *number) KIST_CHECKED;

#endif
