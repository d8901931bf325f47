/*
 * A container that does not run, opened up for its files: its root and volumes mounted as it would have them, in a process that does nothing
 * else, and nobody starts or removes it meanwhile.
 */
#ifndef KIST_CONTAINER_STANDIN_H
#define KIST_CONTAINER_STANDIN_H

#include "container/engine.h"
#include "port/sandbox.h"

struct kist_standin {
    struct kist_rundir held;
    struct port_sandbox *sandbox; /* NULL: not open */
    struct port_process process;  /* whose root it is */
};

/* KIST_E_CONFLICT: it is being started, changed or removed. To be called while the process has one thread. */
int kist_standin_open(struct kist_standin *s, const struct kist_engine *e, const char *id, struct kist_error *err) KIST_CHECKED;
/* All zero is nothing. */
void kist_standin_close(struct kist_standin *s, const struct kist_engine *e, const char *id);

#endif
