/* Changing what a container may use, and when it starts again. */
#ifndef KIST_CONTAINER_UPDATE_H
#define KIST_CONTAINER_UPDATE_H

#include "container/engine.h"
#include "container/limits.h"

/*
 * Durable; one that is up is changed at once, its restart policy when its command ends. restart NULL: as it is. Of several at once none is
 * lost. KIST_E_USAGE: it makes no sense; KIST_E_UNSUPPORTED, KIST_E_IO: as port_cgroup_limit, and nothing is written unless it began to run
 * meanwhile.
 */
int kist_container_update(const struct kist_engine *e, const char *id, const struct kist_limit_options *limits, const char *restart,
                          struct kist_error *err) KIST_CHECKED;
/* For who has started it with limits read before, once others see that it runs: those changed meanwhile. dir: containers/<id>/. */
int kist_container_catch_up(const struct kist_rundir *held, struct port_dir *dir, const char *group, struct kist_error *err) KIST_CHECKED;

#endif
