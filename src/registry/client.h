/* One repository of one host, and how a request to it is made: scheme, redirects, authentication, second
 * tries. */
#ifndef KIST_REGISTRY_CLIENT_H
#define KIST_REGISTRY_CLIENT_H

#include "registry/credential.h"
#include "registry/http.h"
#include "registry/registry.h"

#define KIST_CLIENT_MIRRORS_MAX 8

struct kist_registry {
    const struct kist_registry_options *options;
    struct kist_reference ref;
    /* Whom reading requests are made to: mirrors in order, then this one; those before source are given up. */
    struct kist_registry *mirrors[KIST_CLIENT_MIRRORS_MAX];
    size_t mirror_count, source;
    struct kist_http_settings settings;
    struct kist_http *http;
    unsigned tries;
    uint64_t connect_ms, backoff_ms;
    char host[KIST_REFERENCE_HOST_MAX];   /* as the reference has it, for messages */
    char path[KIST_REFERENCE_PATH_MAX];   /* the repository, as the registry knows it */
    char name[KIST_REFERENCE_PATH_MAX];   /* ... and as people read it */
    char server[KIST_REFERENCE_HOST_MAX]; /* "registry-1.docker.io": who is really asked */
    bool plain;                           /* plain HTTP is spoken */
    bool plain_allowed;
    bool settled; /* plain is no longer to be found out */
    bool push;    /* messages say "push" */
    char *scope;  /* what tokens must allow beyond what is asked for, "repository:a/b:pull,push ..."; or NULL */
    struct kist_credential credential; /* the account at host, once credential_sought */
    bool credential_sought, logging_in;
    char *authorization; /* in use, "Bearer ..." or "Basic ..."; or NULL */
};

/* A request for something of the repository. What is not explained here is as in kist_http_request. */
struct kist_exchange {
    enum kist_http_method method;
    const char *path; /* after the repository: "manifests/latest" */
    const struct kist_url *url; /* instead of path, when not NULL: where the registry said that it goes on */
    const char *what; /* for messages: "'alpine:latest'" */
    const char *accept;
    const char *header;
    const struct kist_http_content *content;
    uint64_t from;
    struct kist_url *location; /* NULL, or set to where the Location of a 2xx answer leads */
    int (*begin)(void *arg, const struct kist_http_head *head, struct kist_error *err);
    int (*body)(void *arg, const void *data, size_t len, struct kist_error *err);
    void *arg;
};

/* A request that failed, and what may come of the next. */
struct kist_attempt {
    bool again;        /* a later try may do better */
    uint64_t after_ms; /* the server asked for so much time; 0: it did not */
    int status;        /* the last answer's, 0: none */
};

/*
 * Once, through whatever redirects and authentication it takes. 0: a 2xx answer came, whole. Otherwise the
 * error, final or not as attempt says.
 */
int kist_client_attempt(struct kist_registry *reg, const struct kist_exchange *x,
                        struct kist_attempt *attempt, struct kist_error *err) KIST_CHECKED;

/* Waits before the next try after failures in a row (from 1 on). KIST_E_INTERRUPTED when stop said so. */
int kist_client_wait(struct kist_registry *reg, unsigned failures, const struct kist_attempt *attempt,
                     struct kist_error *err) KIST_CHECKED;

/*
 * Asks sources until one gives what is wanted: ask returns 0, or an error. Where that may be the source's own fault, which
 * *own (true before each call) may deny, the next is asked, also by later calls. The last one's result.
 */
int kist_client_read(struct kist_registry *reg,
                     int (*ask)(void *arg, struct kist_registry *source, bool *own, struct kist_error *err), void *arg,
                     struct kist_error *err) KIST_CHECKED;

/* Ends a row of failures: adds their number to the message. */
void kist_client_give_up(unsigned failures, struct kist_error *err);

/*
 * A request to start that follows redirects. home's host, and no other, is shown the authorization. *left: whether
 * another host answered.
 */
int kist_client_send(struct kist_registry *reg, const struct kist_url *home, const struct kist_url *start,
                     struct kist_http_request *request, struct kist_http_head *head, enum kist_http_fault *fault,
                     bool *left, struct kist_error *err) KIST_CHECKED;

/* Exchanges x until it is done, fails for good, or has failed as often as options say. */
int kist_client_exchange(struct kist_registry *reg, const struct kist_exchange *x, struct kist_attempt *attempt,
                         struct kist_error *err) KIST_CHECKED;

#endif
