/*
 * A container's place on a bridge of the host: a pair of virtual Ethernet interfaces, one end on the bridge, the other
 * inside as "eth0"; packets that leave the bridge's network carry the host's address (nf_tables masquerading). Spoken over
 * netlink, without helper programs (rtnetlink(7); linux/netfilter/nf_tables.h).
 */
#ifndef PORT_NETWORK_H
#define PORT_NETWORK_H

#include <stdbool.h>

#include "base/error.h"

#define PORT_NETWORK_NAME_MAX 16 /* of an interface, with its NUL */

struct port_network {
    char bridge[PORT_NETWORK_NAME_MAX]; /* "kist0" */
    char port[PORT_NETWORK_NAME_MAX];   /* the host's end of the pair */
    uint32_t gateway;                   /* the bridge's IPv4 address, host byte order */
    uint32_t address;                   /* the container's */
    unsigned prefix;                    /* bits of the network: 1 ... 30 */
    unsigned char mac[6];               /* of the container's end */
};

/*
 * Makes the bridge with its address, up, forwarding and masquerading, where it is not so already; a bridge that others made is
 * taken as it is. KIST_E_UNSUPPORTED names the kernel option that is missing.
 */
int port_network_bridge(const struct port_network *n, struct kist_error *err) KIST_CHECKED;

/* Makes the pair, its inner end in the network namespace of process pid. It goes with that namespace. */
int port_network_attach(const struct port_network *n, int pid, struct kist_error *err) KIST_CHECKED;

/* Takes the pair away, where a namespace that others have joined keeps it; there is none: nothing. */
void port_network_detach(const struct port_network *n);

/* In the container's network namespace: eth0 gets its address, comes up, and the default route leads to the gateway. */
int port_network_inside(const struct port_network *n, struct kist_error *err) KIST_CHECKED;

#endif
