/*
 * Accounts at registries, where Docker keeps them: files in the format of its config.json ("auths", "credsStore",
 * "credHelpers") and the programs these name (docker-credential-helpers, "Development").
 */
#ifndef KIST_REGISTRY_CREDENTIAL_H
#define KIST_REGISTRY_CREDENTIAL_H

#include <stdbool.h>

#include "base/str.h"

/* Each NULL where there is none. */
struct kist_credential {
    char *user, *password;
    char *identity_token; /* what the token server gives tokens for, instead of a password (OAuth2 refresh token) */
    char *registry_token; /* what the registry takes itself, as a bearer token */
    char from[256];       /* for messages: "/root/.docker/config.json" or "docker-credential-pass" */
};

/* Wipes what it frees; c is empty after. */
void kist_credential_release(struct kist_credential *c);

/*
 * The account at host ("docker.io", "registry.lan:5000") of the first of files that has one. 0, or 1 when there is none.
 * KIST_E_USAGE for a file that is not what it should be, KIST_E_AUTH for a helper that fails. Once one is found the process
 * is sealed (port_program_seal). c is empty before.
 */
int kist_credential_find(struct kist_credential *c, const struct kist_strv *files, const char *host,
                         struct kist_error *err) KIST_CHECKED;

/*
 * Keeps c as the account at host: in file, or with the helper it names, which *helper then tells. What else is in the file
 * stays; it is replaced at once (rename), mode 0600, and made with its directory when missing.
 */
int kist_credential_store(const struct kist_credential *c, const char *file, const char *host, bool *helper,
                          struct kist_error *err) KIST_CHECKED;

/* Forgets the account at host in file and its helper; *found: whether there was one. */
int kist_credential_erase(const char *file, const char *host, bool *found, struct kist_error *err) KIST_CHECKED;

#endif
