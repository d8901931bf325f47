/* Changing what a container may use, and when it starts again. */
#ifndef KIST_CONTAINER_UPDATE_H
#define KIST_CONTAINER_UPDATE_H

#include "container/container.h"
#include "container/limits.h"

/*
 * Durable; one that is up is changed at once, its restart policy when its command ends. restart NULL: as it is. KIST_E_USAGE: it makes no
 * sense; KIST_E_UNSUPPORTED, KIST_E_IO: as port_cgroup_limit, and nothing is written.
 */
int kist_container_update(const struct kist_engine *e, const struct kist_container *c, const struct kist_limit_options *limits,
                          const char *restart, struct kist_error *err) KIST_CHECKED;

#endif
