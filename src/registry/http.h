/*
 * One HTTP/1.1 request at a time over kept-alive connections. No redirects, no credentials of its own, no
 * second tries: whoever calls decides these.
 */
#ifndef KIST_REGISTRY_HTTP_H
#define KIST_REGISTRY_HTTP_H

#include "registry/http_head.h"
#include "registry/tls.h"
#include "registry/url.h"

struct kist_http;

struct kist_http_settings {
    const char *ca_file; /* PEM bundle; NULL: the usual places */
    const struct kist_strv *certs_dirs; /* as in struct kist_tls */
    struct kist_tls_floor floor;
    const char *proxy, *plain_proxy, *no_proxy; /* as in struct kist_registry_options */
    uint64_t bandwidth; /* bytes a second; 0: no limit */
    uint64_t stall_ms;
    bool (*stop)(void *arg); /* may be NULL */
    void *stop_arg;
};

/* What a request that failed says of the next one. */
enum kist_http_fault {
    KIST_HTTP_FINAL,   /* it would fail again */
    KIST_HTTP_PASSING, /* a later try may do better */
    KIST_HTTP_NOT_TLS, /* no connection came about: the server may speak plain HTTP. KIST_E_NETWORK passes,
                          KIST_E_TLS does not */
};

enum kist_http_method { KIST_HTTP_GET, KIST_HTTP_HEAD, KIST_HTTP_POST, KIST_HTTP_PUT, KIST_HTTP_PATCH, KIST_HTTP_DELETE };

#define KIST_HTTP_CHUNKED UINT64_MAX /* a body whose end is known when it comes */

/* A body to be sent, given piece by piece. */
struct kist_http_content {
    const char *type; /* Content-Type; NULL: none */
    uint64_t length;  /* bytes, or KIST_HTTP_CHUNKED */
    /* Up to size bytes into data, *got of them; 0 at the end. An error ends the request and is its result. */
    int (*read)(void *arg, void *data, size_t size, size_t *got, struct kist_error *err);
    /* Called before it is sent a second time, from its start; NULL where it can be sent once only. */
    int (*rewind)(void *arg, struct kist_error *err);
    void *arg;
    bool secret; /* no other host may be sent it */
};

struct kist_http_request {
    enum kist_http_method method;
    const struct kist_url *url;
    const char *accept;        /* NULL: anything */
    const char *authorization; /* "Bearer ...", "Basic ..."; NULL: none */
    const char *header;        /* one more header line, "Content-Range: 0-9"; NULL: none */
    const struct kist_http_content *content; /* NULL: an empty one where the method sends one */
    struct kist_url *location; /* kist_client_send sets it to where the Location of a 2xx answer leads; may be NULL */
    uint64_t from;             /* Range: bytes=from-; 0: all */
    bool insecure;       /* certificates are not verified */
    uint64_t connect_ms; /* resolving, connecting and TLS together */
    /*
     * begin is called once when the head of a 2xx answer is complete, body for each piece of its body; what
     * they return ends the request and is its result, with KIST_HTTP_FINAL, or KIST_HTTP_PASSING where begin
     * returned KIST_E_NETWORK. Either may be NULL. Bodies of other answers, without body all, are collected in
     * answer.
     */
    int (*begin)(void *arg, const struct kist_http_head *head, struct kist_error *err);
    int (*body)(void *arg, const void *data, size_t len, struct kist_error *err);
    void *arg;
    struct kist_buf *answer; /* what goes past its max is dropped */
};

/* A small content in memory, which can be sent again; it stays where it is while it is sent. */
struct kist_http_memory {
    struct kist_http_content content; /* .arg is this struct */
    const char *data;
    size_t at;
};

/* type and data must outlive m. */
void kist_http_memory_init(struct kist_http_memory *m, const char *type, const void *data, size_t len);

/* settings must outlive it. */
int kist_http_open(struct kist_http **out, const struct kist_http_settings *settings,
                   struct kist_error *err) KIST_CHECKED;
void kist_http_close(struct kist_http *h);

/*
 * 0: the whole answer came, whatever its status. Otherwise KIST_E_NETWORK, KIST_E_TLS,
 * KIST_E_INTERRUPTED, KIST_E_CORRUPT (an answer beyond all bounds) or what begin, body and the content's functions returned, and
 * *fault is set. head is what came of it in both cases.
 */
int kist_http_run(struct kist_http *h, const struct kist_http_request *request, struct kist_http_head *head,
                  enum kist_http_fault *fault, struct kist_error *err) KIST_CHECKED;

#endif
