/* A UDP session: a client's address, and a socket of its own to the container, so that answers find the way back. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "proxy_private.h"

#define MOST 256     /* sessions; the longest silent makes room */
#define SILENCE 90   /* seconds */
#define BURST 64     /* datagrams at a time */

struct port_proxy_session {
    struct port_proxy_source source; /* connected to the container */
    struct port_proxy_session *next;
    const struct port_proxy_listener *listener;
    struct sockaddr_storage client;
    socklen_t client_size;
    time_t last;
};

static char datagram[65536];

static time_t now(void)
{
    struct timespec t = {.tv_sec = 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void end_at(struct port_proxy_loop *loop, struct port_proxy_session **at)
{
    struct port_proxy_session *session = *at;

    *at = session->next;
    (void)close(session->source.fd);
    free(session);
    loop->session_count--;
}

void port_proxy_udp_expire(struct port_proxy_loop *loop)
{
    const time_t oldest = now() - SILENCE;

    for (struct port_proxy_session **at = &loop->sessions; *at;) {
        if ((*at)->last < oldest) {
            end_at(loop, at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* Answers of the container. */
static void on_answer(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events)
{
    struct port_proxy_session *session = KIST_CONTAINER_OF(source, struct port_proxy_session, source);

    (void)loop;
    (void)events;
    for (int i = 0; i < BURST; i++) {
        ssize_t n = recv(source->fd, datagram, sizeof(datagram), MSG_DONTWAIT);

        if (n < 0) {
            return; /* nothing more, or a refusal that the kernel has told now */
        }
        session->last = now();
        (void)sendto(session->listener->source.fd, datagram, (size_t)n, MSG_DONTWAIT,
                     (const struct sockaddr *)&session->client, session->client_size);
    }
}

static struct port_proxy_session *begin(struct port_proxy_loop *loop, const struct port_proxy_listener *listener,
                                        const struct sockaddr_storage *client, socklen_t size)
{
    struct port_proxy_session *session, **last = &loop->sessions;

    while (loop->session_count >= MOST && *last && (*last)->next) {
        last = &(*last)->next;
    }
    if (loop->session_count >= MOST && *last) {
        end_at(loop, last);
    }
    session = calloc(1, sizeof(*session));
    if (!session) {
        return NULL;
    }
    *session = (struct port_proxy_session){.source = {.ready = on_answer}, .listener = listener, .client = *client, .client_size = size};
    session->source.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (session->source.fd < 0 ||
        connect(session->source.fd, (const struct sockaddr *)&listener->target, sizeof(listener->target)) < 0 ||
        !port_proxy_want(loop, &session->source, EPOLLIN)) {
        if (session->source.fd >= 0) {
            (void)close(session->source.fd);
        }
        free(session);
        return NULL;
    }
    loop->session_count++;
    return session;
}

/* The client's session, moved to the front; a new one where it has none. */
static struct port_proxy_session *session_of(struct port_proxy_loop *loop, const struct port_proxy_listener *listener,
                                             const struct sockaddr_storage *client, socklen_t size)
{
    struct port_proxy_session *found = NULL;

    for (struct port_proxy_session **at = &loop->sessions; *at && !found; at = &(*at)->next) {
        if ((*at)->listener == listener && (*at)->client_size == size && memcmp(&(*at)->client, client, size) == 0) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    found = found ? found : begin(loop, listener, client, size);
    if (found) {
        found->next = loop->sessions;
        loop->sessions = found;
        found->last = now();
    }
    return found;
}

void port_proxy_udp(struct port_proxy_loop *loop, struct port_proxy_source *source, uint32_t events)
{
    const struct port_proxy_listener *listener = KIST_CONTAINER_OF(source, struct port_proxy_listener, source);

    (void)events;
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_storage client;
        socklen_t size = sizeof(client);
        struct port_proxy_session *session;
        ssize_t n;

        memset(&client, 0, sizeof(client));
        n = recvfrom(source->fd, datagram, sizeof(datagram), MSG_DONTWAIT, (struct sockaddr *)&client, &size);
        if (n < 0) {
            return;
        }
        session = session_of(loop, listener, &client, size);
        if (session) {
            (void)send(session->source.fd, datagram, (size_t)n, MSG_DONTWAIT);
        }
    }
}
