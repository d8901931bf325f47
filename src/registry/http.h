/*
 * One HTTP/1.1 request at a time over kept-alive connections. No redirects, no credentials of its own, no
 * second tries: whoever calls decides these.
 */
#ifndef KIST_REGISTRY_HTTP_H
#define KIST_REGISTRY_HTTP_H

#include "registry/http_head.h"
#include "registry/url.h"

struct kist_http;

struct kist_http_settings {
    const char *ca_file; /* PEM bundle; NULL: the usual places */
    const char *proxy;   /* NULL: the environment's, "": none */
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

struct kist_http_request {
    const struct kist_url *url;
    const char *accept;  /* NULL: anything */
    const char *token;   /* for Authorization: Bearer; NULL: none */
    uint64_t from;       /* Range: bytes=from-; 0: all */
    bool insecure;       /* certificates are not verified */
    uint64_t connect_ms; /* resolving, connecting and TLS together */
    /*
     * begin is called once when the head of a 2xx answer is complete, body for each piece of its body; what
     * they return ends the request and is its result, with KIST_HTTP_FINAL, or KIST_HTTP_PASSING where begin
     * returned KIST_E_NETWORK. Bodies of other answers are collected in answer.
     */
    int (*begin)(void *arg, const struct kist_http_head *head, struct kist_error *err);
    int (*body)(void *arg, const void *data, size_t len, struct kist_error *err);
    void *arg;
    struct kist_buf *answer; /* what goes past its max is dropped */
};

/* settings must outlive it. */
int kist_http_open(struct kist_http **out, const struct kist_http_settings *settings,
                   struct kist_error *err) KIST_CHECKED;
void kist_http_close(struct kist_http *h);

/*
 * GET. 0: the whole answer came, whatever its status. Otherwise KIST_E_NETWORK, KIST_E_TLS,
 * KIST_E_INTERRUPTED, KIST_E_CORRUPT (an answer beyond all bounds) or what begin and body returned, and
 * *fault is set. head is what came of it in both cases.
 */
int kist_http_get(struct kist_http *h, const struct kist_http_request *request, struct kist_http_head *head,
                  enum kist_http_fault *fault, struct kist_error *err) KIST_CHECKED;

#endif
