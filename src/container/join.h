/*
 * What a container shares with another: namespaces that config.json says are "container/<id>", files of /etc, /dev/shm. Who that is, is
 * looked up anew at each start.
 */
#ifndef KIST_CONTAINER_JOIN_H
#define KIST_CONTAINER_JOIN_H

#include "container/engine.h"
#include "container/spec.h"

/*
 * spec's joins and mounts of other containers become those of their processes; spec->etc is where the files of the network's owner are.
 * KIST_E_CONFLICT: it is not running, or does not share that (as Docker says it); KIST_E_NOT_FOUND: there is no such container.
 */
int kist_join_resolve(struct kist_spec *spec, const struct kist_engine *e, struct kist_error *err) KIST_CHECKED;

/* Somebody joined the network of the container whose run directory that is, so it outlives the container; asked once. */
bool kist_join_was(struct port_dir *run);

#endif
