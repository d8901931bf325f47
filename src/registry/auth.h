/* How a challenge is answered: with an account's name and password, or a token of the server it names. */
#ifndef KIST_REGISTRY_AUTH_H
#define KIST_REGISTRY_AUTH_H

#include "registry/client.h"

/*
 * Gives reg what the challenges of head, of a 401 answer with that body, ask for. KIST_E_AUTH where kist does not have it,
 * has shown it already, or the token server refuses; *fault tells of other failures whether they pass.
 */
int kist_auth_renew(struct kist_registry *reg, const struct kist_http_head *head, const struct kist_buf *answer,
                    enum kist_http_fault *fault, struct kist_error *err) KIST_CHECKED;

/* Sets KIST_E_AUTH, "not authorised to pull ...", with the server's own words where body has some; returns
 * it. */
int kist_auth_refused(const struct kist_registry *reg, const struct kist_buf *body, struct kist_error *err);

#endif
