/* One TCP connection: two sockets, and a pipe for each direction, through which the kernel moves the data. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "proxy_private.h"

#define CHUNK 65536 /* what a pipe holds */

struct flow;

struct end {
    struct port_proxy_source source;
    struct flow *flow;
    int pipe[2];   /* what was read here and the other end has not taken */
    size_t held;   /* bytes in it */
    bool over;     /* nothing more comes from here */
    bool told;     /* the other end knows */
    bool hung_up;
};

struct flow {
    struct end end[2]; /* the client, the container */
    bool connecting;
};

void port_proxy_resume(struct port_proxy_loop *loop)
{
    if (!loop->paused) {
        return;
    }
    loop->paused = false;
    for (unsigned i = 0; i < loop->listener_count; i++) {
        struct port_proxy_source *source = &loop->listeners[i].source;

        if (source->ready == port_proxy_tcp) {
            (void)port_proxy_want(loop, source, EPOLLIN);
        }
    }
}

static void pause_accepting(struct port_proxy_loop *loop)
{
    loop->paused = true;
    for (unsigned i = 0; i < loop->listener_count; i++) {
        struct port_proxy_source *source = &loop->listeners[i].source;

        if (source->ready == port_proxy_tcp) {
            (void)port_proxy_want(loop, source, 0);
        }
    }
}

static void drop(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void free_flow(struct port_proxy_loop *loop, struct flow *flow)
{
    for (int i = 0; i < 2; i++) {
        drop(flow->end[i].source.fd);
        drop(flow->end[i].pipe[0]);
        drop(flow->end[i].pipe[1]);
    }
    free(flow);
    loop->flows--;
    port_proxy_resume(loop);
}

/* What i has for the other end. False when the connection is broken. */
static bool pump(struct flow *flow, int i)
{
    struct end *from = &flow->end[i], *to = &flow->end[!i];
    bool moved = true;

    while (moved) {
        ssize_t n;

        moved = false;
        if (!from->over && from->held == 0) {
            n = splice(from->source.fd, NULL, from->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno != EAGAIN && errno != EINTR) {
                return false;
            }
            from->over = n == 0;
            from->held = n > 0 ? (size_t)n : 0;
        }
        if (from->held > 0) {
            n = splice(from->pipe[0], NULL, to->source.fd, NULL, from->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno != EAGAIN && errno != EINTR) {
                return false;
            }
            from->held -= n > 0 ? (size_t)n : 0;
            moved = n > 0 && from->held == 0;
        }
    }
    if (from->over && from->held == 0 && !from->told) {
        (void)shutdown(to->source.fd, SHUT_WR);
        from->told = true;
    }
    return true;
}

static uint32_t wants(const struct flow *flow, int i)
{
    const struct end *self = &flow->end[i], *other = &flow->end[!i];
    uint32_t events = other->held > 0 ? EPOLLOUT : 0;

    if (!self->over && self->held == 0) {
        events |= EPOLLIN;
    }
    return self->hung_up ? 0 : events;
}

static bool proceed(struct port_proxy_loop *loop, struct flow *flow)
{
    for (int i = 0; i < 2; i++) {
        if (!pump(flow, i)) {
            return false;
        }
    }
    for (int i = 0; i < 2; i++) {
        struct end *end = &flow->end[i];

        /* one that is gone altogether takes nothing any more either */
        if (end->hung_up && end->told) {
            return false;
        }
        if (!port_proxy_want(loop, &end->source, wants(flow, i))) {
            return false;
        }
    }
    return !(flow->end[0].told && flow->end[1].told);
}

static bool connected(const struct flow *flow)
{
    int failed = 0;
    socklen_t size = sizeof(failed);

    return getsockopt(flow->end[1].source.fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
}

static void on_end(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events)
{
    struct end *end = KIST_CONTAINER_OF(source, struct end, source);
    struct flow *flow = end->flow;
    bool alive = (events & EPOLLERR) == 0;

    if (flow->connecting) {
        alive = alive && end == &flow->end[1] && connected(flow);
        flow->connecting = false;
    }
    end->hung_up = end->hung_up || (events & EPOLLHUP) != 0;
    if (!alive || !proceed(loop, flow)) {
        free_flow(loop, flow);
    }
}

static bool open_end(struct end *end, struct flow *flow)
{
    end->flow = flow;
    end->source.ready = on_end;
    return pipe2(end->pipe, O_CLOEXEC | O_NONBLOCK) == 0;
}

/* Takes client. */
static void begin(struct port_proxy_loop *loop, int client, const struct sockaddr_in *target)
{
    struct flow *flow = calloc(1, sizeof(*flow));

    if (!flow) {
        drop(client);
        return;
    }
    loop->flows++;
    for (int i = 0; i < 2; i++) {
        flow->end[i].source.fd = flow->end[i].pipe[0] = flow->end[i].pipe[1] = -1;
    }
    flow->end[0].source.fd = client;
    flow->end[1].source.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    flow->connecting = true;
    if (flow->end[1].source.fd < 0 || !open_end(&flow->end[0], flow) || !open_end(&flow->end[1], flow) ||
        (connect(flow->end[1].source.fd, (const struct sockaddr *)target, sizeof(*target)) < 0 &&
         errno != EINPROGRESS) ||
        !port_proxy_want(loop, &flow->end[1].source, EPOLLOUT)) {
        free_flow(loop, flow);
    }
}

void port_proxy_tcp(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events)
{
    const struct port_proxy_listener *listener = KIST_CONTAINER_OF(source, struct port_proxy_listener, source);
    int client = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (client >= 0) {
        begin(loop, client, &listener->target);
    }
    if (loop->flows >= loop->most_flows || (client < 0 && loop->flows > 0 && (errno == EMFILE || errno == ENFILE))) {
        pause_accepting(loop);
    }
}
