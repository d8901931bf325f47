/* A plain HTTP server within the test's process: it reads a request's head, and a function of the test writes the answer. */
#ifndef KIST_TEST_HTTP_SERVER_H
#define KIST_TEST_HTTP_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_SERVER_HELD 16

/* What becomes of the connection an answer went over. */
enum http_server_after {
    HTTP_SERVER_CLOSE,
    HTTP_SERVER_HOLD, /* open and silent until the server stops */
    HTTP_SERVER_STOP, /* not answered: no more requests are taken */
};

struct http_server {
    pthread_t thread;
    int listener;
    unsigned port;
    enum http_server_after (*answer)(struct http_server *s, int fd, const char *head);
    int held[HTTP_SERVER_HELD];
    int held_count;
};

/* A request's head; false for a client that tries TLS, or is gone. */
static inline bool http_server_read(int fd, char *head, size_t size)
{
    size_t used = 0;

    while (used + 1 < size) {
        ssize_t n = recv(fd, head + used, size - used - 1, 0);

        if (n <= 0 || head[0] == 0x16) {
            return false;
        }
        used += (size_t)n;
        head[used] = '\0';
        if (strstr(head, "\r\n\r\n")) {
            return true;
        }
    }
    return false;
}

static inline void http_server_send(int fd, const void *data, size_t len)
{
    (void)!send(fd, data, len, MSG_NOSIGNAL);
}

static inline void *http_server_run(void *arg)
{
    struct http_server *s = arg;
    enum http_server_after after = HTTP_SERVER_CLOSE;

    while (after != HTTP_SERVER_STOP) {
        char head[2048];
        int fd = accept(s->listener, NULL, NULL);

        if (fd < 0) {
            break;
        }
        after = http_server_read(fd, head, sizeof(head)) ? s->answer(s, fd, head) : HTTP_SERVER_CLOSE;
        if (after == HTTP_SERVER_HOLD && s->held_count < HTTP_SERVER_HELD) {
            s->held[s->held_count++] = fd;
        } else {
            close(fd);
        }
    }
    return NULL;
}

/* On a free port of 127.0.0.1; answer is set before. */
static inline void http_server_start(struct http_server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(s->listener, 16) != 0 || getsockname(s->listener, (struct sockaddr *)&address, &len) != 0) {
        abort();
    }
    s->port = ntohs(address.sin_port);
    if (pthread_create(&s->thread, NULL, http_server_run, s) != 0) {
        abort();
    }
}

static inline void http_server_end(struct http_server *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    close(s->listener);
    while (s->held_count > 0) {
        close(s->held[--s->held_count]);
    }
}

#endif
