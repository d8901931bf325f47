/* Bearer tokens: asked for at the server that a challenge names (Docker token authentication; OAuth2, RFC 6749). */
#ifndef KIST_REGISTRY_TOKEN_H
#define KIST_REGISTRY_TOKEN_H

#include "registry/challenge.h"
#include "registry/client.h"

/*
 * A token for what c asks and reg requires, into *token (kist_secret_free): with reg's credential, or without any. A login
 * also asks for an identity token, and puts it into reg's credential. KIST_E_AUTH where the server refuses; *fault tells of
 * other failures whether they pass.
 */
int kist_token_fetch(char **token, struct kist_registry *reg, const struct kist_challenge *c, enum kist_http_fault *fault,
                     struct kist_error *err) KIST_CHECKED;

/* "Basic ..." for user and password, NULL when out of memory. kist_secret_free it. */
char *kist_token_basic(const struct kist_credential *c);

#endif
