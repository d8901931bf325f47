/*
 * A container's place on the bridge, while it runs: its address, its names in the others' /etc/hosts and theirs in its own, its published
 * ports. config.json says what is wanted, by annotations:
 *   "kist.network"         "bridge"; else nothing here is done
 *   "kist.network.bridge"  the bridge's name       "kist.network.subnet"  "10.89.0.0/16": the gateway is its first address
 *   "kist.network.ip"      the address asked for   "kist.publish"         ports, as kist_publish_print has them, with blanks between
 *   "kist.aliases"         more names              "kist.hosts"           "NAME=ADDRESS" for /etc/hosts, with blanks between
 *   "kist.dns", "kist.dns.search", "kist.dns.options"   for /etc/resolv.conf, with blanks between
 *
 * <run>/<id>/network says what came of it: {"bridge", "ip", "prefix", "gateway", "mac", "names": [], "ports": []}. An address is taken
 * while such a file names it; <run>/network.lock is held while they are read and changed.
 */
#ifndef KIST_CONTAINER_NETWORK_H
#define KIST_CONTAINER_NETWORK_H

#include "container/engine.h"
#include "port/network.h"
#include "port/proxy.h"

struct kist_network {
    bool on;
    struct port_network place;
    bool published;           /* ports are */
    struct port_proxy *proxy; /* who serves them; NULL: nobody, until */
    uint64_t retry_at;        /* monotonic ms */
    uint64_t pause_ms, served_from;
};

/* "10.89.0.0/16" -> first address and bits, 1 ... 30; host byte order. */
bool kist_network_parse(const char *text, uint32_t *network, unsigned *prefix) KIST_CHECKED;

/*
 * Before the process is made: bridge, address, ports, <run>/<id>/hosts, the lines in the others' files. KIST_E_CONFLICT: the address or
 * a port is taken, or none is left; KIST_E_UNSUPPORTED: the kernel has no bridge. On failure all is as before.
 */
int kist_network_up(struct kist_network *n, const struct kist_engine *e, const char *id, const char *name, struct port_dir *run,
                    const cJSON *config, struct kist_error *err) KIST_CHECKED;
/* After it ended. */
void kist_network_down(struct kist_network *n, const struct kist_engine *e, const char *id, struct port_dir *run);

/* When to be called again: monotonic ms; 0: no matter. */
uint64_t kist_network_due(const struct kist_network *n);
/* The time has come, or a child of this process ended: if that served the ports, another does soon, after pauses that grow. */
void kist_network_tend(struct kist_network *n, const struct kist_engine *e, const char *id, bool child_ended);

/* Of a container whose kist was killed: the same, by its file. */
void kist_network_forget(const struct kist_engine *e, const char *id, struct port_dir *run);

/* What <run>/<id>/network says; *out NULL where there is none. cJSON_Delete it. */
int kist_network_look(cJSON **out, const struct kist_engine *e, const char *id, struct kist_error *err) KIST_CHECKED;

#endif
