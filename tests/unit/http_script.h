/* A server of this process that plays a script: one answer a connection, byte for byte; and a client of it. */
#ifndef KIST_TEST_HTTP_SCRIPT_H
#define KIST_TEST_HTTP_SCRIPT_H

#include <stdio.h>

#include "base/base.h"
#include "http_server.h"
#include "registry/registry.h"
#include "test.h"

#define SCRIPT_MAX 12
#define HOLD "\x01" /* an answer that ends in this is followed by silence */

#define OK(length) "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " length "\r\n\r\n"
#define PART(range, length)                                                                                  \
    "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes " range                       \
    "\r\nContent-Length: " length "\r\n\r\n"
#define STATUS(status, headers)                                                                              \
    "HTTP/1.1 " status " Odd\r\nConnection: close\r\n" headers "Content-Length: 0\r\n\r\n"

struct server {
    struct http_server http;
    const char *const *script; /* @ in an answer is the port */
    char requests[SCRIPT_MAX][2048];
    int count; /* answers given */
};

static inline enum http_server_after play_answer(struct http_server *http, int fd, const char *head)
{
    struct server *s = KIST_CONTAINER_OF(http, struct server, http);
    const char *answer = s->count < SCRIPT_MAX ? s->script[s->count] : NULL;
    char port[8];

    if (!answer) {
        return HTTP_SERVER_STOP;
    }
    snprintf(s->requests[s->count++], sizeof(s->requests[0]), "%s", head);
    snprintf(port, sizeof(port), "%u", http->port);
    for (const char *p = answer; *p != '\0'; p++) {
        if (*p == *HOLD) {
            return HTTP_SERVER_HOLD;
        }
        http_server_send(fd, *p == '@' ? port : p, *p == '@' ? strlen(port) : 1);
    }
    return HTTP_SERVER_CLOSE;
}

static inline struct server *server_start(const char *const *script)
{
    struct server *s = calloc(1, sizeof(*s));

    if (!s) {
        abort();
    }
    s->script = script;
    s->http.answer = play_answer;
    http_server_start(&s->http);
    return s;
}

/* How many answers the script gave. */
static inline int server_stop(struct server *s)
{
    http_server_end(&s->http);
    return s->count;
}

static inline struct kist_registry *open_at(const struct server *s, const struct kist_registry_options *options)
{
    struct kist_registry *reg = NULL;
    struct kist_error err = {0};
    struct kist_reference r;
    char text[64];

    snprintf(text, sizeof(text), "127.0.0.1:%u/a/b:t", s->http.port);
    CHECK_OK(kist_reference_parse(&r, text, &err), err);
    CHECK_OK(kist_registry_open(&reg, &r, options, &err), err);
    return reg;
}

#endif
