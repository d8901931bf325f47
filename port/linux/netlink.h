/* Netlink requests (netlink(7)): messages with nested attributes, put together in one buffer, sent, acknowledged. */
#ifndef KIST_PORT_LINUX_NETLINK_H
#define KIST_PORT_LINUX_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_netlink {
    int fd;
    uint32_t sequence;
    size_t length, message; /* bytes in buf; where the last message begins */
    bool full;              /* something did not fit */
    char buf[2048] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. False and errno. */
bool port_netlink_open(struct port_netlink *n, int protocol);
void port_netlink_close(struct port_netlink *n);

/* A new message behind those there are; NLM_F_REQUEST is added to flags. head is the protocol's own header. */
void port_netlink_message(struct port_netlink *n, unsigned type, unsigned flags, const void *head, size_t head_length);
void port_netlink_attr(struct port_netlink *n, unsigned type, const void *data, size_t length);
void port_netlink_text(struct port_netlink *n, unsigned type, const char *text);
void port_netlink_u32(struct port_netlink *n, unsigned type, uint32_t value);
/* Bytes without an attribute's head, for the few nests that begin with such. */
void port_netlink_bare(struct port_netlink *n, const void *data, size_t length);
/* Attributes put between the two are inside. */
size_t port_netlink_nest(struct port_netlink *n, unsigned type);
void port_netlink_end(struct port_netlink *n, size_t nest);

/* Sends what was put together and empties the buffer. True once the first acknowledgement (or failure) that the kernel gives says
 * success; else false and errno. One message of those sent asks for it by NLM_F_ACK. */
bool port_netlink_send(struct port_netlink *n);

#endif
