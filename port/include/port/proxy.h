/*
 * Published ports: a process that listens at addresses of the host and passes what comes to a container's address, TCP by
 * splice(2), UDP by sessions that end after a silence.
 */
#ifndef PORT_PROXY_H
#define PORT_PROXY_H

#include <stdbool.h>

#include "base/error.h"

#define PORT_PROXY_ADDRESS_MAX 46 /* an IPv6 address as text */

struct port_published {
    char address[PORT_PROXY_ADDRESS_MAX]; /* of the host, without brackets; "": every one, IPv4 and IPv6 */
    uint16_t host, container;             /* ports; host 0: any that is free, and is filled in */
    bool udp;
};

struct port_proxy;

/*
 * Listens and starts the process, which has no privileges and ends with the calling one. target: the container's IPv4 address, host
 * byte order. KIST_E_CONFLICT: a port is taken; KIST_E_USAGE: no such address; KIST_E_IO.
 */
int port_proxy_start(struct port_proxy **out, struct port_published *ports, size_t count, uint32_t target,
                     struct kist_error *err) KIST_CHECKED;
/* After SIGCHLD: it was killed, and serves no more. */
bool port_proxy_ended(struct port_proxy *proxy);
/* Ends it. NULL is nothing. */
void port_proxy_stop(struct port_proxy *proxy);

#endif
