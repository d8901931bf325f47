/*
 * How a registry is spoken to (OCI distribution spec 1.1, Docker registry HTTP API V2, Docker token
 * authentication). Knows nothing of the store. One struct kist_registry is used by one thread at a time;
 * several may be open side by side.
 */
#ifndef KIST_REGISTRY_REGISTRY_H
#define KIST_REGISTRY_REGISTRY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "codec/stream.h"
#include "image/reference.h"
#include "registry/credential.h"

struct kist_registry_options {
    /* "host[:port]", without a port every one: plain HTTP allowed, certificates not verified. Loopback hosts
     * may always use plain HTTP. */
    const struct kist_strv *insecure;
    const struct kist_strv *auth_files; /* where accounts are looked for, in this order; NULL: nowhere */
    const char *ca_file; /* PEM bundle; NULL: the usual places are tried */
    const struct kist_strv *certs_dirs; /* folders as Docker's certs.d, the first that has one for a host counts; NULL: none */
    int64_t time_floor;           /* seconds since 1970 that have certainly passed, for a clock that is behind; 0: none */
    const char *time_floor_what;  /* what happened then: "kist was built" */
    const struct kist_strv *mirrors; /* "[HOST=]MIRROR[:PORT][/PREFIX]", asked in this order before HOST itself; or NULL */
    const char *proxy;       /* URL; NULL: HTTP(S)_PROXY of the environment, as curl has them, "": none */
    const char *plain_proxy; /* as proxy is NULL: for plain HTTP, HTTP_PROXY of the environment, which curl does not look at */
    const char *no_proxy;    /* hosts with commas between; NULL: NO_PROXY of the environment */
    uint64_t bandwidth;      /* bytes a second, in each direction; 0: as many as there are */
    unsigned tries; /* how often in a row a request fails, bringing nothing, before it is given up; 0: 5 */
    uint64_t connect_ms; /* 0: 15 s */
    uint64_t stall_ms;   /* no byte for so long is a dropped connection; 0: 30 s */
    uint64_t backoff_ms; /* before the next try, doubling up to 30 s; 0: 500 ms. Retry-After (to 60 s) wins */
    bool (*stop)(void *arg); /* asked often; true: KIST_E_INTERRUPTED. May be NULL */
    void *stop_arg;
};

struct kist_registry;

/* For one repository of one host, as r names them; options and what they point to must outlive it. No
 * connection yet. */
int kist_registry_open(struct kist_registry **out, const struct kist_reference *r,
                       const struct kist_registry_options *options, struct kist_error *err) KIST_CHECKED;
/*
 * Another connection to what other is for: it begins with the mirror that answered other, and with its authorization. other
 * may be used by another thread after, not while this runs.
 */
int kist_registry_open_like(struct kist_registry **out, const struct kist_registry *other,
                            struct kist_error *err) KIST_CHECKED;
/* What came from the mirror at hand was wrong: another source is asked from now on. false: there is none. */
bool kist_registry_pass_over(struct kist_registry *reg);
/* So many connections share the bandwidth; 1 at first. */
void kist_registry_share(struct kist_registry *reg, unsigned connections);
void kist_registry_close(struct kist_registry *reg);
/* KIST_E_USAGE for what cannot be an entry of options.mirrors. */
int kist_registry_mirror_check(const char *entry, struct kist_error *err) KIST_CHECKED;

/* The host that text names, without scheme and path: what accounts are kept under. KIST_E_USAGE. */
int kist_registry_host(char host[KIST_REFERENCE_HOST_MAX], const char *text, struct kist_error *err) KIST_CHECKED;

/*
 * Whether host takes c's user and password: KIST_E_AUTH if not. Where its token server gives an identity token, that is put
 * into c: it is what to keep, instead of the password.
 */
int kist_registry_login(const char *host, const struct kist_registry_options *options, struct kist_credential *c,
                        struct kist_error *err) KIST_CHECKED;

/*
 * What tokens have to allow from now on: pulling from the repository, pushing to it, and pulling from another one of
 * the same host (its path; NULL: none), whose blobs are to be mounted.
 */
int kist_registry_require(struct kist_registry *reg, bool push, const char *from, struct kist_error *err) KIST_CHECKED;

struct kist_registry_document {
    struct kist_buf body;      /* byte for byte, at most KIST_MAX_MANIFEST */
    char media_type[128];      /* Content-Type, without parameters */
    struct kist_digest digest; /* of body; equal to the one asked for, if one was */
};

/*
 * A manifest or index by tag or by "sha256:..." digest. KIST_E_NOT_FOUND: no such tag or repository;
 * KIST_E_AUTH; KIST_E_NETWORK; KIST_E_TLS; KIST_E_CORRUPT: body's digest is not the one asked for or the one
 * the server names, or the body is too large. After an error there is nothing to release.
 */
int kist_registry_manifest(struct kist_registry *reg, const char *tag_or_digest,
                           struct kist_registry_document *doc, struct kist_error *err) KIST_CHECKED;
void kist_registry_document_release(struct kist_registry_document *doc);

/*
 * A blob's bytes into sink, in order, each byte once; a dropped or stalled connection goes on with a Range
 * request at the byte reached, a server that ignores Range is read again from its start and what sink has is
 * skipped. Exactly size bytes are delivered (more or fewer from the server: KIST_E_CORRUPT). sink's finish is
 * not called. An error of sink ends it and is returned as it is. The digest is the caller's to check, in the
 * stream. Cross-host redirects never carry credentials; at most 5 redirects. received, when not NULL, grows
 * by every body byte that came over the network.
 */
int kist_registry_blob(struct kist_registry *reg, const struct kist_digest *digest, uint64_t size,
                       struct kist_sink *sink, uint64_t *received, struct kist_error *err) KIST_CHECKED;
/* The same from byte from on: sink has those before it. */
int kist_registry_blob_from(struct kist_registry *reg, const struct kist_digest *digest, uint64_t size, uint64_t from,
                            struct kist_sink *sink, uint64_t *received, struct kist_error *err) KIST_CHECKED;

#endif
