/*
 * What TLS connections to a host are trusted by, beside the bundle: Docker's certs.d ("Verify repository client with
 * certificates"), and a time when the clock is behind it.
 */
#ifndef KIST_REGISTRY_TLS_H
#define KIST_REGISTRY_TLS_H

#include <curl/curl.h>

#include "registry/url.h"

/* A time that is certainly past, for a clock that is behind it. */
struct kist_tls_floor {
    int64_t seconds;  /* since 1970; 0: the clock is believed */
    const char *what; /* "kist was built" */
};

struct kist_tls {
    const struct kist_strv *dirs; /* folders as certs.d, the first that has one for a host counts; may be NULL */
    struct kist_tls_floor floor;
    /* of the host at hand: */
    char host[KIST_REFERENCE_HOST_MAX + 8];
    struct kist_strv authorities; /* files of CA certificates */
    char *certificate, *key;      /* what shows the registry who we are; or NULL */
    /* of the handshake at hand: when a certificate that was not good for its time was to be valid, 0: there was none such */
    int64_t valid_from, valid_to;
    char bad_file[256]; /* of authorities, that could not be read; "" */
};

void kist_tls_init(struct kist_tls *t, const struct kist_strv *dirs, const struct kist_tls_floor *floor);
void kist_tls_release(struct kist_tls *t);

/* For a request to url. KIST_E_TLS where certs.d has half a pair. t must outlive the request. */
int kist_tls_prepare(struct kist_tls *t, CURL *easy, const struct kist_url *url, struct kist_error *err) KIST_CHECKED;

#endif
