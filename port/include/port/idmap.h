/* Users and groups as a user namespace numbers them (user_namespaces(7)). */
#ifndef PORT_IDMAP_H
#define PORT_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PORT_ID_RANGES_MAX 340 /* of one map: what the kernel takes */

/* size numbers from inside on are those from outside on; size is not 0, and neither side goes beyond UINT32_MAX - 1. */
struct port_id_range {
    uint32_t inside, outside, size;
};

struct port_id_map {
    const struct port_id_range *v;
    size_t n; /* 0: there is no namespace, every number stands for itself */
};

struct port_ids {
    struct port_id_map users, groups;
};

/* False: the map has not got that number. */
bool port_id_outside(const struct port_id_map *map, uint32_t inside, uint32_t *outside);
bool port_id_inside(const struct port_id_map *map, uint32_t outside, uint32_t *inside);

/*
 * The calling process, root here, goes on as what root of the namespace is here, and keeps all its capabilities: files that it makes are that root's,
 * which mounts with owners as the namespace has them insist on. Nothing where there is no namespace.
 */
int port_ids_wear(const struct port_ids *ids, struct kist_error *err) KIST_CHECKED;

#endif
