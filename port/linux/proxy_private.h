/* Inside the process that serves published ports: one epoll loop, one event at a time, so that what an event frees no later
 * one can name. */
#ifndef KIST_PORT_LINUX_PROXY_PRIVATE_H
#define KIST_PORT_LINUX_PROXY_PRIVATE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct port_proxy_loop;

/* A descriptor and who wants to hear of it. */
struct port_proxy_source {
    int fd;
    uint32_t wanted; /* EPOLL...; 0: not in the loop */
    void (*ready)(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events);
};

struct port_proxy_listener {
    struct port_proxy_source source;
    struct sockaddr_in target;
};

struct port_proxy_session;

struct port_proxy_loop {
    int epoll;
    struct port_proxy_listener *listeners;
    unsigned listener_count;
    unsigned flows, most_flows; /* TCP connections; descriptors bound them */
    bool paused;                /* no more are accepted */
    struct port_proxy_session *sessions; /* UDP, the last used first */
    unsigned session_count;
};

/* Changes what source waits for. False where the kernel has no room for it. */
static inline bool port_proxy_want(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = source}};
    int operation = source->wanted == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (source->wanted == events) {
        return true;
    }
    source->wanted = events;
    return epoll_ctl(loop->epoll, operation, source->fd, &event) == 0;
}

/* proxy_tcp.c: a connection wants to be accepted. */
void port_proxy_tcp(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events);
/* Accepts again, after a connection ended. */
void port_proxy_resume(struct port_proxy_loop *loop);

/* proxy_udp.c: datagrams came; and sessions that were silent for too long end. */
void port_proxy_udp(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events);
void port_proxy_udp_expire(struct port_proxy_loop *loop);

#endif
