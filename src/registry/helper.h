/* Docker's credential helpers: programs that keep accounts (docker-credential-helpers, "Development"). */
#ifndef KIST_REGISTRY_HELPER_H
#define KIST_REGISTRY_HELPER_H

#include "registry/credential.h"

#define KIST_HELPER_PROGRAM_MAX 128

/* name: as "credsStore" has it, "pass"; server: what the account is kept under. 0, or 1 when it has none. KIST_E_AUTH. */
int kist_helper_get(struct kist_credential *c, const char *name, const char *server, struct kist_error *err) KIST_CHECKED;
int kist_helper_store(const struct kist_credential *c, const char *name, const char *server,
                      struct kist_error *err) KIST_CHECKED;
/* 0, or 1 when it had none. */
int kist_helper_erase(const char *name, const char *server, struct kist_error *err) KIST_CHECKED;

#endif
