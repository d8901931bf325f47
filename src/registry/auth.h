/* Docker token authentication: a Bearer challenge is answered with a token of the server it names. */
#ifndef KIST_REGISTRY_AUTH_H
#define KIST_REGISTRY_AUTH_H

#include "registry/client.h"

/*
 * Puts a new token into reg for the challenges of head (of a 401 answer). KIST_E_AUTH where they ask for what
 * kist does not have, or the token server refuses; *fault tells of other failures whether they pass.
 */
int kist_auth_renew(struct kist_registry *reg, const struct kist_http_head *head, enum kist_http_fault *fault,
                    struct kist_error *err) KIST_CHECKED;

/* Sets KIST_E_AUTH, "not authorised to pull ...", with the server's own words where body has some; returns
 * it. */
int kist_auth_refused(const struct kist_registry *reg, const struct kist_buf *body, struct kist_error *err);

#endif
