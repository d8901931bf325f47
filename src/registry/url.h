/* http and https URLs (RFC 3986): where a request goes, and whether two go to the same place. */
#ifndef KIST_REGISTRY_URL_H
#define KIST_REGISTRY_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "image/reference.h"

struct kist_url {
    char *text; /* the whole of it, normalised, for the client */
    bool https;
    char host[KIST_REFERENCE_HOST_MAX]; /* "example.com", "[::1]" */
    unsigned port;                      /* always set */
    char name[KIST_REFERENCE_HOST_MAX +
              8]; /* host, with the port where it is not the scheme's: for messages */
};

#define KIST_URL_INIT                                                                                        \
    {                                                                                                        \
        .text = NULL                                                                                         \
    }

/* Replaces u. KIST_E_FAIL for what is no http or https URL, or carries a user name. */
int kist_url_set(struct kist_url *u, const char *text, struct kist_error *err) KIST_CHECKED;
/* u becomes what location means to u (RFC 3986, 5.2). On an error u is as it was. */
int kist_url_follow(struct kist_url *u, const char *location, struct kist_error *err) KIST_CHECKED;
void kist_url_release(struct kist_url *u);
void kist_url_auto(struct kist_url *u);

/* Same scheme, host and port. */
bool kist_url_same_origin(const struct kist_url *a, const struct kist_url *b);
/* localhost, 127.0.0.0/8, [::1]. */
bool kist_url_is_loopback(const struct kist_url *u);
/* Whether u's host is one of list ("host[:port]"; without a port every one). list may be NULL. */
bool kist_url_in_list(const struct kist_url *u, const struct kist_strv *list);

/* text percent-encoded as a query value, appended to out. */
int kist_url_add_escaped(struct kist_buf *out, const char *text, struct kist_error *err) KIST_CHECKED;

#endif
